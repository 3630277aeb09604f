// SPDX-License-Identifier: BSL-1.0
#pragma once

// One function's cache: takes a call's key and returns the record that serves the call. It does steps 2
// to 6 of docs/walk.md: look the key up and decide whether the record is enough, here; let one caller
// lead, run the function with no lock held and store the result, in function_cache_base.hpp, which calls
// the members of `call` below.
//
// A miss looks up twice, before it leads and again as the leader: an earlier leader may have stored the
// record in between.

#include <memo/backend.hpp>
#include <memo/detail/cache/function_cache_base.hpp>
#include <memo/detail/cache/single_flight.hpp>
#include <memo/detail/key/hash.hpp>
#include <memo/detail/key/unfinalized_key.hpp>
#include <memo/detail/key/words.hpp>
#include <memo/detail/open_partition.hpp>
#include <memo/detail/optional_members.hpp>
#include <memo/detail/record/sample_id.hpp>
#include <memo/detail/stats/counters.hpp>
#include <memo/detail/system/cancellation.hpp>
#include <memo/key128.hpp>
#include <memo/lookup_result.hpp>
#include <memo/options.hpp>
#include <memo/outcome.hpp>
#include <memo/replicate.hpp>
#include <memo/statistics.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace memo::detail {

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
template <class Backend, class Evaluation, class State>
class function_cache : public function_cache_base {
    using partition_type = decltype(detail::open_partition<typename Evaluation::record>(
        std::declval<Backend const&>(), {}, {}));

  public:
    using record = typename Evaluation::record;
    using call_id = call_identity<typename Evaluation::key_material, State>;
    using options = typename Evaluation::options;

    function_cache(Backend const& backend, key128 scope, options const& chosen)
        : function_cache_base(store_of(backend), scope,
                              {chosen.ttl, chosen.time_threshold, chosen.on_error, chosen.on_miss,
                               chosen.single_flight, chosen.audit != 0, Backend::stores,
                               Evaluation::merges}),
          partition_(detail::open_partition<record>(
              backend, scope, {chosen.on_error, chosen.time_threshold.is_worthwhile()})),
          evaluation_(chosen) {
        reset(detail::events_of(partition_)); // events before this wrapper are not counted
    }

    [[nodiscard]] Evaluation const& evaluation() const noexcept { return evaluation_; }

    // Steps 2 and 3: look the key up, and decide whether the record is enough.

    /// Fast path: counts and returns a hit if the first probe finds it; otherwise has no effect.
    // Inlined by force, so that key and record stay in registers.
    [[nodiscard, gnu::always_inline]] inline fast_lookup<record> try_hit(call_id const& id) {
        if constexpr (has_fast_path) {
            return counted(partition_.try_hit(id.key));
        } else {
            return {};
        }
    }

    /// Looks a call up that missed the fast path, and counts a hit.
    ///
    /// seems_absent    see fast_lookup
    [[nodiscard]] lookup_result<record> lookup(call_id const& id, bool seems_absent) {
        if constexpr (has_fast_path) {
            if (!seems_absent) {
                if (auto further = counted(partition_.try_hit_further(id.key)); further.record) {
                    return cached_value<record>{*std::move(further.record)};
                }
            }
        }
        // The fast path may be wrong about absence; the second lookup, which only a leader does, is not.
        if (seems_absent && has_single_flight()) {
            return miss_reason::absent;
        }
        auto found = attempt("get", unavailable(),
                             [&]() -> lookup_result<record> { return partition_.get(id.key); });
        keep_if_enough(id, found);
        if (found) {
            counters().hit(found->cost);
        }
        return found;
    }

    /// Fast path of lookup_all(): looks up one call after the other until one misses, and counts the hits.
    ///
    /// take            take(record) is called for each hit, in order
    /// Returns:        the number of hits
    template <class Take>
    std::size_t try_hits([[maybe_unused]] std::span<call_id const> ids,
                         [[maybe_unused]] Take const& take) {
        std::size_t hits = 0;
        if constexpr (has_fast_path) {
            if (has_audits()) {
                return 0;
            }
            constexpr std::size_t distance = 16; // a core fetches about as many lines at once
            for (std::size_t i = 0; i < (std::min)(distance, ids.size()); ++i) {
                partition_.prefetch(ids[i].key);
            }
            std::uint64_t saved = 0;
            for (; hits < ids.size(); ++hits) {
                if (hits + distance < ids.size()) {
                    partition_.prefetch(ids[hits + distance].key);
                }
                auto found = partition_.try_hit(ids[hits].key);
                if (!found.record && !found.seems_absent) {
                    found = partition_.try_hit_further(ids[hits].key);
                }
                if (!found.record || !evaluation_.is_enough(*found.record)) {
                    break;
                }
                saved += cost_of(found.cost);
                take(*std::move(found.record));
            }
            counters().hit(saved, hits);
        }
        return hits;
    }

    /// Looks up many calls together, and counts the hits.
    [[nodiscard]] std::vector<lookup_result<record>> lookup_all(std::span<call_id const> ids) {
        std::vector<key128> keys(ids.size());
        for (std::size_t i = 0; i < ids.size(); ++i) {
            keys[i] = ids[i].key;
        }
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
        counters().hit(saved, hits);
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

    // Steps 4 to 6: see function_cache_base.

    /// The key of a call's flight.
    [[nodiscard]] static key128 flight_of(call_id const& id) {
        if constexpr (std::is_empty_v<typename Evaluation::key_material>) {
            return id.key;
        } else {
            key128 const key = id.key;
            key128 const other = hash128(id.stream.data(), id.stream.size() * word_size);
            return {key.low ^ other.low, key.high ^ other.high};
        }
    }

    /// A call that missed, with its record. memoized::call runs the function for it.
    class call : public pending_call {
      public:
        /// wanted          decides what is enough; outlives the call, as the identity does
        call(function_cache& cache, call_id const& id, Evaluation const& wanted)
            : pending_call(id.key), cache_(cache), id_(id), wanted_(wanted) {}

        std::optional<typename Evaluation::record> record;

        [[nodiscard]] call_id const& id() const noexcept { return id_; }

        [[nodiscard]] key128 flight() const final { return flight_of(id_); }

        [[nodiscard]] std::shared_ptr<void> lead_processes() const final {
            if constexpr (leading_partition<partition_type>) {
                using lease = decltype(cache_.partition_.lead(key()));
                return std::make_shared<lease>(cache_.partition_.lead(key()));
            } else {
                return nullptr;
            }
        }

        [[nodiscard]] std::optional<miss_reason> look_again() final {
            lookup_result<function_cache::record> found = cache_.peek(id_);
            if (!found) {
                return found.reason();
            }
            record.emplace(std::move(found->record));
            return wanted_.is_enough(*record) ? std::nullopt
                                              : std::optional(miss_reason::unsettled);
        }

        [[nodiscard]] bool has_result() const final { return Evaluation::has_result(*record); }

        void run_once(std::uint64_t since) final {
            if constexpr (Evaluation::merges) {
                by_ = cache_.take_number(key());
                timed_run timed(cache_.counters());
                auto const drawn = run(replicate_of(key(), by_));
                std::chrono::nanoseconds const cost = timed.returned();
                if (!record) {
                    record.emplace();
                }
                if (cache_.evaluation_.accepts(drawn)) {
                    auto const& addend = cache_.evaluation_.addend_of(drawn);
                    record.emplace(Evaluation::add(addend, {})(&*record));
                    drawn_ = &addend;
                    merge(since, cost);
                    if (wanted_.needs_range(*record)) {
                        cache_.counters().note_needed_range();
                    }
                    return;
                }
                cache_.counters().add(&statistics::rejected);
                if (cache_.evaluation_.counts_rejected()) {
                    record.emplace(Evaluation::add_rejected({})(&*record));
                    drawn_ = nullptr;
                    merge(since, cost);
                }
            } else {
                timed_run timed(cache_.counters());
                auto drawn = run(replicate{});
                std::chrono::nanoseconds const cost = timed.returned();
                bool const accepted = cache_.evaluation_.accepts(drawn);
                if (!accepted) {
                    cache_.counters().add(&statistics::rejected);
                }
                record.emplace(Evaluation::make_record(std::move(drawn), id_.stream));
                if (Backend::stores && accepted && cache_.evaluation_.is_slow_enough(cost)) {
                    cache_.store(*this, since, cost);
                }
            }
        }

        [[nodiscard]] bool needs_sample(std::uint64_t runs) const final {
            return wanted_.needs_sample(*record, runs);
        }

        bool put(put_options const& about) final {
            if constexpr (!Evaluation::merges) {
                return cache_.attempt("put", false,
                                      [&] { return cache_.partition_.put(key(), *record, about); });
            } else if constexpr (Backend::stores) {
                stored_ = drawn_ != nullptr
                              ? cache_.update(key(), Evaluation::add(*drawn_, by_), about)
                              : cache_.update(key(), Evaluation::add_rejected(by_), about);
                return stored_.has_value();
            } else {
                return false;
            }
        }

        void erase_invalid() final {
            // An invalidation as the result was stored has erased nothing, so this call erases.
            if constexpr (!validating_partition<partition_type>) {
                cache_.attempt("erase", false, [&] { return cache_.partition_.erase(key()); });
            }
        }

        void complete(single_flight::role& leader) const final { leader.complete(*record); }

        [[nodiscard]] bool take(void const* other) final {
            auto const& shared = *static_cast<typename Evaluation::record const*>(other);
            if (!wanted_.can_serve(shared)) {
                return false;
            }
            record.emplace(shared);
            return true;
        }

        [[nodiscard, gnu::cold]] bool disagrees(replicate const& which, timed_run& timer) final {
            auto const fresh = run(which);
            timer.returned();
            cache_.counters().add(&statistics::audits);
            return has_state() &&
                   cache_.evaluation_.contradicts(cache_.audits_, key(), *record, fresh);
        }

      protected:
        ~call() = default;

        /// Runs the function.
        virtual typename Evaluation::sample run(replicate const& which) = 0;

      private:
        /// Adds the sample to the record in the backend, which may have the samples of others too.
        void merge(std::uint64_t since, std::chrono::nanoseconds cost) {
            if constexpr (Backend::stores) {
                stored_.reset();
                cache_.store(*this, since, cost);
                // With fewer samples than expected the record was invalidated meanwhile.
                if (stored_ &&
                    Evaluation::draw_count(*stored_) >= Evaluation::draw_count(*record)) {
                    record.emplace(*std::move(stored_));
                }
            }
        }

        struct nothing {};
        template <class T> using if_merges = std::conditional_t<Evaluation::merges, T, nothing>;

        function_cache& cache_;
        call_id const& id_;
        Evaluation const& wanted_;
        [[no_unique_address]] if_merges<sample_id> by_{}; ///< of the last sample
        [[no_unique_address]] if_merges<typename Evaluation::addend const*>
            drawn_{}; ///< null: rejected
        [[no_unique_address]] if_merges<std::optional<typename Evaluation::record>> stored_{};
    };

    /// The right to evaluate a call that missed, for a caller that does not wait. Its destructor gives the
    /// right up.
    ///
    /// Thread safety:  none
    class right {
      public:
        right(function_cache& cache, call& wanted)
            : cache_(cache),
              call_(wanted),
              role_(find()         ? cache.flights().stay_out()
                    : cache.runs() ? cache.flights().try_lead(wanted.flight(), wanted.key())
                                   : cache.flights().lead_alone()) {
            if (role_.leads() && cache.runs() && !lead_processes()) {
                role_.give_up(); // another process evaluates the call
            }
        }
        right(right const&) = delete;
        right& operator=(right const&) = delete;
        ~right() = default;

        [[nodiscard]] bool is_held() const noexcept { return role_.leads(); }

        [[nodiscard]] bool is_served() const noexcept { return is_served_; }

        /// Only if is_served().
        [[nodiscard]] typename Evaluation::result value() const {
            return Evaluation::result_of(record(*call_.record));
        }

        /// Serves the call. Only if is_held(), and once.
        void use() {
            cache_.lead(role_, call_, reason_, std::move(alone_));
            is_served_ = true;
        }

      private:
        bool find() {
            auto found = cache_.lookup(call_.id(), false);
            if (!found) {
                reason_ = found.reason();
                return false;
            }
            call_.record.emplace(std::move(found->record));
            return is_served_ = true;
        }

        /// Returns:        whether no other process evaluates the key
        bool lead_processes() {
            if constexpr (leading_partition<partition_type>) {
                auto lease = cache_.partition_.try_lead(call_.key());
                if (!lease) {
                    return false;
                }
                alone_ = std::make_shared<decltype(lease)>(std::move(lease));
            }
            return true;
        }

        function_cache& cache_;
        call& call_;
        bool is_served_ = false;
        miss_reason reason_ = miss_reason::absent;
        single_flight::role role_;
        std::shared_ptr<void> alone_; ///< see pending_call::lead_processes; ends before the flight
    };

    // Invalidation and counters.

    [[nodiscard]] bool erase(key128 key) {
        return invalidated().invalidate(
            key, [&] { return attempt("erase", false, [&] { return partition_.erase(key); }); });
    }

    void clear() {
        invalidated().invalidate_all([&] {
            attempt("clear", false, [&] {
                partition_.clear();
                return true;
            });
        });
    }

    [[nodiscard]] statistics stats() const { return since_reset(detail::events_of(partition_)); }
    void reset_stats() { reset(detail::events_of(partition_)); }

  private:
    static constexpr bool has_fast_path =
        std::is_empty_v<typename Evaluation::key_material> &&
        fast_partition<partition_type, typename Evaluation::record>;

    [[nodiscard]] static lookup_result<record> unavailable() { return miss_reason::unavailable; }

    [[nodiscard, gnu::always_inline]] inline fast_lookup<record>
    counted(fast_lookup<record> found) {
        if (!found.record || !evaluation_.is_enough(*found.record) ||
            !counters().quick_hit(found.cost)) [[unlikely]] {
            found.record.reset();
        }
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
            counters().add(&statistics::corrupt);
            found = miss_reason::other_stream;
        } else if (found && !evaluation_.is_enough(found->record)) {
            found = miss_reason::unsettled;
        } else if (found && evaluation_.needs_range(found->record)) {
            counters().note_needed_range();
        }
    }

    sample_id take_number(key128 key) {
        if constexpr (!Evaluation::numbered) {
            return {};
        } else if constexpr (!Backend::stores) {
            return {next_number(), 0};
        } else {
            auto const begun = update(key, Evaluation::begin(random_incarnation()),
                                      {std::chrono::nanoseconds(0), ttl()});
            return begun ? sample_id{begun->begun - 1, begun->incarnation}
                         : sample_id{random_number(), 0};
        }
    }

    /// Changes the record in the backend and returns the stored record, or nothing if the backend does not
    /// store it.
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

    partition_type const partition_;
    Evaluation const evaluation_;
    [[no_unique_address]] typename Evaluation::audit_state audits_; ///< earlier ones, of a mean
};

} // namespace memo::detail
