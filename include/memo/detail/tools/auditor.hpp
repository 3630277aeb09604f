// SPDX-License-Identifier: BSL-1.0
#pragma once

// Audits of hits: selects hits at random, runs the function again for them, and compares its result with the
// record.

#include <memo/detail/stats/counters.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>
#include <memo/replicate.hpp>
#include <memo/tools/explanation.hpp>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <type_traits>

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
    /// The selected hit of a group. 1 / share need not be an integer.
    [[nodiscard]] double turn_in(double group) const noexcept;

    /// A random number in [0, 1), a function of its argument.
    [[nodiscard]] double uniform(double number) const noexcept;

    double share_;
    std::uint64_t seed_;
    std::atomic<std::uint64_t> turns_{0};
};

/// A hit for which an audit runs the function again.
class audited_call {
  public:
    /// parts           empty; becomes the explanation of the call
    virtual void explain(explanation& parts) = 0;

    /// Runs the function. It may move from its arguments.
    virtual void run(replicate const& which) = 0;

    /// Whether the record is of the function's current state, and the fresh result contradicts it.
    ///
    /// Throws:         exceptions of the comparison
    virtual bool disagrees() = 0;

  protected:
    ~audited_call() = default;
};

/// The part of an auditor that does not depend on the result's type.
///
/// Thread safety:  safe
class auditor_base {
  public:
    auditor_base(auditor_base const&) = delete;
    auditor_base& operator=(auditor_base const&) = delete;

    [[nodiscard]] bool is_enabled() const noexcept { return turns_.is_enabled(); }

  protected:
    /// share           see options::audit
    /// report          see options::on_disagreement
    /// comparable      whether results can be compared
    ///
    /// Throws:         memo::error (configuration)
    auditor_base(double share, disagreement_report const& report, on_miss_policy on_miss,
                 bool comparable, call_counters& counters);
    ~auditor_base();

    /// See auditor::audit.
    void audit(key128 key, audited_call& call);

  private:
    /// Throws:         exceptions of the user's on_disagreement
    void report(std::string const& text);

    call_counters& counters_;
    audit_turns turns_;
    disagreement_report report_;
    std::atomic<bool> reported_{false};
};

/// The audits of one function.
///
/// Evaluation      see detail/record/exact.hpp
/// Thread safety:  safe
template <class Evaluation> class auditor : public auditor_base {
    using record = typename Evaluation::record;
    using sample = typename Evaluation::sample;

  public:
    /// evaluation, counters    of the function's cache, which must outlive this object
    ///
    /// Throws:         memo::error (configuration)
    auditor(typename Evaluation::options const& options, Evaluation const& evaluation,
            call_counters& counters)
        : auditor_base(options.audit, options.on_disagreement, options.on_miss,
                       Evaluation::comparable, counters),
          evaluation_(evaluation) {}

    /// Runs the function again for a selected hit, and compares. Counts an exception of the function and
    /// does not rethrow it, because the caller gets the record's value.
    ///
    /// id              see call_identity
    /// run             runs the call, see memoized::call
    /// Throws:         exceptions of the user's on_disagreement
    template <class Id, class Run> void audit(Id const& id, record const& stored, Run&& run) {
        struct call final : audited_call {
            call(auditor& owner, Id const& call_id, record const& hit, Run& runs_it)
                : audits(owner), id(call_id), stored(hit), function(runs_it) {}

            void explain(explanation& parts) override { function.explain(parts); }
            void run(replicate const& which) override { fresh.emplace(function(which)); }
            bool disagrees() override {
                return function.has_state(id.state) && audits.disagree(id.key, stored, *fresh);
            }

            auditor& audits;
            Id const& id;
            record const& stored;
            Run& function;
            std::optional<sample> fresh;
        };
        call again(*this, id, stored, run);
        auditor_base::audit(id.key, again);
    }

  private:
    [[nodiscard]] bool disagree(key128 key, record const& stored, sample const& fresh) {
        if constexpr (std::is_empty_v<typename Evaluation::audit_state>) {
            // Without the lock, because the comparison runs code of the user.
            return evaluation_.contradicts(history_, key, stored, fresh);
        } else {
            std::scoped_lock const lock(mutex_);
            return evaluation_.contradicts(history_, key, stored, fresh);
        }
    }

    Evaluation const& evaluation_;
    mutex mutex_;                              ///< guards history_
    typename Evaluation::audit_state history_; ///< of earlier audits; empty for exact results
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "auditor.ipp"
#endif
