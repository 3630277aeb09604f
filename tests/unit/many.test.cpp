// SPDX-License-Identifier: BSL-1.0

// Batches of calls.

#include "support/code_of.hpp"
#include "support/contract.hpp"
#include "support/crew.hpp"
#include "support/faulty_backend.hpp"
#include "support/persistent_memory.hpp"
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <list>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

using memo_test::at_rest;
using memo_test::code_of;

namespace {

/// Counted squares; 13 throws.
auto squares(std::atomic<int>& runs) {
    return memo::ignore_state([&runs](int x) {
        ++runs;
        if (x == 13) {
            throw std::domain_error("unlucky");
        }
        return x * x;
    });
}

template <class T> std::vector<T> values_of(std::vector<memo::result<T>> const& results) {
    std::vector<T> values;
    values.reserve(results.size());
    for (auto const& each : results) {
        values.push_back(each.value());
    }
    return values;
}

/// Runs each task in its own thread, and joins the threads at the end.
class threads {
  public:
    threads() = default;
    threads(threads const&) = delete;
    threads& operator=(threads const&) = delete;
    ~threads() {
        for (auto& each : started_) {
            each.join();
        }
    }
    void operator()(std::function<void()> task) { started_.emplace_back(std::move(task)); }
    [[nodiscard]] std::size_t count() const { return started_.size(); }

  private:
    std::vector<std::thread> started_;
};

} // namespace

TEST_CASE("many calls return their values in the order of the range") {
    std::atomic<int> runs{0};
    auto const f = memo::memoize(squares(runs));
    f(2);
    CHECK(values_of(f.many({3, 2, 1})) == std::vector{9, 4, 1});
    CHECK(runs == 3);
    CHECK(values_of(f.many(std::list<short>{1, 2, 3, 4})) == std::vector{1, 4, 9, 16});
    CHECK(runs == 4);
    CHECK(values_of(f.many(std::set{2, 0, 1})) == std::vector{0, 1, 4});
    CHECK(f.many(std::vector<int>{}).empty());
    auto const s = at_rest(f);
    CHECK(s.calls == 11);
    CHECK(s.hits == 6);
    CHECK(s.misses == 5);
    CHECK(s.sets == 5);
}

TEST_CASE("an empty batch looks nothing up and measures no latency") {
    auto const f = memo::memoize<memo_test::persistent_memory>(
        [](int x) { return x; },
        {.name = "many/none", .version = "1", .time_threshold = memo::worthwhile});
    CHECK(f.many(std::vector<int>{}).empty());
    CHECK(at_rest(f).calls == 0);
}

TEST_CASE("one of equal calls is evaluated and the others are coalesced") {
    std::atomic<int> runs{0};
    auto const f = memo::memoize(squares(runs));
    CHECK(values_of(f.many({5, 6, 5, 5})) == std::vector{25, 36, 25, 25});
    CHECK(runs == 2);
    auto const s = at_rest(f);
    CHECK(s.misses == 2);
    CHECK(s.coalesced == 2);
}

TEST_CASE("several arguments are tuples and are converted before they are hashed") {
    auto const f = memo::memoize(
        [](double x, std::string const& text) { return text + std::to_string(int(x)); });
    std::vector<std::tuple<int, char const*>> const calls{{1, "a"}, {2, "b"}};
    CHECK(values_of(f.many(calls)) == std::vector<std::string>{"a1", "b2"});
    CHECK(f.lookup(1.0, "a") == "a1");
    CHECK(values_of(f.many({{3.0, "c"}})) == std::vector<std::string>{"c3"});
    using pairs = std::vector<std::pair<double, std::string>>;
    CHECK(values_of(f.many(pairs{{2, "b"}})) == std::vector<std::string>{"b2"});
    CHECK(at_rest(f).hits == 1); // lookup() is no call
}

TEST_CASE("a single tuple parameter gets the tuple") {
    auto const f =
        memo::memoize([](std::tuple<int, int> const& both) { return std::get<0>(both); });
    CHECK(values_of(f.many({std::tuple{1, 2}, std::tuple{3, 4}})) == std::vector{1, 3});
}

TEST_CASE("a range may create its elements on access") {
    auto const f = memo::memoize([](bool is) { return is ? 1 : 0; });
    CHECK(values_of(f.many(std::vector<bool>{true, false, true})) == std::vector{1, 0, 1});
    CHECK(at_rest(f).coalesced == 1);
}

TEST_CASE("an exception of one of many calls is its own result") {
    std::atomic<int> runs{0};
    auto const f = memo::memoize(squares(runs));
    auto results = f.many({1, 13, 2, 13});
    CHECK(results[0].value() == 1);
    CHECK(results[0].error() == nullptr);
    CHECK_FALSE(results[1].has_value());
    CHECK_THROWS_AS(results[1].value(), std::domain_error);
    CHECK(results[2]);
    CHECK_THROWS_AS(std::move(results[3]).value(), std::domain_error);
    CHECK(runs == 3);
    auto const s = at_rest(f);
    CHECK(s.failures == 1);
    CHECK(s.misses == 3);
    CHECK(s.coalesced == 1);
}

TEST_CASE("an argument that cannot be keyed fails its own call and is not counted") {
    int asked = 0;
    auto const f = memo::memoize(memo::keyed_by([](int x) { return x; },
                                                [&asked] {
                                                    if (++asked == 2) {
                                                        throw std::runtime_error("no state");
                                                    }
                                                    return 1;
                                                }));
    auto const results = f.many({7, 8, 9});
    CHECK(results[0].value() == 7);
    CHECK_THROWS_AS(results[1].value(), std::runtime_error);
    CHECK(results[2].value() == 9);
    CHECK(at_rest(f).calls == 2);
}

TEMPLATE_TEST_CASE("calls without a key fail alone at any place of a batch", "", std::vector<int>,
                   std::list<int>) {
    auto const seed = Catch::rngSeed();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    for (int round = 0; round < 200; ++round) {
        std::vector<bool> has_key;
        std::size_t asked = 0;
        auto const f =
            memo::memoize(memo::keyed_by([](int x) { return x * x; },
                                         [&] {
                                             // A second batch finds stored results.
                                             if (asked < has_key.size() && !has_key[asked++]) {
                                                 throw std::runtime_error("no state");
                                             }
                                             return 1;
                                         }));
        for (int pass = 0; pass < 2; ++pass) { // of the second pass some are there
            TestType calls(random() % 30);
            std::ranges::generate(calls, [&] { return static_cast<int>(random() % 20); });
            has_key.resize(calls.size());
            std::generate(has_key.begin(), has_key.end(), [&] { return random() % 3 != 0; });
            asked = 0;
            auto const results = f.many(calls);
            REQUIRE(results.size() == calls.size());
            std::size_t i = 0;
            for (int const x : calls) {
                REQUIRE(results[i].has_value() == has_key[i]);
                REQUIRE((!has_key[i] || results[i].value() == x * x));
                ++i;
            }
        }
    }
}

TEST_CASE("an executor runs all misses at the same time") {
    std::latch all_begun(4); // a run alone would wait for ever
    auto const f = memo::memoize(memo::ignore_state([&](int x) {
        if (x < 4) {
            all_begun.arrive_and_wait();
        }
        return 10 * x;
    }));
    f(9);
    threads pool;
    CHECK(values_of(f.many({0, 1, 9, 2, 3, 0}, pool)) == std::vector{0, 10, 90, 20, 30, 0});
    CHECK(pool.count() == 4);
    auto const s = at_rest(f);
    CHECK(s.evaluations == 5);
    CHECK(s.coalesced == 1);
}

TEST_CASE("many() waits for tasks that an executor runs later, and a task runs once") {
    std::atomic<int> runs{0};
    auto const f = memo::memoize(squares(runs));
    std::vector<std::function<void()>> queue;
    std::latch filled(2);
    std::thread worker([&] {
        filled.wait();
        for (auto const& task : queue) {
            task();
            task();
        }
    });
    CHECK(values_of(f.many({2, 3}, [&](std::function<void()> task) {
              queue.push_back(std::move(task));
              filled.count_down();
          })) == std::vector{4, 9});
    worker.join();
    CHECK(runs == 2);
    for (auto const& task : queue) {
        task(); // whom it would have served is gone
    }
    CHECK(runs == 2);
    at_rest(f);
}

TEST_CASE("an executor that throws or discards a task fails that call only") {
    std::atomic<int> runs{0};
    auto const f = memo::memoize(squares(runs));
    int given = 0;
    auto const results = f.many({1, 2, 3}, [&](std::function<void()> const& task) {
        ++given;
        if (given == 1) {
            throw std::runtime_error("full");
        }
        if (given == 3) {
            task();
        }
    });
    CHECK_THROWS_AS(results[0].value(), std::runtime_error);
    CHECK(code_of([&] { static_cast<void>(results[1].value()); }) == memo::errc::configuration);
    CHECK(results[2].value() == 9);
    CHECK(runs == 1);
    at_rest(f);
}

TEST_CASE("a circle of calls through an executor's threads is an error, not a hang") {
    static std::function<int(int)> outer;
    auto const inner = memo::memoize([](int x) { return outer(0) + x; });
    auto const middle = memo::memoize(memo::ignore_state([&inner](int x) {
        threads pool;
        auto const results = inner.many({x, x + 1}, pool);
        return results[0].value() + results[1].value();
    }));
    int recursions = 0;
    auto const f = memo::memoize(memo::ignore_state([&](int) {
        threads pool;
        for (auto const& each : inner.many({1, 2}, pool)) {
            recursions +=
                code_of([&] { static_cast<void>(each.value()); }) == memo::errc::recursion;
        }
        for (auto const& each : middle.many({10, 20}, pool)) { // through two executors
            recursions +=
                code_of([&] { static_cast<void>(each.value()); }) == memo::errc::recursion;
        }
        return 7;
    }));
    outer = f;
    CHECK(f(0) == 7);
    CHECK(recursions == 4);
    CHECK(inner(1) == 8);
    outer = nullptr;
}

TEST_CASE("calls that wait for each other through an executor's threads end") {
    std::atomic<int> runs{0};
    auto const common = memo::memoize(squares(runs));
    auto const inner =
        memo::memoize(memo::ignore_state([&common](int x) { return common(100) + x; }));
    std::latch both(2);
    auto const outer = memo::memoize(memo::ignore_state([&](int x) {
        both.arrive_and_wait();
        threads pool;
        auto const results = inner.many({1, 2, 3, 4}, pool);
        return results[0].value() + results[3].value() + x;
    }));
    std::atomic<int> right{0};
    memo_test::together(6, [&](std::size_t i) {
        int const x = static_cast<int>(i % 2);
        right += outer(x) == 20005 + x ? 1 : 0;
    });
    CHECK(right == 6);
    CHECK(runs == 1);
    at_rest(outer);
}

TEST_CASE("many calls meet other callers of the same keys in one flight") {
    std::atomic<int> runs{0};
    auto const f = memo::memoize(squares(runs));
    std::vector<int> calls(200);
    for (std::size_t i = 0; i < calls.size(); ++i) {
        calls[i] = static_cast<int>(i % 100) + 20;
    }
    memo_test::together(4, [&](std::size_t worker) {
        if (worker % 2 == 0) {
            static_cast<void>(f.many(calls));
        } else {
            for (int const x : calls) {
                f(x);
            }
        }
    });
    CHECK(runs == 100);
    auto const s = at_rest(f);
    CHECK(s.calls == 800);
    CHECK(s.evaluations == 100);
}

TEST_CASE("many calls of an averaged function add one sample each") {
    std::atomic<int> drawn{0};
    auto const f = memo::memoize<memo::memory, memo::averaged>(
        memo::ignore_state([&](int x) { return x + (++drawn / 2 % 2); }),
        {.rtol_stderr = 0, .min_repetitions = 2, .max_repetitions = 3});
    for (int round = 0; round < 5; ++round) {
        auto const means = values_of(f.many({100, 200, 100}));
        CHECK(means[0] == means[2]);
    }
    CHECK(drawn == 6);
    auto const s = at_rest(f);
    CHECK(s.misses == 2);
    CHECK(s.refinements == 4);
    CHECK(s.coalesced == 3);
    CHECK(s.hits == 6);
}

TEST_CASE("many calls work with verify_full, store_if and the backend none") {
    auto const checked = memo::memoize<memo::memory, memo::verify_full>([](int x) { return -x; });
    CHECK(values_of(checked.many({1, 1, 2})) == std::vector{-1, -1, -2});
    CHECK(values_of(checked.many({1, 1, 2})) == std::vector{-1, -1, -2});
    CHECK(at_rest(checked).hits == 3);

    auto const even =
        memo::memoize([](int x) { return x; }, {.store_if = [](int x) { return x % 2 == 0; }});
    CHECK(values_of(even.many({1, 2})) == std::vector{1, 2});
    CHECK(even.contains(2));
    CHECK_FALSE(even.contains(1));

    std::atomic<int> runs{0};
    auto const bare = memo::memoize<memo::none>(squares(runs));
    CHECK(values_of(bare.many({3, 3})) == std::vector{9, 9});
    CHECK(runs == 1);
    at_rest(bare);
}

TEST_CASE("a failing backend costs many calls only the cache") {
    memo_test::faulty_backend const backend;
    std::atomic<int> runs{0};
    auto const f = memo::memoize(squares(runs), {}, backend);
    f(2);
    backend.faults().get.always();
    CHECK(values_of(f.many({2, 3})) == std::vector{4, 9});
    CHECK(at_rest(f).errors > 0);
    auto const alone = memo::memoize(squares(runs), {.single_flight = false}, backend);
    CHECK(values_of(alone.many({2, 3})) == std::vector{4, 9});
    CHECK(at_rest(alone).misses_unavailable == 2);
    auto const strict = memo::memoize(squares(runs), {.on_error = memo::strict}, backend);
    CHECK(code_of([&] { static_cast<void>(strict.many({2})); }) == memo::errc::backend);
}

TEST_CASE("a batch of hits in a large memory cache has the right values") {
    auto const f = memo::memoize([](std::uint64_t x) { return std::array{x, x + 1, x + 2}; });
    std::vector<std::uint64_t> calls(5000);
    for (std::uint64_t i = 0; i < calls.size(); ++i) {
        calls[i] = i * 3 % 4001;
        f(calls[i]);
    }
    auto const results = f.many(calls);
    for (std::size_t i = 0; i < calls.size(); ++i) {
        REQUIRE(results[i].value() == std::array{calls[i], calls[i] + 1, calls[i] + 2});
    }
    CHECK(at_rest(f).hits == 999 + 5000);
}

TEST_CASE("a batch with one miss at any place has all values and counts in order") {
    constexpr int size = 40;
    for (int missing = 0; missing < size; ++missing) {
        std::vector<int> ran;
        auto const f = memo::memoize(memo::ignore_state([&ran](int x) {
            ran.push_back(x);
            return 3 * x;
        }));
        std::vector<int> calls;
        for (int i = 0; i < size; ++i) {
            calls.push_back(100 + i);
            if (i != missing) {
                f(calls.back());
            }
        }
        calls.push_back(100 + missing); // again
        f.reset_stats();
        ran.clear();
        auto const results = f.many(calls);
        REQUIRE(ran == std::vector{100 + missing});
        REQUIRE(results.size() == calls.size());
        for (std::size_t i = 0; i < calls.size(); ++i) {
            REQUIRE(results[i].value() == 3 * calls[i]);
        }
        auto const counted = at_rest(f);
        REQUIRE(counted.hits == size - 1);
        REQUIRE(counted.misses == 1);
        REQUIRE(counted.coalesced == 1);
    }
}

TEST_CASE("the hits of a batch are audited") {
    std::atomic<int> runs{0};
    auto const f = memo::memoize(squares(runs), {.audit = 1.0});
    static_cast<void>(f.many({1, 2, 3}));
    static_cast<void>(f.many({3, 2, 1}));
    CHECK(runs == 6);
    CHECK(at_rest(f).audits == 3);
}

TEST_CASE("hits of a batch keep their entries in a bounded store") {
    auto const f =
        memo::memoize([](int x) { return 2 * x; }, {}, memo::memory({.max_entries = 200}));
    for (int i = 0; i < 200; ++i) {
        f(i);
    }
    std::vector<int> used;
    for (int i = 0; i < 20; ++i) {
        used.push_back(i * 10);
    }
    for (int i = 200; i < 2000; ++i) {
        for (auto const& each : f.many(used)) {
            static_cast<void>(each.value());
        }
        f(i);
    }
    f.reset_stats();
    static_cast<void>(f.many(used));
    CHECK(at_rest(f).hits >= 18); // of 20; without uses all of them would be gone
}
