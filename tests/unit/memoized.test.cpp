// SPDX-License-Identifier: BSL-1.0

#include "support/code_of.hpp"
#include "support/contract.hpp"
#include "support/fake_clock.hpp"
#include "support/faulty_backend.hpp"
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <any>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using memo_test::at_rest;
using memo_test::code_of;
using namespace std::chrono_literals;

namespace {

/// Doubles x and counts its runs; declared as stateless.
auto counted(int& runs) {
    return memo::ignore_state([&runs](int x) {
        ++runs;
        return 2 * x;
    });
}

int free_runs = 0;
int twice(int x) {
    ++free_runs;
    return 2 * x;
}

struct scale {
    int factor = 1;
    [[nodiscard]] int times(int x) const { return factor * x; }
    [[nodiscard]] int plus(int x) const noexcept { return factor + x; }
    [[nodiscard]] int over(int x) const& noexcept { return x / factor; }
    template <class Archive> void serialize(Archive& archive) { archive(factor); }
};

/// Returns the record of one key for every key, like a collision of hashes.
struct one_record {
    static constexpr bool persistent = false;
    static constexpr bool stores = true;
    template <class Record> struct partition_type {
        std::shared_ptr<std::optional<Record>> kept = std::make_shared<std::optional<Record>>();
        [[nodiscard]] std::optional<memo::cached_value<Record>> get(memo::key128) const {
            return *kept ? std::optional(memo::cached_value<Record>{**kept, 0}) : std::nullopt;
        }
        bool put(memo::key128, Record const& record, memo::put_options) const {
            *kept = record;
            return true;
        }
        template <class Merge>
        std::optional<Record> update(memo::key128, Merge const& merge, memo::put_options) const {
            *kept = merge(*kept ? &**kept : nullptr);
            return *kept;
        }
        [[nodiscard]] bool erase(memo::key128) const { return false; }
        void clear() const {}
        [[nodiscard]] static memo::backend_statistics stats() { return {}; }
    };
    template <class Record> [[nodiscard]] partition_type<Record> partition(memo::key128) const {
        return {};
    }
    [[nodiscard]] static memo::backend_statistics stats() { return {}; }
};

} // namespace

TEST_CASE("a value is computed once and then served") {
    int runs = 0;
    auto f = memo::memoize<memo::memory>(counted(runs));
    CHECK(f(21) == 42);
    CHECK(f(21) == 42);
    CHECK(f(4) == 8);
    CHECK(runs == 2);
    auto const s = at_rest(f);
    CHECK(s.calls == 3);
    CHECK(s.hits == 1);
    CHECK(s.misses == 2);
    CHECK(s.evaluations == 2);
    CHECK(s.sets == 2);
    CHECK(s.failures == 0);
}

TEST_CASE("copies of a memoized function share everything") {
    int runs = 0;
    auto f = memo::memoize(counted(runs));
    auto g = f; // NOLINT(performance-unnecessary-copy-initialization): the copy is the test
    CHECK(f(1) == g(1));
    CHECK(runs == 1);
    CHECK(at_rest(g).calls == 2);
}

TEST_CASE("an outcome says where the value came from") {
    int runs = 0;
    auto f = memo::memoize(counted(runs));
    auto const first = f.outcome(3);
    CHECK(first.value == 6);
    CHECK(first.source == memo::source::computed);
    auto const second = f.outcome(3);
    CHECK(second.value == 6);
    CHECK(second.source == memo::source::hit);
    CHECK(at_rest(f).calls == 2);
}

TEST_CASE("an argument that the function changes is keyed by its value before the call") {
    auto const f = memo::memoize(
        [](std::vector<int> x) { // NOLINT(performance-unnecessary-value-param): moved from
            return std::vector<int>(std::move(x)).size();
        },
        {.name = "taken by value"});
    CHECK(f.outcome({1, 2}).source == memo::source::computed);
    CHECK(f.outcome({1, 2}).source == memo::source::hit);
    CHECK(f({1, 2}) == 2);
    CHECK(f.outcome({}).source == memo::source::computed);
    CHECK(f.contains({1, 2}));
    CHECK(f.stats().evaluations == 2);
    auto const mean = memo::memoize<memo::memory, memo::averaged>(
        [](std::vector<double> x) { // NOLINT(performance-unnecessary-value-param): moved from
            return std::vector<double>(std::move(x)).front();
        },
        {.name = "mean of what is taken"});
    CHECK(mean.estimate({1, 2}).count == 1);
    CHECK(mean.estimate({1, 2}).count == 2);
    CHECK(mean.contains({1, 2}));
}

TEST_CASE("lookup and contains never run the function and are no calls") {
    int runs = 0;
    auto f = memo::memoize(counted(runs));
    CHECK_FALSE(f.lookup(3).has_value());
    CHECK_FALSE(f.contains(3));
    CHECK(runs == 0);
    f(3);
    CHECK(f.lookup(3) == 6);
    CHECK(f.contains(3));
    CHECK(runs == 1);
    CHECK(at_rest(f).calls == 1);
}

TEST_CASE("forget erases one entry and returns whether there was one") {
    int runs = 0;
    auto f = memo::memoize(counted(runs));
    f(1);
    f(2);
    CHECK(f.forget(1));
    CHECK_FALSE(f.forget(1));
    CHECK_FALSE(f.contains(1));
    CHECK(f.contains(2));
    f(1);
    CHECK(runs == 3);
    at_rest(f);
}

TEST_CASE("an evaluation that began before forget() is not stored") {
    int world = 1;
    std::function<void()> meanwhile;
    auto const f = memo::memoize(memo::ignore_state([&](int) {
        int const seen = world;
        meanwhile();
        return seen;
    }));
    auto const value_after = [&](auto const& drop) {
        f.forget(1);
        world = 1;
        meanwhile = [&] {
            world = 2;
            drop();
        };
        CHECK(f(1) == 1);
        meanwhile = [] {};
        return f(1);
    };
    CHECK(value_after([&] { f.forget(1); }) == 2);
    CHECK(value_after([&] { f.clear(); }) == 2);
    CHECK(value_after([&] { f.forget(2); }) == 1); // of another call
    CHECK(at_rest(f).sets == 3);
}

TEST_CASE("a record that is stored during forget() is erased") {
    memo_test::faulty_backend const backend;
    auto const f = memo::memoize([](int x) { return x; }, {}, backend);
    auto const store_while = [&](auto const& drop) {
        backend.faults().put.before_next(drop);
        CHECK(f(1) == 1);
        CHECK_FALSE(f.contains(1));
        at_rest(f);
    };
    store_while([&] { f.forget(1); });
    store_while([&] { f.clear(); });
}

TEST_CASE("clear erases this function's entries and no other's") {
    memo::memory const shared;
    auto f = memo::memoize([](int x) { return x + 1; }, {}, shared);
    auto g = memo::memoize([](int x) { return x + 2; }, {}, shared);
    for (int x = 0; x < 100; ++x) {
        CHECK(f(x) == x + 1);
        CHECK(g(x) == x + 2);
    }
    CHECK(shared.stats().entries == 200);
    f.clear();
    CHECK(shared.stats().entries == 100);
    CHECK_FALSE(f.contains(7));
    CHECK(g.lookup(7) == 9);
    CHECK(f(7) == 8);
    at_rest(f);
    at_rest(g);
}

TEST_CASE("a key prints as 32 hexadecimal digits") {
    auto f = memo::memoize([](int x) { return x; });
    std::ostringstream out;
    out << f.key(1);
    CHECK(out.str().size() == 32);
    CHECK(out.str().find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(out.str() == memo::to_string(f.key(1)));
    CHECK(f.key(1) != f.key(2));
}

TEST_CASE("an ignored parameter is passed on but is in no key") {
    SECTION("by its place") {
        auto f = memo::memoize<memo::memory, memo::ignore<1>>(
            [](int x, int noise) { return x + noise; });
        CHECK(f(1, 10) == 11);
        CHECK(f(1, 99) == 11);
        CHECK(f(2, 99) == 101);
        CHECK(at_rest(f).hits == 1);
    }
    SECTION("by its type") {
        auto f = memo::memoize([](memo::ignored<std::string> const& label, int x) {
            return label.get() + std::to_string(x);
        });
        CHECK(f("a", 1) == "a1");
        CHECK(f("b", 1) == "a1");
        CHECK(f("b", 2) == "b2");
        CHECK(at_rest(f).hits == 1);
    }
    SECTION("one that is written through") {
        auto f = memo::memoize<memo::memory, memo::ignore<1>>([](int x, int& written) {
            written = x;
            return x;
        });
        int written = 0;
        CHECK(f(5, written) == 5);
        CHECK(written == 5);
        at_rest(f);
    }
}

TEST_CASE("which parameters are in the key is part of the function's identity") {
    memo::memory const store;
    auto const worth = [](int subset, int jobs, int seed) {
        return 100 * subset + seed + 0 * jobs;
    };
    memo::options<int> const options{.name = "worth", .version = "1"};
    auto f = memo::memoize<memo::memory, memo::ignore<2>>(worth, options, store);
    auto g = memo::memoize<memo::memory, memo::ignore<1>>(worth, options, store);
    CHECK(f(1, 8, 3) == 103);
    CHECK(g(1, 4, 8) == 108);
    CHECK(f.key(1, 8, 3) != g.key(1, 4, 8));
    // A function that ignores its last parameter is not the one without it.
    auto h = memo::memoize<memo::memory, memo::ignore<1, 2>>(worth, options, store);
    auto of_one = memo::memoize<memo::memory>([](int subset) { return subset; },
                                              {.name = "worth of one", .version = "1"}, store);
    auto ignoring = memo::memoize<memo::memory, memo::ignore<1>>(
        [](int subset, int jobs) { return subset + 0 * jobs; },
        {.name = "worth of one", .version = "1"}, store);
    CHECK(h.key(1, 2, 3) == h.key(1, 3, 2));
    CHECK(of_one.key(1) != ignoring.key(1, 2));
}

TEST_CASE("a signature names the parameters of a generic callable") {
    auto f = memo::memoize<memo::memory, memo::signature<double(double, int)>>(
        [](auto x, auto y) { return x * y; });
    static_assert(std::is_same_v<decltype(f(1, 2)), double>);
    CHECK(f(1.5, 2) == 3.0);
    CHECK(f(1.5, 2) == 3.0);
    CHECK(at_rest(f).hits == 1);
}

TEST_CASE("a record with its key material is served for its own arguments") {
    int runs = 0;
    auto f = memo::memoize<memo::memory, memo::verify_full>(
        memo::ignore_state([&runs](std::vector<int> const& v) {
            ++runs;
            return v.size();
        }));
    CHECK(f({1, 2, 3}) == 3);
    CHECK(f({1, 2, 3}) == 3);
    CHECK(f({1, 2}) == 2);
    CHECK(f.lookup({1, 2}) == std::optional<std::size_t>(2));
    CHECK(runs == 2);
    CHECK(at_rest(f).corrupt == 0);
}

TEST_CASE("a record of other arguments is a counted miss under verify_full") {
    auto const square = [](int x) { return x * x; };
    auto f = memo::memoize<one_record, memo::verify_full>(square);
    CHECK(f(2) == 4);
    CHECK(f(3) == 9);
    CHECK(f(3) == 9);
    auto const s = at_rest(f);
    CHECK(s.corrupt == 1); // not once more by the leader's lookup
    CHECK(s.misses == 2);
    CHECK(s.hits == 1);
}

TEST_CASE("a declared captured state is in the key") {
    memo::memory const shared;
    auto const make = [&](int offset) {
        return memo::memoize(memo::keyed([offset](int x) { return x + offset; }, offset), {},
                             shared);
    };
    auto one = make(1);
    auto two = make(2);
    auto one_again = make(1);
    CHECK(one(1) == 2);
    CHECK(two(1) == 3);
    CHECK(one_again(1) == 2);
    CHECK(at_rest(one).hits == 0);
    CHECK(at_rest(two).hits == 0);
    CHECK(at_rest(one_again).hits == 1);
}

TEST_CASE("a changed state of keyed_by changes the key") {
    int offset = 1;
    auto f = memo::memoize(
        memo::keyed_by([&offset](int x) { return x + offset; }, [&offset] { return offset; }));
    CHECK(f(1) == 2);
    CHECK(f(1) == 2);
    offset = 5;
    CHECK_FALSE(f.contains(1));
    CHECK(f(1) == 6);
    offset = 1;
    CHECK(f(1) == 2);
    auto const s = at_rest(f);
    CHECK(s.misses == 2);
    CHECK(s.hits == 2);
}

TEST_CASE("a change of ignored state does not change the key") {
    int offset = 1;
    auto f = memo::memoize(memo::ignore_state([&offset](int x) { return x + offset; }));
    CHECK(f(1) == 2);
    offset = 5;
    CHECK(f(1) == 2);
    at_rest(f);
}

TEST_CASE("a function is memoized by its address or by its name") {
    free_runs = 0;
    auto by_address = memo::memoize(&twice);
    auto by_name = memo::memoize(memo::fn<&twice>{});
    CHECK(by_address(2) == 4);
    CHECK(by_address(2) == 4);
    CHECK(by_name(2) == 4);
    CHECK(by_name(2) == 4);
    CHECK(free_runs == 2);
    at_rest(by_address);
    at_rest(by_name);
}

TEST_CASE("the object of a member function is in the key") {
    auto f = memo::memoize(memo::fn<&scale::times>{});
    CHECK(f(scale{2}, 10) == 20);
    CHECK(f(scale{3}, 10) == 30);
    CHECK(f(scale{2}, 10) == 20);
    auto const s = at_rest(f);
    CHECK(s.misses == 2);
    CHECK(s.hits == 1);
}

TEST_CASE("a noexcept or lvalue-qualified call operator has a signature") {
    struct negative {
        int operator()(int x) const& { return -x; }
    };
    struct counts {
        int calls = 0;
        int operator()(int x) & { return x + ++calls; }
    };
    CHECK(memo::memoize(negative{})(1) == -1);
    CHECK(memo::memoize(memo::ignore_state(counts{}))(1) == 2);
    CHECK(memo::memoize(memo::fn<&scale::plus>{})({2}, 6) == 8);
    CHECK(memo::memoize(memo::fn<&scale::over>{})({2}, 6) == 3);
}

TEST_CASE("arguments are converted to the parameters before they are hashed") {
    auto f = memo::memoize([](std::vector<double> const& v, std::string const& s, double x) {
        return v.size() + s.size() + static_cast<std::size_t>(x);
    });
    CHECK(f({1, 2}, "abc", 4) == 9);
    CHECK(f(std::vector<double>{1.0, 2.0}, std::string("abc"), 4.0) == 9);
    CHECK(at_rest(f).hits == 1);
    CHECK(f.key({1, 2}, "abc", 4) == f.key(std::vector<double>{1.0, 2.0}, "abc", 4.0));
}

TEST_CASE("empty values are values") {
    auto zero = memo::memoize([](int) { return 0; });
    auto no = memo::memoize([](int) { return false; });
    auto empty = memo::memoize([](int) { return std::string(); });
    auto none = memo::memoize([](int) { return std::optional<int>(); });
    auto list = memo::memoize([](int) { return std::vector<int>(); });
    auto null = memo::memoize([](int) { return std::shared_ptr<int const>(); });
    auto const once = [](auto const& f, auto const& expected) {
        CHECK(f(1) == expected);
        CHECK(f(1) == expected);
        CHECK(f.contains(1));
        REQUIRE(f.lookup(1).has_value());
        CHECK(*f.lookup(1) == expected);
        auto const s = at_rest(f);
        CHECK(s.evaluations == 1);
        CHECK(s.hits == 1);
    };
    once(zero, 0);
    once(no, false);
    once(empty, std::string());
    once(none, std::optional<int>());
    once(list, std::vector<int>());
    once(null, nullptr);
}

TEST_CASE("callers may change the returned value") {
    auto f = memo::memoize([](int n) { return std::vector<int>(static_cast<std::size_t>(n), 7); });
    auto first = f(3);
    first[0] = 99;
    auto second = f(3);
    CHECK(second == std::vector<int>{7, 7, 7});
    second.clear();
    CHECK(f(3) == std::vector<int>{7, 7, 7});
    at_rest(f);
}

TEST_CASE("a shared pointer is returned without a copy of its pointee") {
    auto f =
        memo::memoize([](int n) { return std::make_shared<std::string const>(std::to_string(n)); });
    auto const first = f(3);
    auto const second = f(3);
    CHECK(first.get() == second.get());
    CHECK(*second == "3");
    at_rest(f);
}

TEST_CASE("results that took less than the threshold are not stored") {
    auto slow = memo::memoize([](int x) { return x; }, {.time_threshold = 1h});
    slow(1);
    slow(1);
    CHECK(at_rest(slow).sets == 0);
    CHECK(at_rest(slow).misses == 2);
    auto all = memo::memoize([](int x) { return x; }, {.time_threshold = 0ns});
    all(1);
    CHECK(at_rest(all).sets == 1);
}

TEST_CASE("who observes an expired record neither erases nor counts it") {
    memo_test::fake_clock clock;
    auto f =
        memo::memoize([](int x) { return 2 * x; }, {.ttl = 10s}, memo::memory({.clock = clock}));
    f(1);
    clock.advance(10s);
    for (int i = 0; i < 2; ++i) {
        CHECK_FALSE(f.contains(1));
        CHECK(f.explain(1).miss == memo::miss_reason::expired);
    }
    CHECK(f.stats().expirations == 0);
    CHECK(f.outcome(1).reason == memo::miss_reason::expired);
    CHECK(f.stats().expirations == 1);
}

TEST_CASE("a stored result is served until it expires") {
    memo_test::fake_clock const clock;
    auto f =
        memo::memoize([](int x) { return 2 * x; }, {.ttl = 10s}, memo::memory({.clock = clock}));
    f(1);
    clock.advance(10s - 1ns);
    CHECK(f.contains(1));
    CHECK(f(1) == 2);
    clock.advance(1ns);
    CHECK_FALSE(f.contains(1));
    CHECK(f(1) == 2);
    auto const s = at_rest(f);
    CHECK(s.misses == 2);
    CHECK(s.hits == 1);
    CHECK(s.expirations == 1);
}

TEST_CASE("lookup() does not protect an entry from eviction") {
    memo::memory const small({.max_entries = 100});
    auto const check = [](auto const& f) {
        f(0);
        f(1);
        for (int i = 2; i < 2000; ++i) {
            f(i);
            static_cast<void>(f.contains(0));
            static_cast<void>(f.lookup(0));
            f(1);
        }
        CHECK_FALSE(f.contains(0));
        CHECK(f.contains(1));
    };
    check(memo::memoize([](int x) { return x; }, {}, small));
    check(memo::memoize([](int x) { return std::to_string(x); }, {}, small));
}

TEST_CASE("the longest ttl does not overflow") {
    auto f = memo::memoize([](int x) { return x; }, {.ttl = std::chrono::nanoseconds::max()});
    f(1);
    CHECK(f.contains(1));
    at_rest(f);
}

TEST_CASE("only the results that store_if accepts are stored") {
    auto f =
        memo::memoize([](int x) { return x; }, {.store_if = [](int const& r) { return r > 0; }});
    f(1);
    f(-1);
    CHECK(f.contains(1));
    CHECK_FALSE(f.contains(-1));
    CHECK(at_rest(f).sets == 1);
}

TEST_CASE("a second wrapper on a live store counts from zero") {
    memo::memory const store({.max_entries = 10});
    auto const wrap = [&store] {
        return memo::memoize<memo::memory>([](int x) { return x; }, {}, store);
    };
    auto const f = wrap();
    for (int x = 0; x < 100; ++x) {
        f(x);
    }
    CHECK(f.stats().evictions == 90);
    auto const again = wrap();
    CHECK(again.stats().evictions == 0);
    again(1000);
    CHECK(again.stats().evictions == 1);
    CHECK(f.stats().evictions == 91);
}

// NOLINTBEGIN(bugprone-use-after-move,hicpp-invalid-access-moved): that is what these are about
TEST_CASE("a moved-from function is still valid") {
    auto f = memo::memoize([](int x) { return 2 * x; });
    auto g = std::move(f);
    CHECK(g(1) == 2);
    CHECK(f(1) == 2);
    CHECK(f.contains(1));
    auto other = memo::memoize<memo::memory, memo::averaged>([](int x) { return x + 0.5; });
    auto first = other.snapshot();
    CHECK(first(1) == 1.5);
    auto const second = std::move(first);
    CHECK(first(1) == 1.5);
    CHECK(second(1) == 1.5);
    auto assigned = other;
    assigned = std::move(other);
    CHECK(other(1) == assigned(1));
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<decltype(f)>);
}

TEST_CASE("a moved-from backend is still valid") {
    memo::memory store;
    memo::memory const moved = std::move(store);
    auto const wrap = [](memo::memory const& backend) {
        return memo::memoize<memo::memory>([](int x) { return x; }, {}, backend);
    };
    wrap(store)(1);
    CHECK(wrap(moved).contains(1));
    CHECK(store.stats().entries == 1);
}

TEST_CASE("a moved-from result throws what it threw, or has some value") {
    auto const f = memo::memoize([](int x) { return x == 0 ? throw std::out_of_range("0") : x; });
    auto results = f.many({0, 1});
    auto const thrown = std::move(results[0]);
    auto const value = std::move(results[1]);
    CHECK_THROWS_AS(thrown.value(), std::out_of_range);
    CHECK_THROWS_AS(results[0].value(), std::out_of_range);
    CHECK(results[0].error() == thrown.error());
    CHECK(value.value() == 1);
    CHECK(results[1].has_value());
}
// NOLINTEND(bugprone-use-after-move,hicpp-invalid-access-moved)

TEST_CASE("without single flight a call may run inside itself") {
    int depth = 0;
    std::optional<int> inner;
    struct self {
        virtual int call(int) = 0;
        virtual ~self() = default;
    };
    self* again = nullptr;
    auto f = memo::memoize(memo::ignore_state([&](int x) {
                               if (++depth == 1) {
                                   inner = again->call(x);
                               }
                               return x;
                           }),
                           {.single_flight = false});
    struct caller : self {
        explicit caller(decltype(f) other) : callee(std::move(other)) {}
        int call(int x) override { return callee(x); }
        decltype(f) callee;
    } through(f);
    again = &through;
    CHECK(f(4) == 4);
    CHECK(inner == 4);
    auto const s = at_rest(f);
    CHECK(s.misses == 2);
    CHECK(s.coalesced == 0);
}

TEST_CASE("an exception of the function reaches the caller and nothing is stored") {
    int runs = 0;
    auto f = memo::memoize(memo::ignore_state([&runs](int x) {
        if (++runs == 1) {
            throw std::out_of_range("first");
        }
        return x;
    }));
    CHECK_THROWS_AS(f(1), std::out_of_range);
    CHECK_FALSE(f.contains(1));
    CHECK(f(1) == 1);
    auto const s = at_rest(f);
    CHECK(s.failures == 1);
    CHECK(s.evaluations == 1);
    CHECK(s.misses == 2);
}

TEST_CASE("a failing backend is counted and the call continues without it") {
    int runs = 0;
    memo_test::faulty_backend const backend;
    auto f = memo::memoize(counted(runs), {}, backend);
    backend.faults().get.always();
    CHECK(f(1) == 2);
    CHECK(f(1) == 2);
    CHECK(runs == 2);
    CHECK(at_rest(f).errors == 4); // each call looks twice: before and after boarding
    backend.faults().get.stop();
    CHECK(f(1) == 2);
    CHECK(runs == 2);

    backend.faults().put.always();
    CHECK(f(2) == 4);
    CHECK_FALSE(f.contains(2));
    CHECK(at_rest(f).errors == 5);
    CHECK(at_rest(f).sets == 2);

    backend.faults().erase.always();
    CHECK_FALSE(f.forget(1));
    backend.faults().clear.always();
    CHECK_NOTHROW(f.clear());
    CHECK(f.contains(1));
    CHECK(at_rest(f).errors == 7);
}

TEST_CASE("a failing backend throws under on_error = strict") {
    int runs = 0;
    memo_test::faulty_backend const backend;
    auto f = memo::memoize(counted(runs), {.on_error = memo::strict}, backend);
    auto& faults = backend.faults();

    faults.get.only(1);
    CHECK(code_of([&] { f(1); }) == memo::errc::backend);
    CHECK(runs == 0);
    CHECK(at_rest(f).calls == 0); // it had no outcome
    faults.get.only(1);
    CHECK(code_of([&] { static_cast<void>(f.lookup(1)); }) == memo::errc::backend);

    faults.put.only(1);
    CHECK(code_of([&] { f(1); }) == memo::errc::backend);
    CHECK(runs == 1);
    CHECK(f(1) == 2);
    faults.erase.only(1);
    CHECK(code_of([&] { f.forget(1); }) == memo::errc::backend);
    faults.clear.only(1);
    CHECK(code_of([&] { f.clear(); }) == memo::errc::backend);
    CHECK(f.contains(1));
    CHECK(at_rest(f).errors == 5);
    CHECK_THROWS_WITH((faults.get.only(1), f(1)), "memo: backend get: told to fail");
}

TEST_CASE("a memo::error of the backend is not wrapped twice") {
    int runs = 0;
    memo_test::faulty_backend const backend;
    auto f = memo::memoize(counted(runs), {.on_error = memo::strict}, backend);
    backend.faults().get.before_failure(
        [] { throw memo::error(memo::errc::backend, "it refuses"); });
    backend.faults().get.only(1);
    CHECK_THROWS_WITH(f(1), "memo: backend get: it refuses");
}

TEST_CASE("invalid durations are refused when the function is wrapped") {
    int runs = 0;
    CHECK_THROWS_WITH(memo::memoize(counted(runs), {.ttl = -1ns}),
                      Catch::Contains(".ttl is negative; give"));
    CHECK_THROWS_WITH(memo::memoize(counted(runs), {.time_threshold = -1ms}),
                      Catch::Contains(".time_threshold is negative; give"));
    CHECK(code_of([&] { static_cast<void>(memo::memoize(counted(runs), {.ttl = -1ns})); }) ==
          memo::errc::configuration);
}

TEST_CASE("the counters balance when the leader's second lookup fails") {
    int runs = 0;
    memo_test::faulty_backend const backend;
    auto f = memo::memoize(counted(runs), {.on_error = memo::strict}, backend);
    backend.faults().get.only(2);
    CHECK(code_of([&] { f(1); }) == memo::errc::backend);
    at_rest(f);
    CHECK(f(1) == 2); // and no flight was left behind
    at_rest(f);
}

TEST_CASE("reset_stats sets the counters to zero and erases no entry") {
    memo_test::fake_clock const clock;
    auto f = memo::memoize([](int x) { return x; }, {.ttl = 1s},
                           memo::memory({.max_entries = 4, .clock = clock}));
    for (int x = 0; x < 20; ++x) {
        f(x);
    }
    CHECK(at_rest(f).evictions == 16);
    f.reset_stats();
    CHECK(memo::to_json(f.stats()) == memo::to_json(memo::statistics{}));
    CHECK(f.backend().stats().entries == 4);
    f(100);
    auto const s = at_rest(f);
    CHECK(s.calls == 1);
    CHECK(s.evictions == 1);
}

TEST_CASE("time spent and time saved are counted") {
    std::uint64_t sink = 0;
    auto f = memo::memoize(memo::ignore_state([&sink](int n) {
        auto const until = std::chrono::steady_clock::now() + 200us;
        while (std::chrono::steady_clock::now() < until) {
            ++sink;
        }
        return n;
    }));
    f(1);
    f(1);
    f(1);
    auto const s = at_rest(f);
    CHECK(s.computing >= 200us);
    auto const computing = static_cast<double>(s.computing.count());
    CHECK(static_cast<double>(s.saved.count()) == Approx(2 * computing).epsilon(0.125));
}

TEST_CASE("statistics print as text, JSON and Prometheus lines") {
    auto f = memo::memoize([](int x) { return x; });
    f(1);
    f(1);
    auto const s = at_rest(f);
    std::ostringstream text;
    text << s;
    CHECK(text.str().rfind("calls 2, hits 1, misses 1, evaluations 1, sets 1", 0) == 0);

    std::string const json = memo::to_json(s);
    CHECK(json.rfind(R"({"calls":2,"hits":1,"misses":1,"refinements":0,"coalesced":0,)", 0) == 0);
    CHECK(json.back() == '}');
    for (auto const* name : {"evaluations", "failures", "sets", "evictions", "expirations",
                             "errors", "timeouts", "reconnects", "corrupt", "too_large", "audits",
                             "disagreements", "computing_seconds", "saved_seconds"}) {
        CHECK(json.find(std::string("\"") + name + "\":") != std::string::npos);
    }

    std::string const prometheus = memo::to_prometheus(s, "a\"b\\c\nd");
    CHECK(prometheus.find("# TYPE memo_calls_total counter\n"
                          "memo_calls_total{function=\"a\\\"b\\\\c\\nd\"} 2\n") !=
          std::string::npos);
    CHECK(prometheus.back() == '\n');
    std::istringstream lines(prometheus);
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
        CHECK((line.rfind("# HELP memo_", 0) == 0 || line.rfind("# TYPE memo_", 0) == 0 ||
               line.rfind("memo_", 0) == 0));
    }
    CHECK(count == 3 * 27);
}

TEST_CASE("a snapshot returns a result that is constructible from a list of itself unchanged") {
    auto const f = memo::memoize<memo::memory>(
        [](int x) { return std::vector<std::any>(static_cast<std::size_t>(x), std::any(x)); });
    auto const frozen = f.snapshot();
    CHECK(frozen(3).size() == 3); // of it alone
    CHECK(frozen(3).size() == 3);
}

TEST_CASE("the backend none runs the function at every call") {
    int runs = 0;
    auto f = memo::memoize<memo::none>(counted(runs));
    CHECK(f(1) == 2);
    CHECK(f.outcome(1).source == memo::source::computed);
    CHECK_FALSE(f.contains(1));
    CHECK_FALSE(f.lookup(1).has_value());
    CHECK_FALSE(f.forget(1));
    f.clear();
    CHECK(runs == 2);
    auto const s = at_rest(f);
    CHECK(s.calls == 2);
    CHECK(s.misses == 2);
    CHECK(s.evaluations == 2);
    CHECK(s.sets == 0);
}
