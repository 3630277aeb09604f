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
    struct flight : flight_base {
        std::optional<Result> result;
        std::exception_ptr exception;
    };

  public:
    /// A caller's part in a flight, or none. The leader must land it, with a result or with an
    /// exception; with neither it gives up, and a follower may begin anew.
    class boarding {
      public:
        boarding(boarding const&) = delete;
        boarding& operator=(boarding const&) = delete;
        ~boarding() { land(); }

        [[nodiscard]] bool leads() const noexcept { return leads_; }

        /// Ends the flight, if the caller leads one.
        void land() {
            if (std::exchange(leads_, false)) {
                flights_.land(key_, *flight_);
            }
        }

        void succeed(Result const& result) { flight_->result = result; }
        void fail(std::exception_ptr const& exception) { flight_->exception = exception; }

        /// Waits for the leader. Only for followers.
        ///
        /// Returns:        nothing if the leader gave up
        /// Throws:         what the leader's evaluation threw; memo::error (recursion) instead of
        ///                 waiting for oneself
        [[nodiscard]] std::optional<Result> result() const {
            flight_->wait();
            if (flight_->exception) {
                std::rethrow_exception(flight_->exception);
            }
            return flight_->result;
        }

      private:
        friend single_flight;
        boarding(single_flight& flights, key128 key, std::shared_ptr<flight> flight, bool leads)
            : flights_(flights), key_(key), flight_(std::move(flight)), leads_(leads) {}

        single_flight& flights_;
        key128 key_;
        std::shared_ptr<flight> flight_;
        bool leads_;
    };

    /// Joins the flight of a key, or begins it.
    [[nodiscard]] boarding board(key128 key) { return begin(key, true); }

    /// Begins the flight of a key, if there is none; otherwise the caller has no part in it.
    [[nodiscard]] boarding try_board(key128 key) { return begin(key, false); }

    /// No part in any flight.
    [[nodiscard]] boarding nowhere() { return {*this, {}, nullptr, false}; }

  private:
    struct alignas(64) gate {
        std::mutex mutex;
        std::unordered_map<key128, std::shared_ptr<flight>> flights;
    };

    gate& gate_of(key128 key) { return gates_[key.high % gates_.size()]; }

    /// follows         whether the caller waits if another one leads
    [[nodiscard]] boarding begin(key128 key, bool follows) {
        gate& mine = gate_of(key);
        std::scoped_lock const lock(mine.mutex);
        auto& under_way = mine.flights[key];
        bool const leads = !under_way || under_way->of_another_process();
        if (leads) {
            under_way = std::make_shared<flight>();
        } else if (follows) {
            under_way->add_follower();
        }
        return {*this, key, under_way, leads};
    }

    void land(key128 key, flight& landed) {
        {
            gate& mine = gate_of(key);
            std::scoped_lock const lock(mine.mutex);
            auto const found = mine.flights.find(key);
            if (found != mine.flights.end() && found->second.get() == &landed) {
                mine.flights.erase(found);
            }
        }
        landed.land(); // nobody boards any more
    }

    std::array<gate, 16> gates_;
};

} // namespace memo::detail
