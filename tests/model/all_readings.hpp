// SPDX-License-Identifier: BSL-1.0
#pragma once

// Runs a reader with every result that its loads may have, given the stores of one writer. A reader that
// changes nothing may run after the writer: a load may return any store that the memory model allows
// (C++20, [intro.races]): none older than a store of this object that the reader has read, and none older
// than one that happened before the reader's acquire of a later release. Relacy and CDSChecker do the same
// for any threads.

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

    /// Runs `reader` once for each combination of results of its loads; it knows all stores up to a time at
    /// first. Returns the number of runs.
    template <class Reader> std::uint64_t run(std::uint64_t known, Reader reader) {
        std::uint64_t ways = 0;
        reading_ = true;
        do {
            step_ = 0;
            known_ = known;
            ++reader_;
            begin_lookup();
            reader();
            ++ways;
        } while (next_path());
        reading_ = false;
        return ways;
    }

    /// Begins a lookup. In each, an older store is read at most three times in a row: a reader that retries
    /// reads the newest one in the end, and more retries before that show nothing new.
    void begin_lookup() { ++lookup_; }

    void store(void const* place, std::uint64_t value, bool releases) {
        if (!reading_) {
            places_[place].stores.push_back({value, ++time_, releases});
        }
    }

    /// Sets the objects in these bytes to 0 at once, as if the system took the pages.
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

    /// The result of a load; `current` while the writer runs.
    std::uint64_t load(void const* place, std::uint64_t current, bool acquires) {
        if (!reading_) {
            return current;
        }
        location& here = places_.at(place);
        here.begin(reader_, lookup_);
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

    /// An object, its stores, and the reader's state of it.
    struct location {
        std::vector<stored> stores;
        std::size_t seen = 0; ///< the store that was read last
        std::size_t last = 0; ///< the same, in this lookup
        int times = 0;        ///< and how often in a row
        std::uint64_t reader = 0;
        std::uint64_t lookup = 0;

        void begin(std::uint64_t current_reader, std::uint64_t current_lookup) {
            seen = reader == current_reader ? seen : 0;
            times = lookup == current_lookup ? times : 0;
            reader = current_reader;
            lookup = current_lookup;
        }
    };

    /// A store from `first` on, another one in each run. Of adjacent equal values only the first: after it
    /// a reader may see all that it may see after the others.
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
    std::uint64_t lookup_ = 0;
    std::vector<choice> path_;
    std::size_t step_ = 0;
};

/// The part of std::atomic that the table uses, with the same size.
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

/// Replaces madvise(MADV_DONTNEED).
inline bool release_pages(void* first, std::size_t bytes) {
    if (system_takes_pages) {
        readings::all().take_back(first, bytes);
    }
    return system_takes_pages;
}

} // namespace memo_test
