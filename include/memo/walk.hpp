// SPDX-License-Identifier: BSL-1.0
#pragma once

// The walk of one call from its key on: the key is looked up, one caller runs the function, what it
// returned is merged into the record, the record goes back.

#include <memo/backends/backend.hpp>
#include <memo/counters.hpp>
#include <memo/flow/single_flight.hpp>
#include <memo/guarded.hpp>
#include <memo/key/hash.hpp>
#include <memo/key/words.hpp>
#include <memo/outcome.hpp>
#include <memo/record/numbering.hpp>
#include <memo/statistics.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

namespace memo::detail {

/// What names a call: its key, and under verify_full the words that were hashed.
template <class Witness> struct call_name {
    key128 key;
    [[no_unique_address]] Witness stream;
};

/// One function's way through a backend.
///
/// Backend         see backends/backend.hpp
/// Evaluation      see record/evaluation.hpp and record/averaged.hpp
/// Thread safety:  safe
template <class Backend, class Evaluation> class walk {
  public:
    using record = typename Evaluation::record;
    using name = call_name<typename Evaluation::witness>;
    using options = typename Evaluation::options;

    /// A record and how it was come by.
    struct arrival {
        record reached;
        memo::source source;
    };

    walk(Backend const& backend, key128 scope, options const& chosen)
        : partition_(detail::open_partition<record>(backend, scope, chosen.on_error), counters_,
                     chosen.on_error),
          evaluation_(chosen),
          ttl_(chosen.ttl),
          single_flight_(chosen.single_flight) {}

    [[nodiscard]] Evaluation const& evaluation() const noexcept { return evaluation_; }

    // Key to record.

    // Inlined by force, so that key and record stay in registers.
    [[nodiscard, gnu::always_inline]] inline std::optional<remembered<record>>
    look(name const& called) {
        auto kept = partition_.get(called.key);
        if (kept && !Evaluation::is_of(kept->record, called.stream)) {
            counters_.beyond_hits().corrupt += 1;
            kept.reset();
        }
        return kept;
    }

    /// Serves a call at first sight, or not.
    [[nodiscard, gnu::always_inline]] inline std::optional<remembered<record>>
    hit(name const& called) {
        auto kept = look(called);
        if (kept && !evaluation_.enough(kept->record)) {
            kept.reset();
        }
        if (kept) {
            counters_.hit(kept->cost);
        }
        return kept;
    }

    // One caller goes.

    /// Serves a call that was no hit at first sight.
    ///
    /// wanted          what is enough
    /// draw            runs the function; given a replicate
    template <class Draw>
    [[nodiscard]] arrival miss(name const& called, Evaluation const& wanted, Draw const& draw) {
        if (!single_flight_ || !Backend::remembers) {
            return lead(called, wanted, draw);
        }
        for (;;) {
            auto boarding = flights_.board(flight_of(called));
            if (!boarding.leads()) {
                if (auto arrived = follow(boarding, wanted)) {
                    return *std::move(arrived);
                }
                continue; // who wants more than the leader did goes on from there
            }
            try {
                [[maybe_unused]] auto const alone = partition_.lead(called.key);
                arrival arrived = lead(called, wanted, draw);
                boarding.succeed(arrived.reached);
                return arrived;
            } catch (...) {
                boarding.fail(std::current_exception());
                throw;
            }
        }
    }

    [[nodiscard]] bool erase(key128 key) const { return partition_.erase(key); }

    void clear() const { partition_.clear(); }

    [[nodiscard]] statistics stats() {
        statistics sum = counters_.since_reset();
        std::scoped_lock const lock(mutex_);
        backend_statistics const now = partition_.stats();
        sum.evictions = now.evictions - at_reset_.evictions;
        sum.expirations = now.expirations - at_reset_.expirations;
        sum.errors += now.errors - at_reset_.errors;
        sum.timeouts = now.timeouts - at_reset_.timeouts;
        sum.reconnects = now.reconnects - at_reset_.reconnects;
        sum.corrupt += now.corrupt - at_reset_.corrupt;
        sum.too_large = now.too_large - at_reset_.too_large;
        return sum;
    }

    void reset_stats() {
        counters_.reset();
        std::scoped_lock const lock(mutex_);
        at_reset_ = partition_.stats();
    }

  private:
    // Two streams with one key, if ever there are, must not share a flight where they do not share
    // a record.
    static key128 flight_of(name const& called) {
        if constexpr (std::is_empty_v<typename Evaluation::witness>) {
            return called.key;
        } else {
            key128 const other = hash128(called.stream.data(), called.stream.size() * word_size);
            return {called.key.low ^ other.low, called.key.high ^ other.high};
        }
    }

    void count(std::atomic<std::uint64_t>& kind) {
        counters_.beyond_hits().calls += 1;
        kind += 1;
    }

    /// Waits for the leader; nothing if its record is not enough.
    template <class Boarding>
    std::optional<arrival> follow(Boarding const& boarding, Evaluation const& wanted) {
        auto& counters = counters_.beyond_hits();
        count(counters.coalesced); // now, so that one can see who waits
        record reached = boarding.result();
        if (wanted.served_by(reached)) {
            return arrival{std::move(reached), source::coalesced};
        }
        counters.calls -= 1; // it is another kind of call yet
        counters.coalesced -= 1;
        return std::nullopt;
    }

    template <class Draw>
    arrival lead(name const& called, Evaluation const& wanted, Draw const& draw) {
        auto& counters = counters_.beyond_hits();
        std::optional<record> now;
        // A leader before this one may have landed since the first look, here or in another
        // process; and an averaged record goes on from what is there.
        if (Backend::remembers && (single_flight_ || Evaluation::merges)) {
            if (auto kept = look(called)) {
                if (wanted.enough(kept->record)) {
                    count(counters.late_hits);
                    return {std::move(kept->record), source::hit};
                }
                now = std::move(kept->record);
            }
        }
        bool const refines = now && Evaluation::gives(*now);
        count(refines ? counters.refinements : counters.misses);
        std::uint64_t drawn = 0;
        do {
            now = one_more(called, std::move(now), draw);
        } while (wanted.again(*now, ++drawn));
        return {*std::move(now), refines ? source::refined : source::computed};
    }

    // Arguments to sample, no lock held; sample to record.

    template <class Draw>
    record one_more(name const& called, std::optional<record> now, Draw const& draw) {
        if constexpr (Evaluation::merges) {
            ticket const by = take_number(called.key);
            timed_run run(counters_.beyond_hits());
            auto const drawn = draw(replicate_of(called.key, by));
            storing const about{run.returned(), ttl_};
            record before = now ? *std::move(now) : record{};
            if (evaluation_.accepts(drawn)) {
                return merge(called.key, Evaluation::add(drawn, by),
                             Evaluation::add(drawn, {})(&before), about);
            }
            counters_.beyond_hits().rejected += 1;
            if (evaluation_.counts_rejected()) {
                return merge(called.key, Evaluation::add_rejected(by),
                             Evaluation::add_rejected({})(&before), about);
            }
            return before;
        } else {
            timed_run run(counters_.beyond_hits());
            auto drawn = draw(replicate{});
            std::chrono::nanoseconds const taken = run.returned();
            bool const accepted = evaluation_.accepts(drawn);
            counters_.beyond_hits().rejected += accepted ? 0 : 1;
            record made = Evaluation::remember(std::move(drawn), called.stream);
            if (Backend::remembers && accepted && evaluation_.slow_enough(taken)) {
                bool const stored = partition_.put(called.key, made, {taken, ttl_});
                counters_.beyond_hits().sets += stored ? 1 : 0;
            }
            return made;
        }
    }

    /// Changes the record in the backend, and gives it as it is then; or as this call has it, if
    /// the backend does not store it.
    template <class Merge>
    record merge(key128 key, Merge const& change, record expected, storing about) {
        if constexpr (Backend::remembers) {
            auto stored = partition_.update(key, change, about);
            counters_.beyond_hits().sets += stored ? 1 : 0;
            // Less than expected: what was there was dropped meanwhile.
            if (stored && Evaluation::draws_in(*stored) >= Evaluation::draws_in(expected)) {
                return *std::move(stored);
            }
        }
        return expected;
    }

    ticket take_number(key128 key) {
        if constexpr (!Evaluation::numbered) {
            return {};
        } else if constexpr (!Backend::remembers) {
            return {next_number_.fetch_add(1, std::memory_order_relaxed), 0};
        } else {
            auto const begun = partition_.update(key, Evaluation::begin(random_birth()),
                                                 {std::chrono::nanoseconds(0), ttl_});
            return begun ? ticket{begun->begun - 1, begun->birth} : ticket{random_number(), 0};
        }
    }

    using partition_type =
        decltype(std::declval<Backend const&>().template partition<record>(key128{}));

    call_counters counters_;
    guarded<partition_type, record> const partition_;
    Evaluation const evaluation_;
    std::chrono::nanoseconds const ttl_;
    bool const single_flight_;
    single_flight<record> flights_;
    std::atomic<std::uint64_t> next_number_{0}; ///< of a sample, where no record numbers them
    std::mutex mutex_;
    backend_statistics at_reset_;
};

} // namespace memo::detail
