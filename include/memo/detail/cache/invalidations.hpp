// SPDX-License-Identifier: BSL-1.0
#pragma once

// Which records were invalidated lately, by forget() or clear(), in; whether one was since some moment,
// out. An evaluation that began before its record was invalidated returns what was right then: it is
// not stored, and callers who come after the invalidation do not follow it.

#include <memo/detail/system/fork.hpp>
#include <memo/key128.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace memo::detail {

/// The invalidations of one function on one store, by this process. It does not know those of other
/// processes.
///
/// Thread safety:  safe
class invalidation_log {
  public:
    invalidation_log() = default;
    invalidation_log(invalidation_log const&) = delete;
    invalidation_log& operator=(invalidation_log const&) = delete;
    ~invalidation_log() { delete[] last_; }

    /// A moment: how many notes were taken.
    [[nodiscard]] std::uint64_t now() const noexcept { return count_; }

    // An invalidation is noted twice. Before the record is erased: who stores meanwhile either finds the
    // note, or has stored what is then erased. And after it: a leader that began in between may have
    // found the record, so later callers must not follow it.

    /// Invalidates one record.
    ///
    /// erase           erases it; returns whether there was one
    template <class Erase> bool invalidate(key128 key, Erase const& erase) {
        note(key);
        bool const was_there = erase();
        note(key);
        return was_there;
    }

    /// Invalidates all records.
    ///
    /// clear           erases them
    template <class Clear> void invalidate_all(Clear const& clear) {
        note_all();
        clear();
        note_all();
    }

    /// Whether a record was invalidated since a moment. Also true where too many were to tell. Once it is
    /// true it stays true.
    ///
    /// Complexity:     one load if nothing was; otherwise a lock, and O(invalidations since)
    [[nodiscard]] bool includes(key128 key, std::uint64_t since) const {
        if (count_ == since) {
            return false;
        }
        std::scoped_lock const lock(mutex_);
        std::uint64_t const count = count_;
        if (all_ > since || count - since > max_notes) {
            return true;
        }
        for (std::uint64_t i = since; i < count; ++i) {
            if (last_[i % max_notes] == key) {
                return true;
            }
        }
        return false;
    }

  private:
    static constexpr std::size_t max_notes = 1024;

    void note(key128 key) {
        std::scoped_lock const lock(mutex_);
        append(key);
    }

    void note_all() {
        std::scoped_lock const lock(mutex_);
        append({});
        all_ = count_;
    }

    void append(key128 key) {
        if (last_ == nullptr) {
            last_ = new key128[max_notes];
        }
        last_[count_ % max_notes] = key;
        count_ += 1;
    }

    mutable mutex mutex_;
    std::atomic<std::uint64_t> count_{0};
    std::uint64_t all_ = 0;  ///< the count with the last invalidation of all records
    key128* last_ = nullptr; ///< note number i at i % max_notes; owned, and made by the first one
};

} // namespace memo::detail
