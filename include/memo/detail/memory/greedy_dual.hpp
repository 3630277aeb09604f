// SPDX-License-Identifier: BSL-1.0
#pragma once

// Eviction by cost: GreedyDual-Size with frequency (Cherkasova 1998, HPL-98-69). An entry ranks by
// the time that it saves a lookup for each byte it takes, times how often it was found in use, on
// top of the age of the store when it was ranked. The least goes, and its rank becomes the age: so
// what is not asked for any more goes in the end, whatever it cost.
//
// Most of what valuation asks for is asked for once, so a new entry counts as a small part of one in
// use, and one that comes back after it went as one found so twice (docs/decisions/0042-eviction-by-cost.md).
//
// Hits write a visited bit and no more. An entry is ranked anew when its turn comes and that bit is
// set, which is all that the order of the others needs.

#include <memo/detail/memory/block.hpp>
#include <memo/detail/memory/ghosts.hpp>
#include <memo/detail/memory/small_set.hpp>
#include <memo/detail/stats/cost.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace memo::detail {

/// What all orders of one store share, so that entries of several functions can be compared.
class common_age {
  public:
    /// per_byte        whether room is scarce, or the number of entries
    explicit common_age(bool per_byte) noexcept : per_byte_(per_byte) {}

    /// The rank of a value that was in use so many times.
    [[nodiscard]] double rank(slot_value value, double times) const {
        double const saves = static_cast<double>(cost_of(value.cost)) * times;
        double const room = per_byte_ ? static_cast<double>(bytes_of(value)) : 1;
        return age_.load(std::memory_order_relaxed) + saves / room;
    }

    void advance_to(double rank) noexcept {
        double now = age_.load(std::memory_order_relaxed);
        while (now < rank && !age_.compare_exchange_weak(now, rank, std::memory_order_relaxed)) {
        }
    }

  private:
    bool const per_byte_;
    std::atomic<double> age_{0}; ///< of the last victim
};

/// An order of eviction, see eviction.hpp.
class greedy_dual {
  public:
    static constexpr std::size_t bytes_an_entry = 48; ///< measured: benchmarks/eviction

    explicit greedy_dual(common_age& age) : age_(&age) {}

    void inserted(std::uint64_t key, slot_value value) {
        if (ghosts_.take(key)) {
            push({age_->rank(value, 2), key, 2});
        } else {
            push({age_->rank(value, untried), key, 0});
        }
    }

    template <class Look> [[nodiscard]] std::optional<std::uint64_t> victim(Look look) noexcept {
        if (!least(look)) {
            return std::nullopt;
        }
        ranked const last = pop();
        age_->advance_to(last.rank);
        ghosts_.remember(last.key);
        return last.key;
    }

    /// The rank of the key to evict.
    template <class Look> [[nodiscard]] std::optional<double> least(Look look) noexcept {
        // Readers may set visited bits as fast as they are cleared; two rounds are enough of mercy.
        std::size_t second_chances = 2 * heap_.size();
        while (!heap_.empty()) {
            auto const found = look(heap_.front().key);
            if (found && (!found->visited || second_chances == 0)) {
                return heap_.front().rank;
            }
            ranked first = pop();
            if (found) {
                --second_chances;
                ++first.times;
                first.rank = age_->rank(found->value, first.times);
                push(first); // where there was one, so it needs no memory
            }
        }
        return std::nullopt;
    }

    template <class IsThere> void tidy(std::size_t entries, IsThere is_there) noexcept {
        if (heap_.size() > 2 * entries + 64) {
            small_set seen; // one that was forgotten and inserted anew is here twice
            std::size_t kept = 0;
            for (ranked const& each : heap_) {
                if (is_there(each.key) && seen.add(each.key)) {
                    heap_[kept++] = each;
                }
            }
            while (heap_.size() > kept) {
                heap_.pop_back();
            }
            std::make_heap(heap_.data(), heap_.data() + heap_.size(), goes_later);
        }
    }

    template <class Belongs> [[nodiscard]] greedy_dual part(Belongs belongs) const {
        greedy_dual chosen(*age_);
        for (ranked const& each : heap_) {
            if (belongs(each.key)) {
                chosen.push(each);
            }
        }
        chosen.ghosts_ = ghosts_;
        return chosen;
    }

    void clear() noexcept {
        heap_.clear();
        ghosts_ = {};
    }

  private:
    struct ranked {
        double rank;
        std::uint64_t key;
        std::uint32_t times; ///< that it was found in use
    };

    /// How many times in use a new entry counts for: it goes before others of its cost, and stays
    /// before those that are 64 times cheaper.
    static constexpr double untried = 1.0 / 64;

    [[nodiscard]] static bool goes_later(ranked const& one, ranked const& other) noexcept {
        return one.rank > other.rank;
    }

    void push(ranked const& entry) {
        heap_.push_back(entry);
        std::push_heap(heap_.data(), heap_.data() + heap_.size(), goes_later);
    }

    ranked pop() {
        std::pop_heap(heap_.data(), heap_.data() + heap_.size(), goes_later);
        ranked const first = heap_.back();
        heap_.pop_back();
        return first;
    }

    std::vector<ranked> heap_; ///< the least rank in front
    ghosts ghosts_;
    common_age* age_;
};

} // namespace memo::detail
