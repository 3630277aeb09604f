// SPDX-License-Identifier: BSL-1.0

// The caller sees what a wrapped function does to the caller's variables, at every level of optimization. Built at the usual
// level and at -O1, where g++ 12 once treated a counter as constant.

#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace {

template <class Result> Result result_of(int x);
template <> double result_of<double>(int x) {
    return x;
}
template <> std::vector<double> result_of<std::vector<double>>(int x) {
    return {1.0 * x, 2.0 * x};
}
template <> std::string result_of<std::string>(int x) {
    return std::to_string(x);
}
template <> std::map<int, std::string> result_of<std::map<int, std::string>>(int x) {
    return {{x, "x"}};
}

// 10 arguments, each twice.
template <class F> void ask(F const& f) {
    for (int x = 0; x < 10; ++x) {
        static_cast<void>(f(x));
        static_cast<void>(f(x));
    }
}

/// A functor with its own state and the caller's counter.
struct counting_scale {
    int factor;
    int* evaluations;
    double operator()(int x) const {
        ++*evaluations;
        return factor * x;
    }
    template <class Archive> void serialize(Archive& archive) { archive(factor); }
};

// Separate functions, so that nothing else reads the counters.

template <class Result> int counted_by_ignore_state() {
    int evaluations = 0;
    auto const f = memo::memoize(memo::ignore_state([&evaluations](int x) {
        ++evaluations;
        return result_of<Result>(x);
    }));
    ask(f);
    return evaluations;
}

template <class Result> int counted_by_keyed() {
    int evaluations = 0;
    auto const f = memo::memoize(memo::keyed(
        [&evaluations](int x) {
            ++evaluations;
            return result_of<Result>(x);
        },
        7));
    ask(f);
    return evaluations;
}

template <class Result> int counted_by_keyed_by() {
    int evaluations = 0;
    auto const f = memo::memoize(memo::keyed_by(
        [&evaluations](int x) {
            ++evaluations;
            return result_of<Result>(x);
        },
        [] { return 7; }));
    ask(f);
    return evaluations;
}

template <class Result> int counted_by_none() {
    int evaluations = 0;
    auto const f = memo::memoize<memo::none>(memo::ignore_state([&evaluations](int x) {
        ++evaluations;
        return result_of<Result>(x);
    }));
    ask(f);
    return evaluations;
}

int counted_by_functor() {
    int evaluations = 0;
    auto const f = memo::memoize(counting_scale{3, &evaluations});
    ask(f);
    return evaluations;
}

int counted_by_averaged() {
    int evaluations = 0;
    auto const f = memo::memoize<memo::memory, memo::averaged>(
        memo::ignore_state([&evaluations](int x) {
            ++evaluations;
            return std::array{1.0 * x, 2.0};
        }),
        {.min_repetitions = 3, .repeat = memo::until_settled});
    ask(f);
    return evaluations;
}

} // namespace

TEMPLATE_TEST_CASE("a caller sees what a wrapped lambda counts in its variables", "", double,
                   std::vector<double>, std::string, (std::map<int, std::string>)) {
    CHECK(counted_by_ignore_state<TestType>() == 10);
    CHECK(counted_by_keyed<TestType>() == 10);
    CHECK(counted_by_keyed_by<TestType>() == 10);
    CHECK(counted_by_none<TestType>() == 20);
}

TEST_CASE("a caller sees what a wrapped functor counts in its variables") {
    CHECK(counted_by_functor() == 10);
}

TEST_CASE("a caller sees what an averaged function counts in its variables") {
    CHECK(counted_by_averaged() == 30);
}
