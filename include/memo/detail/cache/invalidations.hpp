// SPDX-License-Identifier: BSL-1.0
#pragma once

// The log of recent invalidations by forget() and clear(). An evaluation that began before its record was
// invalidated still returns to its callers; its result is not stored, and later callers do not follow it.

#include <memo/detail/system/fork.hpp>
#include <memo/key128.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace memo::detail {

/// The invalidations of one function on one store by this process, not by other processes.
///
/// Thread safety:  safe
class invalidation_log {
  public:
    invalidation_log() = default;
    invalidation_log(invalidation_log const&) = delete;
    invalidation_log& operator=(invalidation_log const&) = delete;
    ~invalidation_log() { delete[] entries_; }

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
    [[nodiscard]] bool includes(key128 key, std::uint64_t since) const {
        if (count_ == since) {
            return false;
        }
        std::scoped_lock const lock(mutex_);
        std::uint64_t const count = count_;
        if (all_ > since || count - since > max_entries) {
            return true;
        }
        for (std::uint64_t i = since; i < count; ++i) {
            if (entries_[i % max_entries] == key) {
                return true;
            }
        }
        return false;
    }

  private:
    static constexpr std::size_t max_entries = 1024;

    void log(key128 key) {
        std::scoped_lock const lock(mutex_);
        append(key);
    }

    void log_all() {
        std::scoped_lock const lock(mutex_);
        append({});
        all_ = count_;
    }

    void append(key128 key) {
        if (entries_ == nullptr) {
            entries_ = new key128[max_entries];
        }
        entries_[count_ % max_entries] = key;
        count_ += 1;
    }

    mutable mutex mutex_;
    std::atomic<std::uint64_t> count_{0};
    std::uint64_t all_ = 0;     ///< count_ after the last invalidation of all records
    key128* entries_ = nullptr; ///< owned ring buffer, allocated by the first append()
};

} // namespace memo::detail
