// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a cache of one policy would have served: simulations that hold keys only, one thread, after the papers.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <list>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace benchmark {

/// A list of keys, the one asked for last in front.
class recency_list {
  public:
    [[nodiscard]] bool contains(std::uint64_t key) const { return places_.contains(key); }
    [[nodiscard]] std::size_t size() const { return places_.size(); }
    [[nodiscard]] std::uint64_t last() const { return keys_.back(); }

    void touch(std::uint64_t key) { keys_.splice(keys_.begin(), keys_, places_.at(key)); }
    void add(std::uint64_t key) {
        keys_.push_front(key);
        places_[key] = keys_.begin();
    }
    void remove(std::uint64_t key) {
        keys_.erase(places_.at(key));
        places_.erase(key);
    }
    std::uint64_t remove_last() {
        std::uint64_t const key = last();
        remove(key);
        return key;
    }

  private:
    std::list<std::uint64_t> keys_;
    std::unordered_map<std::uint64_t, std::list<std::uint64_t>::iterator> places_;
};

class lru {
  public:
    explicit lru(std::size_t capacity) : capacity_(capacity) {}

    /// Whether the key is there; it is afterwards.
    bool ask(std::uint64_t key) {
        if (keys_.contains(key)) {
            keys_.touch(key);
            return true;
        }
        if (keys_.size() == capacity_) {
            keys_.remove_last();
        }
        keys_.add(key);
        return false;
    }

  private:
    std::size_t capacity_;
    recency_list keys_;
};

/// CLOCK, and SIEVE (Zhang et al. 2024, NSDI): in CLOCK a spared key is as new as one that comes; in SIEVE it keeps its
/// place and the hand goes on from there.
template <bool IsSieve> class second_chance {
  public:
    explicit second_chance(std::size_t capacity) : capacity_(capacity) {}

    bool ask(std::uint64_t key) {
        if (auto const found = places_.find(key); found != places_.end()) {
            found->second->visited = true;
            return true;
        }
        if (places_.size() == capacity_) {
            evict();
        }
        keys_.push_front({key, false});
        places_[key] = keys_.begin();
        return false;
    }

  private:
    struct entry {
        std::uint64_t key;
        bool visited;
    };
    using place = typename std::list<entry>::iterator;

    void evict() {
        auto at = IsSieve && hand_ ? *hand_ : std::prev(keys_.end());
        while (at->visited) {
            at->visited = false;
            if constexpr (IsSieve) {
                at = at == keys_.begin() ? std::prev(keys_.end()) : std::prev(at);
            } else {
                keys_.splice(keys_.begin(), keys_, at);
                at = std::prev(keys_.end());
            }
        }
        hand_.reset();
        if (at != keys_.begin()) {
            hand_ = std::prev(at);
        }
        places_.erase(at->key);
        keys_.erase(at);
    }

    std::size_t capacity_;
    std::list<entry> keys_; ///< the newest in front
    std::unordered_map<std::uint64_t, place> places_;
    std::optional<place> hand_;
};

using clock = second_chance<false>;
using sieve = second_chance<true>;

/// Yang et al. 2023, SOSP: a small queue of a tenth, a main queue, ghosts of what left the small one; two bits of count.
class s3_fifo {
  public:
    explicit s3_fifo(std::size_t capacity)
        : capacity_(capacity), small_(std::max<std::size_t>(1, capacity / 10)) {}

    bool ask(std::uint64_t key) {
        if (auto const found = counts_.find(key); found != counts_.end()) {
            found->second = std::min(3, found->second + 1);
            return true;
        }
        while (counts_.size() >= capacity_) {
            if (fresh_.size() >= small_ || kept_.empty()) {
                leave_fresh();
            } else {
                leave_kept();
            }
        }
        (ghosts_.contains(key) ? kept_ : fresh_).push_back(key);
        counts_[key] = 0;
        return false;
    }

  private:
    void leave_fresh() {
        std::uint64_t const key = fresh_.front();
        fresh_.pop_front();
        if (counts_[key] > 0) {
            counts_[key] = 0;
            kept_.push_back(key);
            return;
        }
        counts_.erase(key);
        if (ghosts_.insert(key).second) {
            order_of_ghosts_.push_back(key);
        }
        if (order_of_ghosts_.size() > capacity_ - small_) {
            ghosts_.erase(order_of_ghosts_.front());
            order_of_ghosts_.pop_front();
        }
    }

    void leave_kept() {
        std::uint64_t const key = kept_.front();
        kept_.pop_front();
        if (int& count = counts_[key]; count > 0) {
            --count;
            kept_.push_back(key);
        } else {
            counts_.erase(key);
        }
    }

    std::size_t capacity_;
    std::size_t small_;
    std::deque<std::uint64_t> fresh_;
    std::deque<std::uint64_t> kept_;
    std::unordered_map<std::uint64_t, int> counts_;
    std::unordered_set<std::uint64_t> ghosts_;
    std::deque<std::uint64_t> order_of_ghosts_;
};

/// Einziger, Friedman and Manes 2017, TOS: a window of 1 %, a main part of a fifth on probation and the rest protected,
/// and whoever was asked for more often stays, by a sketch of counts that are halved now and then.
class w_tiny_lfu {
  public:
    explicit w_tiny_lfu(std::size_t capacity)
        : window_size_(std::max<std::size_t>(1, capacity / 100)),
          main_size_(capacity - window_size_),
          protected_size_(main_size_ * 4 / 5),
          age_(capacity * 10),
          counts_(std::bit_ceil(capacity * 4)) {}

    bool ask(std::uint64_t key) {
        count(key);
        if (window_.contains(key)) {
            window_.touch(key);
            return true;
        }
        if (protected_.contains(key)) {
            protected_.touch(key);
            return true;
        }
        if (probation_.contains(key)) {
            probation_.remove(key);
            protected_.add(key);
            if (protected_.size() > protected_size_) {
                probation_.add(protected_.remove_last());
            }
            return true;
        }
        window_.add(key);
        if (window_.size() > window_size_) {
            admit(window_.remove_last());
        }
        return false;
    }

  private:
    static constexpr int most = 15;

    void admit(std::uint64_t key) {
        if (probation_.size() + protected_.size() < main_size_) {
            probation_.add(key);
            return;
        }
        auto& from = probation_.size() > 0 ? probation_ : protected_;
        if (count_of(key) > count_of(from.last())) {
            from.remove_last();
            probation_.add(key);
        }
    }

    [[nodiscard]] std::array<std::size_t, 4> places_of(std::uint64_t key) const {
        std::array<std::size_t, 4> places{};
        for (std::size_t& place : places) {
            key = (key ^ (key >> 31)) * 0x9e3779b97f4a7c15;
            place = (key >> 20) & (counts_.size() - 1);
        }
        return places;
    }

    [[nodiscard]] int count_of(std::uint64_t key) const {
        int least = most;
        for (std::size_t const place : places_of(key)) {
            least = std::min(least, int{counts_[place]});
        }
        return least;
    }

    void count(std::uint64_t key) {
        int const least = count_of(key);
        for (std::size_t const place : places_of(key)) {
            if (counts_[place] == least && least < most) {
                ++counts_[place];
            }
        }
        if (++asked_ == age_) {
            asked_ = 0;
            for (auto& each : counts_) {
                each = static_cast<std::uint8_t>(each / 2);
            }
        }
    }

    std::size_t window_size_;
    std::size_t main_size_;
    std::size_t protected_size_;
    std::size_t age_;
    std::size_t asked_ = 0;
    std::vector<std::uint8_t> counts_;
    recency_list window_;
    recency_list probation_;
    recency_list protected_;
};

} // namespace benchmark
