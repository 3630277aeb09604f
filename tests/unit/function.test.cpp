// SPDX-License-Identifier: BSL-1.0

#include "support/code_of.hpp"
#include <memo/function.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

using memo_test::code_of;

namespace {

using scores = memo::function<double(memo::index_set const&, int)>;

/// A class that keeps a function whose type it cannot name.
class estimator {
  public:
    explicit estimator(scores utility) : utility_(std::move(utility)) {}
    [[nodiscard]] double marginal(memo::index_set const& with,
                                  memo::index_set const& without) const {
        return utility_(with, 1) - utility_(without, 1);
    }

  private:
    scores utility_;
};

double length(memo::index_set const& subset, int weight) {
    return static_cast<double>(subset.size()) * weight;
}

} // namespace

TEST_CASE("a function holds memoized functions of every backend and policy") {
    std::vector<scores> all;
    all.emplace_back(memo::memoize<memo::memory>(memo::fn<&length>{}));
    all.emplace_back(memo::memoize<memo::none>(memo::fn<&length>{}));
    all.emplace_back(memo::memoize<memo::memory, memo::ignore<1>>(memo::fn<&length>{}));
    all.emplace_back(memo::memoize<memo::memory, memo::verify_full>(memo::fn<&length>{}));
    all.emplace_back(memo::memoize<memo::memory, memo::averaged>(memo::fn<&length>{}));
    for (auto const& f : all) {
        CHECK(f({1, 2, 5}, 2) == 6);
        CHECK(f.stats().calls == 1);
        CHECK(estimator(f).marginal({1, 2}, {1}) == 1);
    }
}

TEST_CASE("each member of a function is that of the memoized function") {
    int runs = 0;
    auto const f = memo::memoize(memo::ignore_state([&runs](std::string const& text, int times) {
                                     ++runs;
                                     if (times < 0) {
                                         throw std::domain_error("negative");
                                     }
                                     std::string out;
                                     for (int i = 0; i < times; ++i) {
                                         out += text;
                                     }
                                     return out;
                                 }),
                                 {.name = "repeated", .version = "1"});
    memo::function const held = f;
    STATIC_REQUIRE(
        std::same_as<decltype(held), memo::function<std::string(std::string const&, int)> const>);

    CHECK(held.key("a", 2) == f.key("a", 2));
    CHECK_FALSE(held.contains("a", 2));
    CHECK(held.lookup("a", 2) == std::nullopt);
    CHECK(held.explain("a", 2).miss == memo::miss_reason::absent);
    CHECK(held("a", 2) == "aa");
    auto const again = held.outcome("a", 2);
    CHECK(again.value == "aa");
    CHECK(again.source == memo::source::hit);
    CHECK(f.lookup("a", 2) == "aa");
    CHECK(held.contains("a", 2));
    CHECK(held.lookup("a", 2) == "aa");
    CHECK_THROWS_AS(held("a", -1), std::domain_error);
    CHECK(runs == 2);
    CHECK(held.stats().hits == f.stats().hits);
    CHECK(held.stats().calls == 3);

    CHECK(held.forget("a", 2));
    CHECK_FALSE(f.contains("a", 2));
    CHECK(held("b", 1) == "b");
    held.clear();
    CHECK_FALSE(held.contains("b", 1));
    held.reset_stats();
    CHECK(f.stats().calls == 0);

    runs = 0;
    CHECK_FALSE(held.estimate("a", 3));
    CHECK(runs == 0);
}

TEST_CASE("a function of a mean has estimates") {
    int runs = 0;
    auto const noisy = memo::memoize<memo::memory, memo::averaged>(
        memo::ignore_state([&runs](int x) { return static_cast<float>(x + (runs++ % 2)); }),
        {.min_repetitions = 4, .max_repetitions = 4, .repeat = memo::until_settled});
    memo::function<double(int)> const held = noisy;
    auto const estimate = held.estimate(3);
    REQUIRE(estimate);
    CHECK(estimate->mean == 3.5);
    CHECK(estimate->count == 4);
    CHECK(held(3) == 3.5);
    CHECK(runs == 4);
}

TEST_CASE("a function looks up many calls, and an executor evaluates the misses") {
    auto const f = memo::memoize([](int x, long y) { return x * y; });
    memo::function<long(int, long)> const held = f;
    CHECK(held(1, 2) == 2);
    std::vector<std::tuple<int, long>> const calls{{1, 2}, {3, 4}, {3, 4}};
    int tasks = 0;
    auto const results = held.many(calls, [&](std::function<void()> const& task) {
        ++tasks;
        task();
    });
    REQUIRE(results.size() == 3);
    CHECK(results[0].value() == 2);
    CHECK(results[2].value() == 12);
    CHECK(tasks == 1);
    CHECK(held.many(calls)[1].value() == 12);
    CHECK(held.stats().evaluations == 2);
    CHECK(memo::function<int(int)>(memo::memoize([](int x) { return -x; }))
              .many(std::vector<std::tuple<int>>{{7}})[0]
              .value() == -7);
}

TEST_CASE("a function passes arguments and results as declared") {
    auto const f = memo::memoize([](std::unique_ptr<int> x, std::vector<int>&& y) {
        return *x + static_cast<int>(y.size());
    });
    memo::function<int(std::unique_ptr<int>, std::vector<int> &&)> const held = f;
    CHECK(held(std::make_unique<int>(4), {1, 2}) == 6);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<memo::function<double(int)>, decltype(f)>);
    STATIC_REQUIRE_FALSE(
        std::is_constructible_v<memo::function<long(std::unique_ptr<int>, std::vector<int> &&)>,
                                decltype(f)>);
}

TEST_CASE("a call with other arguments is no call to templates that ask") {
    auto const f = memo::memoize(
        [](int x, std::vector<int> const& y) { return x + static_cast<int>(y.size()); });
    using memoized = decltype(f);
    STATIC_REQUIRE(std::is_invocable_r_v<int, memoized, short, std::vector<int>&>);
    STATIC_REQUIRE_FALSE(std::is_invocable_v<memoized>);
    STATIC_REQUIRE_FALSE(std::is_invocable_v<memoized, int>);
    STATIC_REQUIRE_FALSE(std::is_invocable_v<memoized, int, int*>);
    STATIC_REQUIRE_FALSE(std::is_invocable_v<memoized, int, std::vector<int>, int>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<memoized, bool>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<memoized, void (*)(...)>);

    using held = memo::function<int(int, std::vector<int> const&)>;
    STATIC_REQUIRE(std::is_invocable_v<held, int, std::vector<int>>);
    STATIC_REQUIRE_FALSE(std::is_invocable_v<held, int>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<int (*)(int, std::vector<int> const&), held>);

    std::function const deduced = f; // by the one operator()
    STATIC_REQUIRE(
        std::is_same_v<decltype(deduced), std::function<int(int, std::vector<int> const&)> const>);
    CHECK(deduced(1, {2, 3}) == 3);
}

TEST_CASE("copies of a function share what it holds, and an empty one says so") {
    memo::function<int(int)> empty;
    CHECK_FALSE(empty);
    CHECK(code_of([&] { empty(1); }) == memo::errc::configuration);
    CHECK(code_of([&] { static_cast<void>(empty.stats()); }) == memo::errc::configuration);
    memo::function<int(int)> const doubled = memo::memoize([](int x) { return 2 * x; });
    empty = doubled;
    CHECK(empty);
    CHECK(empty(4) == 8);
    CHECK(doubled.stats().misses == 1);
}

// NOLINTBEGIN(bugprone-use-after-move,hicpp-invalid-access-moved): that is what it is about
TEST_CASE("a moved-from function still holds what it held") {
    memo::function<int(int)> first = memo::memoize([](int x) { return 2 * x; });
    memo::function<int(int)> second = std::move(first);
    CHECK(second(4) == 8);
    CHECK(first.lookup(4) == 8);
    second = std::move(first);
    CHECK(first.lookup(4) == 8);
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<memo::function<int(int)>>);
}
// NOLINTEND(bugprone-use-after-move,hicpp-invalid-access-moved)
