// SPDX-License-Identifier: BSL-1.0
#pragma once

// Which entry of a segment goes next: S3-FIFO (Yang et al. 2023, SOSP, section 4). New keys wait in a
// small queue, a tenth of the entries; those not asked for again by the time they reach its end are
// dropped and remembered as ghosts, the others move to the main queue. Monte-Carlo valuation asks
// most subsets once, and such keys never push out the useful ones.
//
// Queues hold key bits, not slots, so nothing here follows an entry that moves when the table
// grows; a key that is gone when its turn comes is skipped.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_set>
#include <utility>

namespace memo::detail {

/// The answer of the table about a key whose turn has come.
enum class residence { gone, idle, visited };

/// The order of eviction in one segment. Not thread-safe: the segment's lock is held.
class s3_fifo {
  public:
    void inserted(std::uint64_t key) {
        if (ghosts_.erase(key) != 0) {
            main_.push_back(key);
        } else {
            small_.push_back(key);
        }
    }

    /// The key to evict. None only if the segment holds nothing that was inserted here.
    ///
    /// look            asks the table for a key's residence and clears its visited bit
    template <class Look> [[nodiscard]] std::optional<std::uint64_t> victim(Look look) {
        // Readers may set visited bits as fast as they are cleared; two rounds are enough of mercy.
        std::size_t patience = 2 * (small_.size() + main_.size());
        while (!small_.empty() || !main_.empty()) {
            bool const from_small =
                main_.empty() || small_.size() * 10 > small_.size() + main_.size();
            auto& queue = from_small && !small_.empty() ? small_ : main_;
            std::uint64_t const key = queue.front();
            queue.pop_front();
            residence const state = look(key);
            if (state == residence::gone) {
                continue;
            }
            if (state == residence::visited && patience > 0) {
                --patience;
                main_.push_back(key);
                continue;
            }
            if (&queue == &small_) {
                remember_ghost(key);
            }
            return key;
        }
        return std::nullopt;
    }

    /// Drops keys that are gone once they outnumber the others: entries that are forgotten and
    /// inserted anew must not lengthen the queues for ever.
    template <class IsThere> void tidy(std::size_t entries, IsThere is_there) {
        if (small_.size() + main_.size() > 2 * entries + 64) {
            auto const gone = [&](std::uint64_t key) { return !is_there(key); };
            std::erase_if(small_, gone);
            std::erase_if(main_, gone);
        }
    }

    /// Parts with the keys that move to another segment, in the order that they had.
    template <class Moves> [[nodiscard]] s3_fifo split(Moves moves) {
        s3_fifo staying;
        s3_fifo moving;
        auto const part = [&](std::uint64_t key) -> s3_fifo& {
            return moves(key) ? moving : staying;
        };
        for (auto const key : small_) {
            part(key).small_.push_back(key);
        }
        for (auto const key : main_) {
            part(key).main_.push_back(key);
        }
        for (auto const key : ghost_order_) {
            part(key).ghost_order_.push_back(key);
        }
        for (auto const key : ghosts_) {
            part(key).ghosts_.insert(key);
        }
        *this = std::move(staying);
        return moving;
    }

  private:
    void remember_ghost(std::uint64_t key) {
        if (ghosts_.insert(key).second) {
            ghost_order_.push_back(key);
        }
        while (ghost_order_.size() > small_.size() + main_.size() + 1) {
            ghosts_.erase(ghost_order_.front());
            ghost_order_.pop_front();
        }
    }

    std::deque<std::uint64_t> small_;
    std::deque<std::uint64_t> main_;
    std::unordered_set<std::uint64_t> ghosts_;
    std::deque<std::uint64_t> ghost_order_;
};

} // namespace memo::detail
