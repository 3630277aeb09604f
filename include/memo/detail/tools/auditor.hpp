// SPDX-License-Identifier: BSL-1.0
#pragma once

// Audits of hits: selects hits at random, runs the function again for them, and compares its result with the
// record.

#include <memo/detail/cache/function_cache_base.hpp>
#include <memo/detail/stats/counters.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/options.hpp>

#include <atomic>
#include <cstdint>
#include <string>

namespace memo::detail {

/// Selects one hit at random in each group of 1 / share consecutive hits: no pattern of calls evades it, and
/// the distance between two audits is bounded.
///
/// Thread safety:  safe
class audit_turns {
  public:
    /// Throws:         memo::error (configuration)
    explicit audit_turns(double share);

    [[nodiscard]] bool is_enabled() const noexcept { return share_ > 0; }

    /// Whether to audit the next hit.
    [[nodiscard]] bool next() noexcept;

  private:
    /// The selected hit of a group: those whose number, times the share, is between `group` and the next
    /// integer. Groups share no hit, also where 1 / share is no integer.
    [[nodiscard]] double turn_in(double group) const noexcept;

    /// A random number in [0, 1), a function of its argument.
    [[nodiscard]] double uniform(double number) const noexcept;

    double share_;
    std::uint64_t seed_;
    std::atomic<std::uint64_t> turns_{0};
};

/// The audits of one function.
///
/// Thread safety:  safe
class auditor {
  public:
    /// share           of the hits
    /// comparable      whether two results can be compared
    /// runs            whether the function may run
    /// report          see memo::options
    /// counters        of the function's cache, which must outlive this object
    ///
    /// Throws:         memo::error (configuration)
    auditor(double share, bool comparable, bool runs, disagreement_report report,
            call_counters& counters);

    /// Whether to audit the next hit. Not while an audit runs in the calling thread, in any module: an
    /// audited function that calls itself would otherwise run again for every level of its recursion.
    [[nodiscard]] bool is_due() noexcept { return turns_.is_enabled() && is_next(); }

    /// Runs the function again for a hit, and compares. Counts an exception of the function and does not
    /// rethrow it, because the caller gets the record's value.
    ///
    /// Throws:         exceptions of the user's on_disagreement
    void audit(pending_call& hit);

  private:
    [[nodiscard]] bool is_next() noexcept;

    /// Throws:         exceptions of the user's on_disagreement
    void report(std::string const& text);

    call_counters& counters_;
    audit_turns turns_;
    disagreement_report report_;
    std::atomic<bool> reported_{false};
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "auditor.ipp"
#endif
