// SPDX-License-Identifier: BSL-1.0
#pragma once

// The walk of one call: its arguments become a key, the key is looked up, one caller runs the
// function, what it returned is remembered, the value goes back.

#include <memo/backends/backend.hpp>
#include <memo/counters.hpp>
#include <memo/error.hpp>
#include <memo/flow/single_flight.hpp>
#include <memo/key/call_key.hpp>
#include <memo/options.hpp>
#include <memo/outcome.hpp>
#include <memo/record/evaluation.hpp>
#include <memo/statistics.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace memo {

/// A function that remembers what it returned. Made by memo::memoize; copies share everything.
///
/// Backend         see backends/backend.hpp
/// Callable        the function and what is known of its state, see key/state.hpp
/// Evaluation      what is remembered of a result, see record/evaluation.hpp
/// Kept            the places of the parameters that are in the key
///
/// Thread safety:  every member may be called from any thread at any time, if the function may
template <class Backend, class Callable, class Signature, class Evaluation, class Kept>
class memoized;

template <class Backend, class Callable, class R, class... P, class Evaluation, std::size_t... Kept>
class memoized<Backend, Callable, R(P...), Evaluation, std::index_sequence<Kept...>> {
    using record = typename Evaluation::record;
    using witness = typename Evaluation::witness;
    using partition_type =
        decltype(std::declval<Backend const&>().template partition<record>(key128{}));

  public:
    using result_type = typename Evaluation::result;

    memoized(Callable callable, memo::options<result_type> options, Backend backend, key128 scope)
        : core_(std::make_shared<core>(std::move(callable), std::move(options), std::move(backend),
                                       scope)) {}

    /// The function's value for these arguments, remembered or computed.
    ///
    /// Complexity:     a hit costs the key and one look at the backend
    /// Throws:         what the function throws, untouched; memo::error for a call that needs its
    ///                 own result, for an argument that cannot be keyed, and under on_error =
    ///                 strict for the backend's failures
    result_type operator()(P... args) const {
        name const called = name_of(args...);
        if (auto kept = look(called)) {
            core_->counters.hit(kept->cost);
            return Evaluation::give(std::move(kept->record));
        }
        return miss(called, args...).value;
    }

    /// The same, and where the value came from.
    [[nodiscard]] memo::outcome<result_type> outcome(P... args) const {
        name const called = name_of(args...);
        if (auto kept = look(called)) {
            core_->counters.hit(kept->cost);
            return {Evaluation::give(std::move(kept->record)), source::hit};
        }
        return miss(called, args...);
    }

    /// What is stored for these arguments. Never runs the function, and is not counted as a call.
    [[nodiscard]] std::optional<result_type> lookup(P... args) const {
        if (auto kept = look(name_of(args...))) {
            return Evaluation::give(std::move(kept->record));
        }
        return std::nullopt;
    }

    /// Whether anything is stored for these arguments.
    [[nodiscard]] bool contains(P... args) const { return look(name_of(args...)).has_value(); }

    /// Drops what is stored for these arguments; true if there was something.
    bool forget(P... args) const {
        return guarded("erase", [&] { return core_->partition.erase(name_of(args...).key); });
    }

    /// Drops all that is stored for this function, and for no other.
    void clear() const {
        guarded("clear", [&] {
            core_->partition.clear();
            return true;
        });
    }

    /// The key of these arguments: 32 hexadecimal digits when printed.
    [[nodiscard]] key128 key(P... args) const { return name_of(args...).key; }

    /// What happened since the function was wrapped or the counters were reset.
    [[nodiscard]] statistics stats() const {
        statistics sum = core_->counters.since_reset();
        std::scoped_lock const lock(core_->mutex);
        backend_statistics const now = core_->partition.stats();
        backend_statistics const& then = core_->at_reset;
        sum.evictions = now.evictions - then.evictions;
        sum.expirations = now.expirations - then.expirations;
        sum.errors += now.errors - then.errors;
        sum.timeouts = now.timeouts - then.timeouts;
        sum.reconnects = now.reconnects - then.reconnects;
        sum.corrupt += now.corrupt - then.corrupt;
        sum.too_large = now.too_large - then.too_large;
        return sum;
    }

    /// Starts all counters from zero. What is stored stays.
    void reset_stats() const {
        core_->counters.reset();
        std::scoped_lock const lock(core_->mutex);
        core_->at_reset = core_->partition.stats();
    }

    [[nodiscard]] Backend const& backend() const noexcept { return core_->backend; }

  private:
    struct core {
        core(Callable&& called, memo::options<result_type>&& chosen, Backend&& store, key128 digest)
            : scope(digest),
              backend(std::move(store)),
              partition(open(backend, scope, chosen.on_error)),
              callable(std::move(called)),
              options(std::move(chosen)) {}

        // A backend that counts its failures itself is told when it has to throw them instead.
        static partition_type open(Backend const& backend, key128 scope, on_error_policy on_error) {
            if constexpr (requires { backend.template partition<record>(scope, on_error); }) {
                return backend.template partition<record>(scope, on_error);
            } else {
                return backend.template partition<record>(scope);
            }
        }

        key128 const scope;
        Backend const backend;
        partition_type const partition;
        Callable callable;
        memo::options<result_type> const options;
        detail::call_counters counters;
        detail::single_flight<result_type> flights;
        std::mutex mutex;
        backend_statistics at_reset;
    };

    struct name {
        key128 key;
        [[no_unique_address]] witness stream;
    };

    // Arguments to key.

    name name_of(std::remove_reference_t<P> const&... args) const {
        auto const all = std::tie(args...);
        if constexpr (Callable::asks_at_each_call) {
            key128 const state = core_->callable.current();
            return name_from(std::get<Kept>(all)..., state);
        } else {
            return name_from(std::get<Kept>(all)...);
        }
    }

    template <class... Args> name name_from(Args const&... args) const {
        if constexpr (std::is_empty_v<witness>) {
            return {detail::call_key(core_->scope, args...), {}};
        } else {
            name named;
            named.key = detail::gathered_key(core_->scope, &named.stream, args...);
            return named;
        }
    }

    // Two streams with one key, if ever there are, must not share a flight where they do not share
    // a record.
    static key128 flight_of(name const& called) {
        if constexpr (std::is_empty_v<witness>) {
            return called.key;
        } else {
            key128 const other =
                detail::hash128(called.stream.data(), called.stream.size() * detail::word_size);
            return {called.key.low ^ other.low, called.key.high ^ other.high};
        }
    }

    // Key to record.

    // Inlined by force, as is guarded(), so that key and record stay in registers.
    [[nodiscard, gnu::always_inline]] inline std::optional<remembered<record>>
    look(name const& called) const {
        auto kept = guarded("get", [&] { return core_->partition.get(called.key); });
        if (kept && !Evaluation::is_of(kept->record, called.stream)) {
            core_->counters.beyond_hits().corrupt += 1;
            kept.reset();
        }
        return kept;
    }

    // One caller goes.

    [[gnu::noinline]] memo::outcome<result_type> miss(name const& called,
                                                      std::remove_reference_t<P>&... args) const {
        auto& counters = core_->counters.beyond_hits();
        auto const count = [&](auto& kind) {
            counters.calls += 1;
            kind += 1;
        };
        if (!core_->options.single_flight || !Backend::remembers) {
            count(counters.misses);
            return {evaluate_and_store(called, args...), source::computed};
        }
        auto boarding = core_->flights.board(flight_of(called));
        if (!boarding.leads()) {
            count(counters.coalesced);
            return {boarding.result(), source::coalesced};
        }
        try {
            // A leader before this one may have landed since the first look.
            if (auto kept = look(called)) {
                count(counters.late_hits);
                result_type value = Evaluation::give(std::move(kept->record));
                boarding.succeed(value);
                return {std::move(value), source::hit};
            }
            count(counters.misses);
            result_type value = evaluate_and_store(called, args...);
            boarding.succeed(value);
            return {std::move(value), source::computed};
        } catch (...) {
            boarding.fail(std::current_exception());
            throw;
        }
    }

    // Arguments to result, no lock held; result to record.

    result_type evaluate_and_store(name const& called, std::remove_reference_t<P>&... args) const {
        detail::timed_run run(core_->counters.beyond_hits());
        result_type value = std::invoke(core_->callable.function, static_cast<P&&>(args)...);
        std::chrono::nanoseconds const taken = run.returned();
        store(called, value, taken);
        return value;
    }

    void store(name const& called, result_type const& value, std::chrono::nanoseconds taken) const {
        auto const& options = core_->options;
        if (!Backend::remembers || taken < options.time_threshold ||
            (options.store_if && !options.store_if(value))) {
            return;
        }
        guarded("put", [&] {
            core_->partition.put(called.key, Evaluation::remember(value, called.stream),
                                 {taken, options.ttl});
            core_->counters.beyond_hits().sets += 1;
            return true;
        });
    }

    /// Runs an operation of the backend. Its failure is counted and gives false or nothing; it is
    /// thrown only under on_error = strict.
    template <class Operation>
    [[gnu::always_inline]] inline auto guarded(char const* verb, Operation operation) const
        -> decltype(operation()) {
        try {
            return operation();
        } catch (std::exception const& failure) {
            failed(verb, failure.what());
        } catch (...) {
            failed(verb, "an exception that is no std::exception");
        }
        return {};
    }

    [[gnu::noinline]] void failed(char const* verb, char const* what) const {
        core_->counters.beyond_hits().errors += 1;
        if (core_->options.on_error == on_error_policy::strict) {
            throw error(errc::backend, std::string("backend ") + verb + ": " + what);
        }
    }

    std::shared_ptr<core> core_;
};

} // namespace memo
