// SPDX-License-Identifier: BSL-1.0
#pragma once

// The optional members of a partition, and what is done where one is missing.

#include <memo/backend.hpp>
#include <memo/detail/key/unfinalized_key.hpp>
#include <memo/key128.hpp>
#include <memo/outcome.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace memo::detail {

/// The result of a fast path. Its record never expires.
template <class Record> struct fast_lookup {
    std::optional<Record> record;
    std::uint8_t cost = 0;     ///< see cost_byte
    bool seems_absent = false; ///< get() would most likely find nothing; a leader looks up again
};

/// A partition with a fast path: `try_hit(key)` runs before get() and is inlined into the caller. If it
/// finds nothing and the key does not seem absent, `try_hit_further(key)` runs next and is not inlined.
/// Neither has an effect that get() has not. `prefetch(key)` begins to load what try_hit() reads. An
/// implementation detail of memo's own backends.
template <class P, class Record>
concept fast_partition = requires(P const& partition, unfinalized_key key) {
    { partition.try_hit(key) }
    noexcept->std::same_as<fast_lookup<Record>>;
    { partition.try_hit_further(key) }
    noexcept->std::same_as<fast_lookup<Record>>;
    partition.prefetch(key);
};

/// Passes a function's name to a backend that receives it.
template <class Backend>
void describe(Backend const& backend, key128 scope, std::string const& name,
              std::string const& version) {
    if constexpr (requires { backend.describe(scope, name, version); }) {
        backend.describe(scope, name, version);
    }
}

/// The events that a partition counted. `entries` and `bytes` may be 0: counting entries may be slow.
template <class Partition> [[nodiscard]] backend_statistics events_of(Partition const& partition) {
    if constexpr (requires { partition.events(); }) {
        return partition.events();
    } else {
        return partition.stats();
    }
}

/// Looks a key up without counting it as a use, if the partition can: for observers, and for the second
/// lookup of a call.
template <class Record, class Partition>
[[nodiscard]] lookup_result<Record> peek(Partition const& partition, key128 key) {
    if constexpr (requires { partition.peek(key); }) {
        return partition.peek(key);
    } else {
        return partition.get(key);
    }
}

/// Why two lookups of a key missed: the second one's reason, or the first one's if only that found something.
[[nodiscard]] constexpr miss_reason last_reason(miss_reason first, miss_reason second) noexcept {
    bool const is_nothing = second == miss_reason::absent || second == miss_reason::version;
    return is_nothing && first != miss_reason::absent ? first : second;
}

/// Looks up all keys, in one batch if the partition can.
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
