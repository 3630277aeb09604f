// SPDX-License-Identifier: BSL-1.0
#pragma once

// A memoized function: the arguments of a call become its key, the function's cache returns the record
// that serves the call, and the record becomes the value.

#include <memo/claim.hpp>
#include <memo/detail/cache/batch.hpp>
#include <memo/detail/cache/function_cache.hpp>
#include <memo/detail/cache/owned_arguments.hpp>
#include <memo/detail/key/call_key.hpp>
#include <memo/detail/key/scope_digest.hpp>
#include <memo/detail/stats/function_registry.hpp>
#include <memo/detail/tools/auditor.hpp>
#include <memo/detail/tools/explain_call.hpp>
#include <memo/estimate.hpp>
#include <memo/options.hpp>
#include <memo/outcome.hpp>
#include <memo/replicate.hpp>
#include <memo/result.hpp>
#include <memo/statistics.hpp>
#include <memo/tools/explanation.hpp>
#include <memo/tools/snapshot.hpp>

#include <algorithm> // declared for ranges, it has their concepts; <ranges> brings the views as well
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace memo {

/// A function that remembers what it returned. Made by memo::memoize; copies share everything, and a move
/// is a copy: what was moved from is still the function.
///
/// Backend         see backend.hpp
/// Callable        the function and what is known of its state, see detail/key/state.hpp
/// Evaluation      what is remembered of a result, see detail/record/exact.hpp
/// Kept            the places of the parameters that are in the key
///
/// Thread safety:  every member may be id from any thread at any time, if the function may
template <class Backend, class Callable, class Signature, class Evaluation, class Kept>
class memoized;

template <class Backend, class Callable, class R, class... P, class Evaluation, std::size_t... Kept>
class memoized<Backend, Callable, R(P...), Evaluation, std::index_sequence<Kept...>> {
    static constexpr bool asks_state = Callable::has_current_state;
    using state_type = std::conditional_t<asks_state, key128, detail::no_state>;
    using cache = detail::function_cache<Backend, Evaluation, state_type>;
    using call_id = typename cache::call_id;
    using served = typename cache::served;
    using sample = typename Evaluation::sample;

  public:
    using result_type = typename Evaluation::result;
    using options_type = typename Evaluation::options;

    memoized(Callable callable, options_type const& options, Backend backend,
             detail::function_identity identity)
        // NOLINTNEXTLINE(modernize-make-shared): that costs a compiler three times as much
        : core_(new core(std::move(callable), options, std::move(backend), std::move(identity))) {}
    memoized(memoized const&) = default;
    memoized& operator=(memoized const&) = default;
    ~memoized() = default;

    /// The function's value for these arguments, remembered or computed. Of an averaged function
    /// the mean; NaN if all of its results were refused.
    ///
    /// Complexity:     a hit costs the key and one look at the backend
    /// Throws:         what the function throws, untouched; memo::error for a call that needs its
    ///                 own result, for an argument that cannot be keyed, for a result that cannot
    ///                 be averaged, under on_error = strict for the backend's failures, and under
    ///                 on_miss = fail for a miss
    // Inlined by force: the constants of the hash then stay in registers from call to call.
    [[gnu::always_inline]] inline result_type operator()(P... args) const {
        call_id id = id_of(args...);
        auto found = core_->cache.try_hit(id);
        if (found.record) [[likely]] {
            return Evaluation::result_of(*std::move(found.record));
        }
        return value_of(std::move(id), found.seems_absent, static_cast<P&&>(args)...);
    }

    /// The same, where the value came from, and why it was not in the cache.
    [[nodiscard]] memo::outcome<result_type> outcome(P... args) const {
        call_id const id = id_of(args...); // first: they are moved on
        served result = serve(id, false, args...);
        return {Evaluation::result_of(std::move(result.record)), result.source, result.reason};
    }

    /// Averaged functions: the same, and all that is known of the mean.
    [[nodiscard]] auto estimate(P... args) const requires Evaluation::merges {
        call_id const id = id_of(args...);
        return core_->cache.evaluation().estimate(serve(id, false, args...).record);
    }

    /// The value if it is there, or the right to compute it, or neither if another caller is at it:
    /// here, in another process by memo::disk, on another machine by memo::memcached with a `lease`.
    /// For workers that take on what no other does: `if (auto claim = f.try_claim(x); claim.state() ==
    /// memo::claim_state::claimed) { claim.run(); }`. A hit is counted now, the rest by run().
    ///
    /// Complexity:     as a call without its evaluation; the arguments are copied, see claim.hpp
    /// Throws:         as a call, but for what the function throws
    [[nodiscard]] auto try_claim(P... args) const {
        using owned_call = call<memoized, detail::owned_argument<P>...>;
        call_id const id = id_of(args...);
        return claim<cache, result_type, owned_call>(core_->cache, id,
                                                     owned_call(*this, static_cast<P&&>(args)...));
    }

    /// The results of many calls, in the order of the range: all are looked up together, which
    /// saves round trips, and what is not there is evaluated, duplicates once. What one call throws
    /// is its own result and no other's.
    ///
    /// calls           forward range; of each element the arguments: a tuple of them, or the argument
    ///                 itself where the function has one. Elements are read again by whoever
    ///                 evaluates
    /// execute         called with a copyable `void()` for each evaluation, in order, to have it run
    ///                 in any thread; `many` waits for all. Without it they run here. A thread pool
    ///                 whose own threads call `many` must have one more to run them
    /// Complexity:     n keys and one batch of lookups; one call more for each that is not there
    /// Throws:         under on_error = strict memo::error for a lookup that failed
    template <std::ranges::forward_range Range = std::vector<detail::arguments_of<P...>>,
              class Executor = detail::one_after_another>
    [[nodiscard]] std::vector<memo::result<result_type>> many(Range&& calls,
                                                              Executor&& execute = {}) const {
        detail::batch<cache, Evaluation> batch(core_->cache);
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
                return Evaluation::result_of(
                    core_->cache.miss(id, core_->cache.evaluation(), reason, running(args...))
                        .record);
            });
        };
        auto const examine = [&](std::size_t item, call_id const& id, auto const& stored) {
            detail::with_arguments<P...>(*places[item],
                                         [&](P... args) { audit(id, stored, args...); });
        };
        return batch.serve(execute, evaluate, examine);
    }

    /// Averaged functions: draws on from what is stored until a tighter rule is met, whatever
    /// `repeat` says; what is given counts as settled by that rule.
    ///
    /// Throws:         memo::error (configuration) for a rule that cannot be followed
    [[nodiscard]] auto refine(P... args, refinement const& more) const requires Evaluation::merges {
        call_id const id = id_of(args...);
        Evaluation const tighter = core_->cache.evaluation().tightened(more);
        return tighter.estimate(
            core_->cache.miss(id, tighter, miss_reason::absent, running(args...)).record);
    }

    /// What is stored for these arguments. Never runs the function, is not counted as a call, and is no
    /// use of what is stored: a monitor keeps no entry from being evicted.
    [[nodiscard]] std::optional<result_type> lookup(P... args) const {
        auto found = core_->cache.peek(id_of(args...));
        if (found && Evaluation::has_result(found->record)) {
            return Evaluation::result_of(std::move(found->record));
        }
        return std::nullopt;
    }

    /// Whether anything is stored for these arguments. No use of it, as lookup().
    [[nodiscard]] bool contains(P... args) const {
        auto const found = core_->cache.peek(id_of(args...));
        return found && Evaluation::has_result(found->record);
    }

    /// Drops what is stored for these arguments; true if there was something.
    bool forget(P... args) const { return core_->cache.erase(id_of(args...).key); }

    /// Drops all that is stored for this function, and for no other.
    void clear() const { core_->cache.clear(); }

    /// This function for one pass of an estimator: each call is asked once and then has one value
    /// for as long as the snapshot lives, whatever others add to its mean. What the snapshot
    /// serves by itself is not counted.
    [[nodiscard]] auto snapshot() const {
        return memo::snapshot<memoized, result_type, P...>(*this);
    }

    /// The key of these arguments: 32 hexadecimal digits when printed.
    [[nodiscard]] key128 key(P... args) const { return id_of(args...).key; }

    /// What that key is made of, part by part, and why a lookup would miss now, as text when printed. Runs
    /// and counts nothing.
    ///
    /// Complexity:     some us, and a lookup; each argument is encoded twice
    [[nodiscard]] explanation explain(P... args) const {
        explanation result = explanation_of(args...);
        result.miss = core_->cache.would_miss(id_of(args...));
        return result;
    }

    /// What happened since the function was wrapped or the counters were reset.
    [[nodiscard]] statistics stats() const { return core_->cache.stats(); }
    /// Starts all counters from zero. What is stored stays.
    void reset_stats() const { core_->cache.reset_stats(); }

    [[nodiscard]] Backend const& backend() const noexcept { return core_->backend; }

  private:
    struct core {
        core(Callable&& function, options_type const& chosen, Backend&& store,
             detail::function_identity&& who)
            : head(who.scope),
              backend(std::move(store)),
              cache(backend, head.scope(), chosen),
              audits(chosen, cache.evaluation(), cache.counters()),
              callable(std::move(function)),
              identity(std::move(who)),
              listed(identity.title(), cache.counters()) {}

        detail::hash_midstate const head; ///< of every key
        Backend const backend;
        memoized::cache cache;
        detail::auditor<Evaluation> audits;
        Callable callable;
        detail::function_identity const identity;
        detail::function_registry::entry const listed;
    };

    // Arguments to key.

    call_id id_of(std::remove_reference_t<P> const&... args) const {
        auto const all = std::tie(args...);
        if constexpr (asks_state) {
            key128 const state = core_->callable.current_state();
            call_id id = id_from(std::get<Kept>(all)..., state);
            id.state = state;
            return id;
        } else {
            return id_from(std::get<Kept>(all)...);
        }
    }

    [[nodiscard]] bool has_state([[maybe_unused]] state_type const& state) const {
        if constexpr (asks_state) {
            return core_->callable.current_state() == state;
        } else {
            return true;
        }
    }

    template <class... Args> call_id id_from(Args const&... args) const {
        if constexpr (std::is_empty_v<typename Evaluation::key_material>) {
            return {detail::call_key(core_->head, args...), {}, {}};
        } else {
            call_id id;
            id.key = detail::unfinalized_key(
                detail::gathered_key(core_->head.scope(), &id.stream, args...));
            return id;
        }
    }

    [[nodiscard]] explanation explanation_of(std::remove_reference_t<P> const&... args) const {
        using places = std::index_sequence<Kept...>;
        auto const all = std::tie(args...);
        if constexpr (asks_state) {
            return detail::explain_call(core_->identity, places{}, all,
                                        core_->callable.current_state());
        } else {
            return detail::explain_call(core_->identity, places{}, all);
        }
    }

    // Key to record.

    // Not inlined, and given the arguments themselves, so that a hit takes few registers.
    [[gnu::noinline]] result_type value_of(call_id id, bool seems_absent, P... args) const {
        return Evaluation::result_of(serve(id, seems_absent, args...).record);
    }

    served serve(call_id const& id, bool seems_absent, std::remove_reference_t<P>&... args) const {
        served result = core_->cache.serve(id, seems_absent, running(args...));
        if (result.source == source::hit) {
            audit(id, result.record, args...);
        }
        return result;
    }

    /// Runs the function again for a hit, if it is its turn, and compares.
    void audit(call_id const& id, typename Evaluation::record const& stored,
               std::remove_reference_t<P>&... args) const {
        if (core_->audits.is_enabled()) {
            core_->audits.audit(id, stored, running(args...));
        }
    }

    // Arguments to sample.

    /// A call that the cache runs, again and again if it has to.
    ///
    /// Self            memoized, or a reference to one that lives longer
    /// Args            the arguments: references to them, or the call's own
    template <class Self, class... Args> class call {
      public:
        template <class... Given>
        explicit call(Self self, Given&&... given)
            : self_(static_cast<Self&&>(self)), args_(std::forward<Given>(given)...) {}

        /// Runs the function. It may move from its arguments.
        sample operator()(replicate const& which) {
            try {
                return std::apply([&](auto&... args) { return self_.draw(which, args...); }, args_);
            } catch (...) {
                threw_ = true;
                throw;
            }
        }

        /// Whether the function threw.
        [[nodiscard]] bool threw() const noexcept { return threw_; }

        /// Whether the function has this state, which is in the call's key.
        [[nodiscard]] bool has_state(state_type const& state) const {
            return self_.has_state(state);
        }

        [[nodiscard]] explanation explain() {
            return std::apply([&](auto&... args) { return self_.explanation_of(args...); }, args_);
        }

      private:
        Self self_;
        std::tuple<Args...> args_;
        bool threw_ = false;
    };

    /// The call with its arguments where they are.
    auto running(std::remove_reference_t<P>&... args) const {
        return call<memoized const&, std::remove_reference_t<P>&...>(*this, args...);
    }

    sample draw([[maybe_unused]] replicate const& which,
                std::remove_reference_t<P>&... args) const {
        if constexpr (Evaluation::numbered) {
            return std::invoke(core_->callable.function, pass<P>(args)..., which);
        } else {
            return std::invoke(core_->callable.function, pass<P>(args)...);
        }
    }

    /// An argument as the function takes it; a copy where it is drawn from again.
    template <class T> static decltype(auto) pass(std::remove_reference_t<T>& argument) {
        if constexpr (Evaluation::merges && !std::is_lvalue_reference_v<T>) {
            return std::remove_cvref_t<T>(argument);
        } else {
            return static_cast<T&&>(argument);
        }
    }

    std::shared_ptr<core> core_;
};

} // namespace memo
