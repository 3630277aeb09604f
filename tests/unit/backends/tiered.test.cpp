// SPDX-License-Identifier: BSL-1.0

#include "support/contract.hpp"
#include "support/fake_clock.hpp"
#include "support/faulty_backend.hpp"
#include "support/keys.hpp"
#include <memo/backends/memcached.hpp>
#include <memo/backends/tiered.hpp>
#include <memo/detail/admission.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using memo_test::faulty_backend;
using memo_test::key_of;
using namespace std::chrono_literals;

namespace {

constexpr memo::key128 scope{61, 62};

/// A record that is merged with the stored one.
struct tally {
    int count = 0;
};

memo::detail::unfinalized_key unfinalized(std::uint64_t number) {
    return memo::detail::unfinalized_key(key_of(number));
}

} // namespace

template <>
inline constexpr memo::detail::record_kind memo::detail::kind_of_record<tally> =
    memo::detail::record_kind::moments;

TEST_CASE("a far hit is copied near") {
    memo::memory const near;
    faulty_backend const far;
    memo::tiered const both(near, far);
    far.partition<std::string>(scope).put(key_of(1), "far", {.cost = 5ms, .ttl = 0ns});
    auto const partition = both.partition<std::string>(scope);
    CHECK(partition.get(key_of(1))->record == "far");
    far.faults().get.always();
    auto const again = partition.get(key_of(1));
    CHECK(again->record == "far");
    CHECK(static_cast<double>(again->cost) == Approx(5e6).epsilon(0.125));
}

TEST_CASE("the fast path finds a near record of one word") {
    faulty_backend const far;
    memo::tiered const both(memo::memory(), far);
    auto const partition = both.partition<int>(scope);
    static_assert(memo::detail::fast_partition<decltype(partition), int>);
    CHECK_FALSE(partition.try_hit(unfinalized(1)).record.has_value());
    CHECK_FALSE(partition.try_hit(unfinalized(1)).seems_absent); // it may be far
    far.partition<int>(scope).put(key_of(1), 1, {.cost = 5ms, .ttl = 0ns});
    CHECK_FALSE(partition.try_hit(unfinalized(1)).record.has_value());
    CHECK(partition.get(key_of(1)).has_value());
    CHECK(partition.try_hit(unfinalized(1)).record == 1);
    partition.put(key_of(2), 2, {.cost = 0ns, .ttl = 1h}); // its time is in a block
    CHECK_FALSE(partition.try_hit(unfinalized(2)).record.has_value());
    CHECK(partition.get(key_of(2))->record == 2);
    static_assert(
        !memo::detail::fast_partition<decltype(both.partition<std::string>(scope)), std::string>);
    static_assert(!memo::detail::fast_partition<decltype(both.partition<tally>(scope)), tally>,
                  "a merged record is the far tier's");
}

TEST_CASE("a near copy does not outlive the far record") {
    memo_test::fake_clock const clock;
    memo::memory const near({.clock = clock});
    memo::memory const far({.clock = clock});
    memo::tiered const both(near, far);
    far.partition<int>(scope).put(key_of(1), 1, {.cost = 0ns, .ttl = 10s});
    clock.advance(6s);
    auto const partition = both.partition<int>(scope);
    CHECK(partition.get(key_of(1)).has_value());
    CHECK(near.partition<int>(scope).get(key_of(1))->remaining_ttl == 4s);
    clock.advance(4s);
    CHECK_FALSE(partition.get(key_of(1)).has_value());
}

TEST_CASE("a record is stored in both tiers and erased from both") {
    memo::memory const near;
    memo::memory const far;
    memo::tiered const both(near, far);
    auto const partition = both.partition<int>(scope);
    partition.put(key_of(1), 1, {});
    CHECK(near.partition<int>(scope).get(key_of(1)).has_value());
    CHECK(far.partition<int>(scope).get(key_of(1)).has_value());
    CHECK(partition.erase(key_of(1)));
    CHECK_FALSE(near.partition<int>(scope).get(key_of(1)).has_value());
    CHECK_FALSE(far.partition<int>(scope).get(key_of(1)).has_value());
    CHECK_FALSE(partition.erase(key_of(1)));
    near.partition<int>(scope).put(key_of(2), 1, {});
    CHECK(partition.erase(key_of(2)));
    far.partition<int>(scope).put(key_of(3), 1, {});
    CHECK(partition.erase(key_of(3)));
}

TEST_CASE("a concurrent lookup does not copy an erased record near again") {
    memo::memory const near;
    faulty_backend const far;
    memo::tiered const both(near, far);
    auto const partition = both.partition<int>(scope);
    auto const near_partition = near.partition<int>(scope);
    auto const look = [&] { CHECK(partition.get(key_of(1)).has_value()); };
    partition.put(key_of(1), 1, {});
    far.faults().erase.before_next(look);
    CHECK(partition.erase(key_of(1)));
    CHECK_FALSE(near_partition.get(key_of(1)).has_value());
    partition.put(key_of(1), 1, {});
    far.faults().clear.before_next(look);
    partition.clear();
    CHECK_FALSE(near_partition.get(key_of(1)).has_value());
}

TEST_CASE("a record that was found far before it was erased is not near afterwards") {
    faulty_backend const near;
    memo::memory const far;
    memo::tiered const both(near, far);
    auto const partition = both.partition<int>(scope);
    auto const same = memo::tiered(near, far).partition<int>(scope);
    auto const is_near = [&] { return near.partition<int>(scope).get(key_of(1)).has_value(); };
    auto const find_far_while = [&](auto const& drop) {
        far.partition<int>(scope).put(key_of(1), 1, {});
        near.faults().put.before_next(drop);
        CHECK(partition.get(key_of(1))->record == 1);
        CHECK_FALSE(is_near());
        far.partition<int>(scope).put(key_of(1), 1, {});
        near.faults().put.before_next(drop);
        std::vector<memo::lookup_result<int>> kept(1);
        partition.get_many(std::vector{key_of(1)}, kept);
        CHECK(kept[0]->record == 1);
        CHECK_FALSE(is_near());
    };
    find_far_while([&] { CHECK(same.erase(key_of(1))); });
    find_far_while([&] { same.clear(); });
    find_far_while([&] { same.update(key_of(1), [](int const* old) { return *old + 1; }, {}); });
    CHECK(partition.get(key_of(1))->record == 2);
    CHECK(is_near());
}

TEST_CASE("a record that the far tier fails to erase is erased near") {
    memo::memory const near;
    faulty_backend const far;
    memo::tiered const both(near, far);
    auto const partition = both.partition<int>(scope);
    far.faults().erase.always();
    far.faults().clear.always();
    partition.put(key_of(1), 1, {});
    CHECK_THROWS_AS(static_cast<void>(partition.erase(key_of(1))), std::runtime_error);
    CHECK(near.stats().entries == 0);
    partition.put(key_of(1), 1, {});
    CHECK_THROWS_AS(partition.clear(), std::runtime_error);
    CHECK(near.stats().entries == 0);
}

TEST_CASE("a result that is too large for one tier or for both counts once") {
    for (bool const near_has_room : {true, false}) {
        for (bool const far_has_room : {true, false}) {
            auto const with = [](bool room) {
                std::size_t const most = room ? 1'000'000 : 10'000;
                return memo::memory({.max_bytes = most});
            };
            memo::tiered const both(with(near_has_room), with(far_has_room));
            auto const partition = both.partition<std::string>(scope);
            partition.put(key_of(1), std::string(50'000, 'x'), {});
            partition.put(key_of(2), "small", {});
            std::uint64_t const refused = near_has_room && far_has_room ? 0 : 1;
            CHECK(partition.stats().too_large == refused);
            CHECK(both.stats().too_large == refused);
            CHECK(partition.get(key_of(1)).has_value() == (near_has_room || far_has_room));
        }
    }
}

TEST_CASE("the near tier serves while the far one is unreachable") {
    faulty_backend const far;
    memo::tiered const both(memo::memory(), far);
    int runs = 0;
    auto const f = memo::memoize(memo::ignore_state([&runs](int x) {
                                     ++runs;
                                     return 2 * x;
                                 }),
                                 {.name = "tiered/away", .version = "1"}, both);
    far.faults().get.always();
    far.faults().put.always();
    CHECK(f(1) == 2);
    CHECK(f(1) == 2);
    CHECK(runs == 1);
    auto const s = memo_test::at_rest(f);
    CHECK(s.hits == 1);
    CHECK(s.errors > 0);
}

TEST_CASE("the far tier stores and serves while the near one fails") {
    faulty_backend const near;
    memo::memory const far;
    memo::tiered const both(near, far);
    int runs = 0;
    auto const wrap = [&](memo::on_error_policy on_error) {
        return memo::memoize(
            memo::ignore_state([&runs](int x) {
                ++runs;
                return 2 * x;
            }),
            {.name = "tiered/full", .version = "1", .single_flight = false, .on_error = on_error},
            both);
    };
    auto const f = wrap(memo::degrade);
    near.faults().put.always();
    CHECK(f(1) == 2);
    CHECK(far.stats().entries == 1);
    CHECK(f(1) == 2); // not copied near
    near.faults().get.always();
    CHECK(f(1) == 2);
    CHECK(f.lookup(1) == 2);
    CHECK(f.many({1})[0].value() == 2);
    CHECK(runs == 1);
    auto const s = memo_test::at_rest(f);
    CHECK(s.hits == 3);
    CHECK(s.sets == 1);
    CHECK(s.errors == 7); // 2 of get, 1 each of peek and get_many, 3 of put
    CHECK_THROWS_AS(wrap(memo::strict)(1), memo::error);
    near.faults().get.stop();
    CHECK_THROWS_AS(wrap(memo::strict)(1), memo::error);
}

TEST_CASE("merged records belong to the far tier alone") {
    memo::memory const near;
    memo::memory const far;
    auto const add_one = [](tally const* old) {
        return tally{old != nullptr ? old->count + 1 : 1};
    };
    auto const partition = memo::tiered(near, far).partition<tally>(scope);
    CHECK(partition.update(key_of(1), add_one, {})->count == 1);
    CHECK(partition.get(key_of(1))->record.count == 1);
    far.partition<tally>(scope).update(key_of(1), add_one, {}); // another process
    CHECK(partition.get(key_of(1))->record.count == 2);
    CHECK(partition.update(key_of(1), add_one, {})->count == 3);
    CHECK(near.stats().entries == 0);
}

TEST_CASE("the caller of an update sees it at once") {
    memo::tiered<memo::memory, memo::memory> const both;
    auto const partition = both.partition<int>(scope);
    partition.put(key_of(1), 1, {});
    partition.update(key_of(1), [](int const* old) { return *old + 1; }, {});
    CHECK(partition.get(key_of(1))->record == 2);
}

TEST_CASE("a result that is computed faster than it is fetched stays near") {
    memo::memory const near;
    memo::memory const far;
    memo::tiered const both(near, far);
    auto const partition = both.partition<int>(scope, {.worthwhile = true});
    auto const far_partition = far.partition<int>(scope);
    partition.put(key_of(1), 1, {.cost = 1ns, .ttl = 0ns}); // nothing is known yet: tried
    static_cast<void>(partition.get(key_of(99)));
    for (std::uint64_t i = 2; i < 100; ++i) {
        partition.put(key_of(i), 1, {.cost = 1ns, .ttl = 0ns});
    }
    CHECK(far.stats().entries <= 2);
    CHECK(near.stats().entries == 99);
    partition.put(key_of(200), 1, {.cost = 1h, .ttl = 0ns});
    CHECK(far_partition.get(key_of(200)).has_value());
}

TEST_CASE("a far tier that does not pay is tried for a share of the time") {
    memo::detail::admission judged;
    judged.lookups.time.add(40us);
    judged.stores.time.add(60us);
    int looks = 0;
    int stores = 0;
    int const evaluations = 100'000;
    for (int i = 0; i < evaluations; ++i) {
        looks += judged.admit_lookup() ? 1 : 0;
        stores += judged.admit_store(10us) ? 1 : 0;
    }
    // A 256th of one second is 3906 us.
    CHECK(looks == 98); // and the first, before anything was known
    CHECK(stores == 65);
    CHECK_FALSE(judged.is_worthwhile());
    CHECK(judged.admit_store(1ms));
}

TEST_CASE("a trial of a far tier that does not pay finds its records") {
    faulty_backend const far;
    memo::tiered const both(memo::none(), far);
    auto const partition = both.partition<int>(scope, {.worthwhile = true});
    partition.put(key_of(1), 1, {.cost = 10ns, .ttl = 0ns});
    static_cast<void>(partition.get(key_of(1)));
    partition.put(key_of(2), 2, {.cost = 10ns, .ttl = 0ns});
    CHECK_FALSE(partition.get(key_of(1)).has_value());
    // Enough evaluations of 10 ns for a trial, whatever a lookup took here.
    bool found = false;
    for (int i = 0; !found && i < 10'000'000; ++i) {
        partition.put(key_of(2), 2, {.cost = 10ns, .ttl = 0ns});
        found = partition.get(key_of(1)).has_value();
    }
    CHECK(found);
}

TEST_CASE("a store that was slow once is used again when it is fast") {
    memo::detail::admission judged;
    judged.lookups.time.add(20us);
    judged.stores.time.add(10ms);
    int trials = 0;
    std::chrono::nanoseconds computed{0};
    while (!judged.is_worthwhile()) {
        computed += 1ms;
        REQUIRE(computed < 1min);
        if (judged.admit_store(1ms)) {
            judged.stores.time.add(20us);
            ++trials;
        }
    }
    CHECK(trials < 30);
}

TEST_CASE("time_threshold = worthwhile applies to the far tier") {
    memo::memory const near;
    memo::memory const far;
    memo::tiered const both(near, far);
    auto const quick = memo::memoize(
        [](int x) { return x; },
        {.name = "tiered/quick", .version = "1", .time_threshold = memo::worthwhile}, both);
    for (int x = 0; x < 1000; ++x) {
        quick(x);
    }
    CHECK(near.stats().entries == 1000);
    CHECK(far.stats().entries < 500);
    auto const all = memo::memoize([](int x) { return x; }, {.name = "tiered/all", .version = "1"},
                                   memo::tiered(near, memo::memory()));
    CHECK(all(1) == 1);
    CHECK(memo_test::at_rest(all).sets == 1);
}

TEST_CASE("many keys are looked up near, and the rest far in one batch") {
    memo::memory const near;
    faulty_backend const far;
    memo::tiered const both(near, far);
    auto const partition = both.partition<int>(scope);
    near.partition<int>(scope).put(key_of(1), 1, {});
    far.partition<int>(scope).put(key_of(2), 2, {.cost = 5ms, .ttl = 0ns});
    std::vector<memo::key128> const keys{key_of(1), key_of(2), key_of(3)};
    std::vector<memo::lookup_result<int>> kept(keys.size());
    partition.get_many(keys, kept);
    CHECK(kept[0]->record == 1);
    CHECK(kept[1]->record == 2);
    CHECK_FALSE(kept[2].has_value());
    CHECK(near.partition<int>(scope).get(key_of(2)).has_value());

    far.faults().get.always();
    std::vector<memo::key128> const near_ones{key_of(1), key_of(2)};
    std::vector<memo::lookup_result<int>> again(near_ones.size());
    partition.get_many(near_ones, again);
    CHECK((again[0].has_value() && again[1].has_value()));
}

TEST_CASE("two handles have equal identities exactly if they share their stores") {
    using memo::memcached;
    memo::memory const near;
    memo::memory const other;
    std::string const one = "127.0.0.1:1";
    std::string const two = "127.0.0.1:2";
    memcached const far({.servers = {one, two}, .name_space = "same"});
    memcached const same({.servers = {two, one}, .name_space = "same"});
    memcached const apart({.servers = {one, two}, .name_space = "apart"});
    CHECK(memo::memory(near).identity() == near.identity());
    CHECK(near.identity() != other.identity());
    CHECK(far.identity() == same.identity());
    CHECK(far.identity() != apart.identity());
    using both = memo::tiered<memo::memory, memcached>;
    CHECK(both(near, far).identity() == both(near, same).identity());
    CHECK(both(near, far).identity() != both(other, far).identity());
    CHECK(both(near, far).identity() != both(near, apart).identity());
    STATIC_REQUIRE_FALSE(memo::identified_backend<memo::none>);
    STATIC_REQUIRE_FALSE(memo::identified_backend<memo::tiered<memo::memory, memo::none>>);
}
