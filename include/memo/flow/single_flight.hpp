// SPDX-License-Identifier: BSL-1.0
#pragma once

// Callers of one key at the same time, in; one leader that runs the function and followers that are
// given what it got, out. The function runs with no lock held. Whatever it throws reaches the
// leader and every follower.

#include <memo/flow/waiting.hpp>
#include <memo/key/key128.hpp>

#include <array>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

namespace memo::detail {

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
            if (followed_->exception) {
                std::rethrow_exception(followed_->exception);
            }
            return followed_->result;
        }

      private:
        friend single_flight;
        boarding(single_flight& flights, key128 key, std::shared_ptr<flight> followed, bool leads)
            : flights_(flights), key_(key), followed_(std::move(followed)), leads_(leads) {}

        template <class Tell> void land_with(Tell const& tell) {
            if (!std::exchange(leads_, false)) {
                return;
            }
            if (auto const followed = flights_.end(key_, leader_)) {
                try {
                    tell(*followed);
                } catch (...) { // a result that cannot be copied
                    followed->exception = std::current_exception();
                }
                followed->land();
            }
        }

        single_flight& flights_;
        key128 key_;
        flight_leader leader_;             ///< the caller, if it leads
        std::shared_ptr<flight> followed_; ///< by the caller; null if it leads or has no part
        bool leads_;
    };

    /// Joins the flight of a key, or begins it.
    [[nodiscard]] boarding board(key128 key) { return begin(key, true); }

    /// Begins the flight of a key, if there is none; otherwise the caller has no part in it.
    [[nodiscard]] boarding try_board(key128 key) { return begin(key, false); }

    /// No part in any flight.
    [[nodiscard]] boarding nowhere() { return {*this, {}, nullptr, false}; }

  private:
    struct under_way {
        flight_leader leader;
        std::shared_ptr<flight> followed;
    };

    struct alignas(64) gate {
        std::mutex mutex;
        std::unordered_map<key128, under_way> flights;
    };

    gate& gate_of(key128 key) { return gates_[key.high % gates_.size()]; }

    /// follows         whether the caller waits if another one leads
    [[nodiscard]] boarding begin(key128 key, bool follows) {
        gate& mine = gate_of(key);
        std::scoped_lock const lock(mine.mutex);
        auto const [place, is_new] = mine.flights.try_emplace(key);
        under_way& found = place->second;
        if (!is_new && found.leader.is_of_this_process()) {
            if (follows && !found.followed) {
                found.followed = std::make_shared<flight>(found.leader);
            }
            return {*this, key, follows ? found.followed : nullptr, false};
        }
        if (!is_new) {
            found = {}; // a child has its parent's flights, but not their leaders
        }
        return {*this, key, nullptr, true};
    }

    /// Ends a leader's flight: no one boards it any more. Gives it if it has followers.
    [[nodiscard]] std::shared_ptr<flight> end(key128 key, flight_leader const& leader) {
        gate& mine = gate_of(key);
        std::scoped_lock const lock(mine.mutex);
        auto const found = mine.flights.find(key);
        if (found == mine.flights.end() || found->second.leader != leader) {
            return nullptr;
        }
        auto followed = std::move(found->second.followed);
        mine.flights.erase(found);
        return followed;
    }

    std::array<gate, 16> gates_;
};

} // namespace memo::detail
