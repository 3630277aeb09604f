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
#include <memo/detail/system/compiled.hpp>
#include <memo/key128.hpp>

#include <cstdint>
#include <exception>
#include <memory>

namespace memo::detail {

/// A record without its type. All users of a scope's flights know the type, because the scope is a hash of
/// the result type and the kind of the record, too.
using shared_record = std::shared_ptr<void const>;

/// record          points to a Record
template <class Record> [[nodiscard]] shared_record copy_of(void const* record) {
    return {static_cast<void const*>(new Record(*static_cast<Record const*>(record))),
            +[](void const* copy) { delete static_cast<Record const*>(copy); }};
}

/// The flights of one function on one store.
///
/// Thread safety:  safe
class single_flight {
    class flight;
    struct under_way;
    struct shard;

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
        ~role();

        /// Whether the caller runs the function.
        [[nodiscard]] bool leads() const noexcept {
            return part_ == part::leader || part_ == part::loner;
        }

        void give_up();
        /// Copies the record if anybody follows.
        template <class Record> void complete(Record const& record) {
            complete(&record, copy_of<Record>);
        }
        void fail(std::exception_ptr const& exception);

        /// Waits for the leader. Only for followers.
        ///
        /// Returns:        null if the leader gave up
        /// Throws:         what the leader's function threw; memo::error (recursion) if the caller
        ///                 would wait for itself
        [[nodiscard]] shared_record result() const;

      private:
        friend single_flight;
        role(single_flight& flights, key128 key, std::shared_ptr<flight> followed, part mine);

        void complete(void const* record, shared_record (*copy)(void const*));

        /// Ends the flight of a leader. Returns it if it has followers.
        [[nodiscard]] std::shared_ptr<flight> end();

        single_flight& flights_;
        key128 key_;
        flight_leader leader_;             ///< the caller, if it leads
        std::shared_ptr<flight> followed_; ///< null but for a follower
        part part_;
    };

    explicit single_flight(invalidation_log const& invalidated);
    single_flight(single_flight const&) = delete;
    single_flight& operator=(single_flight const&) = delete;
    ~single_flight();

    /// Follows the flight of a key, or begins one. A flight that began before its record was invalidated
    /// takes no new followers.
    ///
    /// of              the key of the record
    [[nodiscard]] role join(key128 key, key128 of);

    /// Begins the flight of a key if there is none; otherwise the caller has no part in it.
    [[nodiscard]] role try_lead(key128 key, key128 of);

    /// A leader without a flight: nobody follows it, and it follows nobody.
    [[nodiscard]] role lead_alone();

    /// No part in any flight.
    [[nodiscard]] role stay_out();

  private:
    /// waits           whether the caller follows if another one leads
    [[nodiscard]] role begin(key128 key, key128 of, bool waits);

    /// Ends a leader's flight, so that nobody joins it any more. Returns the flight if it has followers.
    [[nodiscard]] std::shared_ptr<flight> end(key128 key, flight_leader const& leader);

    [[nodiscard]] shard& shard_of(key128 key);

    /// Whether the record was invalidated since its flight began. False for the flight's own leader: a
    /// function that forgets its own result and then asks for it would run for ever.
    [[nodiscard]] bool is_outdated(under_way const& earlier, key128 of) const;

    invalidation_log const& invalidated_;
    std::unique_ptr<shard[]> shards_; // NOLINT(*-avoid-c-arrays): of an incomplete type
};

/// The state that all wrappers of one function on one store share.
struct scope_flights {
    invalidation_log invalidated;
    single_flight flights{invalidated};
};

/// A wrapper's reference to the flights of its scope and store.
class flights_of_scope {
  public:
    /// store           its identity
    ///
    /// Throws:         std::bad_alloc, and nothing is changed
    flights_of_scope(key128 store, key128 scope);
    flights_of_scope(flights_of_scope const&) = delete;
    flights_of_scope& operator=(flights_of_scope const&) = delete;
    ~flights_of_scope();

    [[nodiscard]] scope_flights& operator*() const noexcept { return flights_; }
    [[nodiscard]] scope_flights* operator->() const noexcept { return &flights_; }

  private:
    key128 const place_;
    scope_flights& flights_;
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "single_flight.ipp"
#endif
