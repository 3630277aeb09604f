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
using memo_test::readings;

namespace {

/// The keys of a reader's lookups, and further keys of their buckets.
constexpr key128 of_bucket(std::uint64_t bucket, std::uint64_t number) {
    return {bucket << 6 | number << 20 | 1, number};
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
        auto const victim = entries_.evict(0);
        REQUIRE(victim.has_value());
        CHECK(std::erase_if(now_, [&](auto const& each) { return same(each.second, *victim); }) ==
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
    std::uint64_t look(std::vector<key128> const& keys) {
        return run(keys, [&](key128 key) { return std::optional(entries_.find(key)); }) +
               run(keys, [&](key128 key) {
                   memo::detail::unfinalized_key const wanted(key);
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
                readings::all().begin_look();
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
    return {key.low | std::uint64_t{1} << 63, key.high};
}

/// Puts keys until the next one splits the only segment; half of them move. No reader looks them up.
void fill(history& made) {
    for (std::uint64_t number = made.entries(); number < segment::slot_count / 2; ++number) {
        key128 const key{(1000 + number) << 20 | (number % 250 + 3) << 6 | 1, number};
        made.put(number % 2 == 0 ? key : moving(key), word(number));
    }
}

} // namespace

TEST_CASE("a replaced value is read as the old one or the new one, as a whole") {
    history made;
    made.put(a, word(1));
    made.begin();
    made.put(a, word(2));
    CHECK(made.look({a, a}) > 100);
    made.put(a, block(64));
    made.put(a, word(3));
    CHECK(made.look({a}) > 100);
}

TEST_CASE("a slot that is reused for another key never returns its value for the old key") {
    history made;
    made.put(a, word(1));
    made.begin();
    made.erase(a);
    made.put(b, word(2));
    CHECK(made.look({a, b}) > 100);
    CHECK(made.look({b, a}) > 100);
    made.erase(b);
    made.put(a, word(3));
    CHECK(made.look({a}) > 100);
}

TEST_CASE("a key beyond a full bucket is found while others come and go") {
    history made;
    for (std::uint64_t number = 3; number < 6; ++number) {
        made.put(of_bucket(1, number), word(number));
    }
    made.put(a, word(1));
    made.begin();
    made.erase(of_bucket(1, 3));
    made.put(b, word(2)); // where a's way begins
    CHECK(made.look({a, b}) > 100);
    made.erase(a);
    made.put(a, word(3));
    CHECK(made.look({a}) > 100);
}

TEST_CASE("a key that yields its slot to a key of that bucket is still found") {
    history made;
    for (std::uint64_t number = 3; number < 6; ++number) {
        made.put(of_bucket(1, number), word(number));
    }
    made.put(a, word(1)); // a guest of the next bucket
    made.put(of_bucket(2, 6), word(6));
    made.put(of_bucket(2, 7), word(7));
    made.begin();
    made.put(of_bucket(2, 8), word(8)); // takes its slot
    CHECK(made.look({a, a}) > 100);
    CHECK(made.look({of_bucket(2, 8), a}) > 100);
}

TEST_CASE("a key is found while its segment is split") {
    for (key128 const key : {a, moving(a)}) {
        history made;
        made.put(key, word(1));
        made.put(of_bucket(1, 3), word(3));
        made.put(moving(of_bucket(1, 4)), word(4));
        fill(made);
        made.begin();
        made.put(b, word(2));
        CHECK(made.look({key}) > 100);
        made.put(key, word(5));
        CHECK(made.look({key}) > 100);
    }
}

TEST_CASE("a key whose insertion splits its segment is seen whole or not at all") {
    for (key128 const key : {a, moving(a)}) {
        history made;
        fill(made);
        made.begin();
        made.put(key, word(1));
        CHECK(made.look({key, key}) > 100);
        made.erase(key);
        made.put(key, block(64));
        CHECK(made.look({key}) > 100);
    }
}

TEST_CASE("no cleared entry comes back, and no key returns another key's value") {
    bool const gives_back = GENERATE(false, true);
    CAPTURE(gives_back);
    memo_test::system_takes_pages = gives_back;
    history made;
    made.put(a, word(1));
    made.put(of_bucket(1, 3), word(3));
    made.begin();
    made.clear();
    CHECK(made.look({a, a}) > 20);
    made.put(b, word(2));
    CHECK(made.look({a}) > 100);
    CHECK(made.look({b}) > 100);
}

TEST_CASE("a key that is put and cleared again is found whole or not at all") {
    bool const gives_back = GENERATE(false, true);
    CAPTURE(gives_back);
    memo_test::system_takes_pages = gives_back;
    history made;
    for (std::uint64_t number = 1; number < 3; ++number) {
        made.begin();
        made.put(a, word(number));
        CHECK(made.look({a}) > 10);
        made.clear();
        CHECK(made.look({a}) > 100);
    }
}

TEST_CASE("an entry that is evicted is found with its value or not at all") {
    history made(true);
    made.put(a, word(1));
    made.put(of_bucket(1, 3), word(3));
    made.begin();
    made.evict();
    CHECK(made.look({a, of_bucket(1, 3)}) > 100);
    made.put(b, word(2)); // in the slot of the one that went
    CHECK(made.look({a}) > 100);
    CHECK(made.look({b, a}) > 100);
    made.evict();
    made.evict();
    CHECK(made.entries() == 0);
    CHECK(made.look({b}) > 100);
}
