// SPDX-License-Identifier: BSL-1.0
#pragma once

// The counters of all memoized functions of the process, including destroyed ones.

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

/// The sums over all functions of one title, without the counters of their backends.
struct function_totals {
    statistics counted;
    std::chrono::nanoseconds caching{0}; ///< see call_counters::caching

    function_totals& operator+=(function_totals const& other) {
        counted += other.counted;
        caching += other.caching;
        return *this;
    }
};

/// One per process, see process_wide, because functions in static storage are destroyed after main().
///
/// Thread safety:  safe; wrapping and destroying a function take a lock, calls do not
class function_registry {
  public:
    class entry;

    /// The functions of one title: the name and version, or the type of a callable without a name.
    struct row {
        function_totals destroyed;
        entry* live = nullptr; ///< head of a list
    };

    /// Registers one function for the lifetime of the entry.
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
            row_->destroyed += now();
            (previous_ != nullptr ? previous_->next_ : row_->live) = next_;
            if (next_ != nullptr) {
                next_->previous_ = previous_;
            }
            if (row_->live == nullptr && all.rows_.size() > max_rows) {
                all.merged_ += row_->destroyed;
                all.merged_rows_ += 1;
                all.rows_.erase(title_);
            }
        }

      private:
        friend class function_registry;

        void link(row& title_row) noexcept {
            row_ = &title_row;
            next_ = title_row.live;
            if (next_ != nullptr) {
                next_->previous_ = this;
            }
            title_row.live = this;
        }

        [[nodiscard]] function_totals now() const {
            statistics const counted = counters_.since_reset();
            return {counted, counters_.caching(counted)};
        }

        std::string const title_;
        call_counters const& counters_;
        row* row_ = nullptr;
        entry* next_ = nullptr; ///< in the row's list
        entry* previous_ = nullptr;
    };

    /// Above this number, rows without live functions are merged into one, because a process may create
    /// functions with new names for ever.
    static constexpr std::size_t max_rows = 1024;

    /// Calls visit(title, function_totals) for each title, in unspecified order, and for the merged rows.
    template <class Visit> void for_each(Visit visit) const {
        std::scoped_lock const lock(mutex_);
        rows_.for_each([&](std::string const& title, row const& title_row) {
            function_totals sum = title_row.destroyed;
            for (entry const* each = title_row.live; each != nullptr; each = each->next_) {
                sum += each->now();
            }
            visit(title, sum);
        });
        if (merged_rows_ != 0) {
            visit(std::to_string(merged_rows_) + " others that have ended", merged_);
        }
    }

    /// True for the first call in this process, then false.
    [[nodiscard]] bool is_first_to_report() {
        std::scoped_lock const lock(mutex_);
        return !std::exchange(reports_, true);
    }

  private:
    mutable mutex mutex_;
    hash_map<std::string, row> rows_;
    function_totals merged_;
    std::size_t merged_rows_ = 0;
    bool reports_ = false; ///< whether a report at exit is registered
};

} // namespace memo::detail
