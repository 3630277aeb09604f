// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the functions that share one memory backend have in common: the bounds, the clock, and a
// table for each.

#include <memo/backends/backend.hpp>
#include <memo/backends/memory/block.hpp>
#include <memo/backends/memory/table.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace memo::detail {

/// The settings of a memory backend.
struct memory_settings {
    /// The most entries to keep, over all functions that share the backend. 0: no bound.
    std::size_t max_entries = 0;
    /// The most bytes that entries may take, by estimate. 0: no bound. A type may tell its own
    /// bytes outside of itself by a function `std::size_t memo_footprint(T const&)` in its
    /// namespace.
    std::size_t max_bytes = 0;
    /// What `ttl` is measured with.
    std::function<std::chrono::steady_clock::time_point()> clock = std::chrono::steady_clock::now;
};

/// One function's entries, without their type, and what happened to them.
struct shelf {
    explicit shelf(bool bounded) : entries(bounded) {}

    table entries;
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::uint64_t> evictions{0};
    std::atomic<std::uint64_t> expirations{0};
    std::atomic<std::uint64_t> too_large{0};
};

class memory_store {
  public:
    explicit memory_store(memory_settings settings) : settings_(std::move(settings)) {}
    memory_store(memory_store const&) = delete;
    memory_store& operator=(memory_store const&) = delete;
    ~memory_store() {
        for (auto const& [scope, shelf] : by_scope_) {
            clear(*shelf);
        }
    }

    /// The entries of one function, the same for every wrapper of it.
    [[nodiscard]] shelf& open(key128 scope) {
        std::scoped_lock const lock(shelves_mutex_);
        auto& shelf = by_scope_[scope];
        if (!shelf) {
            shelf = std::make_unique<detail::shelf>(bounded());
        }
        return *shelf;
    }

    [[nodiscard]] std::int64_t now() const { return settings_.clock().time_since_epoch().count(); }

    /// The time that is so much later than now, or as late as can be told.
    [[nodiscard]] std::int64_t after(std::chrono::nanoseconds span) const {
        std::int64_t const start = now();
        std::int64_t const room =
            std::numeric_limits<std::int64_t>::max() - std::max<std::int64_t>(start, 0);
        return start + std::min<std::int64_t>(span.count(), room);
    }

    /// Stores a value, or disposes of it.
    void put(shelf& shelf, key128 key, slot_value value) {
        std::size_t const bytes = bytes_of(value);
        bool const fits = settings_.max_bytes == 0 || bytes <= settings_.max_bytes;
        if (!fits) {
            shelf.too_large.fetch_add(1, std::memory_order_relaxed);
        }
        if (!fits || !reserve(bytes)) {
            retire(value);
            return;
        }
        shelf.bytes.fetch_add(bytes, std::memory_order_relaxed);
        try {
            if (auto const old =
                    shelf.entries.change(key, [&](slot_value const*) { return value; })) {
                forget(shelf, *old);
            }
        } catch (...) { // no memory for a larger array
            forget(shelf, value);
            throw;
        }
        reclaimer::instance().tend();
    }

    template <class Agrees> bool erase_if(shelf& shelf, key128 key, Agrees agrees) {
        auto const old = shelf.entries.erase_if(key, agrees);
        if (old) {
            forget(shelf, *old);
            reclaimer::instance().tend();
        }
        return old.has_value();
    }

    void clear(shelf& shelf) {
        std::vector<slot_value> removed;
        shelf.entries.clear([&](slot_value value) { removed.push_back(value); });
        for (slot_value const value : removed) {
            forget(shelf, value);
        }
        reclaimer::instance().reclaim();
    }

    [[nodiscard]] static backend_statistics stats(shelf const& shelf) {
        backend_statistics sum;
        sum.entries = shelf.entries.entries();
        sum.bytes = shelf.bytes;
        sum.evictions = shelf.evictions;
        sum.expirations = shelf.expirations;
        sum.too_large = shelf.too_large;
        return sum;
    }

    [[nodiscard]] backend_statistics stats() const {
        std::shared_lock const lock(shelves_mutex_);
        backend_statistics sum;
        for (auto const& [scope, shelf] : by_scope_) {
            backend_statistics const one = stats(*shelf);
            sum.entries += one.entries;
            sum.bytes += one.bytes;
            sum.evictions += one.evictions;
            sum.expirations += one.expirations;
            sum.too_large += one.too_large;
        }
        return sum;
    }

  private:
    [[nodiscard]] bool bounded() const noexcept {
        return settings_.max_entries != 0 || settings_.max_bytes != 0;
    }

    [[nodiscard]] bool over() const noexcept {
        return (settings_.max_entries != 0 && entries_ > settings_.max_entries) ||
               (settings_.max_bytes != 0 && bytes_ > settings_.max_bytes);
    }

    /// Counts an entry that is about to be stored, and evicts until it fits. False if it cannot be
    /// made to fit.
    [[nodiscard]] bool reserve(std::size_t bytes) {
        if (!bounded()) {
            return true;
        }
        entries_ += 1;
        bytes_ += bytes;
        while (over()) {
            if (!evict_one()) {
                entries_ -= 1;
                bytes_ -= bytes;
                return false;
            }
        }
        return true;
    }

    /// Accounts for a value that left the table.
    void forget(shelf& shelf, slot_value value) {
        std::size_t const bytes = bytes_of(value);
        shelf.bytes.fetch_sub(bytes, std::memory_order_relaxed);
        if (bounded()) {
            entries_ -= 1;
            bytes_ -= bytes;
        }
        retire(value);
    }

    /// Evicts from one of the functions, each with the chance of its share of the entries.
    bool evict_one() {
        std::shared_lock const lock(shelves_mutex_);
        std::size_t const draw = next_draw();
        std::size_t rest = draw % (entries_ + 1);
        for (bool const any : {false, true}) {
            for (auto const& [scope, shelf] : by_scope_) {
                std::size_t const share = shelf->entries.entries();
                if (!any && rest >= share) {
                    rest -= share;
                    continue;
                }
                if (auto const victim = shelf->entries.evict(draw % table::shards)) {
                    shelf->evictions.fetch_add(1, std::memory_order_relaxed);
                    forget(*shelf, *victim);
                    return true;
                }
                if (!any) {
                    break;
                }
            }
        }
        return false;
    }

    /// A sequence that visits shards and shares evenly: multiples of the golden ratio (Knuth, TAOCP
    /// 3, section 6.4).
    [[nodiscard]] std::size_t next_draw() noexcept {
        return static_cast<std::size_t>(
            (draws_.fetch_add(1, std::memory_order_relaxed) * 0x9e3779b97f4a7c15) >> 20);
    }

    memory_settings const settings_;
    std::atomic<std::size_t> entries_{0}; ///< kept only if there is a bound, as is bytes_
    std::atomic<std::size_t> bytes_{0};
    std::atomic<std::uint64_t> draws_{1};
    mutable std::shared_mutex shelves_mutex_;
    std::unordered_map<key128, std::unique_ptr<shelf>> by_scope_;
};

} // namespace memo::detail
