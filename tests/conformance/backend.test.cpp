// SPDX-License-Identifier: BSL-1.0

// What every backend that remembers owes to the walk.

#include "support/contract.hpp"
#include "support/crew.hpp"
#include "support/fake_clock.hpp"
#include "support/fresh_memcached.hpp"
#include "support/keys.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/backends/libmemcached.hpp>
#include <memo/backends/tiered.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <vector>

using memo_test::key_of;
using namespace std::chrono_literals;

namespace {

/// How a test gets an empty backend, and one whose time it holds. One specialization per backend.
template <class Backend> struct fresh;

template <> struct fresh<memo::memory> {
    static constexpr bool counts_entries = true;
    memo_test::fake_clock clock;
    memo::memory backend{{.clock = clock}};
};

template <> struct fresh<memo::disk> {
    static constexpr bool counts_entries = true;
    memo_test::temp_dir directory;
    memo_test::fake_clock clock;
    memo::disk backend{{.directory = directory.path(), .clock = clock.on_the_wall()}};
};

template <class Connection> struct fresh<memo::detail::basic_memcached<Connection>> {
    static constexpr bool counts_entries = false; // a server does not tell whose its items are
    memo_test::fake_clock clock;
    memo::detail::basic_memcached<Connection> backend{[this] {
        auto chosen = memo_test::fresh_memcached_settings();
        chosen.clock = memo_test::time_of_day(clock);
        return chosen;
    }()};
};

template <class Far> struct fresh<memo::tiered<memo::memory, Far>> {
    static constexpr bool counts_entries = fresh<Far>::counts_entries;
    fresh<Far> far;
    memo_test::fake_clock clock = far.clock;
    memo::tiered<memo::memory, Far> backend{memo::memory({.clock = clock}), far.backend};
};

using backends = std::tuple<memo::memory, memo::disk, memo::memcached, memo::libmemcached,
                            memo::tiered<memo::memory, memo::memory>,
                            memo::tiered<memo::memory, memo::memcached>>;

constexpr memo::key128 scope{11, 12};

} // namespace

TEMPLATE_LIST_TEST_CASE("a backend gives back what it was given", "", backends) {
    fresh<TestType> const made;
    auto const partition = made.backend.template partition<std::string>(scope);
    CHECK_FALSE(partition.get(key_of(1)).has_value());
    CHECK(partition.put(key_of(1), "one", {}));
    CHECK(partition.put(key_of(2), "", {}));
    REQUIRE(partition.get(key_of(1)).has_value());
    CHECK(partition.get(key_of(1))->record == "one");
    REQUIRE(partition.get(key_of(2)).has_value());
    CHECK(partition.get(key_of(2))->record.empty());
    CHECK_FALSE(partition.get(key_of(3)).has_value());
}

TEMPLATE_LIST_TEST_CASE("a backend looks up many keys as it looks up each", "", backends) {
    fresh<TestType> const made;
    auto const partition = made.backend.template partition<std::string>(scope);
    std::vector<memo::key128> keys;
    for (std::uint64_t i = 0; i < 200; ++i) { // more than are asked for at once
        keys.push_back(key_of(i * 7 % 150));
        if (i % 3 != 0) {
            partition.put(key_of(i), std::string(i * 37 % 5000, static_cast<char>('a' + i % 26)),
                          {.cost = 3ms, .ttl = i % 2 == 0 ? 0ns : 5s});
        }
    }
    for (int round = 0; round < 2; ++round) {
        std::vector<memo::lookup_result<std::string>> kept(keys.size());
        memo::detail::get_many<std::string>(partition, std::span<memo::key128 const>(keys),
                                            std::span(kept));
        std::size_t found = 0;
        for (std::size_t i = 0; i < keys.size(); ++i) {
            auto const alone = partition.get(keys[i]);
            REQUIRE(kept[i].has_value() == alone.has_value());
            if (alone) {
                ++found;
                CHECK(kept[i]->record == alone->record);
                CHECK(kept[i]->cost == alone->cost);
                CHECK(kept[i]->left == alone->left);
            }
        }
        CHECK(found > 0);
        CHECK(found < keys.size());
        made.clock.advance(5s); // half of them are too old then
    }
    CHECK(partition.stats().errors == 0);
}

TEMPLATE_LIST_TEST_CASE("one claim at a time is held of one call, on any backend", "", backends) {
    fresh<TestType> const made;
    std::atomic<int> runs{0};
    auto const f = memo::memoize(
        memo::ignore_state([&runs](int x) {
            ++runs;
            return 2 * x;
        }),
        {.name = std::string("claimed on ") + typeid(TestType).name(), .version = "1"},
        made.backend);
    {
        auto first = f.try_claim(1);
        REQUIRE(first.state() == memo::claim_state::claimed);
        CHECK(f.try_claim(1).state() == memo::claim_state::busy);
        CHECK(f.try_claim(2).state() == memo::claim_state::claimed);
        CHECK(first.run() == 2);
        CHECK(first.state() == memo::claim_state::hit);
        CHECK(f.try_claim(1).value() == 2);
    }
    static_cast<void>(f.try_claim(2)); // given up
    CHECK(f.try_claim(2).run() == 4);
    CHECK(runs == 2);
    auto const s = memo_test::at_rest(f);
    CHECK(s.calls == 3);
    CHECK(s.hits == 1);
    CHECK(s.errors == 0);
}

TEMPLATE_LIST_TEST_CASE("a backend keeps the last of two records for one key", "", backends) {
    fresh<TestType> const made;
    auto const partition = made.backend.template partition<std::vector<int>>(scope);
    partition.put(key_of(1), {1, 2, 3}, {});
    partition.put(key_of(1), {4}, {});
    REQUIRE(partition.get(key_of(1)).has_value());
    CHECK(partition.get(key_of(1))->record == std::vector<int>{4});
    CHECK((!fresh<TestType>::counts_entries || partition.stats().entries == 1));
}

TEMPLATE_LIST_TEST_CASE("a backend forgets a key once and says so", "", backends) {
    fresh<TestType> const made;
    auto const partition = made.backend.template partition<int>(scope);
    CHECK_FALSE(partition.erase(key_of(1)));
    partition.put(key_of(1), 1, {});
    CHECK(partition.erase(key_of(1)));
    CHECK_FALSE(partition.erase(key_of(1)));
    CHECK_FALSE(partition.get(key_of(1)).has_value());
}

TEMPLATE_LIST_TEST_CASE("a backend keeps functions apart", "", backends) {
    fresh<TestType> const made;
    auto const one = made.backend.template partition<int>(scope);
    auto const same = made.backend.template partition<int>(scope);
    auto const two = made.backend.template partition<int>(memo::key128{21, 22});
    one.put(key_of(1), 1, {});
    two.put(key_of(1), 2, {});
    CHECK(one.get(key_of(1))->record == 1);
    CHECK(same.get(key_of(1))->record == 1);
    CHECK(two.get(key_of(1))->record == 2);
    one.clear();
    CHECK_FALSE(same.get(key_of(1)).has_value());
    CHECK(two.get(key_of(1))->record == 2);
}

TEMPLATE_LIST_TEST_CASE("copies of a backend share one store", "", backends) {
    fresh<TestType> const made;
    auto const copy = made.backend;
    made.backend.template partition<int>(scope).put(key_of(1), 1, {});
    CHECK(copy.template partition<int>(scope).get(key_of(1)).has_value());
    CHECK((!fresh<TestType>::counts_entries || copy.stats().entries == 1));
}

TEMPLATE_LIST_TEST_CASE("a backend tells what computing cost, to 12.5 percent", "", backends) {
    fresh<TestType> const made;
    auto const partition = made.backend.template partition<int>(scope);
    for (auto const cost : {0ns, 3ns, 777ns, 123'456ns, std::chrono::nanoseconds(90min)}) {
        partition.put(key_of(1), 1, {.cost = cost, .ttl = 0ns});
        auto const told = static_cast<double>(partition.get(key_of(1))->cost);
        CHECK(told == Approx(static_cast<double>(cost.count())).epsilon(0.125));
    }
}

TEMPLATE_LIST_TEST_CASE("a backend serves a record until its time is over", "", backends) {
    fresh<TestType> const made;
    auto const partition = made.backend.template partition<int>(scope);
    partition.put(key_of(1), 1, {.cost = 0ns, .ttl = 5s});
    partition.put(key_of(2), 2, {});
    made.clock.advance(4s);
    CHECK(partition.get(key_of(1)).has_value());
    made.clock.advance(1s);
    CHECK_FALSE(partition.get(key_of(1)).has_value());
    CHECK(partition.get(key_of(2)).has_value());
    CHECK(partition.stats().expirations == 1);
    partition.put(key_of(1), 3, {});
    CHECK(partition.get(key_of(1))->record == 3);
}

TEMPLATE_LIST_TEST_CASE("a backend tells how long it serves a record yet", "", backends) {
    fresh<TestType> const made;
    auto const partition = made.backend.template partition<int>(scope);
    auto const left = [&](std::uint64_t number) { return partition.get(key_of(number))->left; };
    auto const one = [](int const*) { return 1; };
    partition.put(key_of(1), 1, {.cost = 0ns, .ttl = 5s});
    partition.put(key_of(2), 2, {});
    partition.update(key_of(3), one, {.cost = 0ns, .ttl = 5s});
    CHECK(left(1) == 5s);
    CHECK(left(2) == 0ns);
    CHECK(left(3) == 5s);
    made.clock.advance(4s);
    CHECK(left(1) == 1s);
    CHECK(left(2) == 0ns);
    partition.update(key_of(3), one, {.cost = 0ns, .ttl = 5s});
    CHECK(left(3) == 1s);
    made.clock.advance(1s - 1ns);
    CHECK(left(1) == 1ns);
}

TEMPLATE_LIST_TEST_CASE("a backend serves a record with the longest ttl", "", backends) {
    fresh<TestType> const made;
    auto const partition = made.backend.template partition<int>(scope);
    partition.put(key_of(1), 1, {.cost = 0ns, .ttl = std::chrono::nanoseconds::max()});
    made.clock.advance(24h * 365 * 100);
    REQUIRE(partition.get(key_of(1)).has_value());
    CHECK(partition.get(key_of(1))->left > 24h * 365 * 100);
}

TEST_CASE("a disk takes the longest durations") {
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
    CHECK(partition.get(key_of(1))->left > 24h * 365 * 100);
    partition.put(key_of(2), 2, {});
    CHECK(partition.get(key_of(1)).has_value());
}

TEST_CASE("a record on disk that is only watched is evicted as one that nobody asks for") {
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

TEST_CASE("a damaged record on disk is counted by the lookup of a call, and by nothing after it") {
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

TEST_CASE("data that is set aside when it is opened is counted once") {
    memo_test::temp_dir const directory;
    std::filesystem::create_directories(directory / "v1");
    std::ofstream(directory / "v1/data.mdb") << std::string(40'960, 'x');
    int reported = 0;
    memo::disk const backend(
        {.directory = directory.path(), .report = [&](std::string const&) { ++reported; }});
    CHECK(reported == 1);
    CHECK(backend.stats().corrupt == 1);
}

TEST_CASE("a disk tells how long it serves a record of a certain age yet") {
    memo_test::temp_dir const directory;
    memo_test::fake_clock const clock;
    memo::disk const backend(
        {.directory = directory.path(), .max_age = 10s, .clock = clock.on_the_wall()});
    auto const partition = backend.partition<int>(scope);
    auto const left = [&](std::uint64_t number) { return partition.get(key_of(number))->left; };
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

TEST_CASE("a copy near lives no longer than the record on disk") {
    fresh<memo::tiered<memo::memory, memo::disk>> const made;
    made.far.backend.partition<int>(scope).put(key_of(1), 1, {.cost = 0ns, .ttl = 5s});
    auto const partition = made.backend.partition<int>(scope);
    made.clock.advance(4s);
    CHECK(partition.get(key_of(1)).has_value());
    auto const near = made.backend.near().partition<int>(scope);
    REQUIRE(near.get(key_of(1)).has_value());
    CHECK(near.get(key_of(1))->left == 1s);
    made.clock.advance(1s);
    CHECK_FALSE(partition.get(key_of(1)).has_value());
}

TEMPLATE_LIST_TEST_CASE("a backend updates what is there, or begins", "", backends) {
    fresh<TestType> const made;
    auto const partition = made.backend.template partition<std::vector<int>>(scope);
    auto const append = [](int value) {
        return [value](std::vector<int> const* old) {
            std::vector<int> longer = old != nullptr ? *old : std::vector<int>{};
            longer.push_back(value);
            return longer;
        };
    };
    CHECK(partition.update(key_of(1), append(1), {}) == std::vector{1});
    CHECK(partition.update(key_of(1), append(2), {}) == std::vector{1, 2});
    CHECK(partition.update(key_of(2), append(3), {}) == std::vector{3});
    CHECK(partition.get(key_of(1))->record == std::vector{1, 2});
    CHECK((!fresh<TestType>::counts_entries || partition.stats().entries == 2));
}

TEMPLATE_LIST_TEST_CASE("a record that is updated lives no longer for it", "", backends) {
    fresh<TestType> const made;
    auto const partition = made.backend.template partition<std::string>(scope);
    auto const grow = [](std::string const* old) { return old != nullptr ? *old + "+" : "new"; };
    memo::put_options const five_seconds{.cost = 0ns, .ttl = 5s};
    CHECK(partition.update(key_of(1), grow, five_seconds) == "new");
    made.clock.advance(3s);
    CHECK(partition.update(key_of(1), grow, five_seconds) == "new+");
    made.clock.advance(2s);
    CHECK_FALSE(partition.get(key_of(1)).has_value());
    CHECK(partition.update(key_of(1), grow, five_seconds) == "new");
}

TEMPLATE_LIST_TEST_CASE("an update whose merge throws changes nothing", "", backends) {
    fresh<TestType> const made;
    auto const partition = made.backend.template partition<std::string>(scope);
    auto const refuse = [](std::string const*) -> std::string { throw std::length_error("no"); };
    CHECK_THROWS_AS(partition.update(key_of(1), refuse, {}), std::length_error);
    CHECK_FALSE(partition.get(key_of(1)).has_value());
    partition.put(key_of(1), "kept", {});
    CHECK_THROWS_AS(partition.update(key_of(1), refuse, {}), std::length_error);
    CHECK(partition.get(key_of(1))->record == "kept");
}

TEMPLATE_LIST_TEST_CASE("no update is lost among threads", "", backends) {
    fresh<TestType> const made;
    using counts = std::array<std::uint64_t, 8>; // too large for a word of the table
    auto const partition = made.backend.template partition<counts>(scope);
    constexpr std::uint64_t updates = 2000;
    memo_test::together(counts{}.size(), [&](std::size_t worker) {
        for (std::uint64_t i = 0; i < updates; ++i) {
            partition.update(key_of(i % 2),
                             [&](counts const* old) {
                                 counts now = old != nullptr ? *old : counts{};
                                 if (++now[worker] % 16 == 0) {
                                     std::this_thread::yield(); // others come in between
                                 }
                                 return now;
                             },
                             {});
        }
    });
    for (std::uint64_t const number : {0U, 1U}) {
        auto const kept = partition.get(key_of(number));
        REQUIRE(kept.has_value());
        for (std::uint64_t const count : kept->record) {
            CHECK(count == updates / 2);
        }
    }
}

TEMPLATE_LIST_TEST_CASE("a backend that asks whether a record is valid does so as it stores it", "",
                        backends) {
    fresh<TestType> const made;
    auto const partition = made.backend.template partition<std::string>(scope);
    if constexpr (memo::validating_partition<std::remove_const_t<decltype(partition)>>) {
        auto const never = [] { return false; };
        auto const grow = [](std::string const* old) {
            return old != nullptr ? *old + "+" : "new";
        };
        CHECK_FALSE(partition.put(key_of(1), "one", {0ns, 0ns, memo::validity(never)}));
        CHECK_FALSE(partition.update(key_of(1), grow, {0ns, 0ns, memo::validity(never)}));
        CHECK_FALSE(partition.get(key_of(1)));
        partition.put(key_of(2), "two", {});
        CHECK_FALSE(partition.put(key_of(2), "other", {0ns, 0ns, memo::validity(never)}));
        CHECK_FALSE(partition.update(key_of(2), grow, {0ns, 0ns, memo::validity(never)}));
        CHECK(partition.get(key_of(2))->record == "two");

        // Right after it was asked, the record is invalidated. An erase cannot come to its end before
        // what was valid then is there; and what is asked for once more is told.
        for (bool const updates : {false, true}) {
            std::thread invalidates;
            std::atomic<bool> invalid{false};
            std::atomic<bool> erased{false};
            auto const valid = [&] {
                bool const now = !invalid;
                if (!invalidates.joinable()) {
                    invalidates = std::thread([&] {
                        invalid = true;
                        static_cast<void>(partition.erase(key_of(3)));
                        erased = true;
                    });
                    // Time to come to its end if it could; a yield may last long on a busy machine.
                    auto const end = std::chrono::steady_clock::now() + 50ms;
                    while (!erased && std::chrono::steady_clock::now() < end) {
                        std::this_thread::yield();
                    }
                }
                return now;
            };
            memo::put_options const about{0ns, 0ns, memo::validity(valid)};
            if (updates) {
                static_cast<void>(partition.update(key_of(3), grow, about));
            } else {
                partition.put(key_of(3), "three", about);
            }
            invalidates.join();
            CHECK_FALSE(partition.get(key_of(3)));
        }
    }
}

TEMPLATE_LIST_TEST_CASE("a backend serves several threads", "", backends) {
    fresh<TestType> const made;
    auto const partition = made.backend.template partition<std::string>(scope);
    std::atomic<bool> wrong{false};
    memo_test::together(4, [&](std::size_t worker) {
        for (std::uint64_t i = 0; i < 500; ++i) {
            std::uint64_t const number = (i * 7 + worker) % 50;
            partition.put(key_of(number), std::to_string(number), {});
            auto const kept = partition.get(key_of(number));
            if (kept && kept->record != std::to_string(number)) {
                wrong = true;
            }
            if (i % 20 == worker) {
                static_cast<void>(partition.erase(key_of(number)));
            }
        }
    });
    CHECK_FALSE(wrong);
}

TEMPLATE_LIST_TEST_CASE("a memoized function works on any backend", "", backends) {
    fresh<TestType> const made;
    int runs = 0;
    auto f = memo::memoize(
        memo::ignore_state([&runs](std::string const& text) {
            ++runs;
            return text + text;
        }),
        {.name = std::string("doubled on ") + typeid(TestType).name(), .version = "1"},
        made.backend);
    CHECK(f("ab") == "abab");
    CHECK(f("ab") == "abab");
    CHECK(runs == 1);
    CHECK(f.forget("ab"));
    CHECK(f("ab") == "abab");
    CHECK(runs == 2);
    f.clear();
    CHECK_FALSE(f.contains("ab"));
    auto const s = memo_test::at_rest(f);
    CHECK(s.calls == 3);
    CHECK(s.errors == 0);
}

TEMPLATE_LIST_TEST_CASE("every sample of an averaged function counts on any backend", "",
                        backends) {
    fresh<TestType> const made;
    std::atomic<std::uint64_t> drawn{0};
    auto const f = memo::memoize<TestType, memo::averaged>(
        memo::ignore_state(
            [&](int, memo::replicate) { return std::sqrt(static_cast<double>(++drawn)); }),
        {.name = std::string("averaged on ") + typeid(TestType).name(),
         .version = "1",
         .single_flight = false,
         .min_repetitions = 161,
         .max_repetitions = 1000},
        made.backend);
    memo_test::together(8, [&](std::size_t) {
        for (int i = 0; i < 20; ++i) {
            f(1);
        }
    });
    CHECK(f.stats().evaluations == 160);
    CHECK(f.stats().errors == 0);
    auto const e = f.estimate(1); // and one more
    memo::detail::moments<double> serial;
    for (std::uint64_t i = 1; i <= 161; ++i) {
        serial.add(std::sqrt(static_cast<double>(i)));
    }
    CHECK(e.count == 161);
    CHECK(e.mean == Approx(serial.mean()).epsilon(1e-9));
    CHECK(e.variance == Approx(serial.variance()).epsilon(1e-9));
    memo_test::at_rest(f);
}
