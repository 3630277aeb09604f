// SPDX-License-Identifier: BSL-1.0
#pragma once

// Where a table's buckets lie. A bucket stays one until the table's end, and its count of changes
// never is what it was; so readers need no guard, wherever they still look.

#include <memo/detail/list.hpp>
#include <memo/detail/memory/bucket.hpp>

#include <algorithm>
#include <cstddef>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace memo::detail {

/// Hands out runs of `Count` buckets, a power of two of them that fills whole pages.
///
/// Thread safety:  none
template <std::size_t Count> class bucket_memory {
  public:
    /// A run without entries.
    [[nodiscard]] bucket* take() {
        if (left_ == 0) {
            // As much again as there is already, and at most a huge page.
            std::size_t const bytes = std::clamp(taken_ * run, run, huge_page);
            next_ = blocks_.add(bytes).first;
            left_ = bytes / run;
        }
        bucket* const first = next_;
        for (std::size_t i = 0; i < Count; ++i) {
            new (next_++) bucket;
        }
        --left_;
        ++taken_;
        return first;
    }

    /// Lets the system have the pages of a run; they read as zeros from then on. False if it does
    /// not take them.
    [[nodiscard]] static bool give_back(bucket* first) noexcept {
#if defined(MEMO_TABLE_GIVE_BACK) // of the check of all interleavings, see bucket.hpp
        return MEMO_TABLE_GIVE_BACK(first, run);
#elif defined(__linux__)
        // Where a page is more than a run, the system would take the runs beside it as well.
        return run % static_cast<std::size_t>(::getpagesize()) == 0 &&
               ::madvise(first, run, MADV_DONTNEED) == 0;
#else
        return first == nullptr;
#endif
    }

  private:
    static constexpr std::size_t run = Count * sizeof(bucket);
    static constexpr std::size_t huge_page = std::size_t{2} << 20;

    /// So many bytes, at a multiple of as many.
    struct block {
        explicit block(std::size_t bytes)
            : align{bytes}, first(static_cast<bucket*>(::operator new(bytes, align))) {
#if defined(__linux__)
            if (bytes == huge_page) {
                ::madvise(first, bytes, MADV_HUGEPAGE); // 1.2 to 1.4 times faster at 10^7 entries
            }
#endif
        }
        block(block const&) = delete;
        block& operator=(block const&) = delete;
        ~block() {
            ::operator delete(first, align);
        }

        std::align_val_t const align;
        bucket* const first;
    };

    list<block> blocks_;
    bucket* next_ = nullptr;
    std::size_t left_ = 0;  ///< runs that the last block still has
    std::size_t taken_ = 0; ///< runs that were handed out
};

} // namespace memo::detail
