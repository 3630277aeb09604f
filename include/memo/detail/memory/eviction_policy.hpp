// SPDX-License-Identifier: BSL-1.0
#pragma once

// Which entry of a segment goes next, by the rule that its store was given.
//
// Orders hold key bits, not slots, so nothing here follows an entry that moves when the table
// grows; a key that is gone when its turn comes is skipped.

#include <memo/backends/memory_settings.hpp>
#include <memo/detail/memory/bucket.hpp>
#include <memo/detail/memory/greedy_dual.hpp>
#include <memo/detail/memory/s3_fifo.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace memo::detail {

/// What the tables of one bounded store evict by.
struct eviction_rule {
    eviction by;
    common_age age;

    /// What the order takes for each entry, about.
    [[nodiscard]] std::size_t bytes_an_entry() const noexcept {
        return by == eviction::by_cost ? greedy_dual::bytes_an_entry : s3_fifo::bytes_an_entry;
    }
};

/// The order of eviction in one segment, or none. Not thread-safe: the segment's lock is held.
///
/// Look            asks the table for a key's value and whether it was asked for since eviction last
///                 looked, and takes that back; nothing if the key is gone
class eviction_order {
  public:
    /// rule            none if nothing is evicted
    explicit eviction_order(eviction_rule* rule = nullptr) {
        if (rule != nullptr && rule->by == eviction::by_cost) {
            by_cost_ = new greedy_dual(rule->age);
        } else if (rule != nullptr) {
            by_use_ = new s3_fifo;
        }
    }

    eviction_order(eviction_order&& other) noexcept { *this = std::move(other); }
    eviction_order& operator=(eviction_order&& other) noexcept {
        std::swap(by_use_, other.by_use_);
        std::swap(by_cost_, other.by_cost_);
        return *this;
    }
    ~eviction_order() {
        delete by_use_;
        delete by_cost_;
    }

    /// Throws:         std::bad_alloc, and nothing is inserted
    void inserted(std::uint64_t key, slot_value value) {
        in_use([&](auto& order) { order.inserted(key, value); });
    }

    /// The key to evict. None only if the segment holds nothing that was inserted here.
    template <class Look> [[nodiscard]] std::optional<std::uint64_t> victim(Look look) noexcept {
        std::optional<std::uint64_t> key;
        in_use([&](auto& order) { key = order.victim(look); });
        return key;
    }

    /// What that key's rank is among those of other segments, by cost.
    template <class Look> [[nodiscard]] std::optional<double> least(Look look) noexcept {
        return by_cost_->least(look);
    }

    /// Drops keys that are gone and keys that are here once more, once these outnumber the others:
    /// entries that are forgotten and inserted anew must not lengthen the order for ever, nor be why
    /// it is gone through each time.
    template <class IsThere> void tidy(std::size_t entries, IsThere is_there) noexcept {
        in_use([&](auto& order) { order.tidy(entries, is_there); });
    }

    /// Those of its keys that belong to one half of a segment, as they are ordered here.
    template <class Belongs> [[nodiscard]] eviction_order part(Belongs belongs) const {
        eviction_order chosen;
        if (by_use_ != nullptr) {
            chosen.by_use_ = new s3_fifo(by_use_->part(belongs));
        } else if (by_cost_ != nullptr) {
            chosen.by_cost_ = new greedy_dual(by_cost_->part(belongs));
        }
        return chosen;
    }

    void clear() noexcept {
        in_use([](auto& order) { order.clear(); });
    }

  private:
    template <class Act> void in_use(Act act) {
        if (by_use_ != nullptr) {
            act(*by_use_);
        } else if (by_cost_ != nullptr) {
            act(*by_cost_);
        }
    }

    // Owned. Two unique_ptr would cost a compiler as much as all of this header.
    s3_fifo* by_use_ = nullptr; ///< at most one of them
    greedy_dual* by_cost_ = nullptr;
};

} // namespace memo::detail
