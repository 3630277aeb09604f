// SPDX-License-Identifier: BSL-1.0
#pragma once

// Eviction of records: samples some records at random and evicts those first that are old, large
// and cheap to compute. The work per put is bounded, and a hit writes nothing to the database.
//
// Source: age * bytes / cost after Cao and Irani 1997, "Cost-aware WWW proxy caching", USITS; the
// sampling after Redis's approximated LRU.

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

/// A sampled record.
struct eviction_candidate {
    record_place place{};
    key128 scope;
    double weight = 0;

    friend bool operator==(eviction_candidate const& a, eviction_candidate const& b) {
        return a.place == b.place;
    }
};

/// The current limits of a disk cache.
struct disk_limits {
    std::uint64_t max_bytes = 0;      ///< 0: none
    std::uint32_t oldest_created = 0; ///< older records are expired; seconds since 1970
    unix_time now;
};

/// Weighs a record for eviction. Expired records and invalid frames have infinite weight.
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
    constexpr double put_seconds = 1e-5; // minimal cost of a record
    candidate.weight = clock.age(header->key) * static_cast<double>(found.value.size()) /
                       ((std::max)(0.0, static_cast<double>(header->cost)) + put_seconds);
    return candidate;
}

/// Samples records at random from the begin of the write; the heaviest first.
[[nodiscard]] inline std::vector<eviction_candidate>
sample(disk_cursor entries, std::size_t count, disk_clock const& clock, disk_limits const& limits) {
    thread_local std::mt19937_64 random{std::random_device{}()};
    std::vector<eviction_candidate> candidates;
    candidates.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        record_place const from = place_of({}, {random(), random()});
        auto found = entries.seek(from);
        if (!found) { // wrap
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

/// Evicts up to `count` of the heaviest records of a sample.
///
/// on_evict        called with the scope of each record
/// Throws:         disk_error; is_damage(its code) if a page on the path is invalid
template <class OnEvict>
void evict(write_transaction const& write, std::size_t count, disk_clock const& clock,
           disk_limits const& limits, OnEvict const& on_evict) {
    std::size_t const sample_size = std::max<std::size_t>(16, 2 * count);
    std::size_t const total = write.size().entries;
    auto const candidates = sample(write.entries(), sample_size, clock, limits);
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
    clock.count_evictions(evicted, total);
}

/// Evicts after a put that exceeds the bound: a few records, more after a large put or far above
/// the bound.
template <class OnEvict>
void enforce_bound(write_transaction const& write, std::size_t put_bytes, disk_clock const& clock,
                   disk_limits const& limits, OnEvict const& on_evict) {
    database_size size = write.size();
    if (size.bytes <= limits.max_bytes) {
        return;
    }
    constexpr std::size_t few = 2;
    constexpr std::size_t many = 8;
    std::size_t const mean_bytes = size.bytes / std::max<std::size_t>(size.entries, 1) + 1;
    std::size_t const rounds = 1 + put_bytes / (mean_bytes * few);
    bool const is_far_over = size.bytes > limits.max_bytes + limits.max_bytes / 64;
    for (std::size_t round = 0; round < rounds && size.bytes > limits.max_bytes; ++round) {
        evict(write, is_far_over ? many : few, clock, limits, on_evict);
        size = write.size();
    }
}

} // namespace memo::detail
