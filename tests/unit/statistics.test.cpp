// SPDX-License-Identifier: BSL-1.0

#include "support/foreign_locale.hpp"
#include "support/lines.hpp"
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <sstream>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using memo_test::lines_of;

namespace {

bool has(std::string const& text, std::string const& part) {
    return text.find(part) != std::string::npos;
}

memo::statistics many_calls() {
    memo::statistics s;
    s.calls = 1'234'567;
    s.hits = 2000;
    s.computing = 1'234'567'890'123ns;
    s.saved = 1ns;
    return s;
}

/// The text of a stream with the current locale.
template <class T> std::string printed(T const& value) {
    std::ostringstream out;
    out << value;
    return out.str();
}

} // namespace

TEST_CASE("no locale changes any text") {
    auto const s = many_calls();
    auto const f = memo::memoize([](int x) { return x; });
    auto const texts = [&] {
        std::ostringstream report;
        memo::stats_report(report);
        return std::vector{memo::to_json(s),      memo::to_prometheus(s, "f"), printed(s),
                           printed(f.explain(1)), to_string(f.explain(1)),     report.str()};
    };
    for (int i = 0; i < 1234; ++i) {
        f(1);
    }
    auto const expected = texts();
    memo_test::foreign_locale const locale;
    REQUIRE(printed(2000) == "2.000");
    CHECK(texts() == expected);
    CHECK(has(texts()[0], "\"calls\":1234567,\"hits\":2000,"));
    CHECK(has(texts()[5], " 1234 "));
}

TEST_CASE("times are printed to the last nanosecond") {
    auto const s = many_calls();
    CHECK(has(memo::to_json(s), "\"computing_seconds\":1234.567890123,\"saved_seconds\":1e-09}"));
    CHECK(has(memo::to_prometheus(s, "f"),
              "memo_computing_seconds_total{function=\"f\"} 1234.567890123\n"));
}

TEST_CASE("the counters of several functions are one text for a scrape") {
    auto const s = many_calls();
    std::string const text = memo::to_prometheus({{"f", s}, {"g", {}}, {"f", s}, {"a\x80", s}});
    auto const lines = lines_of(text);
    std::size_t const metrics = 27;
    REQUIRE(lines.size() == metrics * (2 + 3));
    std::set<std::string> seen;
    for (std::size_t i = 0; i < lines.size(); i += 5) {
        std::string const name = lines[i].substr(7, lines[i].find(' ', 7) - 7);
        INFO(name);
        CHECK(lines[i].starts_with("# HELP memo_"));
        CHECK(lines[i].ends_with('.'));
        CHECK(lines[i + 1] == "# TYPE " + name + " counter");
        CHECK(lines[i + 2].starts_with(name + "{function=\"f\"} "));
        CHECK(lines[i + 3] == name + "{function=\"g\"} 0");
        CHECK(lines[i + 4].starts_with(name + "{function=\"a\xef\xbf\xbd\"} "));
        CHECK(seen.insert(name).second);
    }
    CHECK(has(text, "memo_calls_total{function=\"f\"} 2469134\n")); // the sum of both
    CHECK(memo::to_prometheus({}).find('{') == std::string::npos);
}

TEST_CASE("counters are added and subtracted one by one") {
    memo::statistics sum = many_calls();
    sum += many_calls();
    CHECK(sum.calls == 2'469'134);
    CHECK(sum.hits == 4000);
    CHECK(sum.saved == 2ns);
    sum -= many_calls();
    CHECK(memo::to_json(sum) == memo::to_json(many_calls()));
}
