// SPDX-License-Identifier: BSL-1.0
#pragma once

// Single flight: of the callers of one key at the same time one leads and runs the function, with no lock
// held, and the others follow and get its result.
//
// Flights belong to a function's scope and a store, as records do, and not to a wrapper: all wrappers of
// this process that share records share flights. The same holds for invalidations
// (docs/decisions/0053-flights-per-store.md).

#include <memo/detail/cache/invalidations.hpp>
#include <memo/detail/cache/waiting.hpp>
#include <memo/detail/hash_map.hpp>
#include <memo/detail/key/words.hpp>
#include <memo/detail/system/cancellation.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/key128.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace memo::detail {

/// The flights of one function on one store, independent of the type of their results.
///
/// Thread safety:  safe
class flights_under_way {
  public:
    using make_flight = std::shared_ptr<flight_base> (*)(flight_leader);

    explicit flights_under_way(invalidation_log const& invalidated) : invalidated_(invalidated) {}

    /// Begins the flight of a key, or returns the one that another caller leads.
    ///
    /// of              the key of the record
    /// leads           set to whether the caller leads
    /// make            makes a flight to follow; null if the caller does not wait
    [[nodiscard]] std::shared_ptr<flight_base> begin(key128 key, key128 of, bool& leads,
                                                     make_flight make) {
        shard& mine = shard_of(key);
        std::scoped_lock const lock(mine.mutex);
        under_way* const found = mine.flights.find(key);
        // A child has its parent's flights, but not their leaders.
        bool const is_led = found != nullptr && found->leader.is_of_this_process();
        bool const is_old = is_led && is_outdated(*found, of);
        leads = !is_led || is_old;
        if (found == nullptr) {
            mine.flights.add(key).began = invalidated_.now();
        } else if (leads) {
            under_way fresh;
            fresh.began = invalidated_.now();
            fresh.older = is_old ? new under_way(std::move(*found)) : nullptr;
            *found = std::move(fresh);
        } else if (make != nullptr) {
            if (!found->followed) {
                found->followed = make(found->leader);
            }
            return found->followed;
        }
        return nullptr;
    }

    /// Ends a leader's flight, so that nobody joins it any more. Returns the flight if it has followers.
    [[nodiscard]] std::shared_ptr<flight_base> end(key128 key, flight_leader const& leader) {
        shard& mine = shard_of(key);
        std::scoped_lock const lock(mine.mutex);
        under_way* newer = nullptr;
        under_way* found = mine.flights.find(key);
        while (found != nullptr && found->leader != leader) {
            newer = std::exchange(found, found->older);
        }
        if (found == nullptr) {
            return nullptr;
        }
        auto followed = std::move(found->followed);
        if (found->older != nullptr) {
            under_way ended = std::move(*found);
            *found = std::move(*ended.older);
        } else if (newer != nullptr) {
            delete std::exchange(newer->older, nullptr);
        } else {
            mine.flights.erase(key);
        }
        return followed;
    }

  private:
    // Moved by swapping, as each owns the older one.
    struct under_way {
        under_way() = default;
        under_way(under_way&& other) noexcept { *this = std::move(other); }
        under_way& operator=(under_way&& other) noexcept {
            std::swap(leader, other.leader);
            followed.swap(other.followed);
            std::swap(began, other.began);
            std::swap(older, other.older);
            return *this;
        }
        ~under_way() { delete older; }

        flight_leader leader;
        std::shared_ptr<flight_base> followed; ///< made by the first follower
        std::uint64_t began = 0;               ///< see invalidation_log::now
        under_way* older = nullptr; ///< owned; not complete, but outdated: nobody joins it
    };

    struct alignas(64) shard {
        detail::mutex mutex;
        hash_map<key128, under_way> flights;
    };

    shard& shard_of(key128 key) { return shards_[key.high % shards_.size()]; }

    /// Whether the record was invalidated since its flight began. False for the flight's own leader: a
    /// function that forgets its own result and then asks for it would run for ever.
    [[nodiscard]] bool is_outdated(under_way const& flight, key128 of) const {
        return invalidated_.includes(of, flight.began) && flight.leader != flight_leader{};
    }

    invalidation_log const& invalidated_;
    std::array<shard, 16> shards_;
};

/// The state that all wrappers of one function on one store share.
struct scope_flights {
    invalidation_log invalidated;
    flights_under_way under_way{invalidated};
};

/// The flights of all functions and stores of the process, see process_wide.
///
/// Thread safety:  safe; used when a wrapper is made and destroyed, not by calls
class flight_map {
  public:
    /// Adds a wrapper to the flights of a scope on a store, and returns them.
    ///
    /// Throws:         std::bad_alloc, and nothing is changed
    [[nodiscard]] scope_flights& open(key128 place) {
        std::scoped_lock const lock(mutex_);
        entry* const found = map_.find(place);
        entry& opened = found != nullptr ? *found : map_.add(place);
        ++opened.wrappers;
        return opened.flights;
    }

    /// Removes a wrapper.
    void close(key128 place) noexcept {
        std::scoped_lock const lock(mutex_);
        entry* const closed = map_.find(place);
        if (closed != nullptr && --closed->wrappers == 0) {
            map_.erase(place);
        }
    }

  private:
    struct entry {
        std::size_t wrappers = 0;
        scope_flights flights;
    };

    mutex mutex_;
    hash_map<key128, entry> map_;
};

/// A wrapper's reference to the flights of its scope and store.
class flights_of_scope {
  public:
    /// store           its identity
    flights_of_scope(key128 store, key128 scope)
        : place_(mix(store, scope)), flights_(process_wide<flight_map>().open(place_)) {}
    flights_of_scope(flights_of_scope const&) = delete;
    flights_of_scope& operator=(flights_of_scope const&) = delete;
    ~flights_of_scope() { process_wide<flight_map>().close(place_); }

    [[nodiscard]] scope_flights& operator*() const noexcept { return flights_; }
    [[nodiscard]] scope_flights* operator->() const noexcept { return &flights_; }

  private:
    [[nodiscard]] static key128 mix(key128 store, key128 scope) {
        fixed_words<4> words;
        for (std::uint64_t const word : {store.low, store.high, scope.low, scope.high}) {
            words.put(word);
        }
        return words.digest();
    }

    key128 const place_;
    scope_flights& flights_;
};

/// The flights of one function on one store.
///
/// Result          the record. All users of these flights have the same type, because the scope is a hash
///                 of the result type and the kind of the record, too
template <class Result> class single_flight {
    // The first follower makes it, as most leaders have no followers.
    struct flight : flight_base {
        using flight_base::flight_base;
        std::optional<Result> result;
        std::exception_ptr exception;
    };

    enum class part {
        none,
        leader,
        follower,
        loner, ///< leads without followers
    };

  public:
    /// A caller's part in a flight, or none. The leader completes the flight once, with a result or an
    /// exception. Without either its destructor gives the flight up, and a follower may lead.
    class role {
      public:
        role(role const&) = delete;
        role& operator=(role const&) = delete;
        ~role() { give_up(); }

        /// Whether the caller runs the function.
        [[nodiscard]] bool leads() const noexcept {
            return part_ == part::leader || part_ == part::loner;
        }

        void give_up() {
            complete_by([](flight const&) {});
        }
        void complete(Result const& result) {
            complete_by([&](flight& followed) { followed.result = result; });
        }
        void fail(std::exception_ptr const& exception) {
            complete_by([&](flight& followed) { followed.exception = exception; });
        }

        /// Waits for the leader. Only for followers.
        ///
        /// Returns:        nothing if the leader gave up
        /// Throws:         what the leader's function threw; memo::error (recursion) if the caller
        ///                 would wait for itself
        [[nodiscard]] std::optional<Result> result() const {
            followed_->wait();
            auto const& completed =
                static_cast<flight const&>(*followed_); // of this Result: see above
            if (completed.exception) {
                std::rethrow_exception(completed.exception);
            }
            return completed.result;
        }

      private:
        friend single_flight;
        role(single_flight& flights, key128 key, std::shared_ptr<flight_base> followed, part mine)
            : flights_(flights), key_(key), followed_(std::move(followed)), part_(mine) {}

        template <class Tell> void complete_by(Tell const& tell) {
            if (std::exchange(part_, part::none) != part::leader) {
                return;
            }
            if (auto const base = flights_.under_way_.end(key_, leader_)) {
                auto& followed = static_cast<flight&>(*base); // of this Result: see above
                try {
                    tell(followed);
                } catch (thread_cancelled const&) {
                    followed.complete(); // without a result: a follower takes over
                    throw;
                } catch (...) { // a result that cannot be copied
                    followed.exception = std::current_exception();
                }
                followed.complete();
            }
        }

        single_flight& flights_;
        key128 key_;
        flight_leader leader_;                  ///< the caller, if it leads
        std::shared_ptr<flight_base> followed_; ///< null but for a follower
        part part_;
    };

    /// flights         outlive this
    explicit single_flight(flights_under_way& flights) : under_way_(flights) {}

    /// Follows the flight of a key, or begins one. A flight that began before its record was invalidated
    /// takes no new followers.
    ///
    /// of              the key of the record
    [[nodiscard]] role join(key128 key, key128 of) { return begin(key, of, true); }

    /// Begins the flight of a key if there is none; otherwise the caller has no part in it.
    [[nodiscard]] role try_lead(key128 key, key128 of) { return begin(key, of, false); }

    /// A leader without a flight: nobody follows it, and it follows nobody.
    [[nodiscard]] role lead_alone() { return {*this, {}, nullptr, part::loner}; }

    /// No part in any flight.
    [[nodiscard]] role stay_out() { return {*this, {}, nullptr, part::none}; }

  private:
    /// waits           whether the caller follows if another one leads
    [[nodiscard]] role begin(key128 key, key128 of, bool waits) {
        bool leads = true;
        auto followed = under_way_.begin(key, of, leads, waits ? make_flight : nullptr);
        part const mine = leads ? part::leader : waits ? part::follower : part::none;
        return {*this, key, std::move(followed), mine};
    }

    [[nodiscard]] static std::shared_ptr<flight_base> make_flight(flight_leader leader) {
        // NOLINTNEXTLINE(modernize-make-shared): that costs a compiler three times as much
        return std::shared_ptr<flight_base>(new flight(leader));
    }

    flights_under_way& under_way_;
};

} // namespace memo::detail
