// SPDX-License-Identifier: BSL-1.0

#include "all_readings.hpp"

#define MEMO_TABLE_ATOMIC ::memo_test::recorded_atomic
#define MEMO_TABLE_RELEASE_PAGES ::memo_test::release_pages
#include <memo/detail/memory/table.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

using memo::key128;
using memo::detail::content;
using memo::detail::segment;
using memo::detail::slot_value;
using memo::detail::table;
using memo::detail::unfinalized_key;
using memo_test::readings;

namespace {

/// The keys of a reader's lookups, and further keys of their buckets.
constexpr key128 of_bucket(std::uint64_t bucket, std::uint64_t number) {
    return unfinalized_key(bucket << 6 | number << 20 | 1, number);
}
constexpr key128 a = of_bucket(1, 1);
constexpr key128 b = of_bucket(1, 2);

slot_value word(std::uint64_t number) {
    return {number, content::record, static_cast<std::uint8_t>(number)};
}
slot_value block(std::uint64_t address) {
    return {address, content::block, static_cast<std::uint8_t>(address)};
}

bool same(slot_value x, slot_value y) {
    return x.kind == y.kind && x.word == y.word && x.cost == y.cost;
}

using contents = std::map<std::uint64_t, slot_value>; ///< by the first half of the key

slot_value in(contents const& what, key128 key) {
    auto const found = what.find(key.low);
    return found != what.end() ? found->second : slot_value{};
}

/// A table, and its contents after each change.
class history {
  public:
    history() = default;
    explicit history(bool evicts) : entries_(evicts) {}

    void put(key128 key, slot_value value) {
        entries_.put(key, value);
        now_[key.low] = value;
        note();
    }
    void erase(key128 key) {
        entries_.erase_if(key, [](slot_value) { return true; });
        now_.erase(key.low);
        note();
    }
    void clear() {
        entries_.clear([](slot_value) {});
        now_.clear();
        note();
    }

    /// Erases the entry that eviction chose. All have different words.
    void evict() {
        auto const victim = entries_.evict({});
        REQUIRE(victim.exists());
        CHECK(std::erase_if(now_, [&](auto const& each) { return same(each.second, victim); }) ==
              1);
        note();
    }

    /// Readers know all changes until here.
    void begin() {
        begin_ = readings::all().time();
        states_.clear();
        note();
    }

    /// Looks keys up one after the other, with all possible results of the loads: each lookup must return the
    /// contents after some change, not before one that an earlier lookup showed. Returns the number of runs.
    std::uint64_t check_lookups(std::vector<key128> const& keys) {
        return run(keys, [&](key128 key) { return std::optional(entries_.find(key)); }) +
               run(keys, [&](key128 key) {
                   unfinalized_key const wanted(key);
                   slot_value found;
                   return entries_.try_find<false>(wanted, found) ==
                                      memo::detail::bucket::probe_result::hit ||
                                  entries_.try_find_further<false>(wanted, found)
                              ? std::optional(found)
                              : std::nullopt;
               });
    }

    [[nodiscard]] std::size_t entries() const { return now_.size(); }

  private:
    struct restarted_readings {
        restarted_readings() { readings::all().restart(); }
    };

    void note() { states_.push_back(now_); }

    /// find            returns its result, or nothing if it could not decide
    template <class Find> std::uint64_t run(std::vector<key128> const& keys, Find find) {
        bool right = true;
        auto const ways = readings::all().run(begin_, [&] {
            std::size_t state = 0;
            for (key128 const key : keys) {
                readings::all().begin_lookup();
                auto const found = find(key);
                while (found && state < states_.size() && !same(in(states_[state], key), *found)) {
                    ++state;
                }
            }
            right = right && state < states_.size();
        });
        CHECK(right);
        return ways;
    }

    restarted_readings const before_all_stores_;
    table entries_;
    contents now_;
    std::vector<contents> states_;
    std::uint64_t begin_ = 0;
};

/// The same key with another first bit: it moves when the first segment is split.
constexpr key128 moving(key128 key) {
    unfinalized_key const bits(key);
    return unfinalized_key(bits.low() | std::uint64_t{1} << 63, 0);
}

/// Puts keys until the next one splits the only segment; half of them move. No reader looks them up.
void fill(history& changes) {
    for (std::uint64_t number = changes.entries(); number < segment::slot_count / 2; ++number) {
        key128 const key = of_bucket(number % 250 + 3, 1000 + number);
        changes.put(number % 2 == 0 ? key : moving(key), word(number));
    }
}

} // namespace

TEST_CASE("a replaced value is read as the old one or the new one, as a whole") {
    history changes;
    changes.put(a, word(1));
    changes.begin();
    changes.put(a, word(2));
    CHECK(changes.check_lookups({a, a}) > 100);
    changes.put(a, block(64));
    changes.put(a, word(3));
    CHECK(changes.check_lookups({a}) > 100);
}

TEST_CASE("a slot that is reused for another key never returns its value for the old key") {
    history changes;
    changes.put(a, word(1));
    changes.begin();
    changes.erase(a);
    changes.put(b, word(2));
    CHECK(changes.check_lookups({a, b}) > 100);
    CHECK(changes.check_lookups({b, a}) > 100);
    changes.erase(b);
    changes.put(a, word(3));
    CHECK(changes.check_lookups({a}) > 100);
}

TEST_CASE("a key beyond a full bucket is found while others come and go") {
    history changes;
    for (std::uint64_t number = 3; number < 6; ++number) {
        changes.put(of_bucket(1, number), word(number));
    }
    changes.put(a, word(1));
    changes.begin();
    changes.erase(of_bucket(1, 3));
    changes.put(b, word(2)); // where a's way begins
    CHECK(changes.check_lookups({a, b}) > 100);
    changes.erase(a);
    changes.put(a, word(3));
    CHECK(changes.check_lookups({a}) > 100);
}

TEST_CASE("a key that yields its slot to a key of that bucket is still found") {
    history changes;
    for (std::uint64_t number = 3; number < 6; ++number) {
        changes.put(of_bucket(1, number), word(number));
    }
    changes.put(a, word(1)); // a guest of the next bucket
    changes.put(of_bucket(2, 6), word(6));
    changes.put(of_bucket(2, 7), word(7));
    changes.begin();
    changes.put(of_bucket(2, 8), word(8)); // takes its slot
    CHECK(changes.check_lookups({a, a}) > 100);
    CHECK(changes.check_lookups({of_bucket(2, 8), a}) > 100);
}

TEST_CASE("a key is found while its segment is split") {
    for (key128 const key : {a, moving(a)}) {
        history changes;
        changes.put(key, word(1));
        changes.put(of_bucket(1, 3), word(3));
        changes.put(moving(of_bucket(1, 4)), word(4));
        fill(changes);
        changes.begin();
        changes.put(b, word(2));
        CHECK(changes.check_lookups({key}) > 100);
        changes.put(key, word(5));
        CHECK(changes.check_lookups({key}) > 100);
    }
}

TEST_CASE("a key that a split moves to its own bucket is found meanwhile") {
    history changes;
    changes.put(of_bucket(1, 3), word(3));
    changes.put(of_bucket(1, 4), word(4));
    changes.put(moving(of_bucket(1, 5)), word(5));
    changes.put(a, word(1)); // in the next bucket, until that leaves
    fill(changes);
    changes.begin();
    changes.put(of_bucket(2, 6), word(6));
    CHECK(changes.check_lookups({a}) > 100);
}

TEST_CASE("a key whose insertion splits its segment is seen whole or not at all") {
    for (key128 const key : {a, moving(a)}) {
        history changes;
        fill(changes);
        changes.begin();
        changes.put(key, word(1));
        CHECK(changes.check_lookups({key, key}) > 100);
        changes.erase(key);
        changes.put(key, block(64));
        CHECK(changes.check_lookups({key}) > 100);
    }
}

TEST_CASE("no cleared entry comes back, and no key returns another key's value") {
    bool const gives_back = GENERATE(false, true);
    CAPTURE(gives_back);
    memo_test::system_takes_pages = gives_back;
    history changes;
    changes.put(a, word(1));
    changes.put(of_bucket(1, 3), word(3));
    changes.begin();
    changes.clear();
    CHECK(changes.check_lookups({a, a}) > 20);
    changes.put(b, word(2));
    CHECK(changes.check_lookups({a}) > 100);
    CHECK(changes.check_lookups({b}) > 100);
}

TEST_CASE("a key that is put and cleared again is found whole or not at all") {
    bool const gives_back = GENERATE(false, true);
    CAPTURE(gives_back);
    memo_test::system_takes_pages = gives_back;
    history changes;
    for (std::uint64_t number = 1; number < 3; ++number) {
        changes.begin();
        changes.put(a, word(number));
        CHECK(changes.check_lookups({a}) > 10);
        changes.clear();
        CHECK(changes.check_lookups({a}) > 100);
    }
}

TEST_CASE("an entry that is evicted is found with its value or not at all") {
    history changes(true);
    changes.put(a, word(1));
    changes.put(of_bucket(1, 3), word(3));
    changes.begin();
    changes.evict();
    CHECK(changes.check_lookups({a, of_bucket(1, 3)}) > 100);
    changes.put(b, word(2)); // in the slot of the one that went
    CHECK(changes.check_lookups({a}) > 100);
    CHECK(changes.check_lookups({b, a}) > 100);
    changes.evict();
    changes.evict();
    CHECK(changes.entries() == 0);
    CHECK(changes.check_lookups({b}) > 100);
}
