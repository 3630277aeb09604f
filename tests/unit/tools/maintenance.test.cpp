// SPDX-License-Identifier: BSL-1.0

#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/memo.hpp>
#include <memo/tools/maintenance.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace {

void fill(std::string const& directory, int calls) {
    memo::disk const backend({.directory = directory});
    auto const half = memo::memoize<memo::disk>([](int x) { return x / 2.0; },
                                                {.name = "half", .version = "1"}, backend);
    auto const mean = memo::memoize<memo::disk, memo::averaged>(
        [](int x) { return x * 1.0; }, {.name = "mean", .version = "2"}, backend);
    for (int x = 0; x < calls; ++x) {
        half(x);
    }
    mean(7);
}

} // namespace

TEST_CASE("a cache directory lists functions and visits their entries") {
    memo_test::temp_dir const directory;
    fill(directory.path(), 5);
    memo::cache_directory cache({.directory = directory.path(), .read_only = true});
    memo::directory_statistics const now = cache.statistics();
    CHECK(now.functions == 2);
    CHECK(now.entries == 6);
    std::size_t reported = 0;
    auto const functions =
        cache.functions([&](std::size_t done, std::size_t total) { reported = total - done; });
    CHECK(reported == 0);
    REQUIRE(functions.size() == 2);
    for (auto const& [scope, function] : functions) {
        bool const is_half = function.name == "half";
        CHECK(function.version == (is_half ? "1" : "2"));
        CHECK(function.entries == (is_half ? 5 : 1));
    }
    std::size_t names = 0;
    double sum = 0;
    cache.for_each([&](memo::stored_entry const& entry) {
        CHECK(entry.check == memo::entry_check::passed);
        CHECK(functions.contains(entry.scope));
        if (entry.is_name) {
            ++names;
            CHECK(entry.function_name()->first == functions.at(entry.scope).name);
        } else if (entry.kind == memo::entry_kind::value) {
            sum += entry.value_as<double>().value();
            CHECK_FALSE(entry.value_as<int>());
            CHECK_FALSE(entry.moments());
        } else {
            auto const moments = entry.moments();
            REQUIRE(moments);
            CHECK(moments->count == 1);
            CHECK(moments->mean == std::vector<double>{7});
        }
    });
    CHECK(names == 2);
    CHECK(sum == 5);
    memo::verification const found = cache.verify();
    CHECK(found.intact == 6);
    CHECK(found.names == 2);
    CHECK(found.corrupt + found.corrupt_names == 0);
    CHECK_FALSE(found.damaged_pages);
}

TEST_CASE("the moments of records with bets are read, whatever the type of a sample is") {
    memo_test::temp_dir const directory;
    memo::disk const backend({.directory = directory.path()});
    auto const store = [&]<class Sample>(std::string const& name, Sample const& sample) {
        auto const f = memo::memoize<memo::disk, memo::averaged>(
            memo::ignore_state([sample](int) { return sample; }),
            memo::betting_options<Sample>{.name = name,
                                          .version = "1",
                                          .min_repetitions = 4,
                                          .max_repetitions = 4,
                                          .range = memo::sample_range{0, 1},
                                          .interval = memo::betting,
                                          .repeat = memo::until_settled},
            backend);
        static_cast<void>(f(1));
    };
    store("number", 0.5);
    store("vector", std::vector<double>{0.5, 1, 0});
    store("array", std::array<float, 2>{0.5, 0.25});
    store("single", std::vector<int>{1});
    memo::cache_directory cache({.directory = directory.path()});
    std::map<std::vector<double>, bool> found;
    cache.for_each([&](memo::stored_entry const& entry) {
        if (entry.kind == memo::entry_kind::moments) {
            auto const moments = entry.moments();
            REQUIRE(moments);
            CHECK(moments->count == 4);
            CHECK(moments->variance.at(0) == 0);
            found[moments->mean] = moments->is_list;
        }
    });
    CHECK(found == std::map<std::vector<double>, bool>{
                       {{0.5}, false}, {{0.5, 1, 0}, true}, {{0.5, 0.25}, false}, {{1}, true}});
}

TEST_CASE("entries are inserted into another directory once, and only intact ones") {
    memo_test::temp_dir const from;
    memo_test::temp_dir const to;
    fill(from.path(), 3);
    memo::cache_directory source({.directory = from.path(), .read_only = true});
    memo::cache_directory target({.directory = to.path()});
    source.for_each([&](memo::stored_entry const& entry) {
        CHECK(target.insert(entry) == memo::insertion::stored);
        CHECK(target.insert(entry) == memo::insertion::present_or_expired);
        std::vector<std::byte> bytes(entry.frame.begin(), entry.frame.end());
        bytes.back() ^= std::byte{1};
        memo::stored_entry const damaged = memo::stored_entry::of(bytes);
        CHECK(damaged.check == memo::entry_check::corrupt);
        CHECK(damaged.payload.empty());
        CHECK_THROWS_AS(target.insert(damaged), memo::error);
    });
    CHECK(memo::stored_entry::of({}).check == memo::entry_check::truncated);
    CHECK(target.statistics().entries == 4);
}

TEST_CASE("a cache directory erases by function, by age and by bytes, and shrinks its file") {
    memo_test::temp_dir const directory;
    fill(directory.path(), 2000);
    {
        memo::cache_directory cache({.directory = directory.path()});
        CHECK(cache.prune(std::chrono::hours(1), std::nullopt) == 0);
        CHECK_THROWS_AS(cache.prune(std::chrono::seconds(-5), std::nullopt), memo::error);
        for (auto const& [scope, function] : cache.functions()) {
            if (function.name == "mean") {
                CHECK(cache.erase(scope) == 1);
            }
        }
        CHECK_FALSE(memo::cache_directory::compact({.directory = directory.path()}));
        CHECK(cache.prune(std::nullopt, 1) == 2000);
        CHECK(cache.statistics().entries == 0);
    }
    auto const sizes = memo::cache_directory::compact({.directory = directory.path()});
    REQUIRE(sizes);
    CHECK(sizes->bytes_after < sizes->bytes_before);
    CHECK_FALSE(memo::cache_directory::salvage({.directory = directory.path()}));
}
