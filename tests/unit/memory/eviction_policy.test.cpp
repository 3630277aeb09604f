// SPDX-License-Identifier: BSL-1.0

#include "support/keys.hpp"
#include <memo/backends/memory.hpp>
#include <memo/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

using memo_test::key_of;
using namespace std::chrono_literals;

namespace {

constexpr memo::key128 scope{11, 12};
constexpr memo::key128 other_scope{21, 22};

memo::memory by_cost(std::size_t max_entries) {
    return memo::memory({.max_entries = max_entries, .eviction = memo::eviction::by_cost});
}

template <class Partition>
std::uint64_t kept_of(Partition const& partition, std::uint64_t first, std::uint64_t last) {
    std::uint64_t kept = 0;
    for (std::uint64_t number = first; number < last; ++number) {
        kept += partition.get(key_of(number)).has_value() ? 1U : 0U;
    }
    return kept;
}

memo::put_options that_took(std::chrono::nanoseconds cost) {
    return {.cost = cost, .ttl = 0ns};
}

/// Puts one value for each number.
template <class Record>
void put_all(memo::memory::partition_type<Record> const& partition, std::uint64_t first,
             std::uint64_t last, Record const& record, std::chrono::nanoseconds cost) {
    for (std::uint64_t number = first; number < last; ++number) {
        partition.put(key_of(number), record, that_took(cost));
    }
}

memo::detail::slot_value value_that_took(std::uint64_t ns) {
    return {0, memo::detail::content::record, memo::detail::cost_byte(ns)};
}

/// What an order of eviction sees of a table.
struct fake_table {
    struct entry {
        memo::detail::slot_value value;
        std::uint64_t number = 0;
        bool visited = false;
    };
    std::unordered_map<std::uint64_t, entry> entries;

    std::optional<entry> look(std::uint64_t key) {
        auto const found = entries.find(key);
        if (found == entries.end()) {
            return std::nullopt;
        }
        entry const seen = found->second;
        found->second.visited = false;
        return seen;
    }
};

/// An order over a fake table, with numbers for keys.
struct ordered {
    memo::detail::common_age age{false};
    memo::detail::greedy_dual order{age};
    fake_table there;

    static std::uint64_t bits(std::uint64_t number) { return key_of(number).low; }

    void insert(std::uint64_t number, std::uint64_t ns) {
        auto& entry = there.entries[bits(number)];
        entry = {value_that_took(ns), number};
        order.inserted(bits(number), entry.value);
    }
    void ask_for(std::uint64_t number) { there.entries.at(bits(number)).visited = true; }
    void lose(std::uint64_t number) { there.entries.erase(bits(number)); }
    auto look() {
        return [this](std::uint64_t key) { return there.look(key); };
    }
    std::uint64_t evict() { return take(order.victim(look()).value()); }
    std::uint64_t take(std::uint64_t key) {
        auto const gone = there.entries.extract(key);
        return gone.mapped().number;
    }
};

} // namespace

TEST_CASE("by cost, what took long stays while what took little comes and goes") {
    auto const backend = by_cost(1000);
    auto const partition = backend.partition<int>(scope);
    put_all(partition, 0, 500, 1, 1ms);
    put_all(partition, 500, 20'000, 1, 10us);
    CHECK(kept_of(partition, 0, 500) == 500);
    CHECK(backend.stats().entries == 1000);
}

TEST_CASE("by cost, what took long goes in the end if it is not asked for") {
    auto const backend = by_cost(100);
    auto const partition = backend.partition<int>(scope);
    put_all(partition, 0, 50, 1, 100us);
    put_all(partition, 50, 50'000, 1, 10us);
    CHECK(kept_of(partition, 0, 50) == 0);
}

TEST_CASE("by cost under a bound in bytes, of equal costs the larger goes first") {
    memo::memory const backend({.max_bytes = 100'000, .eviction = memo::eviction::by_cost});
    auto const partition = backend.partition<std::string>(scope);
    put_all(partition, 0, 10, std::string(5000, 'x'), 1ms);
    put_all(partition, 100, 500, std::string(50, 'x'), 1ms);
    CHECK(kept_of(partition, 0, 10) <= 5); // as many as there is still room for
    CHECK(kept_of(partition, 100, 500) == 400);
}

TEST_CASE("by cost under a bound in entries, bytes do not count") {
    auto const backend = by_cost(100);
    auto const partition = backend.partition<std::string>(scope);
    put_all(partition, 0, 50, std::string(5000, 'x'), 100ms);
    put_all(partition, 100, 500, std::string(50, 'x'), 1ms);
    CHECK(kept_of(partition, 0, 50) == 50);
}

TEST_CASE("functions that share a store by cost lose what saves the least, whosever it is") {
    auto const backend = by_cost(1000);
    auto const quick = backend.partition<int>(scope);
    auto const slow = backend.partition<int>(other_scope);
    put_all(quick, 0, 1000, 1, 1us);
    put_all(slow, 0, 900, 1, 1ms);
    CHECK(slow.stats().entries == 900);
    CHECK(slow.stats().evictions == 0);
    CHECK(quick.stats().entries == 100);
    put_all(quick, 1000, 2000, 1, 1us);
    CHECK(slow.stats().evictions == 0);
}

TEST_CASE("eviction by cost where nothing is evicted is refused") {
    try {
        memo::memory const unbounded({.eviction = memo::eviction::by_cost});
        FAIL("taken");
    } catch (memo::error const& refusal) {
        CHECK(refusal.code() == memo::errc::configuration);
        CHECK_THAT(refusal.what(), Catch::Contains("set max_bytes or max_entries"));
    }
}

TEST_CASE("by cost, what was asked for again goes after what was not") {
    ordered all;
    all.insert(1, 1000);
    all.insert(2, 1000);
    all.insert(3, 1000);
    all.ask_for(1);
    all.ask_for(3);
    CHECK(all.evict() == 2);
    all.insert(4, 1000);
    CHECK(all.evict() == 4);
}

TEST_CASE("by cost, each time that it is found in use counts") {
    auto const [times, victim] = GENERATE(std::pair(1, 1), std::pair(3, 2));
    CAPTURE(times);
    ordered all;
    auto const look_at = [&](std::uint64_t key) {
        all.ask_for(key);
        static_cast<void>(all.order.least(all.look()));
    };
    all.insert(1, 1000);
    for (int i = 0; i < times; ++i) {
        look_at(1);
    }
    all.insert(2, 2000);
    look_at(2);
    CHECK(all.evict() == static_cast<std::uint64_t>(victim));
}

TEST_CASE("by cost, what comes back after it went counts as in use") {
    ordered all;
    for (std::uint64_t key = 0; key < 10; ++key) {
        all.insert(key, 1000);
    }
    std::uint64_t const went = all.evict();
    all.insert(went, 1000);
    all.insert(10, 2000); // never seen before
    for (int left = 10; left > 0; --left) {
        CHECK(all.evict() != went);
    }
    CHECK(all.evict() == went);
}

TEST_CASE(
    "by cost, what is gone is passed over, and an order whose keys are all gone has no victim") {
    ordered all;
    all.insert(1, 1);
    all.insert(2, 1000);
    all.lose(1);
    CHECK(all.evict() == 2);
    auto const nothing = [](std::uint64_t) { return std::optional<fake_table::entry>(); };
    all.order.inserted(3, value_that_took(1));
    CHECK_FALSE(all.order.victim(nothing).has_value());
    CHECK_FALSE(all.order.least(nothing).has_value());
}

TEST_CASE("by cost, visits that never end do not keep a victim from being found") {
    ordered all;
    all.insert(1, 1);
    all.insert(2, 1000);
    auto const always = [&](std::uint64_t key) {
        return std::optional(fake_table::entry{all.there.entries.at(key).value, 0, true});
    };
    CHECK(all.order.victim(always).has_value());
}

TEST_CASE("by cost, a split gives each key to the half where it goes, in order") {
    std::mt19937_64 random(Catch::rngSeed());
    ordered all;
    std::vector<std::uint8_t> costs;
    for (std::uint64_t number = 0; number < 200; ++number) {
        all.insert(number, 1 + random() % 100'000);
        costs.push_back(all.there.entries.at(ordered::bits(number)).value.cost);
    }
    auto odd = all.order.part([](std::uint64_t key) { return key % 2 == 1; });
    auto even = all.order.part([](std::uint64_t key) { return key % 2 == 0; });
    auto const drain = [&](memo::detail::greedy_dual& order) {
        std::vector<std::uint64_t> numbers;
        while (auto const key = order.victim(all.look())) {
            numbers.push_back(all.take(*key));
        }
        return numbers;
    };
    auto const is_odd = [](std::uint64_t number) { return ordered::bits(number) % 2 == 1; };
    auto const cost_of = [&](std::uint64_t number) { return costs.at(number); };
    auto const evens = drain(even);
    auto const odds = drain(odd);
    CHECK(odds.size() + evens.size() == 200);
    CHECK(std::ranges::all_of(odds, is_odd));
    CHECK(std::ranges::none_of(evens, is_odd));
    CHECK(std::ranges::is_sorted(odds, {}, cost_of));
    CHECK(std::ranges::is_sorted(evens, {}, cost_of));
}

TEST_CASE("by cost, keys that come and go do not lengthen the order") {
    ordered all;
    all.insert(0, 1000);
    for (std::uint64_t number = 1; number < 1000; ++number) {
        all.insert(number, 1);
        all.lose(number);
        all.order.tidy(all.there.entries.size(),
                       [&](std::uint64_t key) { return all.there.entries.contains(key); });
    }
    int looks = 0;
    auto const counted = [&](std::uint64_t key) {
        ++looks;
        return all.there.look(key);
    };
    CHECK(all.take(all.order.victim(counted).value()) == 0);
    CHECK(looks <= 70);
}

TEST_CASE("the order is not gone through for each entry that is forgotten and inserted anew") {
    memo::detail::eviction_rule rule{GENERATE(memo::eviction::by_use, memo::eviction::by_cost),
                                     memo::detail::common_age(false)};
    memo::detail::eviction_order order(&rule);
    constexpr std::uint64_t count = 300;
    std::uint64_t asked = 0;
    std::uint64_t gone = 0;
    for (int round = 0; round < 10; ++round) {
        for (std::uint64_t number = 0; number < count; ++number) {
            gone = key_of(number).low | 1;
            order.tidy(count - 1, [&](std::uint64_t key) {
                ++asked;
                return key != gone;
            });
            order.inserted(gone, value_that_took(1));
        }
    }
    CHECK(asked < 10 * count * 5);
}

TEST_CASE("keys that went are remembered once each, until others take their places") {
    std::mt19937_64 random(Catch::rngSeed());
    memo::detail::ghosts gone;
    auto const first = random();
    gone.remember(first);
    CHECK_FALSE(gone.take(first ^ std::uint64_t{1} << 40));
    CHECK(gone.take(first));
    CHECK_FALSE(gone.take(first));
    std::vector<std::uint64_t> keys(20'000);
    std::ranges::generate(keys, [&] { return random(); });
    for (auto const key : keys) {
        gone.remember(key);
    }
    auto const known =
        std::ranges::count_if(keys, [&](std::uint64_t key) { return gone.take(key); });
    CHECK(known > 400);
    CHECK(known <= 512);
}
