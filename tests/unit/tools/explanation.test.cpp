// SPDX-License-Identifier: BSL-1.0

#include "support/contract.hpp"
#include "support/lines.hpp"
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

using memo_test::lines_of;

namespace {

/// The first words of the lines in which two explanations differ.
std::vector<std::string> differences(memo::explanation const& one, memo::explanation const& other) {
    auto const a = lines_of(to_string(one));
    auto const b = lines_of(to_string(other));
    REQUIRE(a.size() == b.size());
    std::vector<std::string> names;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (a[i] != b[i]) {
            auto const first = a[i].find_first_not_of(' ');
            names.push_back(a[i].substr(first, a[i].find("  ", first) - first));
        }
    }
    return names;
}

using names = std::vector<std::string>;

auto scored(double scale, memo::options<double> const& options) {
    return memo::memoize<memo::memory, memo::ignore<1>>(
        memo::keyed([scale](memo::index_set const& s, int,
                            std::string const&) { return scale * static_cast<double>(s.size()); },
                    scale),
        options);
}

} // namespace

TEST_CASE("an explanation has the call's key and all of its parts") {
    auto const f = scored(2, {.name = "score", .version = "3", .hash_prefix = "paper"});
    auto const told = f.explain({1, 5}, 77, "a text");
    CHECK(told.key == f.key({1, 5}, 1, "a text"));
    CHECK(told.name == "score");
    CHECK(told.version == "3");
    CHECK(told.hash_prefix == "paper");
    CHECK(told.result == "double");
    CHECK(told.record == "exact");
    REQUIRE(told.parameters.size() == 3);
    CHECK(told.parameters[0] == "memo::index_set");
    CHECK(told.parameters[1].empty());
    CHECK_THAT(memo::to_string(told), Catch::Contains("memo::index_set, ignored, "));
    CHECK(told.state == memo::fingerprint(2.0));
    REQUIRE(told.arguments.size() == 3);
    CHECK(told.arguments[0].words.has_value());
    CHECK_FALSE(told.arguments[1].words.has_value());
    CHECK(told.arguments[1].type == "int");
    CHECK(told.arguments[2].count == 2); // a length and one word of bytes
    CHECK(told.words == 2 + told.arguments[0].count + told.arguments[2].count);
    CHECK_FALSE(told.current_state.has_value());
}

TEST_CASE("two explanations differ in the lines of different parts, scope and key") {
    memo::options<double> const options{.name = "score", .version = "3"};
    auto const f = scored(2, options);
    auto const told = f.explain({1, 5}, 77, "a text");
    CHECK(differences(told, f.explain({5, 1}, 78, "a text")).empty());
    CHECK(differences(told, f.explain({1, 6}, 77, "a text")) == names{"key", "argument 0"});
    CHECK(differences(told, f.explain({1, 5}, 77, "b text")) == names{"key", "argument 2"});
    CHECK(differences(told, scored(3, options).explain({1, 5}, 77, "a text")) ==
          names{"key", "scope", "state"});
    CHECK(differences(told,
                      scored(2, {.name = "score", .version = "4"}).explain({1, 5}, 77, "a text")) ==
          names{"key", "scope", "name"});
}

TEST_CASE("the state of keyed_by is a part of its own") {
    int state = 1;
    auto const f = memo::memoize(memo::keyed_by([](int x) { return x; }, [&] { return state; }));
    auto const before = f.explain(5);
    CHECK(before.key == f.key(5));
    CHECK(before.words == 5);
    state = 2;
    CHECK(f.explain(5).key == f.key(5));
    CHECK(differences(before, f.explain(5)) == names{"key", "state now"});
}

TEST_CASE("a function without a version is explained by its code") {
    auto const f = memo::memoize([] { return 1; });
    auto const told = f.explain();
    CHECK(told.key == f.key());
    CHECK(told.modules > 1);
    std::string const text = to_string(told);
    CHECK(text.find("  code      build-id " + told.build_id + ", offset ") != std::string::npos);
    CHECK(text.find("  takes     nothing\n") != std::string::npos);
    CHECK(text.find("  state     none\n") != std::string::npos);
    CHECK(told.build_id.size() >= 32);
    auto const g = memo::memoize([] { return 1; });
    CHECK(differences(told, g.explain()) == names{"key", "scope", "code"});
}

TEST_CASE("explaining runs nothing, counts nothing and shows no argument") {
    int runs = 0;
    auto const f = memo::memoize(memo::ignore_state([&](std::string const& text) {
        ++runs;
        return text.size();
    }));
    std::string const text = to_string(f.explain("a secret of the user"));
    CHECK(text.find("secret") == std::string::npos);
    CHECK(runs == 0);
    CHECK(memo_test::at_rest(f).calls == 0);
}

TEST_CASE("arguments that cannot be copied, and those that cereal writes, are explained") {
    auto const f = memo::memoize([](std::unique_ptr<int> x) { return *x; });
    auto const key = f.key(std::make_unique<int>(4));
    CHECK(f.explain(std::make_unique<int>(4)).key == key);
    auto const long_one = memo::memoize([](std::vector<double> const& x) { return x.size(); });
    std::vector<double> const many(10'000, 0.5);
    CHECK(long_one.explain(many).key == long_one.key(many));
    CHECK(long_one.explain(many).words == 2 + 1 + 10'000);
}

TEST_CASE("names are printed without control characters") {
    auto const f = memo::memoize([](int x) { return x; },
                                 {.name = "a\x1b[2J", .version = "1\n", .hash_prefix = "\xff"});
    std::string const text = to_string(f.explain(1));
    CHECK(text.find("  name      a\\x1b[2J, version 1\\n\n") != std::string::npos);
    CHECK(text.find("  prefix    \\xff\n") != std::string::npos);
    std::ostringstream report;
    memo::stats_report(report);
    CHECK(report.str().find("  a\\x1b[2J (1\\n)\n") != std::string::npos);
    CHECK_THROWS_WITH(memo::memoize([](int x) { return x + 1; },
                                    {.name = "a\x1b[2J", .version = "1\n", .hash_prefix = "\xff"}),
                      Catch::Matchers::Contains("\"a\\x1b[2J\""));
}
