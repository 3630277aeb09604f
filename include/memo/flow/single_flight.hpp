// SPDX-License-Identifier: BSL-1.0
#pragma once

// Callers of one key at the same time, in; one leader that runs the function and followers that are
// given what it got, out. The function runs with no lock held. Whatever it throws reaches the
// leader and every follower.

#include <memo/flow/drops.hpp>
#include <memo/flow/waiting.hpp>
#include <memo/hash_map.hpp>
#include <memo/key/key128.hpp>

#include <array>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace memo::detail {

/// The flights of one function, without the type of its results.
///
/// Thread safety:  safe
class flights_under_way {
  public:
    using make_flight = std::shared_ptr<flight_base> (*)(flight_leader);

    explicit flights_under_way(drops const& dropped) : dropped_(dropped) {}

    /// Begins the flight of a key, or gives the one that another caller leads.
    ///
    /// of              the key of the record that it is for
    /// leads           set to whether the caller leads
    /// make            makes a flight to follow; null if the caller does not wait for one
    [[nodiscard]] std::shared_ptr<flight_base> begin(key128 key, key128 of, bool& leads,
                                                     make_flight make) {
        gate& mine = gate_of(key);
        std::scoped_lock const lock(mine.mutex);
        under_way* const found = mine.flights.find(key);
        // A child has its parent's flights, but not their leaders.
        bool const is_led = found != nullptr && found->leader.is_of_this_process();
        bool const is_old = is_led && is_outdated(*found, of);
        leads = !is_led || is_old;
        if (found == nullptr) {
            mine.flights.add(key).began = dropped_.now();
        } else if (leads) {
            under_way fresh;
            fresh.began = dropped_.now();
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

    /// Ends a leader's flight: no one boards it any more. Gives it if it has followers.
    [[nodiscard]] std::shared_ptr<flight_base> end(key128 key, flight_leader const& leader) {
        gate& mine = gate_of(key);
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
    // Copied nowhere; moved by swapping, as each owns the older one.
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
        std::uint64_t began = 0;               ///< see drops::now
        under_way* older = nullptr; ///< owned; nobody boards it any more, but it has not landed
    };

    struct alignas(64) gate {
        std::mutex mutex;
        hash_map<key128, under_way> flights;
    };

    gate& gate_of(key128 key) { return gates_[key.high % gates_.size()]; }

    /// Whether what a flight is for was dropped since it began. Not for its leader, who waits for
    /// itself: a function that drops its own result and asks for it would never end.
    [[nodiscard]] bool is_outdated(under_way const& flight, key128 of) const {
        return dropped_.include(of, flight.began) && flight.leader != flight_leader{};
    }

    drops const& dropped_;
    std::array<gate, 16> gates_;
};

template <class Result> class single_flight {
    // Made by the first follower, as most leaders have none.
    struct flight : flight_base {
        using flight_base::flight_base;
        std::optional<Result> result;
        std::exception_ptr exception;
    };

  public:
    /// A caller's part in a flight, or none. The leader lands it once, with a result or with an
    /// exception; with neither it gives up, and a follower may begin anew.
    class boarding {
      public:
        boarding(boarding const&) = delete;
        boarding& operator=(boarding const&) = delete;
        ~boarding() { land(); }

        [[nodiscard]] bool leads() const noexcept { return leads_; }

        /// Ends the flight, if the caller leads one.
        void land() {
            land_with([](flight const&) {});
        }
        void land(Result const& result) {
            land_with([&](flight& followed) { followed.result = result; });
        }
        void land(std::exception_ptr const& exception) {
            land_with([&](flight& followed) { followed.exception = exception; });
        }

        /// Waits for the leader. Only for followers.
        ///
        /// Returns:        nothing if the leader gave up
        /// Throws:         what the leader's evaluation threw; memo::error (recursion) instead of
        ///                 waiting for oneself
        [[nodiscard]] std::optional<Result> result() const {
            followed_->wait();
            auto const& landed = static_cast<flight const&>(*followed_);
            if (landed.exception) {
                std::rethrow_exception(landed.exception);
            }
            return landed.result;
        }

      private:
        friend single_flight;
        boarding(single_flight& flights, key128 key, std::shared_ptr<flight_base> followed,
                 bool leads)
            : flights_(flights), key_(key), followed_(std::move(followed)), leads_(leads) {}

        template <class Tell> void land_with(Tell const& tell) {
            if (!std::exchange(leads_, false)) {
                return;
            }
            if (auto const base = flights_.flights_.end(key_, leader_)) {
                auto& followed = static_cast<flight&>(*base);
                try {
                    tell(followed);
                } catch (...) { // a result that cannot be copied
                    followed.exception = std::current_exception();
                }
                followed.land();
            }
        }

        single_flight& flights_;
        key128 key_;
        flight_leader leader_;                  ///< the caller, if it leads
        std::shared_ptr<flight_base> followed_; ///< by the caller; null if it leads or has no part
        bool leads_;
    };

    /// dropped         outlives the flights
    explicit single_flight(drops const& dropped) : flights_(dropped) {}

    /// Joins the flight of a key, or begins it. One that began before its record was dropped is not
    /// joined: it goes on for those who are aboard.
    ///
    /// of              the key of the record
    [[nodiscard]] boarding board(key128 key, key128 of) { return begin(key, of, true); }

    /// Begins the flight of a key, if there is none to join; otherwise the caller has no part in it.
    [[nodiscard]] boarding try_board(key128 key, key128 of) { return begin(key, of, false); }

    /// No part in any flight.
    [[nodiscard]] boarding nowhere() { return {*this, {}, nullptr, false}; }

  private:
    /// follows         whether the caller waits if another one leads
    [[nodiscard]] boarding begin(key128 key, key128 of, bool follows) {
        bool leads = true;
        auto followed = flights_.begin(key, of, leads, follows ? make_flight : nullptr);
        return {*this, key, std::move(followed), leads};
    }

    [[nodiscard]] static std::shared_ptr<flight_base> make_flight(flight_leader leader) {
        // NOLINTNEXTLINE(modernize-make-shared): that costs a compiler three times as much
        return std::shared_ptr<flight_base>(new flight(leader));
    }

    flights_under_way flights_;
};

} // namespace memo::detail
