// SPDX-License-Identifier: BSL-1.0
#pragma once

// The walk of one call from its key on: the key is looked up, one caller runs the function, what it
// returned is merged into the record, the record goes back.

#include <memo/backend.hpp>
#include <memo/detail/cache/recorder.hpp>
#include <memo/detail/cache/single_flight.hpp>
#include <memo/detail/key/hash.hpp>
#include <memo/detail/key/words.hpp>
#include <memo/detail/stats/counters.hpp>
#include <memo/error.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>
#include <memo/outcome.hpp>
#include <memo/statistics.hpp>
#include <memo/tools/explanation.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace memo::detail {

/// One function's way through a backend.
///
/// Backend         see backend.hpp
/// Evaluation      see detail/record/exact.hpp and detail/record/averaged.hpp
/// State           key128 for a function whose state is asked at each call; no_state otherwise
/// Thread safety:  safe
template <class Backend, class Evaluation, class State> class walk {
  public:
    using record = typename Evaluation::record;
    using name = call_name<typename Evaluation::key_material, State>;
    using options = typename Evaluation::options;
    using keeper = recorder<Backend, Evaluation, State>;

    /// A record and how it was come by.
    struct arrival {
        record reached;
        memo::source source;
    };

    walk(Backend const& backend, key128 scope, options const& chosen)
        : shared_(store_of(backend), scope),
          records_(backend, scope, chosen, shared_->invalidated),
          single_flight_(chosen.single_flight),
          runs_(chosen.on_miss == on_miss_policy::compute),
          flights_(shared_->under_way) {}

    [[nodiscard]] Evaluation const& evaluation() const noexcept { return records_.evaluation(); }
    [[nodiscard]] call_counters const& counted() noexcept { return records_.counters(); }
    [[nodiscard]] std::optional<cached_value<record>> look(name const& called) {
        return records_.look(called);
    }
    [[nodiscard]] std::optional<cached_value<record>> peek(name const& called) const {
        return records_.peek(called);
    }

    /// Serve most hits; see recorder::glance.
    [[nodiscard, gnu::always_inline]] inline std::optional<record> glance(name const& called) {
        return records_.glance(called);
    }
    [[nodiscard]] std::optional<record> glance_further(name const& called) {
        return records_.glance_further(called);
    }

    /// Serves a call from the cache, or not.
    ///
    /// examine         given the record of a hit that may be audited; it calls audit()
    template <class Examine>
    [[nodiscard]] std::optional<cached_value<record>> hit(name const& called,
                                                          Examine const& examine) {
        auto kept = look(called);
        serve(kept, examine);
        return kept;
    }

    /// The same for many calls at once.
    ///
    /// examine         given the place of a call besides
    template <class Examine>
    [[nodiscard]] std::vector<std::optional<cached_value<record>>>
    hits(std::span<name const> called, Examine const& examine) {
        auto all = records_.look(called);
        for (std::size_t i = 0; i < all.size(); ++i) {
            serve(all[i], [&](record const& of) { examine(i, of); });
        }
        return all;
    }

    /// Runs the function again for a hit, if it is its turn, and compares: see recorder::audit.
    template <class Run> void audit(name const& called, record const& kept, Run&& run) {
        records_.audit(called, kept, run);
    }

    /// Serves a call that was no hit at first sight.
    ///
    /// wanted          what is enough
    /// draw            runs the function; given a replicate
    template <class Draw>
    [[nodiscard]] arrival miss(name const& called, Evaluation const& wanted, Draw&& draw) {
        if (!runs_) { // no leader: it has nothing for those who may run the function
            return lead(called, wanted, draw, true);
        }
        if (!single_flight_ || !Backend::stores) {
            return lead(called, wanted, draw, false);
        }
        for (;;) {
            auto role = flights_.join(flight_of(called), called.key);
            if (role.leads()) {
                return complete(role, draw, [&] { return lead_alone(called, wanted, draw); });
            }
            if (auto reached = follow(role, wanted)) {
                return {*std::move(reached), source::coalesced};
            } // who wants more than the leader did, or one that gave up, goes on
        }
    }

    /// A call that was no hit at first sight, and is the holder's to serve if nobody else is at it.
    /// Taken without waiting; given up by its end.
    ///
    /// Thread safety:  none
    class right {
      public:
        right(walk& way, name const& called)
            : way_(way),
              called_(called),
              role_(find()      ? way.flights_.stay_out()
                    : way.runs_ ? way.flights_.try_lead(flight_of(called_), called_.key)
                                : way.flights_.lead_alone()),
              alone_(role_.leads() && way.runs_ ? way.records_.partition().try_lead(called_.key)
                                                : leading()) {
            if (way.runs_ &&
                !alone_) { // another process is at it, if it is not another caller here
                role_.give_up();
            }
        }
        right(right const&) = delete;
        right& operator=(right const&) = delete;
        ~right() = default;

        [[nodiscard]] bool is_held() const noexcept { return role_.leads(); }

        /// What the call has come to; null if nothing yet.
        [[nodiscard]] record const* reached() const noexcept {
            return reached_ ? &*reached_ : nullptr;
        }

        /// Serves the call. Only while it is held, and not any more afterwards.
        template <class Draw> void use(Draw& draw) {
            reached_ =
                complete(role_, draw, [&] {
                    leading const alone(std::move(alone_)); // ends before its followers go on
                    return way_.lead(called_, way_.evaluation(), draw, true);
                }).reached;
        }

      private:
        using leading = decltype(std::declval<keeper const&>().partition().try_lead(key128{}));

        bool find() {
            if (auto kept = way_.hit(called_, [](record const&) {})) {
                reached_ = std::move(kept->record);
            }
            return reached_.has_value();
        }

        walk& way_;
        name const called_;
        std::optional<record> reached_;
        typename single_flight<record>::role role_;
        leading alone_;
    };

    /// What a caller gets of a record.
    [[nodiscard]] static typename Evaluation::result value_of(record reached) {
        return Evaluation::give(std::move(reached));
    }

    /// Counts a call that is served by an earlier one of the same batch.
    void coalesce() { count(&statistics::coalesced); }

    [[nodiscard]] bool erase(key128 key) { return records_.erase(key); }
    void clear() { records_.clear(); }
    [[nodiscard]] statistics stats() { return records_.stats(); }
    void reset_stats() { records_.reset_stats(); }

    // Two streams with one key, if ever there are, share neither a record nor a flight.
    [[nodiscard]] static key128 flight_of(name const& called) {
        if constexpr (std::is_empty_v<typename Evaluation::key_material>) {
            return called.key;
        } else {
            key128 const key = called.key;
            key128 const other = hash128(called.stream.data(), called.stream.size() * word_size);
            return {key.low ^ other.low, key.high ^ other.high};
        }
    }

  private:
    /// Takes away what is not enough; counts the hit of what is, and has it examined if it may be.
    template <class Examine>
    void serve(std::optional<cached_value<record>>& kept, Examine const& examine) {
        if (kept && !evaluation().enough(kept->record)) {
            kept.reset();
        }
        if (kept && records_.count_hit(kept->cost)) {
            examine(kept->record);
        }
    }

    void count(counter_place kind) {
        records_.counters().add(&statistics::calls);
        records_.counters().add(kind);
    }

    /// Leads a flight to its end. What the function throws, its followers are thrown, too. What else
    /// fails is the leader's own, by its options or its backend's state: one of them goes on.
    template <class Role, class Draw, class Lead>
    static arrival complete(Role& role, Draw const& draw, Lead const& lead) {
        try {
            arrival arrived = lead();
            role.complete(arrived.reached);
            return arrived;
        } catch (...) {
            if (draw.threw()) {
                role.fail(std::current_exception());
            } else {
                role.give_up();
            }
            throw;
        }
    }

    /// Waits for the leader; nothing, and nothing counted yet, if its record is not enough.
    template <class Role> std::optional<record> follow(Role const& role, Evaluation const& wanted) {
        std::optional<record> reached;
        try {
            reached = role.result();
        } catch (...) {
            count(&statistics::coalesced);
            throw;
        }
        if (!reached || !wanted.served_by(*reached)) {
            return std::nullopt;
        }
        count(&statistics::coalesced);
        return reached;
    }

    /// Leads when no other process does.
    template <class Draw>
    arrival lead_alone(name const& called, Evaluation const& wanted, Draw& draw) {
        [[maybe_unused]] auto const alone = records_.partition().lead(called.key);
        return lead(called, wanted, draw, true);
    }

    /// look_first      whether to look once more
    template <class Draw>
    arrival lead(name const& called, Evaluation const& wanted, Draw& draw, bool look_first) {
        std::optional<record> now;
        // A leader before this one may have completed its flight since the first look, here or in
        // another process; and an averaged record goes on from what is there.
        if (Backend::stores && (look_first || Evaluation::merges)) {
            if (auto kept = look_again(called)) {
                if (wanted.enough(kept->record)) {
                    count(&statistics::hits);
                    return {std::move(kept->record), source::hit};
                }
                now = std::move(kept->record);
            }
        }
        bool const refines = now && Evaluation::gives(*now);
        refines ? count(&statistics::refinements) : count(&statistics::misses);
        if (!runs_) {
            throw missed(called.key, draw);
        }
        std::uint64_t drawn = 0;
        do {
            now = records_.one_more(called, std::move(now), draw);
        } while (wanted.again(*now, ++drawn));
        return {*std::move(now), refines ? source::refined : source::computed};
    }

    [[nodiscard]] std::optional<cached_value<record>> look_again(name const& called) {
        scoped_timer const timed(records_.counters().looking().sample());
        return records_.peek(called);
    }

    template <class Draw> [[gnu::cold]] static error missed(key128 key, Draw& draw) {
        return {errc::miss, "replay " + to_string(key) +
                                ": what is stored does not serve this call, and on_miss = fail "
                                "forbids to run the function. Run it with on_miss = compute first, "
                                "or see which part of the key is not the one that was stored:\n" +
                                to_string(draw.explain())};
    }

    /// The identity of the backend's store; of a backend that has none, that of this wrapper.
    [[nodiscard]] key128 store_of(Backend const& backend) const {
        if constexpr (identified_backend<Backend>) {
            return backend.identity();
        } else {
            return {reinterpret_cast<std::uintptr_t>(this), 0};
        }
    }

    flights_of_scope const shared_;
    keeper records_;
    bool const single_flight_;
    bool const runs_; ///< the function, for a miss
    single_flight<record> flights_;
};

} // namespace memo::detail
