// SPDX-License-Identifier: BSL-1.0
#pragma once

// One function's cache: takes a call's key and returns the record that serves the call. It does steps 2
// to 6 of docs/walk.md, and its members are in that order: look the key up, decide whether the record is
// enough, let one caller lead, run the function with no lock held, store the result.
//
// A miss looks up twice, before it leads and again as the leader: an earlier leader may have stored the
// record in between.

#include <memo/backend.hpp>
#include <memo/detail/cache/invalidations.hpp>
#include <memo/detail/cache/single_flight.hpp>
#include <memo/detail/key/hash.hpp>
#include <memo/detail/key/unfinalized_key.hpp>
#include <memo/detail/key/words.hpp>
#include <memo/detail/open_partition.hpp>
#include <memo/detail/optional_members.hpp>
#include <memo/detail/record/sample_id.hpp>
#include <memo/detail/stats/counters.hpp>
#include <memo/detail/system/cancellation.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/error.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>
#include <memo/outcome.hpp>
#include <memo/statistics.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace memo::detail {

/// The counters of misses, in the order of miss_reason.
inline constexpr counter_place misses_by_reason[] = {
    &statistics::misses_absent,    &statistics::misses_expired,
    &statistics::misses_corrupt,   &statistics::misses_other_stream,
    &statistics::misses_unsettled, &statistics::misses_unavailable,
    &statistics::misses_version};

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

/// The state of a function whose state is not read at each call.
struct no_state {};

/// Identifies a call: its key, under verify_full the words that were hashed, and under keyed_by the digest
/// of the state that is in the key.
template <class KeyMaterial, class State> struct call_identity {
    unfinalized_key key;
    [[no_unique_address]] KeyMaterial stream{};
    [[no_unique_address]] State state{};
};

/// One function's records in a backend, and the callers who wait for them.
///
/// Backend         see backend.hpp
/// Evaluation      see detail/record/exact.hpp and detail/record/averaged.hpp
/// State           key128 for a function whose state is read at each call; no_state otherwise
/// Thread safety:  safe
template <class Backend, class Evaluation, class State> class function_cache {
  public:
    using record = typename Evaluation::record;
    using call_id = call_identity<typename Evaluation::key_material, State>;
    using options = typename Evaluation::options;

    /// The record that serves a call.
    struct served {
        memo::detail::function_cache<Backend, Evaluation, State>::record record;
        memo::source source = memo::source::hit;
        std::optional<miss_reason> reason{}; ///< of the miss; none for a hit
    };

    function_cache(Backend const& backend, key128 scope, options const& chosen)
        : counters_(chosen.audit == 0), // with audits no hit takes the fast path
          shared_(store_of(backend), scope),
          flights_(shared_->under_way),
          partition_(detail::open_partition<record>(
              backend, scope, {chosen.on_error, chosen.time_threshold.is_worthwhile()})),
          evaluation_(chosen),
          ttl_(chosen.ttl),
          is_strict_(chosen.on_error == on_error_policy::strict),
          single_flight_(chosen.single_flight),
          runs_(chosen.on_miss == on_miss_policy::compute),
          at_reset_(detail::events_of(partition_)) { // events before this wrapper are not counted
        check_spans(chosen.ttl, chosen.time_threshold);
    }

    [[nodiscard]] Evaluation const& evaluation() const noexcept { return evaluation_; }
    [[nodiscard]] call_counters& counters() noexcept { return counters_; }

    // Steps 2 and 3: look the key up, and decide whether the record is enough.

    /// Fast path: counts and returns a hit if the first probe finds it; otherwise has no effect.
    // Inlined by force, so that key and record stay in registers.
    [[nodiscard, gnu::always_inline]] inline fast_lookup<record> try_hit(call_id const& id) {
        if constexpr (std::is_empty_v<typename Evaluation::key_material> &&
                      fast_partition<partition_type, record>) {
            return counted(partition_.try_hit(id.key));
        } else {
            return {};
        }
    }

    /// Serves a call that missed the fast path.
    ///
    /// seems_absent    see fast_lookup
    /// run             runs the function for this call, see memoized::call
    template <class Run>
    [[nodiscard]] served serve(call_id const& id, bool seems_absent, Run&& run) {
        if (!seems_absent) {
            if (auto further = try_hit_further(id); further.record) {
                return {*std::move(further.record), source::hit, std::nullopt};
            }
        }
        // The fast path may be wrong about absence; the second lookup, which only a leader does, is not.
        lookup_result<record> found =
            seems_absent && single_flight_ ? miss_reason::absent : lookup(id);
        if (!found) {
            return miss(id, evaluation_, found.reason(), run);
        }
        counters_.hit(found->cost);
        return {std::move(found->record), source::hit, std::nullopt};
    }

    /// Looks up many calls together, and counts the hits.
    [[nodiscard]] std::vector<lookup_result<record>> lookup_all(std::span<call_id const> ids) {
        std::vector<key128> keys(ids.size());
        std::ranges::transform(ids, keys.begin(), &call_id::key);
        std::vector<lookup_result<record>> found(ids.size());
        bool const is_complete = attempt("get", false, [&] {
            detail::get_many<record>(partition_, std::span<key128 const>(keys), std::span(found));
            return true;
        });
        std::uint64_t hits = 0;
        std::uint64_t saved = 0;
        for (std::size_t i = 0; i < found.size(); ++i) {
            if (!is_complete && !found[i] && found[i].reason() == miss_reason::absent) {
                found[i] = miss_reason::unavailable;
            }
            keep_if_enough(ids[i], found[i]);
            if (found[i]) {
                ++hits;
                saved += found[i]->cost;
            }
        }
        counters_.hit(saved, hits);
        return found;
    }

    /// The stored record of a call, enough or not. Counts no call, and does not count as a use of the record.
    [[nodiscard]] lookup_result<record> peek(call_id const& id) const {
        return own(id, attempt("get", unavailable(),
                               [&] { return detail::peek<record>(partition_, id.key); }));
    }

    /// The reason for which a call would miss now; none if it would hit. Counts nothing.
    [[nodiscard]] std::optional<miss_reason> would_miss(call_id const& id) const {
        lookup_result<record> found = unavailable();
        try {
            found = own(id, detail::peek<record>(partition_, id.key));
        } catch (thread_cancelled const&) {
            throw;
        } catch (...) {
            return miss_reason::unavailable;
        }
        if (found && !evaluation_.is_enough(found->record)) {
            return miss_reason::unsettled;
        }
        return found ? std::nullopt : std::optional(found.reason());
    }

    // Step 4: one caller leads.

    /// Serves a call whose lookup found no record that is enough.
    ///
    /// wanted          decides what is enough
    /// reason          of the lookup
    template <class Run>
    [[nodiscard]] served miss(call_id const& id, Evaluation const& wanted, miss_reason reason,
                              Run&& run) {
        if (!runs_) { // no leader: callers of other wrappers may run the function
            return evaluate(id, wanted, reason, run, true);
        }
        if (!single_flight_ || !Backend::stores) {
            return evaluate(id, wanted, reason, run, false);
        }
        for (;;) {
            auto role = flights_.join(flight_of(id), id.key);
            if (role.leads()) {
                return complete(role, run, [&] {
                    [[maybe_unused]] auto const alone = lead_processes(id.key);
                    return evaluate(id, wanted, reason, run, true);
                });
            }
            if (auto followed = follow(role, wanted)) {
                return {*std::move(followed), source::coalesced, reason};
            } // the leader gave up, or its record is not enough for this caller
        }
    }

    /// The right to evaluate a call that missed, for a caller that does not wait. Its destructor gives the
    /// right up.
    ///
    /// Thread safety:  none
    class right {
      public:
        right(function_cache& cache, call_id const& id)
            : cache_(cache),
              id_(id),
              role_(find()        ? cache.flights_.stay_out()
                    : cache.runs_ ? cache.flights_.try_lead(flight_of(id_), id_.key)
                                  : cache.flights_.lead_alone()),
              alone_(role_.leads() && cache.runs_ ? cache.try_lead_processes(id_.key) : leading()) {
            if (cache.runs_ && !alone_) { // another caller or process evaluates the call
                role_.give_up();
            }
        }
        right(right const&) = delete;
        right& operator=(right const&) = delete;
        ~right() = default;

        [[nodiscard]] bool is_held() const noexcept { return role_.leads(); }

        [[nodiscard]] bool is_served() const noexcept { return record_.has_value(); }

        /// Only if is_served().
        [[nodiscard]] typename Evaluation::result value() const {
            return Evaluation::result_of(record(*record_));
        }

        /// Serves the call. Only if is_held(), and once.
        template <class Run> void use(Run& run) {
            record_ = cache_
                          .complete(role_, run,
                                    [&] {
                                        // Its end comes before that of the flight.
                                        [[maybe_unused]] leading const alone(std::move(alone_));
                                        return cache_.evaluate(id_, cache_.evaluation_, reason_,
                                                               run, true);
                                    })
                          .record;
        }

      private:
        using leading =
            decltype(std::declval<function_cache const&>().try_lead_processes(key128{}));

        bool find() {
            auto found = cache_.lookup(id_);
            if (!found) {
                reason_ = found.reason();
                return false;
            }
            cache_.counters_.hit(found->cost);
            record_ = std::move(found->record);
            return true;
        }

        function_cache& cache_;
        call_id const id_;
        std::optional<record> record_;
        miss_reason reason_ = miss_reason::absent;
        typename single_flight<record>::role role_;
        leading alone_;
    };

    /// The key of a call's flight. Calls whose keys collide share neither a record nor a flight.
    [[nodiscard]] static key128 flight_of(call_id const& id) {
        if constexpr (std::is_empty_v<typename Evaluation::key_material>) {
            return id.key;
        } else {
            key128 const key = id.key;
            key128 const other = hash128(id.stream.data(), id.stream.size() * word_size);
            return {key.low ^ other.low, key.high ^ other.high};
        }
    }

    /// Counts a call that an earlier one of the same batch serves.
    void coalesce() { count(&statistics::coalesced); }

    // Invalidation and counters.

    [[nodiscard]] bool erase(key128 key) {
        return shared_->invalidated.invalidate(
            key, [&] { return attempt("erase", false, [&] { return partition_.erase(key); }); });
    }

    void clear() {
        shared_->invalidated.invalidate_all([&] {
            attempt("clear", false, [&] {
                partition_.clear();
                return true;
            });
        });
    }

    [[nodiscard]] statistics stats() {
        statistics sum = counters_.since_reset();
        backend_statistics const now = detail::events_of(partition_);
        std::scoped_lock const lock(mutex_);
        return sum.add(now, at_reset_);
    }

    void reset_stats() {
        counters_.reset();
        backend_statistics const now = detail::events_of(partition_);
        std::scoped_lock const lock(mutex_);
        at_reset_ = now;
    }

  private:
    using partition_type =
        decltype(detail::open_partition<record>(std::declval<Backend const&>(), {}, {}));

    void count(counter_place kind) {
        counters_.add(&statistics::calls);
        counters_.add(kind);
    }

    /// Runs an operation of the partition. A failure is counted and returns `otherwise`; under on_error =
    /// strict it is thrown, as memo::error (backend).
    template <class Result, class Operation>
    Result attempt(char const* verb, Result otherwise, Operation const& operation) const {
        try {
            return operation();
        } catch (error const& failure) {
            if (failure.code() == errc::sample) {
                throw; // of a merge: the function's failure, not the backend's
            }
            failed(verb, failure.message());
        } catch (std::exception const& failure) {
            failed(verb, failure.what());
        } catch (thread_cancelled const&) {
            throw;
        } catch (...) {
            failed(verb, "an exception that is no std::exception");
        }
        return otherwise;
    }

    [[gnu::noinline]] void failed(char const* verb, std::string_view what) const {
        counters_.add(&statistics::errors);
        if (is_strict_) {
            throw error(errc::backend, std::string("backend ") + verb + ": " + std::string(what));
        }
    }

    [[nodiscard]] static lookup_result<record> unavailable() { return miss_reason::unavailable; }

    [[nodiscard]] fast_lookup<record> try_hit_further(call_id const& id) {
        if constexpr (std::is_empty_v<typename Evaluation::key_material> &&
                      fast_partition<partition_type, record>) {
            return counted(partition_.try_hit_further(id.key));
        } else {
            return {};
        }
    }

    [[nodiscard, gnu::always_inline]] inline fast_lookup<record>
    counted(fast_lookup<record> found) {
        if (!found.record || !evaluation_.is_enough(*found.record) ||
            !counters_.quick_hit(found.cost)) [[unlikely]] {
            found.record.reset();
        }
        return found;
    }

    [[nodiscard]] lookup_result<record> lookup(call_id const& id) {
        auto found = attempt("get", unavailable(),
                             [&]() -> lookup_result<record> { return partition_.get(id.key); });
        keep_if_enough(id, found);
        return found;
    }

    /// Makes a miss of a record that is another call's.
    [[nodiscard]] static lookup_result<record> own(call_id const& id, lookup_result<record> found) {
        if (found && !Evaluation::has_key_material(found->record, id.stream)) {
            return miss_reason::other_stream;
        }
        return found;
    }

    /// Makes a miss of a record that is another call's, which counts as corrupt, or not enough.
    // In place: in a batch a copy of each would be a tenth of its time.
    void keep_if_enough(call_id const& id, lookup_result<record>& found) {
        if (found && !Evaluation::has_key_material(found->record, id.stream)) {
            counters_.add(&statistics::corrupt);
            found = miss_reason::other_stream;
        } else if (found && !evaluation_.is_enough(found->record)) {
            found = miss_reason::unsettled;
        }
    }

    /// Keeps other processes from evaluating a key while the result lives, if the backend can.
    [[nodiscard]] auto lead_processes(key128 key) const {
        if constexpr (leading_partition<partition_type>) {
            return partition_.lead(key);
        } else {
            return 0;
        }
    }

    /// The same without waiting; nothing if another process evaluates the key.
    [[nodiscard]] auto try_lead_processes(key128 key) const {
        if constexpr (leading_partition<partition_type>) {
            return partition_.try_lead(key);
        } else {
            return std::optional<int>(0);
        }
    }

    /// Completes a flight. Followers are thrown what the function throws. Any other failure comes from the
    /// leader's own options or backend, so a follower takes over.
    template <class Role, class Run, class Lead>
    static served complete(Role& role, Run const& run, Lead const& lead) {
        try {
            served result = lead();
            role.complete(result.record);
            return result;
        } catch (...) {
            if (run.threw()) {
                role.fail(std::current_exception());
            } else {
                role.give_up();
            }
            throw;
        }
    }

    /// Waits for the leader. Returns nothing, and counts nothing, if there is no record that is enough.
    template <class Role> std::optional<record> follow(Role const& role, Evaluation const& wanted) {
        std::optional<record> result;
        try {
            result = role.result();
        } catch (...) {
            coalesce();
            throw;
        }
        if (!result || !wanted.can_serve(*result)) {
            return std::nullopt;
        }
        coalesce();
        return result;
    }

    // Step 5: run the function with no lock held.

    /// Runs the function, unless a record that is enough was stored since the first lookup.
    ///
    /// looks_again     whether another leader may have stored one
    template <class Run>
    served evaluate(call_id const& id, Evaluation const& wanted, miss_reason reason, Run& run,
                    bool looks_again) {
        std::optional<record> now;
        if (Backend::stores &&
            (looks_again || Evaluation::merges)) { // a mean goes on from its record
            lookup_result<record> found = lookup_again(id);
            if (found && wanted.is_enough(found->record)) {
                count(&statistics::hits);
                return {std::move(found->record), source::hit, std::nullopt};
            }
            if (found) {
                reason = miss_reason::unsettled;
                now = std::move(found->record);
            } else { // the first lookup erased an expired record; others erased an unsettled one
                reason = reason == miss_reason::unsettled ? found.reason()
                                                          : last_reason(reason, found.reason());
            }
        }
        bool const refines = runs_ && now && Evaluation::has_result(*now);
        if (refines) {
            count(&statistics::refinements);
        } else {
            count(&statistics::misses);
            counters_.add(misses_by_reason[static_cast<std::size_t>(reason)]);
        }
        if (!runs_) {
            throw missed(id.key, reason, run);
        }
        std::uint64_t drawn = 0;
        do {
            now = one_more(id, std::move(now), run);
        } while (wanted.needs_sample(*now, ++drawn));
        return {*std::move(now), refines ? source::refined : source::computed, reason};
    }

    [[nodiscard]] lookup_result<record> lookup_again(call_id const& id) {
        scoped_timer const timed(counters_.looking().sample());
        return peek(id);
    }

    template <class Run>
    [[gnu::cold]] static error missed(key128 key, miss_reason reason, Run& run) {
        auto call = run.explain();
        call.miss = reason;
        return {errc::miss, "replay " + to_string(key) +
                                ": what is stored does not serve this call, and on_miss = fail "
                                "forbids to run the function. Run it with on_miss = compute first, "
                                "or see which part of the key is not the one that was stored:\n" +
                                to_string(call)};
    }

    /// Runs the function once, stores the result, and returns the new record.
    ///
    /// now             the record before, if there was one
    template <class Run> record one_more(call_id const& id, std::optional<record> now, Run& run) {
        std::uint64_t const since = shared_->invalidated.now();
        if constexpr (Evaluation::merges) {
            sample_id const by = take_number(id.key);
            timed_run timed(counters_);
            auto const drawn = run(replicate_of(id.key, by));
            put_options const about{timed.returned(), ttl_};
            record before = now ? *std::move(now) : record{};
            if (evaluation_.accepts(drawn)) {
                return merge(id, run, since, Evaluation::add(drawn, by),
                             Evaluation::add(drawn, {})(&before), about);
            }
            counters_.add(&statistics::rejected);
            if (evaluation_.counts_rejected()) {
                return merge(id, run, since, Evaluation::add_rejected(by),
                             Evaluation::add_rejected({})(&before), about);
            }
            return before;
        } else {
            timed_run timed(counters_);
            auto drawn = run(replicate{});
            std::chrono::nanoseconds const taken = timed.returned();
            bool const accepted = evaluation_.accepts(drawn);
            if (!accepted) {
                counters_.add(&statistics::rejected);
            }
            record fresh = Evaluation::make_record(std::move(drawn), id.stream);
            if (Backend::stores && accepted && evaluation_.is_slow_enough(taken)) {
                store(id, run, since, {taken, ttl_}, [&](put_options const& about) {
                    return attempt("put", false,
                                   [&] { return partition_.put(id.key, fresh, about); });
                });
            }
            return fresh;
        }
    }

    sample_id take_number(key128 key) {
        if constexpr (!Evaluation::numbered) {
            return {};
        } else if constexpr (!Backend::stores) {
            return {next_number_.fetch_add(1, std::memory_order_relaxed), 0};
        } else {
            auto const begun = update(key, Evaluation::begin(random_incarnation()),
                                      {std::chrono::nanoseconds(0), ttl_});
            return begun ? sample_id{begun->begun - 1, begun->incarnation}
                         : sample_id{random_number(), 0};
        }
    }

    // Step 6: store the result.

    /// Stores a result, unless the record was invalidated since the function began, or the function's state
    /// is not that of the key any more: the state may change while the function runs, or waits for a
    /// leader or a claim.
    ///
    /// since           the time of invalidation_log at which the function began
    /// put             given the put_options; returns whether the backend stored the result
    template <class Run, class Put>
    void store(call_id const& id, Run const& run, std::uint64_t since, put_options about,
               Put const& put) {
        key128 const key = id.key;
        if (!run.has_state(id.state)) {
            counters_.add(&statistics::rejected);
            return;
        }
        auto const valid = [&] { return !shared_->invalidated.includes(key, since); };
        if (!valid()) {
            return;
        }
        about.valid = validity(valid);
        {
            scoped_timer const timed(counters_.storing().sample());
            if (put(about)) {
                counters_.add(&statistics::sets);
            }
        }
        // A partition that does not ask `about.valid` as it stores: an invalidation in between has erased
        // nothing, so this call erases.
        if (!validating_partition<partition_type> && !valid()) {
            attempt("erase", false, [&] { return partition_.erase(key); });
        }
    }

    /// Changes the record in the backend and returns the stored record, or `expected` if the backend does
    /// not store it.
    template <class Run, class Merge>
    record merge(call_id const& id, Run const& run, std::uint64_t since, Merge const& change,
                 record expected, put_options about) {
        if constexpr (Backend::stores) {
            std::optional<record> stored;
            store(id, run, since, about, [&](put_options const& while_valid) {
                stored = update(id.key, change, while_valid);
                return stored.has_value();
            });
            // With fewer samples than expected the record was invalidated meanwhile.
            if (stored && Evaluation::draw_count(*stored) >= Evaluation::draw_count(expected)) {
                return *std::move(stored);
            }
        }
        return expected;
    }

    template <class Merge>
    [[nodiscard]] std::optional<record> update(key128 key, Merge const& change,
                                               put_options about) const {
        return attempt("update", std::optional<record>(),
                       [&] { return partition_.update(key, change, about); });
    }

    /// The identity of the backend's store; that of this wrapper for a backend without identity.
    [[nodiscard]] key128 store_of(Backend const& backend) const {
        if constexpr (identified_backend<Backend>) {
            return backend.identity();
        } else {
            return {reinterpret_cast<std::uintptr_t>(this), 0};
        }
    }

    mutable call_counters counters_;
    flights_of_scope const shared_; ///< by all wrappers of the function on this store
    single_flight<record> flights_;
    partition_type const partition_;
    Evaluation const evaluation_;
    std::chrono::nanoseconds const ttl_;
    bool const is_strict_;
    bool const single_flight_;
    bool const runs_;                           ///< whether a miss runs the function
    std::atomic<std::uint64_t> next_number_{0}; ///< of a sample that no record numbers
    mutex mutex_;
    backend_statistics at_reset_;
};

} // namespace memo::detail
