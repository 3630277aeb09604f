// SPDX-License-Identifier: BSL-1.0

// The partitions of functions without wrappers.

#include "support/failing_memory.hpp"
#include "support/keys.hpp"
#include <memo/backends/memory.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

using memo_test::key_of;

namespace {

constexpr memo::key128 scope{11, 12};

memo::key128 scope_of(std::uint64_t number) {
    return {number, number};
}

/// Stores one number in a partition that is then idle.
void use_once(memo::memory const& store, std::uint64_t number) {
    store.partition<double>(scope_of(number)).put(key_of(number), 0.5, {});
}

} // namespace

TEST_CASE("a partition without users and entries is removed") {
    memo::memory const store;
    use_once(store, 1);
    auto const before = memo_test::heap.live.load();
    for (std::uint64_t number = 2; number < 100; ++number) {
        auto const partition = store.partition<double>(scope_of(number));
        CHECK_FALSE(partition.get(key_of(number)).has_value());
        partition.put(key_of(number), 0.5, {});
        CHECK(partition.erase(key_of(number)));
    }
    auto const after = memo_test::heap.live.load();
    CHECK(after <= before + 1); // the hash map of scopes grows
}

TEST_CASE("the tables of idle partitions count for the bound in bytes") {
    constexpr std::size_t max_bytes = std::size_t{1} << 20;
    memo::memory const store({.max_bytes = max_bytes});
    std::size_t allocations = 0;
    for (std::uint64_t number = 0; number < 2000; ++number) {
        auto const partition = store.partition<double>(scope_of(number));
        partition.put(key_of(number), 0.5, {});
        CHECK(store.stats().bytes <= max_bytes);
        allocations = std::max(allocations, memo_test::heap.live.load());
    }
    auto const sums = store.stats();
    CHECK(sums.entries >= 30);
    CHECK(sums.entries <= 50);
    CHECK(sums.entries + sums.evictions == 2000);
    CHECK(allocations < 2000);
}

TEST_CASE("the entries of a function stay for its next wrapper under any bound") {
    auto const bytes = GENERATE(0, 2000, 2'000'000);
    CAPTURE(bytes);
    memo::memory const store({.max_bytes = static_cast<std::size_t>(bytes)});
    for (std::uint64_t number = 0; number < 20; ++number) {
        auto const partition = store.partition<double>(scope);
        partition.put(key_of(number), 0.5, {});
        CHECK(partition.stats().entries == number + 1);
        CHECK(partition.get(key_of(0)).has_value());
    }
}

TEST_CASE("a table counts for the bound only while its partition is idle") {
    memo::memory const store({.max_bytes = 1'000'000});
    use_once(store, 1);
    auto const idle = store.stats().bytes;
    CHECK(idle > 16'384);
    {
        auto one = std::optional(store.partition<double>(scope_of(1)));
        auto const copy = one;
        one.reset();
        CHECK(store.stats().bytes < 100);
        CHECK(store.stats().bytes == copy->stats().bytes);
    }
    CHECK(store.stats().bytes == idle);
    {
        auto const again = store.partition<double>(scope_of(1));
        again.clear();
        CHECK(store.stats().bytes == 0);
    }
    CHECK(store.stats().bytes == 0);
}

TEST_CASE("an idle partition with a full table counts with its entries only") {
    memo::memory const store({.max_bytes = 1'000'000});
    {
        auto const partition = store.partition<double>(scope);
        for (std::uint64_t number = 0; number < 5000; ++number) {
            partition.put(key_of(number), 0.5, {});
        }
    }
    CHECK(store.stats().bytes == std::size_t{5000} * (42 + 22));
    auto const other = store.partition<std::string>(scope_of(1));
    std::uint64_t number = 0;
    while (store.stats().evictions < 4000) { // the table counts until its last entry is evicted
        other.put(key_of(number++), std::string(50, 'x'), {});
        REQUIRE(store.stats().bytes <= 1'000'000);
    }
    auto const one = store.partition<double>(scope);
    CHECK(one.stats().bytes == one.stats().entries * (42 + 22));
}

TEST_CASE("a function in use keeps most of its entries while others are used once") {
    memo::memory const store({.max_bytes = std::size_t{1} << 20});
    auto const partition = store.partition<double>(scope);
    for (std::uint64_t number = 0; number < 12'000; ++number) {
        partition.put(key_of(number), 0.5, {});
    }
    for (std::uint64_t number = 0; number < 500; ++number) {
        use_once(store, number);
    }
    CHECK(partition.stats().entries > 6000);
    CHECK(store.stats().entries < partition.stats().entries + 40);
}

TEST_CASE("the counters of a removed partition stay in the statistics of the store") {
    memo::memory const store({.max_entries = 10});
    for (std::uint64_t number = 0; number < 100; ++number) {
        use_once(store, number);
    }
    CHECK(store.stats().entries == 10);
    CHECK(store.stats().evictions == 90);
}

TEST_CASE("a full store takes no more memory, however many entries pass through it") {
    constexpr std::uint64_t bound = 30'000; // most segments are nearly full
    memo::memory const store({.max_entries = bound});
    auto const partition = store.partition<double>(scope);
    std::uint64_t number = 0;
    for (; number < bound; ++number) {
        partition.put(key_of(number), 0.5, {});
    }
    auto const when_full = memo_test::heap.live.load();
    for (; number < 10 * bound; ++number) {
        partition.put(key_of(number), 0.5, {});
    }
    CHECK(store.stats().entries == bound);
    CHECK(memo_test::heap.live.load() <= when_full + 8);
}
