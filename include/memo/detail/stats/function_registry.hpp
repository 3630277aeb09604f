// SPDX-License-Identifier: BSL-1.0
#pragma once

// What each memoized function of the process has done so far, those among them that have ended.

#include <memo/detail/hash_map.hpp>
#include <memo/detail/stats/counters.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/statistics.hpp>

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <utility>

namespace memo::detail {

/// The counters of all functions of one title, without those of their backends.
struct function_totals {
    statistics counted;
    std::chrono::nanoseconds caching{0}; ///< see call_counters::caching

    function_totals& operator+=(function_totals const& other) {
        counted += other.counted;
        caching += other.caching;
        return *this;
    }
};

/// All function_totals of the process: one per process, see process_wide. Functions that live in static storage
/// end after main() has returned.
///
/// Thread safety:  safe; no call of a function comes here, only its making and its end
class function_registry {
  public:
    class entry;

    /// The functions of one title: the name and version, or the type of a callable without a name.
    struct row {
        function_totals ended;
        entry* live = nullptr; ///< the first of a list
    };

    /// The function_totals of one function, from its making to its end.
    class entry {
      public:
        entry(std::string title, call_counters const& counters)
            : title_(std::move(title)), counters_(counters) {
            auto& all = process_wide<function_registry>();
            std::scoped_lock const lock(all.mutex_);
            link(all.rows_[title_]);
        }
        entry(entry const&) = delete;
        entry& operator=(entry const&) = delete;
        ~entry() {
            auto& all = process_wide<function_registry>();
            std::scoped_lock const lock(all.mutex_);
            row_->ended += now();
            (previous_ != nullptr ? previous_->next_ : row_->live) = next_;
            if (next_ != nullptr) {
                next_->previous_ = previous_;
            }
            if (row_->live == nullptr && all.rows_.size() > max_rows) {
                all.others_ += row_->ended;
                all.count_of_others_ += 1;
                all.rows_.erase(title_);
            }
        }

      private:
        friend class function_registry;

        void link(row& mine) noexcept {
            row_ = &mine;
            next_ = mine.live;
            if (next_ != nullptr) {
                next_->previous_ = this;
            }
            mine.live = this;
        }

        [[nodiscard]] function_totals now() const {
            statistics const counted = counters_.since_reset();
            return {counted, counters_.caching(counted)};
        }

        std::string const title_;
        call_counters const& counters_;
        row* row_ = nullptr;
        entry* next_ = nullptr; ///< of this title
        entry* previous_ = nullptr;
    };

    /// Rows of titles beyond so many are merged into one once no function of theirs lives: a process may
    /// make functions of ever new names.
    static constexpr std::size_t max_rows = 1024;

    /// Calls visit(title, function_totals) for each title, in no order, and for what was merged.
    template <class Visit> void for_each(Visit visit) const {
        std::scoped_lock const lock(mutex_);
        rows_.for_each([&](std::string const& title, row const& of) {
            function_totals sum = of.ended;
            for (entry const* each = of.live; each != nullptr; each = each->next_) {
                sum += each->now();
            }
            visit(title, sum);
        });
        if (count_of_others_ != 0) {
            visit(std::to_string(count_of_others_) + " others that have ended", others_);
        }
    }

    /// True for the first one in this process who asks.
    [[nodiscard]] bool is_first_to_report() {
        std::scoped_lock const lock(mutex_);
        return !std::exchange(reports_, true);
    }

  private:
    mutable mutex mutex_;
    hash_map<std::string, row> rows_;
    function_totals others_; ///< of rows that were merged
    std::size_t count_of_others_ = 0;
    bool reports_ = false; ///< at exit
};

} // namespace memo::detail
