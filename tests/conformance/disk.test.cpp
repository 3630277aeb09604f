// SPDX-License-Identifier: BSL-1.0

// Promises of the disk backend alone: bounds of age and time, and counters.

#include "support/fake_clock.hpp"
#include "support/keys.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

using memo_test::key_of;
using namespace std::chrono_literals;

namespace {

constexpr memo::key128 scope{11, 12};

} // namespace

TEST_CASE("a disk accepts the longest durations") {
    memo_test::temp_dir const directory;
    memo_test::fake_clock const clock;
    memo::disk const backend({.directory = directory.path(),
                              .max_age = std::chrono::seconds::max(),
                              .max_wait = std::chrono::milliseconds::max(),
                              .clock = clock.on_the_wall()});
    auto const partition = backend.partition<int>(scope);
    partition.put(key_of(1), 1, {});
    static_cast<void>(partition.lead(key_of(1)));
    clock.advance(24h * 365 * 50);
    REQUIRE(partition.get(key_of(1)).has_value());
    CHECK(partition.get(key_of(1))->remaining_ttl > 24h * 365 * 100);
    partition.put(key_of(2), 2, {});
    CHECK(partition.get(key_of(1)).has_value());
}

TEST_CASE("lookup() does not protect a record on disk from eviction") {
    memo_test::temp_dir const directory;
    memo::disk const backend({.directory = directory.path(), .max_bytes = 100'000});
    auto const f = memo::memoize<memo::disk>(
        [](int x) { return std::string(400, static_cast<char>('a' + x % 26)); },
        {.name = "watched", .version = "1"}, backend);
    f(0);
    f(1);
    for (int i = 2; i < 1500; ++i) {
        f(i);
        static_cast<void>(f.contains(0));
        static_cast<void>(f.lookup(0));
        f(1);
    }
    CHECK_FALSE(f.contains(0));
    CHECK(f.contains(1));
}

TEST_CASE("a damaged record on disk counts once per call") {
    memo_test::temp_dir const directory;
    memo::disk const backend({.directory = directory.path()});
    backend.partition<int>(scope).put(key_of(1), 1, {});
    auto const partition = backend.partition<float>(scope); // no record of this type
    CHECK_FALSE(partition.peek(key_of(1)).has_value());
    CHECK(partition.stats().corrupt == 0);
    CHECK_FALSE(partition.get(key_of(1)).has_value());
    CHECK_FALSE(partition.peek(key_of(1)).has_value());
    partition.update(key_of(1), [](float const* old) { return old != nullptr ? -1.F : 2.F; }, {});
    CHECK(partition.stats().corrupt == 1);
    CHECK(partition.get(key_of(1))->record == 2.F);
}

TEST_CASE("data that is set aside at opening counts once") {
    memo_test::temp_dir const directory;
    std::filesystem::create_directories(directory / "v1");
    std::ofstream(directory / "v1/data.mdb") << std::string(40'960, 'x');
    int reported = 0;
    memo::disk const backend(
        {.directory = directory.path(), .report = [&](std::string const&) { ++reported; }});
    CHECK(reported == 1);
    CHECK(backend.stats().corrupt == 1);
}

TEST_CASE("a lookup on disk says why it missed") {
    using memo::miss_reason;
    memo_test::temp_dir const directory;
    memo_test::fake_clock const clock;
    memo::disk const backend(
        {.directory = directory.path(), .max_age = 10s, .clock = clock.on_the_wall()});
    auto const partition = backend.partition<int>(scope);
    CHECK(partition.get(key_of(1)).reason() == miss_reason::absent);
    partition.put(key_of(1), 1, {.cost = 0ns, .ttl = 4s});
    partition.put(key_of(2), 2, {});
    CHECK(backend.partition<double>(scope).get(key_of(2)).reason() == miss_reason::corrupt);
    clock.advance(4s);
    CHECK(partition.peek(key_of(1)).reason() == miss_reason::expired);
    CHECK(partition.get(key_of(1)).reason() == miss_reason::expired); // peek erases nothing
    CHECK(partition.get(key_of(1)).reason() == miss_reason::absent);  // get did
    clock.advance(10s);
    CHECK(partition.get(key_of(2)).reason() == miss_reason::expired); // max_age
}

TEST_CASE("a disk returns the remaining TTL by the smaller of ttl and max_age") {
    memo_test::temp_dir const directory;
    memo_test::fake_clock const clock;
    memo::disk const backend(
        {.directory = directory.path(), .max_age = 10s, .clock = clock.on_the_wall()});
    auto const partition = backend.partition<int>(scope);
    auto const left = [&](std::uint64_t number) {
        return partition.get(key_of(number))->remaining_ttl;
    };
    auto const since = clock.on_the_wall()().time_since_epoch() % 1s; // whole seconds are kept
    partition.put(key_of(1), 1, {});
    partition.put(key_of(2), 2, {.cost = 0ns, .ttl = 4s});
    partition.put(key_of(3), 3, {.cost = 0ns, .ttl = 1h});
    CHECK(left(1) == 10s - since);
    CHECK(left(2) == 4s);
    CHECK(left(3) == 10s - since);
    clock.advance(10s - since - 1ns);
    CHECK(left(1) == 1ns);
    CHECK_FALSE(partition.get(key_of(2)).has_value());
    clock.advance(1ns);
    CHECK_FALSE(partition.get(key_of(1)).has_value());
    CHECK_FALSE(partition.get(key_of(3)).has_value());
}
