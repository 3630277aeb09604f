// SPDX-License-Identifier: BSL-1.0
#pragma once

// A backend and a function's options in, the function's partition out.

#include <memo/backend.hpp>
#include <memo/detail/admission.hpp>
#include <memo/key128.hpp>

#include <type_traits>
#include <utility>

namespace memo::detail {

/// A backend that is told how its partition is to be, as it is made of other backends.
template <class Backend, class Record>
concept opens_others = requires(Backend const& backend, key128 scope, partition_options how) {
    backend.template partition<Record>(scope, how);
};

/// A function's partition, told when to throw if it wants to know.
template <class Record, class Backend>
[[nodiscard]] auto open_whole(Backend const& backend, key128 scope, partition_options how) {
    if constexpr (opens_others<Backend, Record>) {
        return backend.template partition<Record>(scope, how);
    } else if constexpr (requires { backend.template partition<Record>(scope, how.on_error); }) {
        return backend.template partition<Record>(scope, how.on_error);
    } else {
        return backend.template partition<Record>(scope);
    }
}

/// The same, which keeps only what is worthwhile if the function asks for that.
template <class Record, class Backend>
[[nodiscard]] auto open_admitting(Backend const& backend, key128 scope, partition_options how) {
    auto whole = open_whole<Record>(backend, scope, how);
    if constexpr (opens_others<Backend, Record>) {
        return whole;
    } else {
        return admitting_partition<std::remove_const_t<decltype(whole)>, Record>(std::move(whole),
                                                                                 how.worthwhile);
    }
}

/// A function's partition. What does not outlive the process is near: all is worthwhile there.
template <class Record, class Backend>
[[nodiscard]] auto open_partition(Backend const& backend, key128 scope, partition_options how) {
    if constexpr (Backend::persistent) {
        return open_admitting<Record>(backend, scope, how);
    } else {
        return open_whole<Record>(backend, scope, how);
    }
}

} // namespace memo::detail
