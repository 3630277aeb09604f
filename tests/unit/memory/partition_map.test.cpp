// SPDX-License-Identifier: BSL-1.0

// What a store keeps of functions whose wrappers are gone.

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

/// Stores a number for a function that is used for nothing else.
void use_once(memo::memory const& store, std::uint64_t number) {
    store.partition<double>(scope_of(number)).put(key_of(number), 0.5, {});
}

} // namespace

TEST_CASE("a function leaves nothing in a store that has no entries of it") {
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
    CHECK(after <= before + 1); // the places of more scopes
}

TEST_CASE("functions that are used once each stay within a bound in bytes, with their tables") {
    constexpr std::size_t most = std::size_t{1} << 20;
    memo::memory const store({.max_bytes = most});
    std::size_t allocations = 0;
    for (std::uint64_t number = 0; number < 2000; ++number) {
        auto const partition = store.partition<double>(scope_of(number));
        partition.put(key_of(number), 0.5, {});
        CHECK(store.stats().bytes <= most);
        allocations = std::max(allocations, memo_test::heap.live.load());
    }
    auto const sums = store.stats();
    CHECK(sums.entries >= 30);
    CHECK(sums.entries <= 50);
    CHECK(sums.entries + sums.evictions == 2000);
    CHECK(allocations < 2000);
}

TEST_CASE("the entries of a function stay for its next wrapper, however small the bound is") {
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

TEST_CASE("a function's table counts while it has no wrapper, and only then") {
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

TEST_CASE("a full table counts no more than its entries when its function has no wrapper") {
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
    while (store.stats().evictions < 4000) { // its table stays until all of it went
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

TEST_CASE("what was counted on a function that left nothing stays in the store's sums") {
    memo::memory const store({.max_entries = 10});
    for (std::uint64_t number = 0; number < 100; ++number) {
        use_once(store, number);
    }
    CHECK(store.stats().entries == 10);
    CHECK(store.stats().evictions == 90);
}
