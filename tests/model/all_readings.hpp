// SPDX-License-Identifier: BSL-1.0
#pragma once

// One writer's stores in, all that a reader may see of them out. A reader that changes nothing may
// run after the writer: what a load may give is then any store that the memory model does not forbid
// (C++20, [intro.races]): none that is older than one which the reader has seen of this object, and
// none that is older than one which it must know of, because an acquire has read a release after it.
// The same idea as Relacy's and CDSChecker's, for one thread that writes.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <unordered_map>
#include <vector>

namespace memo_test {

class readings {
  public:
    static readings& all() {
        static readings one;
        return one;
    }

    /// Forgets every store.
    void restart() { *this = {}; }

    /// The time of the last store; each store takes one.
    [[nodiscard]] std::uint64_t time() const noexcept { return time_; }

    /// Runs `reader` once for each way in which its loads can go, knowing at first all stores up to a
    /// time. Returns how many ways there were.
    template <class Reader> std::uint64_t run(std::uint64_t known, Reader reader) {
        std::uint64_t ways = 0;
        reading_ = true;
        do {
            step_ = 0;
            known_ = known;
            ++reader_;
            begin_look();
            reader();
            ++ways;
        } while (next_path());
        reading_ = false;
        return ways;
    }

    /// A look begins. In each, a store that is not the newest is read three times at most in a row: a
    /// reader that tries again reads the newest one in the end, and what it does until then it does
    /// with fewer tries, too.
    void begin_look() { ++look_; }

    void store(void const* place, std::uint64_t value, bool releases) {
        if (!reading_) {
            places_[place].stores.push_back({value, ++time_, releases});
        }
    }

    /// What lies in so many bytes becomes 0, all of it at once: the system has taken the pages.
    void take_back(void* first, std::size_t bytes) {
        ++time_;
        auto* const begin = static_cast<std::byte*>(first);
        std::memset(begin, 0, bytes);
        for (auto& [place, here] : places_) {
            auto const* const at = static_cast<std::byte const*>(place);
            if (!std::less<>()(at, begin) && std::less<>()(at, begin + bytes)) {
                here.stores.push_back({0, time_, true});
            }
        }
    }

    /// What a load gives; `current` while the writer runs.
    std::uint64_t load(void const* place, std::uint64_t current, bool acquires) {
        if (!reading_) {
            return current;
        }
        location& here = places_.at(place);
        here.begin(reader_, look_);
        auto const& stores = here.stores;
        while (here.seen + 1 < stores.size() && stores[here.seen + 1].time <= known_) {
            ++here.seen;
        }
        if (here.seen + 1 < stores.size()) {
            bool const enough = here.last == here.seen && here.times == 3;
            here.seen = choose(stores, enough ? here.seen + 1 : here.seen);
        }
        here.times = here.last == here.seen ? here.times + 1 : 1;
        here.last = here.seen;
        stored const& chosen = stores[here.seen];
        if (acquires && chosen.releases) {
            known_ = std::max(known_, chosen.time);
        }
        return chosen.value;
    }

  private:
    struct stored {
        std::uint64_t value;
        std::uint64_t time;
        bool releases;
    };
    struct choice {
        std::size_t taken;
        std::size_t of;
    };

    /// An object, its stores, and what one reader has read of it.
    struct location {
        std::vector<stored> stores;
        std::size_t seen = 0; ///< the store that was read last
        std::size_t last = 0; ///< the same, in this look
        int times = 0;        ///< and how often in a row
        std::uint64_t reader = 0;
        std::uint64_t look = 0;

        void begin(std::uint64_t now_reader, std::uint64_t now_look) {
            seen = reader == now_reader ? seen : 0;
            times = look == now_look ? times : 0;
            reader = now_reader;
            look = now_look;
        }
    };

    /// One of the stores from `first` on, another one in each run. Of neighbours that store one value
    /// the first alone: who has read it may yet see all that who has read the others may.
    std::size_t choose(std::vector<stored> const& stores, std::size_t first) {
        std::size_t const taken = step_ < path_.size() ? path_[step_].taken : 0;
        std::size_t chosen = first;
        std::size_t ways = 1;
        for (std::size_t i = first + 1; i < stores.size(); ++i) {
            if (stores[i].value != stores[i - 1].value) {
                chosen = ways == taken ? i : chosen;
                ++ways;
            }
        }
        if (step_ == path_.size()) {
            path_.push_back({0, ways});
        }
        ++step_;
        return chosen;
    }

    /// The choices of the next run; false if there is none.
    bool next_path() {
        while (!path_.empty() && path_.back().taken + 1 == path_.back().of) {
            path_.pop_back();
        }
        if (path_.empty()) {
            return false;
        }
        ++path_.back().taken;
        return true;
    }

    std::unordered_map<void const*, location> places_;
    std::uint64_t time_ = 0;
    bool reading_ = false;
    std::uint64_t known_ = 0; ///< the time up to which the reader must know all stores
    std::uint64_t reader_ = 0;
    std::uint64_t look_ = 0;
    std::vector<choice> path_;
    std::size_t step_ = 0;
};

/// As std::atomic, as far as the table uses it, and of its size.
template <class T> class recorded_atomic {
  public:
    recorded_atomic() noexcept : recorded_atomic(T{}) {}
    // NOLINTNEXTLINE(google-explicit-constructor): as std::atomic's
    recorded_atomic(T value) : value_(value) { record(false); }
    recorded_atomic(recorded_atomic const&) = delete;
    recorded_atomic& operator=(recorded_atomic const&) = delete;
    ~recorded_atomic() = default;

    [[nodiscard]] T load(std::memory_order order) const {
        std::uint64_t const bits =
            readings::all().load(this, bits_of(value_), order == std::memory_order_acquire);
        T value;
        // NOLINTNEXTLINE(bugprone-sizeof-expression): of the pointer, where T is one
        std::memcpy(static_cast<void*>(&value), &bits, sizeof(T));
        return value;
    }

    void store(T value, std::memory_order order) {
        value_ = value;
        record(order == std::memory_order_release);
    }

  private:
    static std::uint64_t bits_of(T const& value) {
        std::uint64_t bits = 0;
        // NOLINTNEXTLINE(bugprone-sizeof-expression): of the pointer, where T is one
        std::memcpy(&bits, &value, sizeof(T));
        return bits;
    }

    void record(bool releases) { readings::all().store(this, bits_of(value_), releases); }

    T value_;
};

/// Whether the system takes pages, as on Linux.
inline bool system_takes_pages = false;

/// What madvise(MADV_DONTNEED) does.
inline bool release_pages(void* first, std::size_t bytes) {
    if (system_takes_pages) {
        readings::all().take_back(first, bytes);
    }
    return system_takes_pages;
}

} // namespace memo_test
