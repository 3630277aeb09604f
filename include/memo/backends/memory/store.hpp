// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the functions that share one memory backend have in common: the bounds, the clock, and a
// table for each.

#include <memo/backends/backend.hpp>
#include <memo/backends/memory/block.hpp>
#include <memo/backends/memory/eviction.hpp>
#include <memo/backends/memory/table.hpp>
#include <memo/error.hpp>

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

namespace memo {

/// The settings of memo::memory, for designated initializers.
struct memory_settings {
    /// The most entries to keep, over all functions that share the backend. 0: no bound.
    std::size_t max_entries = 0;
    /// The most bytes that entries may take, by estimate. 0: no bound. A type may tell its own
    /// bytes outside of itself by a function `std::size_t memo_footprint(T const&)` in its
    /// namespace.
    std::size_t max_bytes = 0;
    /// Which entries go first once a bound is reached.
    memo::eviction eviction = memo::eviction::by_use;
    /// What `ttl` is measured with.
    std::function<std::chrono::steady_clock::time_point()> clock = std::chrono::steady_clock::now;
};

namespace detail {

/// One function's entries, without their type, and what happened to them.
struct shelf {
    explicit shelf(eviction_rule* rule) : entries(rule) {}

    table entries;
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::uint64_t> evictions{0};
    std::atomic<std::uint64_t> expirations{0};
    std::atomic<std::uint64_t> too_large{0};
};

class memory_store {
  public:
    explicit memory_store(memory_settings settings)
        : settings_(std::move(settings)),
          rule_{settings_.eviction, common_age(settings_.max_bytes != 0)} {
        if (settings_.eviction == eviction::by_cost && !bounded()) {
            throw error(errc::configuration,
                        "memo::memory: eviction by_cost where nothing is evicted; "
                        "set max_bytes or max_entries");
        }
    }
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
            shelf = std::make_unique<detail::shelf>(bounded() ? &rule_ : nullptr);
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

    /// Stores a value, or disposes of it and gives false.
    bool put(shelf& shelf, key128 key, slot_value value) {
        if (!admit(shelf, value)) {
            retire(value);
            return false;
        }
        try {
            if (auto const old = shelf.entries.put(key, value)) {
                forget(shelf, *old);
            }
        } catch (...) { // no memory to grow
            forget(shelf, value);
            throw;
        }
        reclaimer::instance().tend();
        return true;
    }

    /// Stores what `make` gives for the value that is there; again, if that was changed meanwhile.
    /// False if it does not fit.
    template <class Make> bool update(shelf& shelf, key128 key, Make make) {
        bool done = false;
        while (!done) {
            read_section const reading; // what was found is not freed, so its address is no other's
            slot_value const old = shelf.entries.find(key);
            slot_value const value = make(old);
            if (!admit(shelf, value, old)) {
                retire(value);
                break;
            }
            try {
                done = shelf.entries.exchange(key, old, value);
            } catch (...) { // no memory to grow
                account(shelf, old, value);
                retire(value);
                throw;
            }
            if (done) {
                retire(old);
            } else {
                account(shelf, old, value);
                retire(value);
            }
        }
        reclaimer::instance().tend();
        return done;
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
        shelf.entries.clear([&](slot_value value) { forget(shelf, value); });
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
            sum += stats(*shelf);
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

    /// Accounts for a value that is about to be stored, maybe in the place of an old one, and evicts
    /// until it fits. False if it cannot be made to fit.
    [[nodiscard]] bool admit(shelf& shelf, slot_value value, slot_value old = {}) {
        if (settings_.max_bytes != 0 && bytes_with_order(value) > settings_.max_bytes) {
            shelf.too_large.fetch_add(1, std::memory_order_relaxed);
            return false;
        }
        account(shelf, value, old);
        while (over()) {
            if (!evict_one()) {
                account(shelf, old, value);
                return false;
            }
        }
        return true;
    }

    /// Accounts for `now` in the place of `before`; either may be nothing.
    void account(shelf& shelf, slot_value now, slot_value before) {
        // Modulo 2^64, as the sums are.
        std::size_t const bytes = bytes_with_order(now) - bytes_with_order(before);
        shelf.bytes.fetch_add(bytes, std::memory_order_relaxed);
        if (bounded()) {
            entries_ += static_cast<std::size_t>(now.exists());
            entries_ -= static_cast<std::size_t>(before.exists());
            bytes_ += bytes;
        }
    }

    [[nodiscard]] std::size_t bytes_with_order(slot_value value) const noexcept {
        return bytes_of(value) + (bounded() && value.exists() ? rule_.bytes_an_entry() : 0);
    }

    /// Accounts for a value that left the table.
    void forget(shelf& shelf, slot_value value) {
        account(shelf, {}, value);
        retire(value);
    }

    bool evict_one() {
        std::shared_lock const lock(shelves_mutex_);
        std::uint64_t const draw = next_draw();
        bool const compares = settings_.eviction == eviction::by_cost && by_scope_.size() > 1;
        return compares ? evict_least(draw) : evict_by_share(draw);
    }

    /// Evicts from one of the functions, each with the chance of its share of the entries.
    bool evict_by_share(std::uint64_t draw) {
        std::size_t rest = draw % (entries_ + 1);
        for (bool const any : {false, true}) {
            for (auto const& [scope, shelf] : by_scope_) {
                std::size_t const share = shelf->entries.entries();
                if (!any && rest >= share) {
                    rest -= share;
                    continue;
                }
                if (evict_from(*shelf, draw)) {
                    return true;
                }
                if (!any) {
                    break;
                }
            }
        }
        return false;
    }

    /// Evicts from the function that has the entry of the least rank in the segment that was drawn.
    bool evict_least(std::uint64_t draw) {
        for (;;) {
            shelf* from = nullptr;
            double least = std::numeric_limits<double>::infinity();
            for (auto const& [scope, shelf] : by_scope_) {
                auto const rank = shelf->entries.least_rank(draw);
                if (rank && *rank < least) {
                    from = shelf.get();
                    least = *rank;
                }
            }
            if (from == nullptr || evict_from(*from, draw)) {
                return from != nullptr;
            } // or another thread took its last entry out
        }
    }

    bool evict_from(shelf& shelf, std::uint64_t draw) {
        auto const victim = shelf.entries.evict(draw);
        if (victim) {
            shelf.evictions.fetch_add(1, std::memory_order_relaxed);
            forget(shelf, *victim);
        }
        return victim.has_value();
    }

    /// A sequence whose first bits visit segments and whose others visit shares evenly: multiples of
    /// the golden ratio (Knuth, TAOCP 3, section 6.4).
    [[nodiscard]] std::uint64_t next_draw() noexcept {
        return draws_.fetch_add(1, std::memory_order_relaxed) * 0x9e3779b97f4a7c15;
    }

    memory_settings const settings_;
    eviction_rule rule_;
    std::atomic<std::size_t> entries_{0}; ///< kept only if there is a bound, as is bytes_
    std::atomic<std::size_t> bytes_{0};
    std::atomic<std::uint64_t> draws_{1};
    mutable std::shared_mutex shelves_mutex_;
    std::unordered_map<key128, std::unique_ptr<shelf>> by_scope_;
};

} // namespace detail
} // namespace memo
