// SPDX-License-Identifier: BSL-1.0
#pragma once

// Eviction: of some records drawn at random, those that are old, large and cheap to compute again go first.
// The work per put is bounded, and a hit writes nothing to the database.
//
// Source: age * bytes / cost after Cao and Irani 1997, "Cost-aware WWW proxy caching", USITS; draws
// after Redis's approximated LRU.

#include <memo/detail/lmdb/access_clock.hpp>
#include <memo/detail/lmdb/disk_cursor.hpp>
#include <memo/detail/lmdb/entry.hpp>
#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/lmdb/write_transaction.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/key128.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace memo::detail {

/// A record that may be evicted.
struct eviction_candidate {
    record_place place{};
    key128 scope;
    double weight = 0;

    friend bool operator==(eviction_candidate const& a, eviction_candidate const& b) {
        return a.place == b.place;
    }
};

/// The limits of a disk cache, as of now.
struct disk_limits {
    std::uint64_t max_bytes = 0;      ///< 0: none
    std::uint32_t oldest_created = 0; ///< records created before are too old; seconds since 1970
    unix_time now;
};

/// Weighs a record for eviction. Bytes that are no frame weigh most.
[[nodiscard]] inline eviction_candidate weigh(key_and_value const& found, disk_clock const& clock,
                                              disk_limits const& limits) {
    eviction_candidate candidate;
    std::memcpy(candidate.place.data(), found.key.data(), candidate.place.size());
    candidate.weight = std::numeric_limits<double>::infinity();
    auto const header = header_of(found.value);
    if (!header) {
        return candidate;
    }
    candidate.scope = header->scope;
    if (header->expired(limits.now) || header->created < limits.oldest_created) {
        return candidate;
    }
    constexpr double put_seconds = 1e-5; // the least cost of storing a record
    candidate.weight = clock.age(header->key) * static_cast<double>(found.value.size()) /
                       ((std::max)(0.0, static_cast<double>(header->cost)) + put_seconds);
    return candidate;
}

/// Draws records at random, as they were when the write began, the heaviest first.
[[nodiscard]] inline std::vector<eviction_candidate>
draw(disk_cursor entries, std::size_t count, disk_clock const& clock, disk_limits const& limits) {
    thread_local std::mt19937_64 random{std::random_device{}()};
    std::vector<eviction_candidate> candidates;
    candidates.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        record_place const from = place_of({}, {random(), random()});
        auto found = entries.seek(from);
        if (!found) { // behind the last
            record_place const first = place_of({}, {0, 1});
            found = entries.seek(first);
        }
        if (found && is_record(*found)) {
            auto const candidate = weigh(*found, clock, limits);
            if (std::ranges::find(candidates, candidate) == candidates.end()) {
                candidates.push_back(candidate);
            }
        }
    }
    std::ranges::sort(candidates, std::ranges::greater{}, &eviction_candidate::weight);
    return candidates;
}

/// Evicts up to `count` of the heaviest records drawn.
///
/// on_evict        called with the scope of each
/// Throws:         disk_error; says_damaged(its code) if a page on the way is not valid
template <class OnEvict>
void evict(write_transaction const& write, std::size_t count, disk_clock const& clock,
           disk_limits const& limits, OnEvict const& on_evict) {
    std::size_t const draws = std::max<std::size_t>(16, 2 * count);
    std::size_t const records_now = write.size().entries;
    auto const candidates = draw(write.entries(), draws, clock, limits);
    std::size_t evicted = 0;
    for (auto const& each : candidates) {
        if (evicted == count) {
            break;
        }
        if (write.remove(each.place)) {
            on_evict(each.scope);
            ++evicted;
        }
    }
    clock.evicted(evicted, records_now);
}

/// Evicts after a put that exceeds the bound: a few records, and more for a put of many bytes.
template <class OnEvict>
void keep_bound(write_transaction const& write, std::size_t put_bytes, disk_clock const& clock,
                disk_limits const& limits, OnEvict const& on_evict) {
    database_size size = write.size();
    if (size.bytes <= limits.max_bytes) {
        return;
    }
    constexpr std::size_t few = 2;
    constexpr std::size_t many = 8;
    std::size_t const usual = size.bytes / std::max<std::size_t>(size.entries, 1) + 1;
    std::size_t const rounds = 1 + put_bytes / (usual * few);
    bool const far_over = size.bytes > limits.max_bytes + limits.max_bytes / 64;
    for (std::size_t round = 0; round < rounds && size.bytes > limits.max_bytes; ++round) {
        evict(write, far_over ? many : few, clock, limits, on_evict);
        size = write.size();
    }
}

} // namespace memo::detail
