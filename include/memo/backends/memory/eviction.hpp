// SPDX-License-Identifier: BSL-1.0
#pragma once

// Which entry of a segment goes next, by the rule that its store was given.
//
// Orders hold key bits, not slots, so nothing here follows an entry that moves when the table
// grows; a key that is gone when its turn comes is skipped.

#include <memo/backends/memory/bucket.hpp>
#include <memo/backends/memory/greedy_dual.hpp>
#include <memo/backends/memory/s3_fifo.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>

namespace memo {

/// Which entries of a bounded memo::memory go first.
enum class eviction {
    by_use, ///< those that were asked for once, then those that were not asked for again
    by_cost ///< those that save the least time for the room they take, by what they cost to compute
};

namespace detail {

/// What the tables of one bounded store evict by.
struct eviction_rule {
    eviction by;
    common_age age;

    /// What the order takes for each entry, about.
    [[nodiscard]] std::size_t bytes_an_entry() const noexcept {
        return by == eviction::by_cost ? greedy_dual::bytes_an_entry : s3_fifo::bytes_an_entry;
    }
};

/// The order of eviction in one segment. Not thread-safe: the segment's lock is held.
///
/// Look            asks the table for a key's value and whether it was asked for since eviction last
///                 looked, and takes that back; nothing if the key is gone
class eviction_order {
  public:
    explicit eviction_order(eviction_rule& rule)
        : order_(rule.by == eviction::by_cost ? either(greedy_dual(rule.age)) : either(s3_fifo())) {
    }

    void inserted(std::uint64_t key, slot_value value) {
        std::visit([&](auto& order) { order.inserted(key, value); }, order_);
    }

    /// The key to evict. None only if the segment holds nothing that was inserted here.
    template <class Look> [[nodiscard]] std::optional<std::uint64_t> victim(Look look) {
        return std::visit([&](auto& order) { return order.victim(look); }, order_);
    }

    /// What that key's rank is among those of other segments, by cost.
    template <class Look> [[nodiscard]] std::optional<double> least(Look look) {
        return std::get<greedy_dual>(order_).least(look);
    }

    /// Drops keys that are gone once they outnumber the others: entries that are forgotten and
    /// inserted anew must not lengthen the order for ever.
    template <class IsThere> void tidy(std::size_t entries, IsThere is_there) {
        std::visit([&](auto& order) { order.tidy(entries, is_there); }, order_);
    }

    /// Parts with the keys that move to another segment, in the order that they had.
    template <class Moves> [[nodiscard]] eviction_order split(Moves moves) {
        return std::visit([&](auto& order) { return eviction_order(order.split(moves)); }, order_);
    }

    void clear() {
        std::visit([](auto& order) { order.clear(); }, order_);
    }

  private:
    using either = std::variant<s3_fifo, greedy_dual>;

    explicit eviction_order(either order) : order_(std::move(order)) {}

    either order_;
};

} // namespace detail
} // namespace memo
