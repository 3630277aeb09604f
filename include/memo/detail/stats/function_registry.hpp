// SPDX-License-Identifier: BSL-1.0
#pragma once

// The counters of all memoized functions of the process, including destroyed ones.

#include <memo/detail/key_map.hpp>
#include <memo/detail/stats/counters.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/key128.hpp>
#include <memo/statistics.hpp>

#include <chrono>
#include <cstddef>
#include <forward_list>
#include <string>
#include <utility>

namespace memo::detail {

/// The sums over all functions of one title, without the counters of their backends.
struct function_totals {
    statistics counted;
    std::chrono::nanoseconds caching{0}; ///< see call_counters::caching
    bool needs_range = false;            ///< see call_counters::needs_range

    function_totals& operator+=(function_totals const& other);
};

struct titled_totals {
    std::string title;
    function_totals sum;
};

/// One per process, see process_wide, because functions in static storage are destroyed after main().
///
/// Thread safety:  safe; wrapping and destroying a function take a lock, calls do not
class function_registry {
  public:
    class entry;

    /// The functions of one title: the name and version, or the type of a callable without a name.
    struct row : mapped {
        explicit row(std::string text) : title(std::move(text)) {}

        std::string const title;
        function_totals destroyed;
        entry* live = nullptr; ///< head of a list
    };

    /// Registers one function for the lifetime of the entry.
    class entry {
      public:
        /// digest          of the title
        entry(std::string const& title, key128 digest, call_counters const& counters);
        entry(entry const&) = delete;
        entry& operator=(entry const&) = delete;
        ~entry();

      private:
        friend class function_registry;

        [[nodiscard]] function_totals now() const;

        key128 const digest_;
        call_counters const& counters_;
        row* row_ = nullptr;
        entry* next_ = nullptr; ///< in the row's list
        entry* previous_ = nullptr;
    };

    /// Above this number, rows without live functions are merged into one, because a process may create
    /// functions with new names for ever.
    static constexpr std::size_t max_rows = 1024;

    /// The sums of each title, in unspecified order, and of the merged rows.
    [[nodiscard]] std::forward_list<titled_totals> all() const;

    /// True for the first call in this process, then false.
    [[nodiscard]] bool is_first_to_report();

  private:
    mutable mutex mutex_;
    key_map<row> rows_; ///< by the digests of their titles
    function_totals merged_;
    std::size_t merged_rows_ = 0;
    bool reports_ = false; ///< whether a report at exit is registered
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "function_registry.ipp"
#endif
