// SPDX-License-Identifier: BSL-1.0
#pragma once

// Eviction by use: S3-FIFO (Yang et al. 2023, SOSP, section 4). New keys wait in a small queue, a
// tenth of the entries; those not asked for again by the time they reach its end are dropped and
// remembered as ghosts, the others move to the main queue. Monte-Carlo valuation asks most subsets
// once, and such keys never push out the useful ones.

#include <memo/detail/memory/bucket.hpp>
#include <memo/detail/memory/ghosts.hpp>
#include <memo/detail/memory/ring_buffer.hpp>
#include <memo/detail/memory/small_set.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace memo::detail {

/// An order of eviction, see eviction.hpp.
class s3_fifo {
  public:
    static constexpr std::size_t bytes_an_entry = 22; ///< measured: benchmarks/eviction

    void inserted(std::uint64_t key, slot_value /*value*/) {
        if (ghosts_.take(key)) {
            main_.push(key);
        } else {
            small_.push(key);
        }
    }

    template <class Look> [[nodiscard]] std::optional<std::uint64_t> victim(Look look) noexcept {
        // Readers may set visited bits as fast as they are cleared; two rounds are enough of mercy.
        std::size_t second_chances = 2 * (small_.size() + main_.size());
        while (!small_.empty() || !main_.empty()) {
            bool const from_small =
                main_.empty() || small_.size() * 10 > small_.size() + main_.size();
            auto& queue = from_small && !small_.empty() ? small_ : main_;
            std::uint64_t const key = queue.pop();
            auto const found = look(key);
            if (!found) {
                continue;
            }
            // Where there is no memory to keep it in order, it goes: a victim must be found.
            if (found->visited && second_chances > 0 && main_.try_push(key)) {
                --second_chances;
                continue;
            }
            if (&queue == &small_) {
                ghosts_.remember(key);
            }
            return key;
        }
        return std::nullopt;
    }

    template <class IsThere> void tidy(std::size_t entries, IsThere is_there) noexcept {
        if (small_.size() + main_.size() > 2 * entries + 64) {
            small_set seen; // one that was forgotten and inserted anew is here twice
            for (ring_buffer* const queue : {&small_, &main_}) {
                for (std::size_t left = queue->size(); left > 0; --left) {
                    std::uint64_t const key = queue->pop();
                    if (is_there(key) && seen.add(key)) {
                        queue->push(key); // where there was one, so it needs no memory
                    }
                }
            }
        }
    }

    template <class Belongs> [[nodiscard]] s3_fifo part(Belongs belongs) const {
        s3_fifo chosen;
        auto const choose = [&](ring_buffer const& from, ring_buffer& to) {
            for (std::size_t i = 0; i < from.size(); ++i) {
                if (belongs(from[i])) {
                    to.push(from[i]);
                }
            }
        };
        choose(small_, chosen.small_);
        choose(main_, chosen.main_);
        chosen.ghosts_ = ghosts_;
        return chosen;
    }

    void clear() noexcept { *this = {}; }

  private:
    ring_buffer small_;
    ring_buffer main_;
    ghosts ghosts_;
};

} // namespace memo::detail
