// SPDX-License-Identifier: BSL-1.0

#include "support/code_of.hpp"
#include "support/contract.hpp"
#include "support/crew.hpp"
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

using memo_test::at_rest;
using memo_test::code_of;

namespace {

/// Wraps a function that is declared as stateless.
template <class... Policies, class F, class Options> auto wrapped(F const& f, Options options) {
    options.on_disagreement = [](std::string const&) {};
    return memo::memoize<memo::memory, Policies...>(memo::ignore_state(f), options);
}

struct with_pointer {
    int const* where;
    int what;
    bool operator==(with_pointer const& other) const { return what == other.what; }
};

struct opaque {
    int x;
};

struct only_equality {
    double x;
    std::int64_t n;
    bool operator==(only_equality const&) const = default;
};

/// Like a JSON type, which is a range of itself.
struct document {
    using value_type = document;
    double number = 0;
    bool operator==(document const& other) const { return number == other.number; }
};

/// Two types that are ranges of each other.
struct branch;
struct twig {
    using value_type = branch;
    bool operator==(twig const&) const = default;
};
struct branch {
    using value_type = twig;
    twig end;
    bool operator==(branch const&) const = default;
};

} // namespace

TEST_CASE("an audit finds hidden state within 100 hits") {
    int state = 1;
    std::vector<std::string> told;
    memo::options<int> options{.audit = 0.1};
    options.on_disagreement = [&](std::string const& text) { told.push_back(text); };
    auto const f = memo::memoize(memo::ignore_state([&](int x) { return state * x; }), options);
    REQUIRE(f(21) == 21);
    state = 2;
    for (int i = 0; i < 100; ++i) {
        CHECK(f(21) == 21); // what is stored
    }
    auto const s = at_rest(f);
    CHECK(s.audits >= 9);
    CHECK(s.audits <= 11);
    CHECK(s.disagreements == s.audits);
    CHECK(s.hits == 100);
    CHECK(s.evaluations == 1 + s.audits);
    std::ostringstream text;
    text << s;
    auto const count = std::to_string(s.disagreements);
    CHECK(text.str().find(", disagreements " + count + ',') != std::string::npos);
    CHECK(to_json(s).find("\"disagreements\":" + count + ',') != std::string::npos);
    CHECK(to_prometheus(s, "f").find("memo_disagreements_total{function=\"f\"} " + count) !=
          std::string::npos);
    f.reset_stats();
    CHECK(f.stats().disagreements == 0);
    REQUIRE(told.size() == s.disagreements);
    CHECK(told[0].find("memo: audit " + to_string(f.key(21)) + ": ") == 0);
    CHECK(told[0].find("argument 0  ") != std::string::npos);
}

TEST_CASE("an audit finds nothing in a pure function") {
    auto const f = wrapped([](int x) { return x % 2 == 0 ? std::nan("") : 0.1 * x; },
                           memo::options<double>{.audit = 0.1});
    for (int i = 0; i < 10'000; ++i) {
        static_cast<void>(f(i % 10));
    }
    auto const s = at_rest(f);
    CHECK(s.audits >= 998);
    CHECK(s.audits <= 1000);
    CHECK(s.disagreements == 0);
}

TEST_CASE("an audit of 1 takes all hits, of 0 none, and other numbers are refused") {
    auto const count = [](double share) {
        auto const f = wrapped([](int x) { return x; }, memo::options<int>{.audit = share});
        for (int i = 0; i < 31; ++i) {
            f(5);
        }
        return at_rest(f).audits;
    };
    CHECK(count(0) == 0);
    CHECK(count(1) == 30);
    CHECK(count(0.7) >= 8);
    CHECK(count(0.4) >= 10);
    for (int i = 0; i < 30; ++i) {
        CHECK(count(0.4) == 12);
    }
    CHECK(count(0.4) <= 13);
    for (double const share : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
        CHECK(code_of([&] { count(share); }) == memo::errc::configuration);
    }
}

TEST_CASE("each hit may be the audited one") {
    memo::detail::audit_turns turns(0.1);
    std::vector<int> seen(10);
    for (int i = 0; i < 10'000; ++i) {
        seen[static_cast<std::size_t>(i % 10)] += turns.next() ? 1 : 0;
    }
    for (int const times : seen) { // 100 each, and a deviation of 9.5
        CHECK(times > 50);
        CHECK(times < 150);
    }
}

TEST_CASE("a NaN equals the NaN of the same bits alone") {
    using memo::detail::same_value;
    double const nan = std::nan("");
    CHECK(same_value(nan, nan));
    CHECK_FALSE(same_value(nan, std::nan("1")));
    CHECK_FALSE(same_value(nan, -nan));
    CHECK_FALSE(same_value(nan, 1.0));
    CHECK(same_value(std::vector{1.0, nan}, std::vector{1.0, nan}));
    CHECK_FALSE(same_value(std::vector{1.0, nan}, std::vector{2.0, nan}));
    CHECK(same_value(std::optional(nan), std::optional(nan)));
    CHECK(same_value(only_equality{nan, 1}, only_equality{nan, 1}));
    CHECK_FALSE(same_value(only_equality{nan, 1}, only_equality{nan, 2}));
    CHECK(same_value(only_equality{0.0, 1}, only_equality{-0.0, 1}));

    double now = nan;
    auto const f = wrapped([&](int) { return now; }, memo::options<double>{.audit = 1});
    static_cast<void>(f(1));
    CHECK(std::isnan(f(1)));
    CHECK(at_rest(f).disagreements == 0);
    now = 0;
    CHECK(std::isnan(f(1)));
    CHECK(at_rest(f).disagreements == 1);
}

TEST_CASE("results are compared by value, not by address") {
    using memo::detail::comparable;
    using memo::detail::same_value;
    CHECK(same_value(0.0, -0.0));
    CHECK(same_value(std::make_shared<int>(4), std::make_shared<int>(4)));
    CHECK_FALSE(same_value(std::make_shared<int>(4), std::make_shared<int>(5)));
    std::unordered_set<int> one{1, 2, 3};
    std::unordered_set<int> other(100);
    other.insert({3, 2, 1});
    CHECK(same_value(one, other));
    int const place = 1;
    CHECK(same_value(with_pointer{&place, 3}, with_pointer{nullptr, 3}));
    CHECK_FALSE(
        same_value(std::vector{with_pointer{&place, 3}}, std::vector{with_pointer{&place, 4}}));
    STATIC_REQUIRE_FALSE(comparable<opaque>);
    STATIC_REQUIRE_FALSE(comparable<std::vector<opaque>>);
    STATIC_REQUIRE_FALSE(comparable<std::shared_ptr<opaque const>>);
    STATIC_REQUIRE_FALSE(comparable<std::vector<std::shared_ptr<with_pointer>>>);
    STATIC_REQUIRE_FALSE(comparable<std::variant<int, opaque>>);
    STATIC_REQUIRE(comparable<std::map<std::string, std::pair<int, with_pointer>>>);
    STATIC_REQUIRE(comparable<document>);
    STATIC_REQUIRE(comparable<std::map<int, document>>);
    STATIC_REQUIRE(comparable<branch>);
    STATIC_REQUIRE(comparable<twig>);
    CHECK(code_of([] {
              wrapped([](int x) { return opaque{x}; }, memo::options<opaque>{.audit = 1});
          }) == memo::errc::configuration);
    auto const f = wrapped([](int x) { return opaque{x}; }, memo::options<opaque>{});
    CHECK(f(3).x == 3);
    auto const g =
        wrapped([](int x) { return document{0.5 * x}; }, memo::options<document>{.audit = 1});
    CHECK(g(3) == g(3));
    CHECK(at_rest(g).disagreements == 0);
}

TEST_CASE("every hit but a claim's is audited, with the call's own arguments") {
    int state = 0;
    auto const f = wrapped(
        [&](std::vector<int> x) { // NOLINT(performance-unnecessary-value-param): moved into
            std::vector<int> const taken = std::move(x);
            return static_cast<int>(taken.size()) + state;
        },
        memo::options<int>{.audit = 1});
    f({1, 2});
    f({1, 2, 3});
    CHECK(f.outcome({1, 2}).value == 2);
    auto const results = f.many(std::vector<std::vector<int>>{{1, 2}, {1, 2, 3}, {1, 2}});
    CHECK(results[1].value() == 3);
    CHECK(at_rest(f).audits == 4);
    CHECK(at_rest(f).disagreements == 0);
    CHECK(f.try_claim({1, 2}).value() == 2);
    CHECK(f.lookup({1, 2}) == 2);
    CHECK(at_rest(f).audits == 4);
    state = 1;
    CHECK(f.many(std::vector<std::vector<int>>{{1, 2, 3}})[0].value() == 3);
    CHECK(at_rest(f).disagreements == 1);
}

TEST_CASE("a hit returns its value if its audit throws, and throws what the report throws") {
    bool fails = false;
    memo::options<int> options{.audit = 1};
    options.on_disagreement = [](std::string const&) { throw std::domain_error("stop"); };
    int state = 0;
    auto const f = memo::memoize(memo::ignore_state([&](int x) {
                                     if (fails) {
                                         throw std::runtime_error("not now");
                                     }
                                     return x + state;
                                 }),
                                 options);
    f(1);
    fails = true;
    CHECK(f(1) == 1);
    CHECK(at_rest(f).failures == 1);
    CHECK(at_rest(f).audits == 0);
    CHECK(at_rest(f).disagreements == 0);
    fails = false;
    state = 1;
    CHECK_THROWS_AS(f(1), std::domain_error);
}

namespace {

int runs_of_fibonacci = 0;
std::uint64_t fibonacci(int n);

auto const& memoized_fibonacci() {
    static auto const f = memo::memoize(memo::fn<&fibonacci>{}, {.audit = 1});
    return f;
}

std::uint64_t fibonacci(int n) {
    ++runs_of_fibonacci;
    return n < 2 ? static_cast<std::uint64_t>(n)
                 : memoized_fibonacci()(n - 1) + memoized_fibonacci()(n - 2);
}

} // namespace

TEST_CASE("a recursive function is audited one step deep") {
    CHECK(memoized_fibonacci()(60) == 1'548'008'755'920);
    CHECK(runs_of_fibonacci < 200);
}

TEST_CASE("audits of many threads are counted and compared") {
    std::atomic<int> state{0};
    auto const f = wrapped([&](int x) { return x + state; }, memo::options<int>{.audit = 0.5});
    for (int x = 0; x < 10; ++x) {
        f(x);
    }
    state = 1;
    memo_test::together(4, [&](std::size_t) {
        for (int i = 0; i < 100; ++i) {
            f(i % 10);
        }
    });
    auto const s = at_rest(f);
    CHECK(s.hits == 400);
    CHECK(s.audits >= 199);
    CHECK(s.audits <= 201);
    CHECK(s.disagreements == s.audits);
}

namespace {

/// Averages samples of 50 calls until they are settled, changes `moved`, and continues with audits.
template <class Draw>
memo::statistics audits_of_means(Draw const& draw, double& moved, double by, int rounds) {
    auto const f = wrapped<memo::averaged>(
        draw, memo::averaged_options<double>{
                  .rtol_stderr = 0.05, .repeat = memo::until_settled, .audit = 0.5});
    moved = 0;
    for (int x = 0; x < 50; ++x) {
        static_cast<void>(f(x));
    }
    moved = by;
    for (int i = 0; i < rounds; ++i) {
        for (int x = 0; x < 50; ++x) {
            static_cast<void>(f(x));
        }
    }
    return at_rest(f);
}

} // namespace

TEST_CASE("audits of means find a shift, and none in noise") {
    std::mt19937_64 random(7); // NOLINT(cert-msc51-cpp): a fixed seed
    double moved = 0;
    auto const normal = [&](int x) {
        return x + std::normal_distribution<>(1, 0.5)(random) + moved;
    };
    auto const rare = [&](int) { return random() % 100 == 0 ? 0.0 : 1.0 + moved; };
    auto const skewed = [&](int) {
        return std::pow(std::exponential_distribution<>(1)(random), 3) + moved;
    };
    auto const constant = [&](int x) { return x + moved; };
    for (auto const& s :
         {audits_of_means(normal, moved, 0, 60), audits_of_means(rare, moved, 0, 60),
          audits_of_means(skewed, moved, 0, 60), audits_of_means(constant, moved, 0, 60)}) {
        CHECK(s.audits > 1000);
        CHECK(s.disagreements == 0);
    }
    CHECK(audits_of_means(normal, moved, 1, 10).disagreements >= 1);
    CHECK(audits_of_means(rare, moved, 0.5, 10).disagreements >= 1);
    CHECK(audits_of_means(constant, moved, 1e-3, 10).disagreements >= 1);
}

TEST_CASE("a sample that could not enter the mean is ignored by audits") {
    memo::averaged_options<double> options{.repeat = memo::until_settled, .audit = 1};
    options.store_if = [](double x) { return x < 100; };
    for (double const refused : {1000.0, std::nan("")}) {
        std::map<int, int> runs;
        auto const f = wrapped<memo::averaged>(
            [&](int x) { return ++runs[x] > 3 ? refused : runs[x] + 10.0; }, options);
        for (int i = 0; i < 1000; ++i) {
            CHECK(f(i % 50) == 12);
        }
        auto const s = at_rest(f);
        CHECK(s.audits == 950);
        CHECK(s.disagreements == 0);
        CHECK(s.rejected == 0); // of the record
    }
}

TEST_CASE("an audit does not change the mean, and its samples have numbers of their own") {
    std::vector<std::uint64_t> indices;
    auto const f = memo::memoize<memo::memory, memo::averaged>(
        memo::ignore_state([&](int x, memo::replicate which) {
            indices.push_back(which.index);
            return static_cast<double>(x);
        }),
        {.repeat = memo::until_settled, .audit = 1});
    static_cast<void>(f(5));
    for (int i = 0; i < 10; ++i) {
        CHECK(f.estimate(5).count == 3);
    }
    CHECK(at_rest(f).audits == 10);
    CHECK(std::unordered_set<std::uint64_t>(indices.begin(), indices.end()).size() == 13);
}
