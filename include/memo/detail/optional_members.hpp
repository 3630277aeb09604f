// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a partition may have beside what it must, or what is done without it.

#include <memo/backend.hpp>
#include <memo/detail/key/unfinalized_key.hpp>
#include <memo/key128.hpp>

#include <cstddef>
#include <optional>
#include <span>

namespace memo::detail {

template <class Record, glancing_partition<Record> Partition>
[[nodiscard]] std::optional<fast_hit<Record>> glance_further(Partition const& partition,
                                                             unfinalized_key key) noexcept {
    if constexpr (requires { partition.glance_further(key); }) {
        return partition.glance_further(key);
    } else {
        return std::nullopt;
    }
}

/// What a partition has counted; `entries` and `bytes` are 0 where to know them takes longer.
template <class Partition> [[nodiscard]] backend_statistics events_of(Partition const& partition) {
    if constexpr (requires { partition.events(); }) {
        return partition.events();
    } else {
        return partition.stats();
    }
}

/// The record that `get` gives, without a trace if the partition can: for who only watches, and for the
/// second lookup of a call.
template <class Record, class Partition>
[[nodiscard]] lookup_result<Record> peek(Partition const& partition, key128 key) {
    if constexpr (requires { partition.peek(key); }) {
        return partition.peek(key);
    } else {
        return partition.get(key);
    }
}

/// Looks up all keys, together if the partition can.
///
/// found           as many as there are keys; `absent` before
template <class Record, class Partition>
void get_many(Partition const& partition, std::span<key128 const> keys,
              std::span<lookup_result<Record>> found) {
    if constexpr (requires { partition.get_many(keys, found); }) {
        partition.get_many(keys, found);
    } else {
        for (std::size_t i = 0; i < keys.size(); ++i) {
            found[i] = partition.get(keys[i]);
        }
    }
}

} // namespace memo::detail
