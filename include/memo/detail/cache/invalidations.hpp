// SPDX-License-Identifier: BSL-1.0
#pragma once

// The log of recent invalidations by forget() and clear(). An evaluation that began before its record was
// invalidated still returns to its callers; its result is not stored, and later callers do not follow it.

#include <memo/detail/system/compiled.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/key128.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace memo::detail {

/// The invalidations of one function on one store by this process, not by other processes.
///
/// Thread safety:  safe
class invalidation_log {
  public:
    /// The current moment: the number of log entries so far.
    [[nodiscard]] std::uint64_t now() const noexcept { return count_; }

    // An invalidation has two entries. One before the erase, so that a concurrent store finds the entry, or
    // precedes the erase. One after it, because a leader that began in between may have read the old record,
    // and later callers must not follow it.

    /// Invalidates one record.
    ///
    /// erase           erases it; returns whether there was one
    template <class Erase> bool invalidate(key128 key, Erase const& erase) {
        log(key);
        bool const existed = erase();
        log(key);
        return existed;
    }

    /// Invalidates all records.
    ///
    /// clear           erases them
    template <class Clear> void invalidate_all(Clear const& clear) {
        log_all();
        clear();
        log_all();
    }

    /// Whether a record was invalidated since a moment. Once true, it stays true. Also true if the log is too
    /// short to go back to that moment.
    ///
    /// Complexity:     one load without invalidations; otherwise a lock, and linear in the invalidations
    [[nodiscard]] bool includes(key128 key, std::uint64_t since) const;

  private:
    static constexpr std::size_t max_entries = 1024;

    void log(key128 key);
    void log_all();
    void append(key128 key);

    mutable mutex mutex_;
    std::atomic<std::uint64_t> count_{0};
    std::uint64_t all_ = 0; ///< count_ after the last invalidation of all records
    std::unique_ptr<std::array<key128, max_entries>> entries_; ///< a ring; made by append()
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "invalidations.ipp"
#endif
