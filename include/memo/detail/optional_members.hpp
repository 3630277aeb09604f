// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a partition may have beside what it must, or what is done without it.

#include <memo/backend.hpp>
#include <memo/detail/key/unfinalized_key.hpp>
#include <memo/key128.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace memo::detail {

/// What a fast path finds in some nanoseconds. A record is one that is served for ever.
template <class Record> struct fast_lookup {
    std::optional<Record> record;
    std::uint8_t cost = 0;     ///< see cost_byte
    bool seems_absent = false; ///< get() would most likely find nothing: a leader looks again
};

/// A partition with a fast path, `try_hit(key)`: asked before get(), and without an effect that get() does
/// not have. Where it finds nothing and the key does not seem absent, `try_hit_further(key)` is asked
/// next: it is not inlined. An implementation detail of memo's own backends.
template <class P, class Record>
concept fast_partition = requires(P const& partition, unfinalized_key key) {
    { partition.try_hit(key) }
    noexcept->std::same_as<fast_lookup<Record>>;
    { partition.try_hit_further(key) }
    noexcept->std::same_as<fast_lookup<Record>>;
};

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
