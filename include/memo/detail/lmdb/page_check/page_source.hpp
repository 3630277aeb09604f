// SPDX-License-Identifier: BSL-1.0
#pragma once

// The pages of a mapped file that may still grow. A read beyond the end of a mapped file raises
// SIGBUS, so readers check with has() that a page lies within the file.

#include <memo/detail/lmdb/page_check/entry_view.hpp>
#include <memo/detail/lmdb/page_check/page_format.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace memo::detail {

class page_source {
  public:
    page_source(page_source const&) = delete;
    page_source& operator=(page_source const&) = delete;

    /// The first byte of a page.
    [[nodiscard]] std::byte const* at(std::uint64_t page) const noexcept {
        return memory_.data() + page * page_format::page_size;
    }

    /// The number of pages to which the file may grow.
    [[nodiscard]] std::uint64_t max_pages() const noexcept {
        return memory_.size() / page_format::page_size;
    }

    /// The length of the file, in bytes, when it was last determined. Pages up to there are read without
    /// looking again, so a file that is shorter now must not be read.
    [[nodiscard]] std::size_t known_length() const noexcept {
        return known_length_.load(std::memory_order_relaxed);
    }
    void set_known_length(std::size_t bytes) noexcept {
        known_length_.store(bytes, std::memory_order_relaxed);
    }

    /// Whether the file includes a page.
    ///
    /// Thread safety:  safe, even while the file grows
    [[nodiscard]] bool has(std::uint64_t page) const noexcept {
        if (page >= max_pages()) {
            return false;
        }
        std::size_t const end = (static_cast<std::size_t>(page) + 1) * page_format::page_size;
        if (end <= known_length()) [[likely]] {
            return true;
        }
        return has_grown_to(end);
    }

  protected:
    page_source() = default;
    ~page_source() = default;

    /// memory          all pages to which the file may grow. Precondition: no concurrent readers
    void set_memory(bytes_view memory) noexcept {
        memory_ = memory;
        known_length_ = 0;
    }
    [[nodiscard]] bytes_view memory() const noexcept { return memory_; }

  private:
    /// The current length of the file in bytes; nothing if it cannot be determined.
    [[nodiscard]] virtual std::optional<std::size_t> length() const noexcept = 0;

    [[gnu::noinline]] bool has_grown_to(std::size_t end) const noexcept {
        auto const bytes = length();
        if (bytes) {
            known_length_.store(*bytes, std::memory_order_relaxed);
        }
        return bytes && end <= *bytes;
    }

    bytes_view memory_;
    mutable std::atomic<std::size_t> known_length_{0}; ///< a lower bound
};

} // namespace memo::detail
