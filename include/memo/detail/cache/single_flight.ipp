// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/cache/single_flight.hpp>
#include <memo/detail/key/words.hpp>
#include <memo/detail/key_map.hpp>
#include <memo/detail/system/cancellation.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/detail/system/process.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace memo::detail {

// The first follower makes it, as most leaders have no followers.
class single_flight::flight : public flight_base {
  public:
    using flight_base::flight_base;

    shared_record result;
    std::exception_ptr exception;
};

struct single_flight::under_way {
    flight_leader leader;
    std::shared_ptr<flight> followed;
    std::uint64_t began = 0;          ///< see invalidation_log::now
    std::unique_ptr<under_way> older; ///< not complete, but outdated: nobody joins it
};

struct alignas(64) single_flight::shard {
    static constexpr std::size_t count = 16;

    detail::mutex mutex;
    std::unordered_map<key128, under_way> flights;
};

MEMO_DEFINITION single_flight::single_flight(invalidation_log const& invalidated)
    : invalidated_(invalidated), shards_(new shard[shard::count]) {}

MEMO_DEFINITION single_flight::~single_flight() = default;

MEMO_DEFINITION single_flight::shard& single_flight::shard_of(key128 key) {
    return shards_[key.high % shard::count];
}

MEMO_DEFINITION bool single_flight::is_outdated(under_way const& earlier, key128 of) const {
    return invalidated_.includes(of, earlier.began) && earlier.leader != flight_leader{};
}

MEMO_DEFINITION single_flight::role single_flight::join(key128 key, key128 of) {
    return begin(key, of, true);
}

MEMO_DEFINITION single_flight::role single_flight::try_lead(key128 key, key128 of) {
    return begin(key, of, false);
}

MEMO_DEFINITION single_flight::role single_flight::lead_alone() {
    return {*this, {}, nullptr, part::loner};
}

MEMO_DEFINITION single_flight::role single_flight::stay_out() {
    return {*this, {}, nullptr, part::none};
}

MEMO_DEFINITION single_flight::role single_flight::begin(key128 key, key128 of, bool waits) {
    shard& mine = shard_of(key);
    std::scoped_lock const lock(mine.mutex);
    auto const [place, is_new] = mine.flights.try_emplace(key);
    under_way& found = place->second;
    // A child has its parent's flights, but not their leaders.
    bool const is_led = !is_new && found.leader.is_of_this_process();
    bool const is_old = is_led && is_outdated(found, of);
    if (is_led && !is_old) {
        if (waits && !found.followed) {
            found.followed = std::make_shared<flight>(found.leader);
        }
        return {*this, key, waits ? found.followed : nullptr, waits ? part::follower : part::none};
    }
    if (!is_new) {
        under_way fresh;
        fresh.older = is_old ? std::make_unique<under_way>(std::move(found)) : nullptr;
        found = std::move(fresh);
    }
    found.began = invalidated_.now();
    return {*this, key, nullptr, part::leader};
}

MEMO_DEFINITION std::shared_ptr<single_flight::flight>
single_flight::end(key128 key, flight_leader const& leader) {
    shard& mine = shard_of(key);
    std::scoped_lock const lock(mine.mutex);
    auto const place = mine.flights.find(key);
    if (place == mine.flights.end()) {
        return nullptr;
    }
    under_way* newer = nullptr;
    under_way* found = &place->second;
    while (found != nullptr && found->leader != leader) {
        newer = std::exchange(found, found->older.get());
    }
    if (found == nullptr) {
        return nullptr;
    }
    auto followed = std::move(found->followed);
    if (found->older) {
        *found = std::move(*std::unique_ptr<under_way>(std::move(found->older)));
    } else if (newer != nullptr) {
        newer->older = nullptr;
    } else {
        mine.flights.erase(place);
    }
    return followed;
}

MEMO_DEFINITION single_flight::role::role(single_flight& flights, key128 key,
                                          std::shared_ptr<flight> followed, part mine)
    : flights_(flights), key_(key), followed_(std::move(followed)), part_(mine) {}

MEMO_DEFINITION single_flight::role::~role() {
    give_up();
}

MEMO_DEFINITION std::shared_ptr<single_flight::flight> single_flight::role::end() {
    return std::exchange(part_, part::none) == part::leader ? flights_.end(key_, leader_) : nullptr;
}

MEMO_DEFINITION void single_flight::role::give_up() {
    if (auto const followed = end()) {
        followed->complete();
    }
}

MEMO_DEFINITION void single_flight::role::fail(std::exception_ptr const& exception) {
    if (auto const followed = end()) {
        followed->exception = exception;
        followed->complete();
    }
}

MEMO_DEFINITION void single_flight::role::complete(void const* record,
                                                   shared_record (*copy)(void const*)) {
    if (auto const followed = end()) {
        try {
            followed->result = copy(record);
        } catch (thread_cancelled const&) {
            followed->complete(); // without a result: a follower takes over
            throw;
        } catch (...) { // a result that cannot be copied
            followed->exception = std::current_exception();
        }
        followed->complete();
    }
}

MEMO_DEFINITION shared_record single_flight::role::result() const {
    followed_->wait();
    if (followed_->exception) {
        std::rethrow_exception(followed_->exception);
    }
    return followed_->result;
}

/// The flights of all functions and stores of the process, see process_wide.
///
/// Thread safety:  safe; used when a wrapper is made and destroyed, not by calls
class flight_map {
  public:
    /// Adds a wrapper to the flights of a scope on a store, and returns them.
    [[nodiscard]] scope_flights& open(key128 place) {
        std::scoped_lock const lock(mutex_);
        entry* opened = map_.find(place);
        if (opened == nullptr) {
            opened = &map_.add(place);
        }
        ++opened->wrappers;
        return opened->flights;
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
    struct entry : mapped {
        std::size_t wrappers = 0;
        scope_flights flights;
    };

    mutex mutex_;
    key_map<entry> map_;
};

/// The key of a scope's flights on a store.
MEMO_DEFINITION key128 place_of_flights(key128 store, key128 scope) {
    fixed_words<4> words;
    for (std::uint64_t const word : {store.low, store.high, scope.low, scope.high}) {
        words.put(word);
    }
    return words.digest();
}

MEMO_DEFINITION flights_of_scope::flights_of_scope(key128 store, key128 scope)
    : place_(place_of_flights(store, scope)), flights_(process_wide<flight_map>().open(place_)) {}

MEMO_DEFINITION flights_of_scope::~flights_of_scope() {
    process_wide<flight_map>().close(place_);
}

} // namespace memo::detail
