// SPDX-License-Identifier: BSL-1.0
#pragma once

// The contract of a backend as tests (Catch2 2.13), which memo's own backends pass. An author writes a
// fixture and one line:
//
//   struct mine {
//       static constexpr bool counts_entries = true; // whether stats().entries is that of all processes
//       my_clock clock;                              // clock.advance(nanoseconds) lets time pass
//       my_backend backend{{.clock = clock}};        // empty, and timed by that clock
//   };
//   bool const registered = memo::testing::register_backend<mine>("my backend");
//
// A fixture with `static constexpr bool merges = false` has a store that cannot update records: it skips the
// cases of update() and of averaged functions.

#include <memo/backend.hpp>
#include <memo/detail/optional_members.hpp>
#include <memo/function.hpp>
#include <memo/memo.hpp>
#include <memo/testing/together.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <vector>

namespace memo::testing {

using namespace std::chrono_literals;

template <class Fixture>
using backend_in = std::remove_const_t<decltype(std::declval<Fixture const&>().backend)>;

template <class Fixture>
inline constexpr bool merges = [] {
    if constexpr (requires { Fixture::merges; }) {
        return bool(Fixture::merges);
    } else {
        return true;
    }
}();

inline constexpr key128 scope{11, 12};

/// The key of a number, as evenly distributed as real keys.
inline key128 key_of(std::uint64_t number) {
    return fingerprint(number);
}

/// Counters of a function at rest, checked against the contract.
template <class Memoized> statistics at_rest(Memoized const& f) {
    statistics const s = f.stats();
    CHECK(s.calls == s.hits + s.misses + s.refinements + s.coalesced);
    return s;
}

template <class Fixture> void returns_what_was_put() {
    Fixture const made;
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

template <class Fixture> void loses_no_record_until_it_is_cleared() {
    Fixture const made;
    auto const partition = made.backend.template partition<std::string>(scope);
    constexpr std::uint64_t count = 64;
    // Keys of which both halves count: each but the first has one half of another key.
    auto const mixed_key = [](std::uint64_t i) {
        return key128{key_of(i / 2).low, key_of((i + 1) / 2).high};
    };
    auto const text = [](std::uint64_t i) { return std::to_string(i) + std::string(i, 'x'); };
    for (std::uint64_t i = 0; i < count; ++i) {
        CHECK(partition.put(mixed_key(i), text(i), {}));
    }
    for (std::uint64_t i = 0; i < count; ++i) {
        auto const found = partition.get(mixed_key(i));
        REQUIRE(found.has_value());
        CHECK(found->record == text(i));
        if constexpr (requires { partition.peek(mixed_key(i)); }) {
            auto const peeked = partition.peek(mixed_key(i));
            REQUIRE(peeked.has_value());
            CHECK(peeked->record == text(i));
        }
    }
    partition.clear();
    for (std::uint64_t i = 0; i < count; ++i) {
        CHECK_FALSE(partition.get(mixed_key(i)).has_value());
    }
}

template <class Fixture> void looks_up_many_keys_as_each() {
    Fixture const made;
    auto const partition = made.backend.template partition<std::string>(scope);
    std::vector<key128> keys;
    for (std::uint64_t i = 0; i < 200; ++i) { // more than one batch
        keys.push_back(key_of(i * 7 % 150));
        if (i % 3 != 0) {
            partition.put(key_of(i), std::string(i * 37 % 5000, static_cast<char>('a' + i % 26)),
                          {.cost = 3ms, .ttl = i % 2 == 0 ? 0ns : 5s});
        }
    }
    for (int round = 0; round < 2; ++round) {
        std::vector<lookup_result<std::string>> kept(keys.size());
        detail::get_many<std::string>(partition, std::span<key128 const>(keys), std::span(kept));
        std::size_t found = 0;
        for (std::size_t i = 0; i < keys.size(); ++i) {
            auto const alone = partition.get(keys[i]);
            REQUIRE(kept[i].has_value() == alone.has_value());
            if (alone) {
                ++found;
                CHECK(kept[i]->record == alone->record);
                CHECK(kept[i]->cost == alone->cost);
                CHECK(kept[i]->remaining_ttl == alone->remaining_ttl);
            }
        }
        CHECK(found > 0);
        CHECK(found < keys.size());
        made.clock.advance(5s); // half of them have expired then
    }
    CHECK(partition.stats().errors == 0);
}

template <class Fixture> void grants_one_claim_at_a_time() {
    Fixture const made;
    std::atomic<int> runs{0};
    auto const f =
        memo::memoize(ignore_state([&runs](int x) {
                          ++runs;
                          return 2 * x;
                      }),
                      {.name = std::string("claimed on ") + typeid(Fixture).name(), .version = "1"},
                      made.backend);
    {
        auto first = f.try_claim(1);
        REQUIRE(first.state() == claim_state::claimed);
        CHECK(f.try_claim(1).state() == claim_state::busy);
        CHECK(f.try_claim(2).state() == claim_state::claimed);
        CHECK(first.run() == 2);
        CHECK(first.state() == claim_state::hit);
        CHECK(f.try_claim(1).value() == 2);
    }
    static_cast<void>(f.try_claim(2)); // given up
    CHECK(f.try_claim(2).run() == 4);
    CHECK(runs == 2);
    auto const s = at_rest(f);
    CHECK(s.calls == 3);
    CHECK(s.hits == 1);
    CHECK(s.errors == 0);
}

template <class Fixture> void replaces_a_record() {
    Fixture const made;
    auto const partition = made.backend.template partition<std::vector<int>>(scope);
    partition.put(key_of(1), {1, 2, 3}, {});
    partition.put(key_of(1), {4}, {});
    REQUIRE(partition.get(key_of(1)).has_value());
    CHECK(partition.get(key_of(1))->record == std::vector<int>{4});
    CHECK((!Fixture::counts_entries || partition.stats().entries == 1));
}

template <class Fixture> void erases_a_key_once() {
    Fixture const made;
    auto const partition = made.backend.template partition<int>(scope);
    CHECK_FALSE(partition.erase(key_of(1)));
    partition.put(key_of(1), 1, {});
    CHECK(partition.erase(key_of(1)));
    CHECK_FALSE(partition.erase(key_of(1)));
    CHECK_FALSE(partition.get(key_of(1)).has_value());
}

template <class Fixture> void keeps_functions_apart() {
    Fixture const made;
    auto const one = made.backend.template partition<int>(scope);
    auto const same = made.backend.template partition<int>(scope);
    auto const two = made.backend.template partition<int>(key128{21, 22});
    one.put(key_of(1), 1, {});
    two.put(key_of(1), 2, {});
    CHECK(one.get(key_of(1))->record == 1);
    CHECK(same.get(key_of(1))->record == 1);
    CHECK(two.get(key_of(1))->record == 2);
    for (key128 const similar : {key128{scope.low, 22}, key128{21, scope.high}}) {
        CHECK_FALSE(made.backend.template partition<int>(similar).get(key_of(1)).has_value());
    }
    one.clear();
    CHECK_FALSE(same.get(key_of(1)).has_value());
    CHECK(two.get(key_of(1))->record == 2);
}

template <class Fixture> void shares_one_store_among_copies() {
    Fixture const made;
    auto const copy = made.backend;
    made.backend.template partition<int>(scope).put(key_of(1), 1, {});
    CHECK(copy.template partition<int>(scope).get(key_of(1)).has_value());
    CHECK((!Fixture::counts_entries || copy.stats().entries == 1));
}

template <class Fixture> void returns_the_cost() {
    Fixture const made;
    auto const partition = made.backend.template partition<int>(scope);
    for (auto const cost : {0ns, 3ns, 777ns, 123'456ns, std::chrono::nanoseconds(90min)}) {
        partition.put(key_of(1), 1, {.cost = cost, .ttl = 0ns});
        auto const told = static_cast<double>(partition.get(key_of(1))->cost);
        CHECK(told == Approx(static_cast<double>(cost.count())).epsilon(0.125));
    }
}

template <class Fixture> void expires_records() {
    Fixture const made;
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
    partition.put(key_of(3), 3, {.cost = 0ns, .ttl = 5s});
    partition.put(key_of(3), 4, {});
    made.clock.advance(10s);
    CHECK(partition.get(key_of(3)).has_value()); // the new record has its own TTL: none
}

template <class Fixture> void returns_the_remaining_ttl() {
    Fixture const made;
    auto const partition = made.backend.template partition<int>(scope);
    auto const left = [&](std::uint64_t number) {
        return partition.get(key_of(number))->remaining_ttl;
    };
    auto const update_third = [&] {
        if constexpr (merges<Fixture>) {
            partition.update(key_of(3), [](int const*) { return 1; }, {.cost = 0ns, .ttl = 5s});
        }
    };
    partition.put(key_of(1), 1, {.cost = 0ns, .ttl = 5s});
    partition.put(key_of(2), 2, {});
    update_third();
    CHECK(left(1) == 5s);
    CHECK(left(2) == 0ns);
    CHECK((!merges<Fixture> || left(3) == 5s));
    made.clock.advance(4s);
    CHECK(left(1) == 1s);
    CHECK(left(2) == 0ns);
    update_third();
    CHECK((!merges<Fixture> || left(3) == 1s));
    made.clock.advance(1s - 1ns);
    CHECK(left(1) == 1ns);
}

template <class Fixture> void takes_the_longest_ttl() {
    Fixture const made;
    auto const partition = made.backend.template partition<int>(scope);
    partition.put(key_of(1), 1, {.cost = 0ns, .ttl = std::chrono::nanoseconds::max()});
    made.clock.advance(24h * 365 * 100);
    REQUIRE(partition.get(key_of(1)).has_value());
    CHECK(partition.get(key_of(1))->remaining_ttl > 24h * 365 * 100);
}

template <class Fixture> void updates_or_begins() {
    Fixture const made;
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
    CHECK((!Fixture::counts_entries || partition.stats().entries == 2));
}

template <class Fixture> void keeps_the_expiry_on_update() {
    Fixture const made;
    auto const partition = made.backend.template partition<std::string>(scope);
    auto const grow = [](std::string const* old) { return old != nullptr ? *old + "+" : "new"; };
    put_options const five_seconds{.cost = 0ns, .ttl = 5s};
    CHECK(partition.update(key_of(1), grow, five_seconds) == "new");
    made.clock.advance(3s);
    CHECK(partition.update(key_of(1), grow, five_seconds) == "new+");
    made.clock.advance(2s);
    CHECK_FALSE(partition.get(key_of(1)).has_value());
    CHECK(partition.update(key_of(1), grow, five_seconds) == "new");
}

template <class Fixture> void survives_a_merge_that_throws() {
    Fixture const made;
    auto const partition = made.backend.template partition<std::string>(scope);
    auto const refuse = [](std::string const*) -> std::string { throw std::length_error("no"); };
    CHECK_THROWS_AS(partition.update(key_of(1), refuse, {}), std::length_error);
    CHECK_FALSE(partition.get(key_of(1)).has_value());
    partition.put(key_of(1), "kept", {});
    CHECK_THROWS_AS(partition.update(key_of(1), refuse, {}), std::length_error);
    CHECK(partition.get(key_of(1))->record == "kept");
}

template <class Fixture> void loses_no_update() {
    Fixture const made;
    using counts = std::array<std::uint64_t, 8>; // too large for a word of the table
    auto const partition = made.backend.template partition<counts>(scope);
    constexpr std::uint64_t updates = 2000;
    together(counts{}.size(), [&](std::size_t worker) {
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

template <class Fixture> void asks_validity_as_it_stores() {
    Fixture const made;
    auto const partition = made.backend.template partition<std::string>(scope);
    if constexpr (validating_partition<std::remove_const_t<decltype(partition)>>) {
        auto const never = [] { return false; };
        auto const grow = [](std::string const* old) {
            return old != nullptr ? *old + "+" : "new";
        };
        CHECK_FALSE(partition.put(key_of(1), "one", {0ns, 0ns, validity(never)}));
        CHECK_FALSE(partition.update(key_of(1), grow, {0ns, 0ns, validity(never)}));
        CHECK_FALSE(partition.get(key_of(1)));
        partition.put(key_of(2), "two", {});
        CHECK_FALSE(partition.put(key_of(2), "other", {0ns, 0ns, validity(never)}));
        CHECK_FALSE(partition.update(key_of(2), grow, {0ns, 0ns, validity(never)}));
        CHECK(partition.get(key_of(2))->record == "two");

        // Invalidates the record right after the partition asked. An erase cannot end before the valid
        // record is stored; and a second question gets the new answer.
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
                    // Time for the erase to end, if it could; a yield may last long on a busy machine.
                    auto const end = std::chrono::steady_clock::now() + 50ms;
                    while (!erased && std::chrono::steady_clock::now() < end) {
                        std::this_thread::yield();
                    }
                }
                return now;
            };
            put_options const about{0ns, 0ns, validity(valid)};
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

template <class Fixture> void serves_several_threads() {
    Fixture const made;
    auto const partition = made.backend.template partition<std::string>(scope);
    std::atomic<bool> wrong{false};
    together(4, [&](std::size_t worker) {
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

template <class Fixture> void serves_a_memoized_function() {
    Fixture const made;
    int runs = 0;
    auto f =
        memo::memoize(ignore_state([&runs](std::string const& text) {
                          ++runs;
                          return text + text;
                      }),
                      {.name = std::string("doubled on ") + typeid(Fixture).name(), .version = "1"},
                      made.backend);
    CHECK(f("ab") == "abab");
    CHECK(f("ab") == "abab");
    CHECK(runs == 1);
    CHECK(f.forget("ab"));
    CHECK(f("ab") == "abab");
    CHECK(runs == 2);
    f.clear();
    CHECK_FALSE(f.contains("ab"));
    auto const s = at_rest(f);
    CHECK(s.calls == 3);
    CHECK(s.errors == 0);
}

template <class Fixture> void is_held_by_its_signature() {
    Fixture const made;
    auto const f = memo::memoize(
        [](int x) { return x + 1; },
        {.name = std::string("next on ") + typeid(Fixture).name(), .version = "1"}, made.backend);
    memo::function<int(int)> const held = f;
    CHECK(held.outcome(1).source == source::computed);
    CHECK(held(1) == 2);
    CHECK(held.lookup(1) == f.lookup(1));
    CHECK(held.many(std::vector<std::tuple<int>>{{1}, {2}})[1].value() == 3);
    CHECK(held.stats().calls == 4);
    CHECK(held.forget(1));
    CHECK_FALSE(held.contains(1));
    CHECK_FALSE(held.estimate(2));
}

template <class Fixture> void counts_every_sample() {
    Fixture const made;
    std::atomic<std::uint64_t> drawn{0};
    auto const f = memo::memoize<backend_in<Fixture>, averaged>(
        ignore_state([&](int, replicate) { return std::sqrt(static_cast<double>(++drawn)); }),
        {.name = std::string("averaged on ") + typeid(Fixture).name(),
         .version = "1",
         .single_flight = false,
         .min_repetitions = 161,
         .max_repetitions = 1000},
        made.backend);
    together(8, [&](std::size_t) {
        for (int i = 0; i < 20; ++i) {
            f(1);
        }
    });
    CHECK(f.stats().evaluations == 160);
    CHECK(f.stats().errors == 0);
    auto const e = f.estimate(1); // and one more
    std::vector<double> samples;
    for (int i = 1; i <= 161; ++i) {
        samples.push_back(std::sqrt(i));
    }
    double const mean = std::accumulate(samples.begin(), samples.end(), 0.0) / 161;
    double squares = 0;
    for (double const sample : samples) {
        squares += (sample - mean) * (sample - mean);
    }
    CHECK(e.count == 161);
    CHECK(e.mean == Approx(mean).epsilon(1e-9));
    CHECK(e.variance == Approx(squares / 160).epsilon(1e-9));
    at_rest(f);
}

template <class Fixture> void tells_why_a_mean_is_settled() {
    Fixture const made;
    auto const check = [&]<class Sample>(auto options, std::string const& name, auto const& draw,
                                         stop_reason reason) {
        options.name = name + " on " + typeid(Fixture).name();
        options.version = "1";
        options.repeat = until_settled;
        auto const open = [&] {
            return memo::memoize<backend_in<Fixture>, averaged>(
                ignore_state([&draw, n = 0](int) mutable -> Sample { return draw(n++); }), options,
                made.backend);
        };
        INFO(options.name);
        CHECK(open().estimate(1).settled_by == reason);
        auto const again = open(); // reads the record
        CHECK(again.outcome(1).source == source::hit);
        CHECK(again.estimate(1).settled_by == reason);
        CHECK(memo::function(again).estimate(1)->settled_by == reason);
    };
    auto const equal = [](int) { return 0.75; };
    auto const close = [](int n) { return 0.75 + 0.01 * (n % 2); };
    auto const far = [](int n) { return 1.0 * (n % 2); };
    auto const both = [](int n) { return std::vector<double>{0.75, 0.75 + 0.01 * (n % 2)}; };
    using plain = averaged_options<double>;
    check.template operator()<double>(plain{.max_repetitions = 20}, "equal", equal,
                                      stop_reason::identical_samples);
    check.template operator()<double>(plain{.max_repetitions = 20}, "close", close,
                                      stop_reason::rule);
    check.template operator()<double>(plain{.rtol_stderr = 0.01, .max_repetitions = 20}, "far", far,
                                      stop_reason::max_repetitions);
    plain const bernstein{.rtol_stderr = 0.1,
                          .max_repetitions = 2000,
                          .range = sample_range{0, 1},
                          .interval = empirical_bernstein};
    check.template operator()<double>(bernstein, "equal, Bernstein", equal,
                                      stop_reason::identical_samples);
    check.template operator()<double>(bernstein, "close, Bernstein", close, stop_reason::rule);
    betting_options<double> const bets{
        .max_repetitions = 500, .range = sample_range{0, 1}, .interval = betting};
    check.template operator()<double>(bets, "equal, betting", equal,
                                      stop_reason::identical_samples);
    check.template operator()<double>(bets, "close, betting", close, stop_reason::rule);
    auto too_few = bets;
    too_few.max_repetitions = 10;
    check.template operator()<double>(too_few, "far, betting", far, stop_reason::max_repetitions);
    using vectors = averaged_options<std::vector<double>>;
    check.template operator()<std::vector<double>>(vectors{}, "vectors", both, stop_reason::rule);
    check.template operator()<std::vector<double>>(vectors{.decides = 0}, "first of vectors", both,
                                                   stop_reason::identical_samples);
}

template <class Fixture> void merges_bets_of_all_threads() {
    Fixture const made;
    auto const options = [](std::string const& name) {
        return betting_options<double>{.name = name,
                                       .version = "1",
                                       .single_flight = false,
                                       .min_repetitions = 161,
                                       .max_repetitions = 1000,
                                       .range = sample_range{0, 20},
                                       .interval = betting};
    };
    std::atomic<std::uint64_t> drawn{0};
    auto const draw = [&](int) { return std::sqrt(static_cast<double>(++drawn)); };
    auto const f = memo::memoize<backend_in<Fixture>, averaged>(
        ignore_state(draw), options(std::string("bets on ") + typeid(Fixture).name()),
        made.backend);
    together(8, [&](std::size_t) {
        for (int i = 0; i < 20; ++i) {
            f(1);
        }
    });
    CHECK(f.stats().errors == 0);
    auto const several = f.estimate(1); // and one more
    drawn = 0;
    auto serial = options(std::string("serial bets on ") + typeid(Fixture).name());
    serial.repeat = until_settled;
    serial.max_repetitions = 161;
    auto const one = memo::memoize<memory, averaged>(ignore_state(draw), serial).estimate(1);
    CHECK(several.count == 161);
    CHECK(one.count == 161);
    CHECK(several.mean == Approx(one.mean).epsilon(1e-9));
    CHECK(several.variance == Approx(one.variance).epsilon(1e-9));
    CHECK(several.lower == Approx(one.lower).epsilon(1e-9));
    CHECK(several.upper == Approx(one.upper).epsilon(1e-9));
    CHECK(one.lower > 6);
    CHECK(one.upper < 12);
    at_rest(f);
}

/// Registers every case of the suite for a fixture.
///
/// name            of the backend: the last part of each case's name
/// Returns:        true, so that a global can be initialized with it
template <class Fixture> bool register_backend(std::string const& name) {
    auto const add = [&](char const* sentence, void (*run)()) {
        REGISTER_TEST_CASE(run, sentence + (" - " + name));
    };
    add("a backend returns the stored record", &returns_what_was_put<Fixture>);
    add("every record is found until its function is cleared",
        &loses_no_record_until_it_is_cleared<Fixture>);
    add("a batch of lookups returns what single lookups return",
        &looks_up_many_keys_as_each<Fixture>);
    add("one call has one claim at a time", &grants_one_claim_at_a_time<Fixture>);
    add("a record replaces the one before it", &replaces_a_record<Fixture>);
    add("erase returns whether there was a record", &erases_a_key_once<Fixture>);
    add("functions do not share records", &keeps_functions_apart<Fixture>);
    add("copies of a backend share one store", &shares_one_store_among_copies<Fixture>);
    add("a lookup returns the cost of the record to 12.5 percent", &returns_the_cost<Fixture>);
    add("a record is served until it expires", &expires_records<Fixture>);
    add("a lookup returns the remaining TTL", &returns_the_remaining_ttl<Fixture>);
    add("a record with the longest TTL is served", &takes_the_longest_ttl<Fixture>);
    add("a partition with validates checks the validity as it stores",
        &asks_validity_as_it_stores<Fixture>);
    add("a backend serves several threads", &serves_several_threads<Fixture>);
    add("a memoized function works on the backend", &serves_a_memoized_function<Fixture>);
    add("a memo::function holds a function on the backend", &is_held_by_its_signature<Fixture>);
    if constexpr (merges<Fixture>) {
        add("an update merges into the stored record, or creates one", &updates_or_begins<Fixture>);
        add("an update keeps the expiry of the record", &keeps_the_expiry_on_update<Fixture>);
        add("an update whose merge throws changes nothing", &survives_a_merge_that_throws<Fixture>);
        add("no update is lost among threads", &loses_no_update<Fixture>);
        add("every sample of an averaged function counts", &counts_every_sample<Fixture>);
        add("an estimate says why its mean is settled", &tells_why_a_mean_is_settled<Fixture>);
        add("bets on the samples of all threads are those of the serial samples",
            &merges_bets_of_all_threads<Fixture>);
    }
    return true;
}

} // namespace memo::testing
