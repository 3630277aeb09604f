// SPDX-License-Identifier: BSL-1.0
#pragma once

// What each memoized function of the process has done so far, those among them that have ended.

#include <memo/counters.hpp>
#include <memo/statistics.hpp>

#include <chrono>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <unordered_set>
#include <utility>

namespace memo::detail {

/// The counters of all functions of one title, without those of their backends.
struct account {
    statistics counted;
    std::chrono::nanoseconds caching{0}; ///< see call_counters::caching

    account& operator+=(account const& other) {
        counted += other.counted;
        caching += other.caching;
        return *this;
    }
};

/// All accounts of the process.
///
/// Thread safety:  safe; no call of a function comes here, only its making and its end
class ledger {
  public:
    // Visible, so that plugins built with hidden visibility write into their host's. Never destroyed:
    // functions that live in static storage end after main() has returned.
    [[gnu::visibility("default")]] static ledger& instance() {
        static auto* const all = new ledger;
        return *all;
    }

    /// The account of one function, from its making to its end.
    class entry {
      public:
        entry(std::string title, call_counters const& counters)
            : title_(std::move(title)), counters_(counters) {
            ledger& all = instance();
            std::scoped_lock const lock(all.mutex_);
            all.live_.insert(this);
        }
        entry(entry const&) = delete;
        entry& operator=(entry const&) = delete;
        ~entry() {
            ledger& all = instance();
            std::scoped_lock const lock(all.mutex_);
            all.live_.erase(this);
            try {
                all.ended_[title_] += now();
            } catch (
                std::bad_alloc const&) { // a report that lacks a row, and no end of the program
                return;
            }
        }

      private:
        friend class ledger;

        [[nodiscard]] account now() const {
            statistics const counted = counters_.since_reset();
            return {counted, counters_.caching(counted)};
        }

        std::string const title_;
        call_counters const& counters_;
    };

    /// By title: the name and version, or the type of a callable without a name.
    [[nodiscard]] std::map<std::string, account> accounts() const {
        std::scoped_lock const lock(mutex_);
        auto sums = ended_;
        for (entry const* const each : live_) {
            sums[each->title_] += each->now();
        }
        return sums;
    }

    /// True for the first one in this process who asks.
    [[nodiscard]] bool is_first_to_report() {
        std::scoped_lock const lock(mutex_);
        return !std::exchange(reports_, true);
    }

  private:
    mutable std::mutex mutex_;
    std::unordered_set<entry const*> live_;
    std::map<std::string, account> ended_;
    bool reports_ = false; ///< at exit
};

} // namespace memo::detail
