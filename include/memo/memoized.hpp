// SPDX-License-Identifier: BSL-1.0
#pragma once

// memo::memoized, a wrapped function: it computes the key of a call, gets the record from the function's
// cache, and returns the record's value.

#include <memo/claim.hpp>
#include <memo/detail/cache/batch.hpp>
#include <memo/detail/cache/function_cache.hpp>
#include <memo/detail/cache/owned_arguments.hpp>
#include <memo/detail/cache/wrapped_function.hpp>
#include <memo/detail/key/call_key.hpp>
#include <memo/detail/key/scope_digest.hpp>
#include <memo/detail/stats/function_registry.hpp>
#include <memo/detail/tools/auditor.hpp>
#include <memo/detail/tools/explain_call.hpp>
#include <memo/detail/wrong_arguments.hpp>
#include <memo/estimate.hpp>
#include <memo/options.hpp>
#include <memo/outcome.hpp>
#include <memo/replicate.hpp>
#include <memo/result.hpp>
#include <memo/statistics.hpp>
#include <memo/tools/explanation.hpp>
#include <memo/tools/snapshot.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span> // declared for ranges, it has their concepts; <ranges> brings the views as well
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace memo {

/// A function whose results are cached, created by memo::memoize. Copies share everything, and a move is a
/// copy: a moved-from object is still usable.
///
/// Backend         see backend.hpp
/// Callable        the function and its declared state, see detail/key/state.hpp
/// Evaluation      the kind of record and its conversions, see detail/record/exact.hpp
/// InKey           the indices of the parameters that are in the key
///
/// Thread safety:  safe, if concurrent calls of the function are
template <class Backend, class Callable, class Signature, class Evaluation, class InKey>
class memoized;

template <class Backend, class Callable, class R, class... P, class Evaluation,
          std::size_t... InKey>
class memoized<Backend, Callable, R(P...), Evaluation, std::index_sequence<InKey...>>
    : public detail::
          a_call_needs_an_argument_of_the_right_type_for_each_parameter_even_with_a_default {
    static constexpr bool asks_state = Callable::has_current_state;
    using state_type = std::conditional_t<asks_state, key128, detail::no_state>;
    using cache = detail::function_cache<Backend, Evaluation, state_type>;
    using call_id = typename cache::call_id;
    using record = typename Evaluation::record;
    using sample = typename Evaluation::sample;

  public:
    using result_type = typename Evaluation::result;
    using options_type = typename Evaluation::options;
    /// That of a memo::function that can hold it.
    using signature_type = result_type(P...);

    memoized(Callable&& callable, options_type const& options, Backend&& backend,
             detail::function_identity&& identity)
        : core_(detail::share(new core_type(std::move(callable), options, std::move(backend),
                                            std::move(identity)))) {}
    memoized(memoized const&) = default;
    memoized& operator=(memoized const&) = default;
    ~memoized() = default;

    /// The function's value for these arguments, cached or computed; for an averaged function the mean, or
    /// NaN if all samples were refused.
    ///
    /// Complexity:     a hit costs the key and one lookup
    /// Throws:         exceptions of the function, untouched; memo::error: recursion, argument, sample;
    ///                 backend under on_error = strict; miss under on_miss = fail
    // Inlined by force: the constants of the hash then stay in registers from call to call.
    [[gnu::always_inline]] inline result_type operator()(P... args) const {
        call_id id = id_of(args...);
        auto found = core().cache.try_hit(id);
        if (found.record) [[likely]] {
            return Evaluation::result_of(*std::move(found.record));
        }
        return value_of(std::move(id), found.seems_absent, static_cast<P&&>(args)...);
    }

    /// Calls the function as above; also returns the source of the value and the reason of a miss.
    [[nodiscard]] memo::outcome<result_type> outcome(P... args) const {
        call_id const id = id_of(args...); // before the call moves from the arguments
        auto [found, origin] = serve(id, false, args...);
        return {Evaluation::result_of(std::move(found)), origin.source, origin.reason};
    }

    /// Averaged functions: calls the function as above, and returns the mean with its error.
    [[nodiscard]] auto estimate(P... args) const requires Evaluation::merges {
        call_id const id = id_of(args...);
        return core().cache.evaluation().estimate(serve(id, false, args...).record);
    }

    /// Never waits: returns the cached value, or the right to evaluate the call, or neither if another
    /// caller evaluates it, in this process, in another one with memo::disk, or on another machine with
    /// memo::memcached and a `lease`. For workers that share a list of calls: `if (auto claim =
    /// f.try_claim(x); claim.state() == memo::claim_state::claimed) { claim.run(); }`. Counts a hit now,
    /// anything else in run().
    ///
    /// Complexity:     as a call without its evaluation; copies the arguments, see claim.hpp
    /// Throws:         as a call, except exceptions of the function
    [[nodiscard]] auto try_claim(P... args) const {
        using owned_call = call<memoized, detail::owned_argument<P>...>;
        call_id const id = id_of(args...);
        return claim<cache, result_type, owned_call>(*this, core().cache, id,
                                                     static_cast<P&&>(args)...);
    }

    /// The results of many calls, in the order of the range. Looks up all calls together, which saves round
    /// trips, and evaluates the misses, duplicates once. The exception of a call is its result, and does not
    /// affect other calls.
    ///
    /// calls           forward range; an element is a tuple of the arguments, or the argument itself for
    ///                 one parameter. Every evaluation reads its element again
    /// execute         called with a copyable `void()` for each evaluation, in order; runs it in any thread.
    ///                 `many` waits for all of them. Default: the calling thread runs them. A thread pool
    ///                 whose own threads call `many` needs a spare thread
    /// Complexity:     n keys and one batch of lookups; one more call for each miss
    /// Throws:         under on_error = strict, memo::error for a failed lookup
    template <std::ranges::forward_range Range = std::vector<detail::arguments_of<P...>>,
              class Executor = detail::one_after_another>
    [[nodiscard]] std::vector<memo::result<result_type>> many(Range&& calls,
                                                              Executor&& execute = {}) const {
        static_assert(detail::holds_arguments<std::ranges::range_reference_t<Range>, P...>,
                      "memo: an element of the range of many() holds the arguments of one call: a "
                      "std::tuple of them, or the argument itself for one parameter");
        detail::batch<cache, Evaluation> batch(core().cache);
        detail::places<Range> places(calls);
        batch.reserve_for(calls);
        for (auto place = std::ranges::begin(calls); place != std::ranges::end(calls); ++place) {
            places.add(place);
            batch.add([&] {
                return detail::with_arguments<P...>(*place,
                                                    [&](P... args) { return id_of(args...); });
            });
        }
        auto const evaluate = [&](std::size_t item, call_id const& id, miss_reason reason) {
            return detail::with_arguments<P...>(*places[item], [&](P... args) -> result_type {
                running pending(*this, core().cache, id, core().cache.evaluation(), args...);
                core().cache.miss(pending, reason);
                return Evaluation::result_of(*std::move(pending.record));
            });
        };
        auto const examine = [&](std::size_t item, call_id const& id, auto const& stored) {
            detail::with_arguments<P...>(*places[item],
                                         [&](P... args) { audit(id, stored, args...); });
        };
        return batch.serve(execute, evaluate, examine);
    }

    /// Averaged functions: adds samples to the record until it meets a tighter rule, whatever `repeat` is.
    /// The returned estimate is `settled` by that rule.
    ///
    /// Throws:         as a call; memo::error (configuration) for an invalid rule
    [[nodiscard]] auto refine(P... args, refinement const& more) const requires Evaluation::merges {
        call_id const id = id_of(args...);
        Evaluation const tighter = core().cache.evaluation().tightened(more);
        running pending(*this, core().cache, id, tighter, args...);
        core().cache.miss(pending, miss_reason::absent);
        return tighter.estimate(*pending.record);
    }

    /// The cached value for these arguments, or nullopt. Never runs the function, is not counted as a call,
    /// and does not count as a use for eviction.
    [[nodiscard]] std::optional<result_type> lookup(P... args) const {
        auto found = core().cache.peek(id_of(args...));
        if (found && Evaluation::has_result(found->record)) {
            return Evaluation::result_of(std::move(found->record));
        }
        return std::nullopt;
    }

    /// Whether lookup() would return a value. Does not count as a use either.
    [[nodiscard]] bool contains(P... args) const {
        auto const found = core().cache.peek(id_of(args...));
        return found && Evaluation::has_result(found->record);
    }

    /// Invalidates the record for these arguments; true if there was one. An evaluation in flight still
    /// returns to its callers, but its result is not stored, and later callers do not get it.
    bool forget(P... args) const { return core().cache.erase(id_of(args...).key); }

    /// Invalidates all records of this function, and of no other.
    void clear() const { core().cache.clear(); }

    /// This function with one value per call for the lifetime of the snapshot, whatever other callers add to
    /// a mean: for one pass of an estimator. Repeated calls of the snapshot are not counted.
    [[nodiscard]] auto snapshot() const {
        return memo::snapshot<memoized, result_type, P...>(*this);
    }

    /// The key of these arguments.
    [[nodiscard]] key128 key(P... args) const { return id_of(args...).key; }

    /// The parts of that key, and the reason why a lookup would miss now; printable as text. Does not run the
    /// function, and counts nothing.
    ///
    /// Complexity:     some us, and a lookup; encodes each argument twice
    [[nodiscard]] explanation explain(P... args) const {
        explanation result;
        explain_to(result, args...);
        result.miss = core().cache.would_miss(id_of(args...));
        return result;
    }

    /// The counters since the function was wrapped or they were reset.
    [[nodiscard]] statistics stats() const { return core().cache.stats(); }
    /// Resets all counters to zero. Does not change records.
    void reset_stats() const { core().cache.reset_stats(); }

    [[nodiscard]] Backend const& backend() const noexcept { return core().backend; }

  private:
    struct core_type final : detail::wrapped_function {
        core_type(Callable&& function, options_type const& options, Backend&& handle,
                  detail::function_identity&& function_identity)
            : wrapped_function(std::move(function_identity)),
              backend(std::move(handle)),
              cache(backend, midstate.scope(), options),
              audits(options.audit, Evaluation::comparable,
                     options.on_miss == on_miss_policy::compute, options.on_disagreement,
                     cache.counters()),
              callable(std::move(function)),
              registration(identity.title(), detail::digest_of_text(identity.title()),
                           cache.counters()) {}

        Backend const backend;
        memoized::cache cache;
        detail::auditor audits;
        Callable callable;
        detail::function_registry::entry const registration;
    };

    [[nodiscard, gnu::always_inline]] inline core_type& core() const noexcept {
        return static_cast<core_type&>(*core_);
    }

    // Computes the key.

    call_id id_of(std::remove_reference_t<P> const&... args) const {
        auto const all = std::tie(args...);
        if constexpr (asks_state) {
            key128 const state = core().callable.current_state();
            call_id id = id_from(std::get<InKey>(all)..., state);
            id.state = state;
            return id;
        } else {
            return id_from(std::get<InKey>(all)...);
        }
    }

    [[nodiscard]] bool has_state([[maybe_unused]] state_type const& state) const {
        if constexpr (asks_state) {
            return core().callable.current_state() == state;
        } else {
            return true;
        }
    }

    template <class... Args> call_id id_from(Args const&... args) const {
        if constexpr (std::is_empty_v<typename Evaluation::key_material>) {
            return {detail::call_key(core().midstate, args...), {}, {}};
        } else {
            call_id id;
            id.key = detail::unfinalized_key(
                detail::gathered_key(core().midstate.scope(), &id.stream, args...));
            return id;
        }
    }

    void explain_to(explanation& parts, std::remove_reference_t<P> const&... args) const {
        using in_key = std::index_sequence<InKey...>;
        auto const all = std::tie(args...);
        if constexpr (asks_state) {
            detail::explain_call(parts, core().identity, in_key{}, all,
                                 core().callable.current_state());
        } else {
            detail::explain_call(parts, core().identity, in_key{}, all);
        }
    }

    // Serves the call.

    // Not inlined, and takes the arguments by their own types, so that a hit needs few registers.
    [[gnu::noinline]] result_type value_of(call_id id, bool seems_absent, P... args) const {
        return Evaluation::result_of(serve(id, seems_absent, args...).record);
    }

    struct served {
        memoized::record record;
        detail::record_origin origin{};
    };

    served serve(call_id const& id, bool seems_absent, std::remove_reference_t<P>&... args) const {
        auto found = core().cache.lookup(id, seems_absent);
        if (found) {
            audit(id, found->record, args...);
            return {std::move(found->record)};
        }
        running pending(*this, core().cache, id, core().cache.evaluation(), args...);
        auto const origin = core().cache.miss(pending, found.reason());
        if (origin.source == source::hit && core().audits.is_due()) {
            core().audits.audit(pending);
        }
        return {*std::move(pending.record), origin};
    }

    /// Runs the function again for a hit that is selected for an audit, and compares.
    void audit(call_id const& id, record const& stored, std::remove_reference_t<P>&... args) const {
        if (core().audits.is_due()) {
            running audited(*this, core().cache, id, core().cache.evaluation(), args...);
            audited.record.emplace(stored);
            core().audits.audit(audited);
        }
    }

    // Runs the function.

    /// A call that the cache can run several times.
    ///
    /// Self            memoized, or a reference to one that outlives the call
    /// Args            references to the arguments, or copies of them
    // NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): nothing is destroyed by a base
    template <class Self, class... Args> class call final : public cache::call {
      public:
        template <class... Arguments>
        call(Self self, memoized::cache& records, call_id const& id, Evaluation const& wanted,
             Arguments&&... args)
            : cache::call(records, id, wanted),
              self_(static_cast<Self&&>(self)),
              args_(std::forward<Arguments>(args)...) {}
        ~call() = default;

        [[nodiscard]] bool has_state() const override { return self_.has_state(this->id().state); }

        [[gnu::cold]] void explain(explanation& parts) override {
            std::apply([&](auto&... args) { self_.explain_to(parts, args...); }, args_);
        }

      private:
        // The function may move from its arguments.
        sample run(replicate const& which) override {
            try {
                return std::apply([&](auto&... args) { return self_.draw(which, args...); }, args_);
            } catch (...) {
                this->threw_ = true;
                throw;
            }
        }

        Self self_;
        std::tuple<Args...> args_;
    };

    /// A call with references to the arguments.
    using running = call<memoized const&, std::remove_reference_t<P>&...>;

    sample draw([[maybe_unused]] replicate const& which,
                std::remove_reference_t<P>&... args) const {
        if constexpr (Evaluation::numbered) {
            return std::invoke(core().callable.function, pass<P>(args)..., which);
        } else {
            return std::invoke(core().callable.function, pass<P>(args)...);
        }
    }

    /// An argument with the function's parameter type; a copy if the function may run again with it.
    template <class T> static decltype(auto) pass(std::remove_reference_t<T>& argument) {
        if constexpr (Evaluation::merges && !std::is_lvalue_reference_v<T>) {
            return std::remove_cvref_t<T>(argument);
        } else {
            return static_cast<T&&>(argument);
        }
    }

    std::shared_ptr<detail::wrapped_function> core_; ///< a core_type
};

} // namespace memo
