// SPDX-License-Identifier: BSL-1.0
#pragma once

// Opens a function's partition of a backend, with admission where the backend is worth measuring.

#include <memo/backend.hpp>
#include <memo/detail/admission.hpp>
#include <memo/key128.hpp>

#include <type_traits>
#include <utility>

namespace memo::detail {

/// A backend that is made of other backends, and passes the options on to them.
template <class Backend, class Record>
concept composite_backend = requires(Backend const& backend, key128 scope,
                                     partition_options options) {
    backend.template partition<Record>(scope, options);
};

/// A partition that stores every result. It receives on_error if the backend supports that.
template <class Record, class Backend>
[[nodiscard]] auto open_unfiltered(Backend const& backend, key128 scope,
                                   partition_options options) {
    if constexpr (composite_backend<Backend, Record>) {
        return backend.template partition<Record>(scope, options);
    } else if constexpr (requires {
                             backend.template partition<Record>(scope, options.on_error);
                         }) {
        return backend.template partition<Record>(scope, options.on_error);
    } else {
        return backend.template partition<Record>(scope);
    }
}

/// A partition that stores only worthwhile results if the options ask for that.
template <class Record, class Backend>
[[nodiscard]] auto open_admitting(Backend const& backend, key128 scope, partition_options options) {
    auto inner = open_unfiltered<Record>(backend, scope, options);
    if constexpr (composite_backend<Backend, Record>) {
        return inner;
    } else {
        return admitting_partition<std::remove_const_t<decltype(inner)>, Record>(
            std::move(inner), options.worthwhile);
    }
}

/// A function's partition. A backend inside the process stores everything: its operations cost less than
/// any function that is worth memoizing.
template <class Record, class Backend>
[[nodiscard]] auto open_partition(Backend const& backend, key128 scope, partition_options options) {
    if constexpr (Backend::persistent) {
        return open_admitting<Record>(backend, scope, options);
    } else {
        return open_unfiltered<Record>(backend, scope, options);
    }
}

} // namespace memo::detail
