// SPDX-License-Identifier: BSL-1.0

// Byte backends over stores with and without each optional function.

#include "support/contract.hpp"
#include "support/crew.hpp"
#include "support/fake_clock.hpp"
#include "support/keys.hpp"
#include "support/map_store.hpp"
#include <memo/byte_backend.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <typeinfo>
#include <utility>
#include <vector>

using memo_test::full_map_store;
using memo_test::key_of;
using memo_test::map_store;
using namespace std::chrono_literals;

namespace {

using exchanging_store = memo_test::with_exchange<map_store>;
using batching_store = memo_test::with_batches<map_store>;
using locking_store = memo_test::with_locks<map_store>;

constexpr memo::key128 scope{51, 52};

/// A backend and the store behind it.
template <class Store> struct fixture {
    explicit fixture(memo::byte_backend_settings chosen = {}) : backend(store, std::move(chosen)) {}

    std::shared_ptr<Store> store = std::make_shared<Store>();
    memo::byte_backend<Store> backend;
};

memo::byte_backend_settings timed_by(memo_test::fake_clock const& clock) {
    memo::byte_backend_settings chosen;
    chosen.clock = clock.on_the_wall();
    return chosen;
}

/// A result whose class may refuse to be loaded.
struct picky {
    static inline bool refuses = false;

    int value = 0;

    template <class Archive> void serialize(Archive& archive) {
        archive(value);
        if (Archive::is_loading::value && refuses) {
            throw std::domain_error("refuses");
        }
    }
};

auto plus_one(int const* before) {
    return before != nullptr ? *before + 1 : 1;
}

} // namespace

static_assert(memo::byte_store<map_store>);
static_assert(!memo::exchanging_byte_store<map_store>);
static_assert(!memo::batching_byte_store<map_store>);
static_assert(!memo::locking_byte_store<map_store>);
static_assert(memo::exchanging_byte_store<full_map_store>);
static_assert(memo::batching_byte_store<full_map_store>);
static_assert(memo::locking_byte_store<full_map_store>);
static_assert(memo::backend_of<memo::byte_backend<map_store>, std::string>);
static_assert(
    memo::leading_partition<memo::byte_backend<locking_store>::partition_type<std::string>>);
static_assert(!memo::leading_partition<memo::byte_backend<map_store>::partition_type<std::string>>);

TEMPLATE_TEST_CASE("three functions make a backend of a store", "", map_store, exchanging_store,
                   batching_store, locking_store, full_map_store) {
    fixture<TestType> const made({.lease = 1min});
    int runs = 0;
    auto const f = memo::memoize(
        memo::ignore_state([&runs](std::string const& text) {
            ++runs;
            return text + text;
        }),
        {.name = std::string("doubled on ") + typeid(TestType).name(), .version = "1"},
        made.backend);
    CHECK(f("ab") == "abab");
    CHECK(f("ab") == "abab");
    CHECK(runs == 1);
    auto const values = f.many(std::vector<std::string>{"ab", "cd", "ef"});
    CHECK(values[0].value() == "abab");
    CHECK(values[2].value() == "efef");
    CHECK(runs == 3);
    CHECK(f.forget("ab"));
    CHECK_FALSE(f.forget("ab"));
    f.clear();
    CHECK_FALSE(f.contains("cd"));
    auto const s = memo_test::at_rest(f);
    CHECK(s.errors == 0);
    CHECK(s.corrupt == 0);
}

TEST_CASE("bytes of another key are a miss that counts as corrupt") {
    fixture<exchanging_store> const made;
    auto const partition = made.backend.partition<std::string>(scope);
    partition.put(key_of(1), "a value that is longer than a word", {});
    partition.put(key_of(2), "another value", {});
    auto const stored = made.store->records();
    REQUIRE(stored.size() == 2);
    auto const& [name, whole] = *stored.begin();
    auto const key = partition.get(key_of(1)).has_value() && name.ends_with(to_string(key_of(1)))
                         ? key_of(1)
                         : key_of(2);
    std::uint64_t damaged = 0;
    auto const is_refused = [&](map_store::bytes bytes) {
        made.store->overwrite(name, std::move(bytes));
        bool const is_miss = !partition.get(key) && partition.stats().corrupt == ++damaged;
        return is_miss && !partition.peek(key) && partition.stats().corrupt == damaged;
    };
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
        auto flipped = whole;
        flipped[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
        CHECK(is_refused(flipped));
    }
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CHECK(is_refused({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}));
    }
    CHECK(is_refused(std::next(stored.begin())->second)); // the frame of another key
    CHECK(is_refused(map_store::bytes(4096)));
    CHECK(partition.stats().errors == 0);

    // An update replaces them; neither it nor a put counts them again.
    auto const one_of = [](std::string const* old) { return old != nullptr ? "old" : "new"; };
    CHECK(partition.update(key, [&](auto const* old) { return std::string(one_of(old)); }, {}) ==
          "new");
    CHECK(partition.get(key)->record == "new");
    CHECK(partition.stats().corrupt == damaged);
}

TEST_CASE("records of another function or type are corrupt under any name") {
    fixture<map_store> const made;
    auto const partition = made.backend.partition<std::uint64_t>(scope);
    auto const others = made.backend.partition<std::uint64_t>({61, 62});
    auto const typed = made.backend.partition<double>(scope);
    partition.put(key_of(1), 1, {});
    others.put(key_of(1), 2, {});
    auto const stored = made.store->records();
    REQUIRE(stored.size() == 2);
    for (auto const& [name, bytes] : stored) {
        for (auto const& [other, foreign] : stored) {
            made.store->overwrite(name, name != other ? foreign : bytes);
        }
    }
    made.store->overwrite(stored.begin()->first, stored.rbegin()->second);
    made.store->overwrite(stored.rbegin()->first, stored.begin()->second);
    CHECK_FALSE(partition.get(key_of(1)));
    CHECK_FALSE(others.get(key_of(1)));
    CHECK_FALSE(typed.get(key_of(1)));
    CHECK(partition.stats().corrupt + others.stats().corrupt == 3);
    CHECK(made.backend.stats().corrupt == 3);
}

TEST_CASE("names are printable, short, and unique to a function, key and name space") {
    auto const store = std::make_shared<map_store>();
    std::set<std::string> names;
    std::size_t count = 0;
    std::string const longest(64, 'x');
    for (auto const& name_space : {std::string("a"), std::string("b"), longest}) {
        memo::byte_backend<map_store> const backend(store, {.name_space = name_space});
        for (memo::key128 const of : {scope, memo::key128{52, 51}, memo::key128{51, 0}}) {
            auto const partition = backend.partition<int>(of);
            for (std::uint64_t i = 0; i < 10; ++i) {
                CHECK(partition.put(key_of(i), 1, {}));
                ++count;
            }
        }
    }
    CHECK(store->records().size() == count);
    for (auto const& name : store->names()) {
        CHECK(name.size() <= 160);
        for (char const each : name) {
            CHECK((each > ' ' && each <= '~'));
        }
    }
}

TEST_CASE("a record in a store that cannot expire is not served after its ttl") {
    memo_test::fake_clock const clock;
    auto settings = timed_by(clock);
    settings.ttl = 5s;
    fixture<exchanging_store> const made(settings);
    auto const partition = made.backend.partition<int>(scope);
    partition.put(key_of(1), 1, {});
    CHECK(made.store->last_ttl == 5s);
    partition.put(key_of(2), 2, {.cost = 0ns, .ttl = 2s});
    CHECK(made.store->last_ttl == 2s);
    partition.put(key_of(3), 3, {.cost = 0ns, .ttl = 1h});
    CHECK(made.store->last_ttl == 5s);
    clock.advance(2s);
    CHECK(partition.get(key_of(1))->remaining_ttl == 3s);
    CHECK(partition.get(key_of(2)).reason() == memo::miss_reason::expired);
    CHECK(partition.update(key_of(1), plus_one, {}) == 2);
    CHECK(made.store->last_ttl == 3s);
    clock.advance(3s);
    CHECK_FALSE(partition.get(key_of(1)));
    CHECK_FALSE(partition.peek(key_of(3)));
    CHECK(partition.stats().expirations == 2);
    CHECK(partition.update(key_of(1), plus_one, {}) == 1);
}

TEST_CASE("no sample is lost among eight threads and two handles of a store") {
    auto const store = std::make_shared<exchanging_store>();
    std::atomic<std::uint64_t> drawn{0};
    auto const averaged_on = [&](memo::byte_backend<exchanging_store> const& backend) {
        return memo::memoize<memo::byte_backend<exchanging_store>, memo::averaged>(
            memo::ignore_state([&](int) { return std::sqrt(static_cast<double>(++drawn)); }),
            {.name = "noisy",
             .version = "1",
             .single_flight = false,
             .min_repetitions = 401,
             .max_repetitions = 1000},
            backend);
    };
    auto const one =
        averaged_on(memo::byte_backend<exchanging_store>(store, {.max_update_time = 1min}));
    auto const two =
        averaged_on(memo::byte_backend<exchanging_store>(store, {.max_update_time = 1min}));
    memo_test::together(8, [&](std::size_t worker) {
        for (int i = 0; i < 50; ++i) {
            static_cast<void>(worker % 2 == 0 ? one(1) : two(1));
        }
    });
    CHECK(drawn == 400);
    CHECK(one.stats().errors + two.stats().errors == 0);
    auto const e = one.estimate(1); // and one more
    double sum = 0;
    for (int i = 1; i <= 401; ++i) {
        sum += std::sqrt(i);
    }
    CHECK(e.count == 401);
    CHECK(e.mean == Approx(sum / 401).epsilon(1e-9));
}

TEST_CASE("an update that always meets a conflict ends, and counts an error") {
    fixture<exchanging_store> const made({.max_update_time = 100ms});
    auto const partition = made.backend.partition<int>(scope);
    CHECK(partition.update(key_of(1), plus_one, {}) == 1);
    made.store->refuses_exchange = true;
    int merges = 0;
    auto const counted = [&](int const* before) {
        ++merges;
        return plus_one(before);
    };
    CHECK_FALSE(partition.update(key_of(1), counted, {}).has_value());
    CHECK(merges > 1);
    CHECK(partition.stats().errors == 1);
    made.store->refuses_exchange = false;
    CHECK(partition.update(key_of(1), counted, {}) == 2);
}

TEST_CASE("many keys are loaded in one call if the store has load_many") {
    fixture<batching_store> const made;
    auto const f =
        memo::memoize([](int x) { return 2 * x; }, {.name = "many", .version = "1"}, made.backend);
    std::vector<int> arguments(100);
    for (int i = 0; i < 100; ++i) {
        arguments[static_cast<std::size_t>(i)] = i;
        f(i);
    }
    int const before = made.store->calls;
    auto const values = f.many(arguments);
    CHECK(values[99].value() == 198);
    CHECK(made.store->calls - before == 2); // of 64 and of 36
    CHECK(f.stats().hits == 100);

    made.store->missing = 1;
    CHECK(f.many(arguments)[99].value() == 198);
    CHECK(f.stats().errors > 0);
}

TEST_CASE("damaged and missing records are misses of a batch") {
    fixture<batching_store> const made;
    auto const partition = made.backend.partition<int>(scope);
    std::vector<memo::key128> const keys{key_of(1), key_of(2), key_of(3)};
    partition.put(keys[0], 1, {});
    partition.put(keys[2], 3, {});
    for (auto const& [name, bytes] : made.store->records()) {
        if (name.ends_with(to_string(keys[0]))) {
            made.store->overwrite(name, map_store::bytes(100));
        }
    }
    std::vector<memo::lookup_result<int>> found(3);
    partition.get_many(keys, std::span(found));
    CHECK_FALSE(found[0]);
    CHECK(found[0].reason() == memo::miss_reason::corrupt);
    CHECK_FALSE(found[1]);
    CHECK(found[1].reason() == memo::miss_reason::absent);
    REQUIRE(found[2]);
    CHECK(found[2]->record == 3);
    CHECK(partition.stats().corrupt == 1);
    made.store->is_away = true;
    partition.get_many(keys, std::span(found));
    CHECK(found[2].reason() == memo::miss_reason::unavailable);
}

TEST_CASE("one of two processes computes a key while the others wait for it") {
    // Two handles share only the store, like two processes.
    auto const store = std::make_shared<locking_store>();
    memo::byte_backend<locking_store> const here(store, {.lease = 1min});
    memo::byte_backend<locking_store> const there(store, {.lease = 1min});
    std::atomic<int> runs{0};
    auto const doubled_on = [&](auto const& backend) {
        return memo::memoize(memo::ignore_state([&](int x) {
                                 ++runs;
                                 std::this_thread::sleep_for(20ms);
                                 return 2 * x;
                             }),
                             {.name = "leased", .version = "1"}, backend);
    };
    auto const one = doubled_on(here);
    auto const two = doubled_on(there);
    one(0); // a store without exchange has one generation for both from here on
    memo_test::together(2,
                        [&](std::size_t worker) { CHECK((worker == 0 ? one(1) : two(1)) == 2); });
    CHECK(runs == 2);
    CHECK(store->locks() == 0);
    {
        auto const claimed = one.try_claim(2);
        CHECK(claimed.state() == memo::claim_state::claimed);
        CHECK(two.try_claim(2).state() == memo::claim_state::busy);
    }
    CHECK(two.try_claim(2).state() == memo::claim_state::claimed);
}

TEST_CASE("a record that cannot be decoded ends the wait for a lease, and fails no call") {
    auto const store = std::make_shared<locking_store>();
    auto const wrapped = [&] {
        return memo::memoize([](int n) { return picky{n}; }, {.name = "picky", .version = "1"},
                             memo::byte_backend<locking_store>(store, {.lease = 1min}));
    };
    auto const here = wrapped();
    auto const there = wrapped();
    here(1);
    picky::refuses = true;
    auto const claim = here.try_claim(1);
    CHECK(claim.state() == memo::claim_state::claimed);
    CHECK(there(1).value == 1);
    CHECK(there.stats().errors > 0);
    picky::refuses = false;
}

TEST_CASE("an expired lease goes to another owner, and the first one does not end it") {
    auto const store = std::make_shared<locking_store>();
    memo::byte_backend<locking_store> const backend(store, {.lease = 1ms});
    auto const partition = backend.partition<int>(scope);
    {
        auto const first = partition.try_lead(key_of(1));
        REQUIRE(first.has_value());
        std::this_thread::sleep_for(2ms);
        auto const patient =
            memo::byte_backend<locking_store>(store, {.lease = 1min}).partition<int>(scope);
        auto const second = patient.try_lead(key_of(1));
        REQUIRE(second.has_value());
        auto const third = std::optional(partition.lead(key_of(2)));
        CHECK(store->locks() == 2);
    }
    CHECK(store->locks() == 0);
}

TEST_CASE("an unreachable store costs misses, errors, and few calls") {
    fixture<full_map_store> const made({.lease = 1min});
    auto const f =
        memo::memoize([](int x) { return 2 * x; }, {.name = "away", .version = "1"}, made.backend);
    f(1);
    made.store->is_away = true;
    int const before = made.store->calls;
    for (int i = 0; i < 100; ++i) {
        CHECK(f(i) == 2 * i);
    }
    CHECK(made.store->calls - before <= 5);
    auto const s = memo_test::at_rest(f);
    CHECK(s.errors >= 100);
    CHECK(s.misses == 101);
}

TEST_CASE("a strict function throws the store's failure as a memo::error") {
    fixture<full_map_store> const made;
    auto const f =
        memo::memoize([](int x) { return 2 * x; },
                      {.name = "strict", .version = "1", .on_error = memo::strict}, made.backend);
    made.store->is_away = true;
    CHECK_THROWS_WITH(f(1),
                      Catch::Contains("byte store get") && Catch::Contains("the map is away"));
}

TEST_CASE("no lookup finds a record after a clear that did not reach the store") {
    fixture<full_map_store> const made;
    auto const partition = made.backend.partition<int>(scope);
    partition.put(key_of(1), 1, {});
    made.store->is_away = true;
    partition.clear();
    CHECK(partition.stats().errors == 1);
    made.store->is_away = false;
    CHECK_FALSE(partition.get(key_of(1)));
}

TEST_CASE("a lost or damaged generation makes the records misses") {
    fixture<full_map_store> const made;
    auto const put_and_get = [&](auto const& damage) {
        made.backend.partition<int>(scope).put(key_of(1), 1, {});
        for (auto const& name : made.store->names()) {
            if (name.ends_with(":gen")) {
                damage(name);
            }
        }
        memo::byte_backend<full_map_store> const other(made.store);
        auto const partition = other.partition<int>(scope);
        CHECK_FALSE(partition.get(key_of(1)));
        CHECK(partition.put(key_of(1), 2, {}));
        CHECK(partition.get(key_of(1))->record == 2);
        CHECK(partition.stats().errors == 0);
    };
    put_and_get([&](auto const& name) { made.store->erase(name); });
    put_and_get([&](auto const& name) { made.store->overwrite(name, {}); });
    put_and_get([&](auto const& name) { made.store->overwrite(name, map_store::bytes(8)); });
    put_and_get([&](auto const& name) { made.store->overwrite(name, map_store::bytes(99)); });
}

TEST_CASE("a record that is too large is not offered to the store") {
    fixture<exchanging_store> const made({.max_value_bytes = 200});
    auto const partition = made.backend.partition<std::string>(scope);
    CHECK(partition.put(key_of(1), std::string(50, 'a'), {}));
    CHECK_FALSE(partition.put(key_of(1), std::string(500, 'b'), {}));
    auto const long_one = [](std::string const*) { return std::string(500, 'c'); };
    CHECK_FALSE(partition.update(key_of(1), long_one, {}).has_value());
    CHECK(partition.get(key_of(1))->record == std::string(50, 'a'));
    CHECK(partition.stats().too_large == 2);
}

TEST_CASE("invalid settings of a byte backend are refused") {
    auto const refused = [](memo::byte_backend_settings const& settings) {
        try {
            memo::byte_backend<map_store> const made(std::make_shared<map_store>(), settings);
        } catch (memo::error const& failure) {
            return failure.code() == memo::errc::configuration;
        }
        return false;
    };
    CHECK(refused({.name_space = ""}));
    CHECK(refused({.name_space = "with space"}));
    CHECK(refused({.name_space = std::string(65, 'a')}));
    CHECK(refused({.ttl = -1s}));
    CHECK(refused({.lease = -1s}));
    CHECK(refused({.lease = 24h * 30}));
    CHECK(refused({.max_update_time = -1s}));
    CHECK(refused({.max_update_time = std::chrono::seconds::max()}));
    CHECK(refused({.max_value_bytes = 0}));
    CHECK_FALSE(refused({}));
}

TEST_CASE("two handles on one store have its identity") {
    auto const store = std::make_shared<full_map_store>();
    memo::byte_backend<full_map_store> const one(store);
    memo::byte_backend<full_map_store> const two(store);
    memo::byte_backend<full_map_store> const apart(store, {.name_space = "apart"});
    CHECK(one.identity() == two.identity());
    CHECK(one.identity() != apart.identity());
    fixture<map_store> const nameless;
    auto const copy = nameless.backend;
    CHECK(copy.identity() == nameless.backend.identity());
    CHECK(fixture<map_store>().backend.identity() != copy.identity());
}
