// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the functions that share one memory backend have in common: the bounds, the clock, and a
// shelf for each.

#include <memo/backends/backend.hpp>
#include <memo/backends/memory/block.hpp>
#include <memo/backends/memory/eviction.hpp>
#include <memo/backends/memory/settings.hpp>
#include <memo/backends/memory/shelf.hpp>
#include <memo/error.hpp>
#include <memo/hash_map.hpp>
#include <memo/key/key128.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <shared_mutex>
#include <utility>

namespace memo::detail {

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
        static_cast<void>(reclaimer::instance()); // the memory that it needs, it needs here
    }
    memory_store(memory_store const&) = delete;
    memory_store& operator=(memory_store const&) = delete;
    ~memory_store() {
        by_scope_.for_each([&](key128, shelf& each) { clear(each); });
    }

    /// The entries of one function, the same for every wrapper of it.
    [[nodiscard]] shelf& open(key128 scope) {
        std::scoped_lock const lock(shelves_mutex_);
        if (shelf* const found = by_scope_.find(scope)) {
            return *found;
        }
        shelf& added = by_scope_.add(scope, bounded() ? &rule_ : nullptr);
        only_.store(by_scope_.size() == 1 ? &added : nullptr, std::memory_order_release);
        return added;
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
        if (!admit(shelf, key, value, {})) {
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
            if (!admit(shelf, key, value, old)) {
                retire(value);
                break;
            }
            try {
                done = shelf.entries.exchange(key, old, value);
            } catch (...) { // no memory to grow
                account(shelf, burden_of(old, value));
                retire(value);
                throw;
            }
            if (done) {
                retire(old);
            } else {
                account(shelf, burden_of(old, value));
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

    void clear(shelf& shelf) noexcept {
        shelf.entries.clear([&](slot_value value) { forget(shelf, value); });
        reclaimer::instance().reclaim();
    }

    [[nodiscard]] static backend_statistics stats(shelf const& shelf) {
        backend_statistics sum;
        sum.entries = shelf.kept.entries;
        sum.bytes = shelf.kept.bytes;
        sum.evictions = shelf.entries.evictions();
        sum.expirations = shelf.expirations;
        sum.too_large = shelf.too_large;
        return sum;
    }

    [[nodiscard]] backend_statistics stats() const {
        std::shared_lock const lock(shelves_mutex_);
        backend_statistics sum;
        by_scope_.for_each([&](key128, shelf const& each) { sum += stats(each); });
        return sum;
    }

  private:
    [[nodiscard]] bool bounded() const noexcept {
        return settings_.max_entries != 0 || settings_.max_bytes != 0;
    }

    /// Whether it is too much with so much more.
    [[nodiscard]] bool over(burden more) const noexcept {
        return (settings_.max_entries != 0 &&
                kept_.entries + more.entries > settings_.max_entries) ||
               (settings_.max_bytes != 0 && kept_.bytes + more.bytes > settings_.max_bytes);
    }

    /// Accounts for a value that is about to be stored, maybe in the place of an old one, and evicts
    /// until it fits. False if it cannot be made to fit.
    [[nodiscard]] bool admit(shelf& shelf, key128 key, slot_value value, slot_value old) noexcept {
        if (settings_.max_bytes != 0 && burden_of(value, {}).bytes > settings_.max_bytes) {
            shelf.too_large.fetch_add(1, std::memory_order_relaxed);
            return false;
        }
        burden const wanted = burden_of(value, old);
        burden more = wanted;
        for (int round = 0; round < 2; ++round) { // other threads may have taken the same room
            bool const fits = make_room(shelf, key, more);
            account(shelf, fits ? more : more -= wanted);
            if (!fits) {
                return false;
            }
            more = {};
        }
        return true;
    }

    /// Evicts until it is not too much with `more`, which becomes less by what went: so most
    /// insertions into a full store leave the sums as they are.
    [[nodiscard]] bool make_room(shelf& shelf, key128 key, burden& more) noexcept {
        while (over(more)) {
            auto const went = evict_one(shelf, key);
            if (!went) {
                return false;
            }
            burden const freed = burden_of(went->value, {});
            more -= freed;
            if (went->from != &shelf) {
                shelf.kept += freed;
                went->from->kept += burden{} -= freed;
            }
            retire(went->value);
        }
        return true;
    }

    /// For `now` in the place of `before`; either may be nothing.
    [[nodiscard]] burden burden_of(slot_value now, slot_value before) const noexcept {
        burden difference = burden_of(now);
        return difference -= burden_of(before);
    }

    [[nodiscard]] burden burden_of(slot_value value) const noexcept {
        if (!value.exists()) {
            return {};
        }
        return {1, bytes_of(value) + (bounded() ? rule_.bytes_an_entry() : 0)};
    }

    void account(shelf& shelf, burden more) noexcept {
        shelf.kept += more;
        if (bounded()) {
            kept_ += more;
        }
    }

    /// Accounts for a value that left the table.
    void forget(shelf& shelf, slot_value value) noexcept {
        account(shelf, burden_of({}, value));
        retire(value);
    }

    /// A value that left its table.
    struct evicted {
        shelf* from;
        slot_value value;
    };

    /// Evicts an entry to make room for a key.
    // Keys are random bits, so they draw the segment, which is the one that the key will be in, and
    // the function.
    std::optional<evicted> evict_one(shelf& asking, key128 key) {
        if (only_.load(std::memory_order_acquire) == &asking) {
            return evict_from(asking, key.low);
        }
        std::shared_lock const lock(shelves_mutex_);
        return settings_.eviction == eviction::by_cost ? evict_least(key.low) : evict_by_share(key);
    }

    /// Evicts from one of the functions, each with the chance of its share of the entries; from
    /// another one if that has none.
    std::optional<evicted> evict_by_share(key128 key) {
        std::size_t rest = key.high % (kept_.entries + 1);
        shelf* drawn = nullptr;
        by_scope_.for_each([&](key128, shelf& each) {
            std::size_t const share = each.kept.entries;
            if (drawn == nullptr && rest < share) {
                drawn = &each;
            }
            rest -= std::min(rest, share);
        });
        auto went = drawn != nullptr ? evict_from(*drawn, key.low) : std::nullopt;
        by_scope_.for_each([&](key128, shelf& each) {
            if (!went) {
                went = evict_from(each, key.low);
            }
        });
        return went;
    }

    /// Evicts from the function that has the entry of the least rank in the segment that was drawn.
    std::optional<evicted> evict_least(std::uint64_t draw) {
        for (;;) {
            shelf* from = nullptr;
            double least = std::numeric_limits<double>::infinity();
            by_scope_.for_each([&](key128, shelf& each) {
                auto const rank = each.entries.least_rank(draw);
                if (rank && *rank < least) {
                    from = &each;
                    least = *rank;
                }
            });
            if (from == nullptr) {
                return std::nullopt;
            }
            if (auto const went = evict_from(*from, draw)) {
                return went;
            } // or another thread took its last entry out
        }
    }

    static std::optional<evicted> evict_from(shelf& shelf, std::uint64_t draw) {
        auto const value = shelf.entries.evict(draw);
        return value ? std::optional(evicted{&shelf, *value}) : std::nullopt;
    }

    memory_settings const settings_;
    eviction_rule rule_;
    kept_sum kept_;                             ///< known only if there is a bound
    std::atomic<detail::shelf*> only_{nullptr}; ///< the one there is; null once there are more
    mutable std::shared_mutex shelves_mutex_;
    hash_map<key128, shelf> by_scope_;
};

} // namespace memo::detail
