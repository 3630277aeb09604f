// SPDX-License-Identifier: BSL-1.0
#pragma once

// The memory of a table's buckets. A bucket lives as long as the table, and its versions never
// repeat, so readers need no guard even if they use outdated pointers.

#include <memo/detail/memory/bucket.hpp>

#include <algorithm>
#include <cstddef>
#include <forward_list>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace memo::detail {

/// Memory of a size in bytes, aligned to it or to less.
class aligned_memory {
  public:
    aligned_memory(std::size_t bytes, std::size_t alignment)
        : align_{alignment}, first_(::operator new(bytes, align_)) {}
    aligned_memory(aligned_memory const&) = delete;
    aligned_memory& operator=(aligned_memory const&) = delete;
    ~aligned_memory() { ::operator delete(first_, align_); }

    [[nodiscard]] void* begin() const noexcept { return first_; }

  private:
    std::align_val_t const align_;
    void* const first_;
};

/// Allocates runs of `Count` buckets. `Count` is a power of two; a run fills whole pages of 4 KiB.
///
/// Thread safety:  none
template <std::size_t Count> class bucket_memory {
  public:
    /// Returns the buckets of a new run, all empty.
    [[nodiscard]] bucket* allocate() {
        if (remaining_ == 0) {
            // Doubles the memory, by at most a huge page.
            std::size_t const bytes = std::clamp(allocated_ * run_bytes, run_bytes, huge_page);
            next_ = static_cast<bucket*>(chunks_.emplace_front(bytes, bytes).begin());
#if defined(__linux__)
            if (bytes == huge_page) {
                ::madvise(next_, bytes, MADV_HUGEPAGE); // 1.2 to 1.4 times faster at 10^7 entries
            }
#endif
            remaining_ = bytes / run_bytes;
        }
        bucket* const first = next_;
        for (std::size_t i = 0; i < Count; ++i) {
            new (next_++) bucket;
        }
        --remaining_;
        ++allocated_;
        return first;
    }

    /// Returns the pages of a run to the system; they read as zeros afterwards. Returns false, and
    /// changes nothing, if the system does not accept them.
    [[nodiscard]] static bool release_pages(bucket* first) noexcept {
#if defined(MEMO_TABLE_RELEASE_PAGES) // set by the model checker, see bucket.hpp
        return MEMO_TABLE_RELEASE_PAGES(first, run_bytes);
#elif defined(__linux__)
        // Where a page is larger than a run, this would zero the neighbouring runs, too.
        return run_bytes % static_cast<std::size_t>(::getpagesize()) == 0 &&
               ::madvise(first, run_bytes, MADV_DONTNEED) == 0;
#else
        return first == nullptr;
#endif
    }

  private:
    static constexpr std::size_t run_bytes = Count * sizeof(bucket);
    static constexpr std::size_t huge_page = std::size_t{2} << 20;

    std::forward_list<aligned_memory> chunks_; ///< aligned to their sizes
    bucket* next_ = nullptr;
    std::size_t remaining_ = 0; ///< free runs of the last chunk
    std::size_t allocated_ = 0; ///< runs
};

} // namespace memo::detail
