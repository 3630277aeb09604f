// SPDX-License-Identifier: BSL-1.0
#pragma once

// One call's key in, what is remembered of it out; the function's next result in, the record that
// then holds it out. Who of several callers goes is the walk's business.

#include <memo/backend.hpp>
#include <memo/detail/cache/auditor.hpp>
#include <memo/detail/cache/guarded.hpp>
#include <memo/detail/cache/invalidations.hpp>
#include <memo/detail/key/unfinalized_key.hpp>
#include <memo/detail/open_partition.hpp>
#include <memo/detail/optional_members.hpp>
#include <memo/detail/record/sample_id.hpp>
#include <memo/detail/stats/counters.hpp>
#include <memo/detail/system/cancellation.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/error.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>
#include <memo/statistics.hpp>
#include <memo/tools/explanation.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace memo::detail {

/// Throws:         memo::error (configuration) for spans that cannot be meant
inline void check_spans(time_span ttl, storing_threshold const& threshold) {
    if (ttl.is_negative()) {
        throw error(errc::configuration, "memoize: .ttl is negative; give how long a result is "
                                         "served, or 0 for ever");
    }
    if (threshold.least().count() < 0) {
        throw error(errc::configuration, "memoize: .time_threshold is negative; give how long what "
                                         "is stored takes at the least, or 0 for everything");
    }
}

/// The state of a function of which none is asked at each call.
struct no_state {};

/// What names a call: its key, under verify_full the words that were hashed, and under keyed_by the digest
/// of the state that is in the key.
template <class Witness, class State> struct call_name {
    unfinalized_key key;
    [[no_unique_address]] Witness stream{};
    [[no_unique_address]] State state{};
};

/// One function's records in a backend.
///
/// Thread safety:  safe
template <class Backend, class Evaluation, class State> class recorder {
  public:
    using record = typename Evaluation::record;
    using name = call_name<typename Evaluation::key_material, State>;

    /// invalidated     of this function on this store, by whichever wrapper; outlives this
    recorder(Backend const& backend, key128 scope, typename Evaluation::options const& chosen,
             invalidation_log& invalidated)
        : counters_(chosen.audit == 0),
          partition_(detail::open_partition<record>(
                         backend, scope, {chosen.on_error, chosen.time_threshold.is_worthwhile()}),
                     counters_, chosen.on_error),
          evaluation_(chosen),
          ttl_(chosen.ttl),
          audited_(chosen.audit != 0),
          invalidated_(invalidated),
          audits_(chosen),
          at_reset_(detail::events_of(partition_)) { // what earlier wrappers saw is not this one's
        check_spans(chosen.ttl, chosen.time_threshold);
    }

    [[nodiscard]] Evaluation const& evaluation() const noexcept { return evaluation_; }
    [[nodiscard]] call_counters& counters() noexcept { return counters_; }
    [[nodiscard]] auto const& partition() const noexcept { return partition_; }

    // Key to record.

    /// Most hits: one at first sight, which is counted. Of whatever else there is, nothing, and
    /// nothing was done.
    // Inlined by force, so that key and record stay in registers.
    [[nodiscard, gnu::always_inline]] inline std::optional<record> glance(name const& called) {
        if constexpr (std::is_empty_v<typename Evaluation::key_material>) {
            return quick_hit(partition_.glance(called.key));
        } else {
            return std::nullopt;
        }
    }

    /// Most of the other hits.
    [[nodiscard]] std::optional<record> glance_further(name const& called) {
        if constexpr (std::is_empty_v<typename Evaluation::key_material>) {
            return quick_hit(partition_.glance_further(called.key));
        } else {
            return std::nullopt;
        }
    }

    /// What is remembered of a call, for who only watches, and for the second lookup of a call: nothing
    /// is counted, and the record is not used.
    [[nodiscard]] std::optional<cached_value<record>> peek(name const& called) const {
        auto kept = partition_.peek(called.key);
        if (kept && !Evaluation::is_of(kept->record, called.stream)) {
            kept.reset();
        }
        return kept;
    }

    [[nodiscard]] std::optional<cached_value<record>> look(name const& called) {
        auto kept = partition_.get(called.key);
        if (kept && !is_of(*kept, called)) {
            kept.reset();
        }
        return kept;
    }

    /// What is remembered of each of many calls, looked up together.
    [[nodiscard]] std::vector<std::optional<cached_value<record>>>
    look(std::span<name const> called) {
        std::vector<key128> keys(called.size());
        std::ranges::transform(called, keys.begin(), &name::key);
        std::vector<lookup_result<record>> found(called.size());
        partition_.get_many(keys, found);
        std::vector<std::optional<cached_value<record>>> kept(called.size());
        for (std::size_t i = 0; i < called.size(); ++i) {
            if (found[i] && is_of(*found[i], called[i])) {
                kept[i] = *std::move(found[i]);
            }
        }
        return kept;
    }

    /// Counts a hit. True if it may be audited: no such hit is quick.
    [[nodiscard]] bool count_hit(std::uint64_t saved) {
        counters_.hit(saved);
        return audited_;
    }

    [[nodiscard]] bool erase(key128 key) {
        return invalidated_.invalidate(key, [&] { return partition_.erase(key); });
    }
    void clear() {
        invalidated_.invalidate_all([&] { partition_.clear(); });
    }

    // Arguments to sample, no lock held; sample to record.

    /// Runs the function once, and gives the record as it is then.
    ///
    /// now             what was there before
    /// draw            runs the function; given a replicate
    template <class Draw>
    record one_more(name const& called, std::optional<record> now, Draw& draw) {
        std::uint64_t const since = invalidated_.now();
        if constexpr (Evaluation::merges) {
            sample_id const by = take_number(called.key);
            timed_run run(counters_);
            auto const drawn = draw(replicate_of(called.key, by));
            put_options const about{run.returned(), ttl_};
            record before = now ? *std::move(now) : record{};
            if (evaluation_.accepts(drawn)) {
                return merge(called, draw, since, Evaluation::add(drawn, by),
                             Evaluation::add(drawn, {})(&before), about);
            }
            counters_.add(&statistics::rejected);
            if (evaluation_.counts_rejected()) {
                return merge(called, draw, since, Evaluation::add_rejected(by),
                             Evaluation::add_rejected({})(&before), about);
            }
            return before;
        } else {
            timed_run run(counters_);
            auto drawn = draw(replicate{});
            std::chrono::nanoseconds const taken = run.returned();
            bool const accepted = evaluation_.accepts(drawn);
            counters_.add(&statistics::rejected, accepted ? 0 : 1);
            record made = Evaluation::remember(std::move(drawn), called.stream);
            if (Backend::stores && accepted && evaluation_.slow_enough(taken)) {
                keep(called, draw, since, {taken, ttl_}, [&](put_options const& about) {
                    return partition_.put(called.key, made, about);
                });
            }
            return made;
        }
    }

    /// Runs the function again for a hit, if it is its turn, and compares. What the function throws
    /// is counted and not passed on: the hit has its value.
    ///
    /// run             the call, see detail/cache/call.hpp
    /// Throws:         what the user's on_disagreement throws
    template <class Run> void audit(name const& called, record const& kept, Run& run) {
        key128 const key = called.key;
        if (!audits_.is_due()) {
            return;
        }
        std::string text;
        try {
            audit_under_way const nothing_within;
            text = to_string(run.explain()); // now, as the function may move from its arguments
            auto const sample = sample_again(key, run);
            counters_.add(&statistics::audits);
            if (!run.has_state(called.state) || !audits_.disagree(evaluation_, key, kept, sample)) {
                return;
            }
        } catch (thread_cancelled const&) {
            throw;
        } catch (...) {
            return;
        }
        counters_.add(&statistics::disagreements);
        audits_.report("memo: audit " + to_string(key) +
                       ": the function does not give any more what is stored. Something that it "
                       "reads is not in the key, or was changed without a new version:\n" +
                       text);
    }

    [[nodiscard]] statistics stats() {
        statistics sum = counters_.since_reset();
        backend_statistics const now = partition_.events();
        std::scoped_lock const lock(mutex_);
        return sum.add(now, at_reset_);
    }

    void reset_stats() {
        counters_.reset();
        backend_statistics const now = partition_.events();
        std::scoped_lock const lock(mutex_);
        at_reset_ = now;
    }

  private:
    /// A run of the function of which nothing is kept.
    template <class Run> typename Evaluation::sample sample_again(key128 key, Run& run) {
        timed_run timed(counters_);
        auto drawn = run(replicate_of(key, {random_number(), 0}));
        timed.returned();
        return drawn;
    }

    [[nodiscard, gnu::always_inline]] inline std::optional<record>
    quick_hit(std::optional<fast_hit<record>> kept) {
        if (kept && evaluation_.enough(kept->record) && counters_.quick_hit(kept->cost))
            [[likely]] {
            return std::move(kept->record);
        }
        return std::nullopt;
    }

    bool is_of(cached_value<record> const& kept, name const& called) {
        bool const same = Evaluation::is_of(kept.record, called.stream);
        if (!same) {
            counters_.add(&statistics::corrupt);
        }
        return same;
    }

    /// Stores what was evaluated, unless its record was invalidated since then, or the function has another
    /// state by now than its key: it may have waited for a leader or a claim, or the state changed while
    /// it ran.
    ///
    /// draw            what ran the function
    /// store           given what to tell the backend; returns whether that has stored it
    template <class Draw, class Store>
    void keep(name const& called, Draw const& draw, std::uint64_t since, put_options about,
              Store const& store) {
        key128 const key = called.key;
        if (!draw.has_state(called.state)) {
            counters_.add(&statistics::rejected);
            return;
        }
        auto const valid = [&] { return !invalidated_.includes(key, since); };
        if (!valid()) {
            return;
        }
        about.valid = validity(valid);
        {
            scoped_timer const timed(counters_.storing().sample());
            counters_.add(&statistics::sets, store(about) ? 1 : 0);
        }
        // Where the partition did not ask within the step that stored: an invalidation in between has
        // erased nothing yet, and nobody else will.
        if (!validating_partition<partition_type> && !valid()) {
            static_cast<void>(partition_.erase(key));
        }
    }

    /// Changes the record in the backend, and gives it as it is then; or as this call has it, if
    /// the backend does not store it.
    template <class Draw, class Merge>
    record merge(name const& called, Draw const& draw, std::uint64_t since, Merge const& change,
                 record expected, put_options about) {
        if constexpr (Backend::stores) {
            std::optional<record> stored;
            keep(called, draw, since, about, [&](put_options const& while_valid) {
                stored = partition_.update(called.key, change, while_valid);
                return stored.has_value();
            });
            // Less than expected: what was there was invalidated meanwhile.
            if (stored && Evaluation::draws_in(*stored) >= Evaluation::draws_in(expected)) {
                return *std::move(stored);
            }
        }
        return expected;
    }

    sample_id take_number(key128 key) {
        if constexpr (!Evaluation::numbered) {
            return {};
        } else if constexpr (!Backend::stores) {
            return {next_number_.fetch_add(1, std::memory_order_relaxed), 0};
        } else {
            auto const begun = partition_.update(key, Evaluation::begin(random_incarnation()),
                                                 {std::chrono::nanoseconds(0), ttl_});
            return begun ? sample_id{begun->begun - 1, begun->incarnation}
                         : sample_id{random_number(), 0};
        }
    }

    using partition_type =
        decltype(detail::open_partition<record>(std::declval<Backend const&>(), {}, {}));

    call_counters counters_;
    guarded<partition_type, record> const partition_;
    Evaluation const evaluation_;
    std::chrono::nanoseconds const ttl_;
    bool const audited_;                        ///< then no hit is quick
    std::atomic<std::uint64_t> next_number_{0}; ///< of a sample, where no record numbers them
    invalidation_log& invalidated_;
    auditor<Evaluation> audits_;
    mutex mutex_;
    backend_statistics at_reset_;
};

} // namespace memo::detail
