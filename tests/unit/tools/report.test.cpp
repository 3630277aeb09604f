// SPDX-License-Identifier: BSL-1.0

#include "support/lines.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;
using memo_test::lines_of;

namespace {

std::string report() {
    std::ostringstream out;
    memo::stats_report(out);
    return out.str();
}

/// The line of a function.
std::string line_of(std::string const& title, std::string const& text = report()) {
    for (auto const& line : lines_of(text)) {
        if (line.ends_with("  " + title)) {
            return line;
        }
    }
    return "";
}

/// Its fields, up to the speed-up.
std::vector<double> numbers_in(std::string const& line) {
    std::istringstream in(line);
    std::vector<double> numbers;
    for (double number = 0; in >> number;) {
        numbers.push_back(number);
    }
    return numbers;
}

bool has(std::string const& text, std::string const& part) {
    return text.find(part) != std::string::npos;
}

/// Whether the sentence below the table names a function.
bool warns_of(std::string const& title) {
    std::string const last = lines_of(report()).back();
    return last.starts_with("Some means settled on identical samples, whose error counts as 0. "
                            "Declare .range = {{lowest, highest}} of the samples for: ") &&
           has(last + ',', ' ' + title + ',');
}

void spend(std::chrono::nanoseconds time) {
    auto const end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
    }
}

auto slow(std::string const& name) {
    return memo::memoize(memo::ignore_state([](int x) {
                             spend(2ms);
                             return x;
                         }),
                         {.name = name, .version = "1"});
}

struct increment {
    int operator()(int x) const { return x + 1; }
};

/// A backend with a high latency.
struct far_away : memo::memory {
    template <class Record> struct partition_type {
        memo::memory::partition_type<Record> near;

        [[nodiscard]] auto get(memo::key128 key) const {
            spend(200us);
            return near.get(key);
        }
        bool put(memo::key128 key, Record const& record, memo::put_options about) const {
            return near.put(key, record, about);
        }
        template <class Merge>
        auto update(memo::key128 key, Merge const& merge, memo::put_options about) const {
            return near.update(key, merge, about);
        }
        [[nodiscard]] bool erase(memo::key128 key) const { return near.erase(key); }
        void clear() const { near.clear(); }
        [[nodiscard]] memo::backend_statistics stats() const { return near.stats(); }
    };

    template <class Record>
    [[nodiscard]] partition_type<Record> partition(memo::key128 scope) const {
        return {memo::memory::partition<Record>(scope)};
    }
};

} // namespace

TEST_CASE("the report shows what each function took and saved, and whether that pays") {
    auto const f = slow("report/pays");
    for (int i = 0; i < 100; ++i) {
        f(i % 5);
    }
    std::string const line = line_of("report/pays (1)");
    CHECK(has(line, "  pays  "));
    auto const numbers = numbers_in(line);
    REQUIRE(numbers.size() == 7);
    CHECK(numbers[0] == 100);
    CHECK(numbers[1] == 95);
    CHECK(numbers[2] == 5);
    auto const s = f.stats();
    CHECK(numbers[3] == Approx(std::chrono::duration<double>(s.computing).count()).epsilon(0.01));
    CHECK(numbers[4] < numbers[5]);
    CHECK(numbers[5] == Approx(std::chrono::duration<double>(s.saved).count()).epsilon(0.01));
    CHECK(numbers[6] == Approx((numbers[3] + numbers[5]) / numbers[3]).epsilon(0.02));
    f.reset_stats();
    CHECK(has(line_of("report/pays (1)"), "not called"));
}

TEST_CASE("the report shows why a cache does not pay") {
    auto const once = slow("report/once");
    once(1);
    CHECK(has(line_of("report/once (1)"), "no call came twice"));

    auto const quick = memo::memoize<far_away>([](int x) { return x; }, {.name = "report/quick"});
    for (int i = 0; i < 20; ++i) {
        quick(i % 2);
    }
    CHECK(has(line_of("report/quick"), "costs more than it saves"));

    int state = 0;
    memo::options<int> options{.name = "report/stale", .audit = 1};
    options.on_disagreement = [](std::string const&) {};
    auto const stale =
        memo::memoize(memo::ignore_state([&](int x) { return x + state++; }), options);
    stale(1);
    stale(1);
    CHECK(has(line_of("report/stale"), "audits disagree"));
}

TEST_CASE("the verdict compares the saved time with that of the function and the cache") {
    memo::detail::function_totals a;
    CHECK(memo::detail::verdict(a) == "not called");
    a.counted.calls = 100;
    a.counted.computing = 1s;
    a.caching = 10ms;
    CHECK(memo::detail::verdict(a) == "no call came twice");
    a.counted.hits = 50;
    a.counted.saved = 10ms;
    CHECK(memo::detail::verdict(a) == "costs more than it saves");
    a.counted.saved = 49ms;
    CHECK(memo::detail::verdict(a) == "pays little");
    a.counted.saved = 51ms;
    CHECK(memo::detail::verdict(a) == "pays");
    a.counted.hits = 0;
    a.counted.saved = 0ns;
    a.counted.misses = 50;
    a.counted.coalesced = 50; // that waited for them
    memo::detail::add_coalesced(a.counted);
    CHECK(a.counted.saved == 1s);
    CHECK(memo::detail::verdict(a) == "pays");
    a.caching = 1s;
    CHECK(memo::detail::verdict(a) == "costs more than it saves");
}

TEST_CASE("a call that waited for another one's evaluation saves that time") {
    constexpr int callers = 8;
    std::atomic<int> waiting{0};
    auto const f = memo::memoize(memo::ignore_state([&](int x) {
                                     while (waiting < callers) { // until all have called
                                         std::this_thread::yield();
                                     }
                                     spend(20ms);
                                     return x;
                                 }),
                                 {.name = "report/waited"});
    std::vector<std::thread> threads;
    for (int i = 0; i < callers; ++i) {
        threads.emplace_back([&] {
            ++waiting;
            CHECK(f(1) == 1);
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    auto const s = f.stats();
    REQUIRE(s.evaluations == 1);
    std::string const line = line_of("report/waited");
    CHECK(has(line, "  pays  "));
    auto const numbers = numbers_in(line);
    REQUIRE(numbers.size() == 7);
    CHECK(numbers[6] == Approx(callers).epsilon(0.15)); // a late caller hits, which is less exact
}

TEST_CASE("the report names functions whose means settled on identical samples without a range") {
    auto const score = [](std::string const& name, std::optional<memo::sample_range> range) {
        return memo::memoize<memo::memory, memo::averaged>(
            [](int x) { return x < 0 ? x * 1.5 : 0.9; },
            {.name = name, .range = range, .repeat = memo::until_settled});
    };
    auto const without = score("report/equal", std::nullopt);
    auto const with = score("report/in range", memo::sample_range{0, 1});
    CHECK_FALSE(warns_of("report/equal"));
    CHECK(without.estimate(1).settled_by == memo::stop_reason::identical_samples);
    CHECK(with.estimate(1).settled_by == memo::stop_reason::identical_samples);
    CHECK(warns_of("report/equal"));
    CHECK_FALSE(warns_of("report/in range"));
    without.reset_stats();
    CHECK_FALSE(warns_of("report/equal"));
}

TEST_CASE("a mean that an earlier run settled on identical samples is named, too") {
    memo_test::temp_dir const directory;
    auto const ask = [&] {
        auto const f = memo::memoize<memo::disk, memo::averaged>(
            [](int) { return 0.9; },
            {.name = "report/stored", .version = "1", .repeat = memo::until_settled},
            memo::disk({.directory = directory.path()}));
        return f.estimate(1);
    };
    REQUIRE(memo_test::in_process([&] { return ask().count == 3 ? 0 : 1; }) == 0);
    CHECK_FALSE(warns_of("report/stored (1)"));
    CHECK(ask().settled_by == memo::stop_reason::identical_samples);
    CHECK(warns_of("report/stored (1)"));
}

TEST_CASE("functions of one name are one line, and stay after they end") {
    auto const first = std::make_optional(slow("report/twice"));
    (*first)(1);
    {
        auto const second = slow("report/twice");
        auto const copy = second;
        second(1);
        copy(1);
    }
    auto const numbers = numbers_in(line_of("report/twice (1)"));
    REQUIRE(numbers.size() == 7);
    CHECK(numbers[0] == 3);
    CHECK(numbers[1] == 1);
    CHECK(numbers[2] == 2);
}

TEST_CASE(
    "a function without a name has its type's, expensive ones come first, and all are summed") {
    auto const unnamed = memo::memoize(increment{});
    unnamed(1);
    auto const dear = slow("report/dear");
    auto const dearest = slow("report/dearest");
    dear(1);
    for (int x = 0; x < 400; ++x) {
        dearest(x % 2);
    }
    std::string const text = report();
    auto lines = lines_of(text);
    while (!lines.back().ends_with("  all")) { // a sentence about means of other cases
        lines.pop_back();
    }
    CHECK(has(lines[0], "evaluations  computing s  caching s    saved s speed-up  verdict"));
    CHECK(lines[1].ends_with("  report/dearest (1)"));
    CHECK(has(text, "::increment\n"));
    CHECK(text.find("report/dear (1)") < text.find("::increment\n"));
    double calls = 0;
    for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
        calls += numbers_in(lines[i])[0];
    }
    CHECK(numbers_in(lines.back())[0] == calls);
}

TEST_CASE("the report does not change the format of a stream") {
    std::ostringstream out;
    out << std::hex << std::setfill('*') << std::left;
    memo::stats_report(out);
    CHECK_FALSE(has(out.str(), "*"));
    out.str("");
    out << std::setw(4) << 255;
    CHECK(out.str() == "ff**");
}

TEST_CASE("numbers have three digits") {
    using memo::detail::three_digits;
    CHECK(three_digits(0) == "0.00");
    CHECK(three_digits(12345.6) == "12346");
    CHECK(three_digits(12.345) == "12.3");
    CHECK(three_digits(0.012345) == "0.0123");
    CHECK(three_digits(0.00000123) == "0.000001");
}

TEST_CASE("stats_report_at_exit reports once, and not in children") {
    memo_test::temp_dir const directory;
    std::string const path = directory / "told";
    REQUIRE(memo_test::in_process([&] {
                if (std::freopen(path.c_str(), "w", stderr) == nullptr) {
                    return 1;
                }
                // A reporter of Catch2 redirects these to buffers that exit() destroys before it flushes them.
                for (std::ostream* const stream : {&std::cout, &std::cerr, &std::clog}) {
                    stream->rdbuf(nullptr);
                }
                memo::stats_report_at_exit();
                memo::stats_report_at_exit();
                static auto const f = slow("report/at exit"); // ends before the report is made
                f(1);
                f(1);
                int const child = memo_test::in_process([]() -> int { std::exit(0); });
                std::exit(child);
            }) == 0);
    std::ifstream in(path);
    std::string const text{std::istreambuf_iterator<char>(in), {}};
    CHECK(has(line_of("report/at exit (1)", text), "  pays  "));
    CHECK(text.find("verdict") == text.rfind("verdict"));
}

TEST_CASE("beyond 1024 names ended functions share one line") {
    auto const once = [](int i) {
        auto const f = memo::memoize<memo::memory>(
            [](int x) { return x; }, {.name = "report/new " + std::to_string(i), .version = "1"});
        return f(i);
    };
    int const names = 2 * static_cast<int>(memo::detail::function_registry::max_rows);
    for (int i = 0; i < names; ++i) {
        CHECK(once(i) == i);
    }
    std::ostringstream out;
    memo::stats_report(out);
    std::string const text = out.str();
    CHECK(has(text, " others that have ended\n"));
    std::size_t const lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    CHECK(lines < memo::detail::function_registry::max_rows + 100);
}
