// SPDX-License-Identifier: BSL-1.0

// The tool, on directories that are in use, damaged or none.

#include "support/memo_cache.hpp"

#include "support/keys.hpp"
#include "support/lines.hpp"
#include "support/permissions.hpp"
#include "support/planted.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include "entries.hpp"
#include "lines.hpp"
#include "readable.hpp"
#include "records.hpp"
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace fs = std::filesystem;
using memo_test::has;
using memo_test::key_of;
using memo_test::lines_of;
using memo_test::result;
using memo_test::run;
using memo_test::start;
using memo_test::wait_for;

namespace {

constexpr memo::key128 scope{1, 2};
constexpr std::size_t page = 4096;

void fill(std::string const& directory, std::uint64_t count, bool crashed = false) {
    REQUIRE(memo_test::in_process([&] {
                memo::disk const backend({.directory = directory});
                auto const values = backend.partition<double>(scope);
                for (std::uint64_t number = 0; number < count; ++number) {
                    values.put(key_of(number), static_cast<double>(number), {});
                }
                if (crashed) {
                    ::_exit(0);
                }
            }) == 0);
}

std::uint64_t right_values(std::string const& directory, std::uint64_t among) {
    memo::disk const backend({.directory = directory});
    auto const values = backend.partition<double>(scope);
    std::uint64_t count = 0;
    for (std::uint64_t number = 0; number < among; ++number) {
        auto const kept = values.get(key_of(number));
        count += kept && kept->record == static_cast<double>(number) ? 1U : 0U;
    }
    return count;
}

std::string replaced(std::string const& path, std::string const& from, std::string const& to) {
    std::ifstream in(path);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    REQUIRE(text.find(from) != std::string::npos);
    return text.replace(text.find(from), from.size(), to);
}

/// As if the machine had gone down while a program wrote.
void crash(std::string const& directory) {
    std::string const state = replaced(directory + "/state", "boot ", "boot 0000");
    std::ofstream(directory + "/state") << state;
}

} // namespace

TEST_CASE("salvage recovers every record with intact pages, in any order of pages") {
    memo_test::temp_dir const directory;
    constexpr std::uint64_t count = 3000;
    fill(directory.path(), count, true);
    crash(directory.path());
    std::string const data = directory / "v1/data.mdb";
    std::vector<char> bytes(fs::file_size(data));
    std::ifstream(data, std::ios::binary)
        .read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    std::mt19937_64 random(1);
    for (int swaps = 0; swaps < 200; ++swaps) {
        auto const at = [&] {
            return bytes.begin() +
                   static_cast<std::ptrdiff_t>(random() % (bytes.size() / page) * page);
        };
        auto const one = at();
        std::swap_ranges(one, one + page, at());
    }
    std::ofstream(data, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));

    REQUIRE(memo_test::in_process([&] {
                return right_values(directory.path(), count) == 0 ? 0 : 1; // set aside
            }) == 0);
    result const told = run("salvage --json", directory.path());
    CHECK(told.code == 0);
    CHECK(told.text.find("\"carried_over\": 3000") != std::string::npos);
    CHECK(right_values(directory.path(), count) == count);
    CHECK(run("salvage --json", directory.path()).text.find("\"carried_over\": 0") !=
          std::string::npos);
}

TEST_CASE("salvage recovers the state of an averaged record with the most samples") {
    memo_test::temp_dir const directory;
    constexpr std::size_t keys = 50;
    constexpr std::size_t calls = 40 * keys;
    int n = 0;
    auto const open = [&] {
        return memo::memoize<memo::disk, memo::averaged>(
            memo::ignore_state([&n](std::size_t x) { // three that are alike would settle it
                return static_cast<double>(x) + n++;
            }),
            {.name = "salvage/mean", .version = "1", .rtol_stderr = 0, .max_repetitions = 1000},
            memo::disk({.directory = directory.path(), .report = [](std::string const&) {}}));
    };
    auto const each_call = [&](auto const& call) { // at random, so that no state lies where it did
        std::mt19937_64 random(1);
        for (std::size_t i = 0; i < calls; ++i) {
            call(random() % keys);
        }
    };
    REQUIRE(memo_test::in_process([&] {
                auto const f = open();
                each_call(f);
                ::_exit(0);
            }) == 0);
    std::array<std::uint64_t, keys> drawn{};
    each_call([&](std::size_t x) { ++drawn[x]; });
    crash(directory.path());
    auto const f = open(); // sets aside
    REQUIRE_FALSE(f.contains(0));
    CHECK(has(run("salvage", directory.path()).text, "51 carried over, ")); // with the name
    for (std::size_t x = 0; x < keys; ++x) {
        CHECK(f.estimate(x).count == drawn[x] + 1);
    }
}

TEST_CASE("salvage sets aside data that no program set aside since the crash") {
    memo_test::temp_dir const directory;
    fill(directory.path(), 100, true);
    crash(directory.path());
    result const looked = run("verify", directory.path());
    CHECK(looked.code == 1);
    CHECK(has(looked.text, "memo-cache salvage"));
    result const salvaged = run("salvage", directory.path());
    CHECK(salvaged.code == 0);
    CHECK(has(salvaged.text, "100 carried over"));
    CHECK(right_values(directory.path(), 100) == 100);
}

TEST_CASE("salvage also recovers earlier data that was set aside") {
    memo_test::temp_dir const directory;
    fill(directory.path(), 300, true);
    fs::rename(directory / "v1", directory / "v1.bad.1");
    fill(directory.path(), 100, true);
    crash(directory.path());
    CHECK(run("salvage", directory.path()).code == 0);
    CHECK(right_values(directory.path(), 300) == 300);
}

TEST_CASE("stat prints the bound of the file, by the setting of its programs") {
    memo_test::temp_dir const directory;
    auto const most = [&](std::string const& name) {
        std::string const text = run("stat --json", directory / name).text;
        auto const place = text.find("max_file_bytes\": ");
        REQUIRE(place != std::string::npos);
        return std::stoull(text.substr(place + std::string("max_file_bytes\": ").size()));
    };
    constexpr std::uint64_t gib = std::uint64_t{1} << 30U;
    memo::disk const small({.directory = directory / "small", .max_bytes = 1'000'000});
    memo::disk const large({.directory = directory / "large", .max_bytes = gib});
    memo::disk const unbounded({.directory = directory / "unbounded"});
    CHECK(most("small") == gib);
    CHECK(most("large") == 4 * gib);
    CHECK(most("unbounded") == 64 * gib);
}

TEST_CASE("sizes are rounded for people and exact in JSON") {
    using memo_cache::size_text;
    CHECK(size_text(0) == "0 bytes");
    CHECK(size_text(1) == "1 byte");
    CHECK(size_text(1023) == "1023 bytes");
    CHECK(size_text(1024) == "1.00 KiB");
    CHECK(size_text(10'230) == "9.99 KiB");
    CHECK(size_text(10'236) == "10.0 KiB");
    CHECK(size_text(102'350) == "100 KiB");
    CHECK(size_text(1'023'487) == "999 KiB");
    CHECK(size_text(1'023'488) == "0.98 MiB");
    CHECK(size_text(1'048'576) == "1.00 MiB");
    CHECK(size_text(std::uint64_t{64} << 30U) == "64.0 GiB");
    CHECK(size_text(std::numeric_limits<std::uint64_t>::max()) == "16.0 EiB");

    memo_test::temp_dir const directory;
    fill(directory.path(), 500);
    std::string const stat = run("stat", directory.path()).text;
    CHECK(has(stat, "\nlive          "));
    CHECK(has(stat, " KiB\n"));
    CHECK(has(stat, "\nfile at most  64.0 GiB\n"));
    CHECK(has(stat, "\nall on disk   "));
    CHECK_FALSE(has(stat, "_"));
    CHECK(has(run("stat --json", directory.path()).text, "\"max_file_bytes\": 68719476736,"));
    CHECK(has(run("ls", directory.path()).text, "       500      39.1 KiB "));
    CHECK(has(run("ls --json", directory.path()).text, "\"bytes\": 40000,"));
    CHECK(has(run("compact", directory.path()).text, " KiB after\n"));
}

TEST_CASE("ls prints the scopes by which clear removes one edition of a function") {
    memo_test::temp_dir const directory;
    memo::disk const in_use({.directory = directory.path()});
    auto const edition = [&](std::string const& version) {
        return memo::memoize<memo::disk>([](int x) { return 2 * x; },
                                         {.name = "double", .version = version}, in_use);
    };
    auto const first = edition("1");
    auto const second = edition("2");
    first(1);
    second(1);
    auto const lines = lines_of(run("ls", directory.path()).text);
    REQUIRE(lines.size() == 3);
    std::string const& line = lines[1].ends_with("double (1)") ? lines[1] : lines[2];
    REQUIRE(line.ends_with("  double (1)"));
    std::string const named =
        line.substr(line.size() - std::string("  double (1)").size() - 32, 32);
    CHECK(run("clear --name " + named, directory.path()).text == "1 dropped\n");
    CHECK_FALSE(first.contains(1));
    CHECK(second.contains(1));
    first(1);
    CHECK(run("clear --name double", directory.path()).text == "2 dropped\n");
}

TEST_CASE("the tool inspects and maintains a directory in use") {
    memo_test::temp_dir const directory;
    fill(directory.path(), 500);
    memo::disk const in_use({.directory = directory.path()});
    auto const f = memo::memoize<memo::disk>([](int x) { return 2 * x; },
                                             {.name = "tool/double", .version = "7"}, in_use);
    f(21);
    CHECK(run("stat --json", directory.path()).text.find("\"entries\": 501") != std::string::npos);
    result const listed = run("ls", directory.path());
    CHECK(listed.text.find("tool/double (7)") != std::string::npos);
    CHECK(listed.text.find(to_string(scope)) != std::string::npos);
    CHECK(run("verify", directory.path()).text == "501 whole, 0 corrupt\n");
    result const exported = run("export --format jsonl", directory.path());
    CHECK(exported.text.find("\"value\":42") != std::string::npos);
    CHECK(exported.text.find("\"value\":499.0") != std::string::npos);
    CHECK(std::ranges::count(run("export", directory.path()).text, '\n') == 502);
    CHECK(run("clear --name tool/double", directory.path()).code == 0);
    CHECK_FALSE(f.contains(21));
    CHECK(run("compact", directory.path()).text.find("in use") != std::string::npos);
    CHECK(run("prune --max-bytes 20kb", directory.path()).code == 0);
    CHECK(in_use.stats().bytes <= 20'480);
    CHECK(in_use.stats().entries > 10);
    CHECK(run("prune --max-bytes 0", directory.path()).code == 0);
    CHECK(in_use.stats().entries == 0);
}

TEST_CASE("an age of 0 removes all records from before this second") {
    memo_test::temp_dir const directory;
    memo::disk const made_before({.directory = directory.path(), .clock = [] {
                                      return std::chrono::system_clock::now() -
                                             std::chrono::minutes(1);
                                  }});
    made_before.partition<double>(scope).put(key_of(1), 1, {});
    CHECK(run("prune", directory.path()).text == "0 dropped\n");
    CHECK(run("prune --max-age 0", directory.path()).text == "1 dropped\n");
}

namespace {

struct opaque {
    double x = 0;
    template <class Archive> void serialize(Archive& archive) { archive(x); }
};

/// Stores what f(10) is.
template <class... Policies, class F, class Options>
void store(memo::disk const& backend, std::string const& name, F const& f, Options options) {
    options.name = "export/" + name;
    options.version = "1";
    auto const remembered =
        memo::memoize<memo::disk, Policies...>(memo::ignore_state(f), options, backend);
    static_cast<void>(remembered(10));
}

/// Stores four samples of f(10).
template <class F> void store_four(memo::disk const& backend, std::string const& name, F const& f) {
    memo::averaged_options<decltype(f(10))> options;
    options.min_repetitions = 4;
    options.max_repetitions = 4;
    options.repeat = memo::until_settled;
    store<memo::averaged>(backend, name, f, options);
}

/// The line that has a text in it, from there on.
std::string line_with(std::string const& text, std::string const& part) {
    auto const at = text.find(part);
    return at == std::string::npos ? "" : text.substr(at, text.find('\n', at) - at);
}

} // namespace

TEST_CASE("export prints values of plain types, and moments of all averaged functions") {
    memo_test::temp_dir const directory;
    memo::disk const backend({.directory = directory.path()});
    int n = 0; // samples are 10, 11, 12, 13
    store_four(backend, "number", [&](int x) { return static_cast<float>(x + n++ % 4); });
    store_four(backend, "vector", [&](int x) {
        return std::vector<double>{0.5, static_cast<double>(x + n++ % 4)};
    });
    store_four(backend, "array", [&](int x) { return std::array<int, 2>{1, x + n++ % 4}; });
    store_four(backend, "short", [&](int x) { return std::vector<int>{x + n++ % 4}; });
    store(
        backend, "text", [](int) { return std::string("a\"b,\xff\n\x01"); },
        memo::options<std::string>{});
    store(
        backend, "nan", [](int) { return std::nan(""); }, memo::options<double>{});
    store(
        backend, "unknown", [](int) { return opaque{1}; }, memo::options<opaque>{});
    store(
        backend, "set",
        [](int) {
            return memo::index_set{1, 70};
        },
        memo::options<memo::index_set>{});
    store(
        backend, "wide",
        [](int) {
            return std::vector<float>{0.5F, -INFINITY};
        },
        memo::options<std::vector<float>>{});
    store<memo::verify_full>(
        backend, "full", [](int x) { return 2 * x; }, memo::options<int>{});

    result const lines = run("export --format jsonl", directory.path());
    CHECK(lines.code == 0);
    CHECK(std::ranges::count(lines.text, '\n') == 10);
    auto const number = line_with(lines.text, "export/number");
    CHECK(has(number, R"("kind":"moments","value":null,"count":4,"rejected":0,"mean":11.5,)"));
    CHECK(has(number, R"("variance":1.6666666666666667,"standard_error":0.6454972243679028})"));
    CHECK(has(line_with(lines.text, "export/vector"),
              R"("mean":[0.5,11.5],"variance":[0.0,1.6666666666666667])"));
    CHECK(has(line_with(lines.text, "export/array"), R"("mean":[1.0,11.5])"));
    CHECK(has(line_with(lines.text, "export/short"), R"("mean":[11.5])"));
    CHECK(has(line_with(lines.text, "export/text"),
              "\"value\":\"a\\\"b,\xef\xbf\xbd\\n\\u0001\",\"count\":null"));
    CHECK(has(line_with(lines.text, "export/nan"), R"("value":"nan")"));
    CHECK(has(line_with(lines.text, "export/unknown"), R"("value":null,"count":null)"));
    CHECK(has(line_with(lines.text, "export/set"), R"("value":[1,70])"));
    CHECK(has(line_with(lines.text, "export/wide"), R"("value":[0.5,"-inf"])"));
    CHECK(has(line_with(lines.text, "export/full"), R"("value":20)"));

    result const table = run("export", directory.path());
    CHECK(table.text.starts_with("function,version,scope,key,created,cost_seconds,expires_ns,bytes,"
                                 "kind,value,count,rejected,mean,variance,standard_error\n"));
    CHECK(has(line_with(table.text, "export/number"),
              R"("moments",,4,0,11.5,1.6666666666666667,0.6454972243679028)"));
    CHECK(has(line_with(table.text, "export/array"), R"(4,0,"[1.0,11.5]")"));
    CHECK(has(table.text, "\"value\",\"a\"\"b,\xef\xbf\xbd\n\x01\",,,,,\n"));
    CHECK(has(line_with(table.text, "export/unknown"), R"("value",,,,,,)"));
}

namespace {

/// What one function stores here, and can be asked for there without running it.
auto tripled(std::string const& directory, memo::on_miss_policy on_miss) {
    return memo::memoize<memo::disk>([](int x) { return 3 * x; },
                                     {.name = "travel/triple", .version = "1", .on_miss = on_miss},
                                     memo::disk({.directory = directory}));
}

auto meant(std::string const& directory, memo::on_miss_policy on_miss) {
    static int n = 0;
    return memo::memoize<memo::disk, memo::averaged>(
        memo::ignore_state([](int x) {
            return std::vector{x + 0.25 * (n++ % 4), 0.1};
        }),
        {.name = "travel/mean", .version = "1", .on_miss = on_miss, .repeat = memo::until_settled},
        memo::disk({.directory = directory}));
}

/// Imports these lines from a file.
result import_lines(std::vector<std::string> const& lines, std::string const& directory,
                    std::string const& how = "") {
    memo_test::temp_dir const beside;
    std::ofstream out(beside / "lines.jsonl");
    for (auto const& line : lines) {
        out << line << '\n';
    }
    out.close();
    return run("import " + how + " '" + (beside / "lines.jsonl") + '\'', directory);
}

} // namespace

TEST_CASE("imported records serve a replay") {
    memo_test::temp_dir const home;
    memo_test::temp_dir const away;
    std::string const there = away / "made/by import";
    for (int x = 0; x < 50; ++x) {
        tripled(home.path(), memo::compute)(x);
    }
    auto const mean = meant(home.path(), memo::compute).estimate(7);

    result const exported = run("export --records", home.path());
    CHECK(exported.code == 0);
    CHECK(lines_of(exported.text).size() == 53); // with two names
    CHECK(has(exported.text, R"({"function":"travel/triple","version":"1","scope":")"));
    result const imported = import_lines(lines_of(exported.text), there);
    CHECK(imported.code == 0);
    CHECK(imported.text ==
          "53 imported, 0 passed over: there already, or their time is over; 0 refused\n");
    CHECK(run("export --records", there).text == exported.text);
    CHECK(has(run("ls", there).text, "travel/triple (1)"));

    auto const f = tripled(there, memo::fail);
    for (int x = 0; x < 50; ++x) {
        CHECK(f(x) == 3 * x);
    }
    CHECK_THROWS_AS(f(50), memo::error);
    auto const same = meant(there, memo::fail).estimate(7);
    CHECK(same.count == mean.count);
    CHECK(same.mean == mean.mean);
    CHECK(same.variance == mean.variance);

    CHECK(has(import_lines(lines_of(exported.text), there, "--json").text,
              "\"imported\": 0,\n  \"passed_over\": 53,\n  \"refused\": 0"));
    memo_test::temp_dir const third;
    CHECK(
        run("export --records '" + there + "' | " + MEMO_CACHE_PROGRAM + " import -", third.path())
            .text.starts_with("53 imported, 0 "));
}

TEST_CASE("import refuses damaged records by key, and stores the rest") {
    memo_test::temp_dir const home;
    memo_test::temp_dir const away;
    fill(home.path(), 300);
    auto const whole = lines_of(run("export --records", home.path()).text);
    REQUIRE(whole.size() == 300);
    std::mt19937_64 random(1);
    auto damaged = whole;
    for (std::size_t i = 0; i < 100; ++i) { // one digit of the record
        auto const begin = damaged[i].find("\"record\":\"") + 10;
        char& digit = damaged[i][begin + random() % (damaged[i].size() - 2 - begin)];
        digit = digit == '0' ? '1' : '0';
    }
    std::string const& other = whole[200];
    damaged[100].replace(damaged[100].find("\"key\":\""), 40, other, other.find("\"key\":\""), 40);
    damaged[101].resize(damaged[101].size() / 2);
    damaged[102] = "";
    damaged[103] = "[1, 2]";
    damaged[104] = R"({"key":"\u001b[31m","record":17})";
    damaged[105].replace(damaged[105].find("\"checksum\":\"") + 12, 4, "zzzz");
    result const told = import_lines(damaged, away.path());
    CHECK(told.code == 3);
    CHECK(told.text.ends_with(
        "\n194 imported, 0 passed over: there already, or their time is over; 106 refused\n"));
    CHECK(has(told.text, "memo-cache: line 1, key " +
                             whole[0].substr(whole[0].find("\"key\":\"") + 7, 32) +
                             ": the record is damaged"));
    CHECK(has(told.text, "line 101, key " + other.substr(other.find("\"key\":\"") + 7, 32) +
                             ": scope, key and checksum are not those of the record"));
    for (std::string const number : {"102", "103", "104"}) {
        CHECK(has(told.text, "line " + number + ": is no JSON object\n"));
    }
    CHECK(has(told.text, "line 105: has no record in hexadecimal digits; "));
    CHECK(has(told.text, "line 106, key "));
    CHECK(right_values(away.path(), 300) == 194);
    CHECK(has(import_lines(whole, away.path(), "--json").text, "\"imported\": 106"));
    CHECK(right_values(away.path(), 300) == 300);
}

TEST_CASE("an imported line may have any depth and any number of fields") {
    memo_test::temp_dir const home;
    memo_test::temp_dir const away;
    fill(home.path(), 3);
    auto const whole = lines_of(run("export --records", home.path()).text);
    constexpr std::size_t many = 200'000;
    auto const times = [](std::string const& part) {
        std::string text;
        for (std::size_t i = 0; i < many; ++i) {
            text += part;
        }
        return text;
    };
    std::string const deep = times(R"({"a":)") + '1' + times("}");
    std::string const wide = [&] {
        std::string fields;
        for (std::size_t i = 0; i < many; ++i) {
            fields += '"' + std::to_string(i) + "\":[],";
        }
        return fields;
    }();
    auto const with = [](std::string const& line, std::string const& fields) {
        return '{' + fields + line.substr(1);
    };
    result const told = import_lines({deep, times("["), times("[") + times("]"), times(R"({"a":)"),
                                      R"({"record":)" + deep + '}', with(whole[0], wide),
                                      with(whole[1], R"("a":)" + deep + ','), whole[2]},
                                     away.path());
    CHECK(told.code == 3);
    CHECK(has(told.text, "line 1: has no record in hexadecimal digits; "));
    for (std::string const number : {"2", "3", "4"}) {
        CHECK(has(told.text, "line " + number + ": is no JSON object\n"));
    }
    CHECK(has(told.text, "line 5: has no record in hexadecimal digits; "));
    CHECK(has(told.text, "\n3 imported, "));
}

TEST_CASE("a line is read whole, however it is split") {
    for (std::size_t const size :
         {std::size_t{0}, std::size_t{1}, std::size_t{65'534}, std::size_t{65'535},
          std::size_t{65'536}, std::size_t{1'000'000}}) {
        for (std::string const end : {"", "\n"}) {
            CAPTURE(size, end);
            std::istringstream in("first\n" + std::string(size, 'x') + end);
            std::string line;
            auto const take = [&](std::string_view part) { line += part; };
            REQUIRE(memo_cache::read_line(in, take) == 5);
            CHECK(line == "first");
            line.clear();
            if (size != 0 || !end.empty()) {
                REQUIRE(memo_cache::read_line(in, take) == size);
                CHECK(line == std::string(size, 'x'));
            }
            CHECK_FALSE(memo_cache::read_line(in, take));
            CHECK(in.eof());
            CHECK_FALSE(in.bad());
        }
    }
}

TEST_CASE("import needs memory for the largest accepted record at most") {
    constexpr std::size_t most = 1000;
    auto const reads = [&](std::string const& line, std::size_t part = 7) {
        memo_cache::line_reader reader(most);
        for (std::size_t at = 0; at < line.size(); at += part) {
            reader.take(std::string_view(line).substr(at, part));
        }
        return reader;
    };
    auto const with_record = [](std::size_t bytes) {
        return R"({"a": [1, "]", {"record":"ff"}], "key":"k\"", "record" : ")" +
               std::string(2 * bytes, 'a') + R"(" , "scope":"s","checksum":"c","b":-1.5e3 } )";
    };
    for (std::size_t const part : {1U, 7U, 100'000U}) {
        auto whole = reads(with_record(most), part);
        CHECK(whole.is_object());
        CHECK_FALSE(whole.is_too_long());
        CHECK(whole.take_record() == std::vector<std::byte>(most, std::byte{0xaa}));
        CHECK(whole.scope() == "s");
        CHECK(whole.checksum() == "c");
        CHECK(whole.key() == R"(k\")");
        auto longer = reads(with_record(most + 1), part);
        CHECK(longer.is_too_long());
        CHECK(longer.take_record().empty());
    }
    CHECK(reads(R"({"key":")" + std::string(1000, 'x') + "\"}").key().size() == 64);
    for (std::string const bare :
         {"{}", " { } ", R"({"record":"abc"})", R"({"record":"xx"})", R"({"record":"a\u0061"})",
          R"({"record":""})", R"({"record":17})", R"({"record":["aa"]})", R"({"Record":"aa"})",
          R"({"record":"aa","record":"x"})"}) {
        INFO(bare);
        CHECK(reads(bare).is_object());
        CHECK(reads(bare).take_record().empty());
    }
    for (std::string const broken :
         {"", "x", "[]", "{", R"({"a")", R"({"a":)", R"({"a":})", R"({"a":1)", R"({"a":1,})",
          R"({"a":1 "b":2})", R"({"a":"1)", R"({"a":"1"}x)", R"({a:1})", R"({"a":{"b":1})",
          R"({"a":,"b":1})", R"({"a"1})"}) {
        INFO(broken);
        CHECK_FALSE(reads(broken).is_object());
    }
}

namespace {

/// The most memory that the tool has for what it imports from a file.
long max_memory_kib(std::string const& file, std::string const& directory) {
    pid_t const tool = ::fork();
    REQUIRE(tool >= 0);
    if (tool == 0) {
        ::execl(MEMO_CACHE_PROGRAM, "memo-cache", "import", file.c_str(), directory.c_str(),
                static_cast<char*>(nullptr));
        ::_exit(127);
    }
    int status = 0;
    struct rusage used {};
    REQUIRE(::wait4(tool, &status, 0, &used) == tool);
    CHECK(WEXITSTATUS(status) == 3); // the line is refused
    return used.ru_maxrss;
}

} // namespace

TEST_CASE("a long line to import takes no memory") {
    memo_test::temp_dir const directory;
    std::string const file = directory / "lines.jsonl";
    std::ofstream(file) << R"({"a":")";
    fs::resize_file(file, std::uintmax_t{1} << 28U); // zeros, and nothing on the disk
    CHECK(max_memory_kib(file, directory / "away") < 150'000);
}

TEST_CASE("import skips expired records and those that the cache has") {
    memo_test::temp_dir const home;
    memo_test::temp_dir const away;
    {
        memo::disk const here({.directory = home.path()});
        here.partition<double>(scope).put(key_of(1), 1, {{}, std::chrono::hours(1)});
        here.partition<double>(scope).put(key_of(2), 2, {{}, std::chrono::nanoseconds(1)});
        memo::disk const there({.directory = away.path()});
        there.partition<double>(scope).put(key_of(1), 100, {});
    }
    auto const lines = lines_of(run("export --records", home.path()).text);
    REQUIRE(lines.size() == 2);
    CHECK(import_lines(lines, away.path()).text.starts_with("0 imported, 2 passed over"));
    memo::disk const there({.directory = away.path()});
    CHECK(there.partition<double>(scope).get(key_of(1))->record == 100);
    there.partition<double>(scope).put(key_of(1), 100, {{}, std::chrono::nanoseconds(1)});
    CHECK(import_lines(lines, away.path()).text.starts_with("1 imported, 1 passed over"));
    CHECK(there.partition<double>(scope).get(key_of(1))->record == 1);
}

TEST_CASE("a file does not grow while the reader of an export pauses") {
    memo_test::temp_dir const directory;
    constexpr std::uint64_t count = 3000;
    memo::disk const backend({.directory = directory.path()});
    auto const values = backend.partition<double>(scope);
    auto const write_all = [&] {
        for (std::uint64_t number = 0; number < count; ++number) {
            values.put(key_of(number), static_cast<double>(number), {});
        }
    };
    write_all();
    write_all();
    auto const size = [&] { return fs::file_size(directory / "v1/data.mdb"); };
    auto const before = size();
    for (std::string const how : {"", "--records", "--format jsonl"}) {
        std::FILE* const exported = start("export " + how, directory.path());
        constexpr int nearly_full = 60'000; // of 64 KiB, see pipe(7)
        int waiting = 0;
        memo_test::seconds_until([&] {
            return ::ioctl(::fileno(exported), FIONREAD, &waiting) != 0 || waiting > nearly_full;
        });
        CHECK(waiting > nearly_full);
        write_all();
        CHECK(size() < before + 64 * page);
        auto const lines = lines_of(wait_for(exported).text);
        CHECK(lines.size() == count + (how.empty() ? 1 : 0)); // with the columns' names
    }
}

TEST_CASE(
    "a reader without write permission on the lock file lists every entry while others write") {
    memo_test::temp_dir const directory;
    constexpr std::uint64_t count = 5000;
    fill(directory.path(), count);
    memo_test::shared<std::atomic<bool>> stop;
    memo_test::process writer([&] {
        memo::disk const backend({.directory = directory.path()});
        auto const values = backend.partition<double>(scope);
        for (std::uint64_t number = 0; !*stop; number = (number + 1) % count) {
            values.put(key_of(number), static_cast<double>(number), {});
        }
    });
    fs::permissions(directory / "v1/lock.mdb", fs::perms(0444));
    int const result = memo_test::in_process([&] {
        if (!memo_test::heed_permissions()) {
            return 1;
        }
        memo::cache_directory cache({.directory = directory.path(), .read_only = true});
        for (int times = 0; times < 20; ++times) {
            std::uint64_t whole = 0;
            std::uint64_t seen = 0;
            cache.for_each([&](memo::stored_entry const& entry) {
                ++seen;
                whole += entry.is_intact() ? 1U : 0U;
            });
            if (seen != count || whole != count) {
                return 2;
            }
        }
        return 0;
    });
    *stop = true;
    CHECK(result == 0);
    CHECK(writer.wait() == 0);
}

TEST_CASE("diff shows which part of two keys differs, by their records") {
    memo_test::temp_dir const directory;
    memo::disk const backend({.directory = directory.path()});
    auto const key_for = [&](char const* name, char const* version, int scale, int x) {
        auto const f =
            memo::memoize<memo::disk>(memo::keyed([scale](int y) { return scale * y; }, scale),
                                      {.name = name, .version = version}, backend);
        f(x);
        return to_string(f.key(x));
    };
    std::string const first = key_for("diff/f", "1", 2, 10);
    auto const differs = [&](std::string const& other) {
        result const told = run("diff --json " + first + ' ' + other, directory.path());
        CHECK(told.code == 0);
        auto const line = line_with(told.text, "\"differs\"");
        return line.substr(line.find(": ") + 2);
    };
    CHECK(differs(first) == "\"the keys are the same\",");
    CHECK(differs(key_for("diff/f", "1", 2, 11)) == "\"one function: the arguments differ\",");
    CHECK(differs(key_for("diff/f", "1", 3, 10)) ==
          "\"one name and version: the types, hash_prefix or the state differ\",");
    CHECK(differs(key_for("diff/f", "2", 2, 10)) == "\"one function: the versions differ\",");
    CHECK(differs(key_for("diff/g", "1", 2, 10)) == "\"two functions: the names differ\",");

    std::string const other = key_for("diff/f", "1", 2, 12);
    result const table = run("diff " + first + ' ' + other, directory.path());
    CHECK(has(line_with(table.text, "function"), "diff/f"));
    CHECK(has(table.text, "* key "));
    CHECK(has(table.text, "  scope "));
    CHECK(has(table.text, "* value "));
    CHECK(has(line_with(table.text, "* value "), "20  "));
    CHECK(table.text.ends_with("one function: the arguments differ\n"));

    result const missing =
        run("diff " + first + " 00000000000000000000000000000001", directory.path());
    CHECK(missing.code == 1);
    CHECK(missing.text == "memo-cache: no record has the key 00000000000000000000000000000001\n");
    CHECK(run("diff " + first + " nonsense", directory.path()).code == 1);
}

TEST_CASE("compact shrinks the file and keeps all records") {
    memo_test::temp_dir const directory;
    fill(directory.path(), 5000);
    CHECK(run("prune --max-bytes 200kb", directory.path()).code == 0);
    std::uint64_t const kept = right_values(directory.path(), 5000);
    REQUIRE(kept > 100);
    auto const before = fs::file_size(directory / "v1/data.mdb");
    CHECK(run("compact", directory.path()).code == 0);
    CHECK(fs::file_size(directory / "v1/data.mdb") < before / 2);
    CHECK(right_values(directory.path(), 5000) == kept);
}

TEST_CASE("a failed compact keeps the records and leaves no copy") {
    memo_test::temp_dir const directory;
    fill(directory.path(), 5000);
    // Blocks of 512 bytes; to write more is an error, as the signal is ignored.
    result const told =
        wait_for(start("compact", directory.path(), "trap '' XFSZ; ulimit -f 400; "));
    CHECK(told.code == 1);
    CHECK(has(told.text, "File too large"));
    CHECK_FALSE(fs::exists(directory / "v1.compact"));
    CHECK(right_values(directory.path(), 5000) == 5000);
    CHECK(run("compact", directory.path()).code == 0);
    CHECK_FALSE(fs::exists(directory / "v1.compact"));
    CHECK(right_values(directory.path(), 5000) == 5000);
}

TEST_CASE("files keep their mode and their owner") {
    memo_test::temp_dir const directory;
    std::string const shared = directory / "shared";
    constexpr unsigned mode = 0666;
    fs::permissions(directory.path(), fs::perms(0755)); // for the owner to enter
    constexpr uid_t another = 1234;
    auto const become = [&](uid_t user) { return ::setgid(user) == 0 && ::setuid(user) == 0; };
    // Only root can, and not where some directory on the way is root's alone.
    bool const can_become =
        memo_test::in_process([&] {
            return become(another) && ::access(directory.path().c_str(), X_OK) == 0 ? 0 : 1;
        }) == 0;
    if (!can_become) {
        WARN("run as root, where others can enter, to see files of another owner");
    }
    uid_t const owner = can_become ? another : ::geteuid();
    auto const act = [&](auto const& body) {
        REQUIRE(memo_test::in_process([&] { return can_become && !become(owner) ? 1 : body(); }) ==
                0);
    };
    if (can_become) {
        // The tool gives up root, and the sanitizer's tracer of leaks may not trace who did.
        ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
        fs::create_directory(shared);
        REQUIRE(::chown(shared.c_str(), owner, owner) == 0);
    }
    act([&] {
        memo::disk const backend({.directory = shared, .mode = mode});
        for (std::uint64_t number = 0; number < 500; ++number) {
            backend.partition<double>(scope).put(key_of(number), 1, {});
        }
        return 0;
    });
    auto const exported = lines_of(run("export --records", shared).text);
    REQUIRE(exported.size() == 500);
    auto const check = [&](std::string const& after) {
        INFO(after);
        for (auto const& entry : fs::recursive_directory_iterator(shared)) {
            INFO(entry.path());
            struct stat now {};
            REQUIRE(::stat(entry.path().c_str(), &now) == 0);
            CHECK(now.st_uid == owner);
            if (entry.is_regular_file() && entry.path().filename() != "CACHEDIR.TAG") {
                CHECK((now.st_mode & 0777U) == mode);
            }
        }
        CHECK_FALSE(fs::exists(shared + "/v1.compact"));
    };
    check("before");
    for (std::string const command : {"stat", "prune --max-bytes 20kb", "compact"}) {
        CHECK(run(command, shared).code == 0);
        check(command);
    }
    CHECK(import_lines(exported, shared).code == 0);
    check("import");
    fs::rename(shared + "/v1", shared + "/v1.bad.1");
    CHECK(has(run("salvage", shared).text, "500 carried over"));
    check("salvage");
}

TEST_CASE("names are harmless on a terminal, in JSON and in tables") {
    memo_test::temp_dir const directory;
    memo::disk const backend({.directory = directory.path()});
    auto const stored = [&](std::string const& name, std::string const& version,
                            std::string const& value) {
        auto const f = memo::memoize<memo::disk>(memo::keyed([value](int) { return value; }, value),
                                                 {.name = name, .version = version}, backend);
        CHECK(f(1) == value);
        return to_string(f.key(1));
    };
    std::string const first = stored("a\x1b[2J\nb\xff", "1\r", "=1+1");
    std::string const second = stored("=cmd()", "-1", "-inf");
    stored("'quoted", "+1", "\t@");
    stored("@SUM(A1)", "1", "-1.5");

    result const json = run("ls --json", directory.path());
    CHECK(json.code == 0);
    CHECK(has(json.text, R"("name": "a\u001b[2J\nb)"
                         "\xef\xbf\xbd"
                         R"(",)"));
    result const listed = run("ls", directory.path());
    CHECK(listed.code == 0);
    CHECK(lines_of(listed.text).size() == 5);
    CHECK(has(listed.text, R"(  a\x1b[2J\nb\xff (1\x0d))"));
    result const table = run("diff " + first + ' ' + second, directory.path());
    CHECK(has(table.text, R"(a\x1b[2J\nb\xff)"));
    CHECK(has(run("diff " + first + ' ' + second + " --json", directory.path()).text, "a\\u001b"));
    result const nobody = run("clear --name '\x1b[2J'", directory.path());
    for (result const& each : {listed, table, nobody}) {
        CHECK_FALSE(has(each.text, "\x1b"));
    }

    std::string const csv = run("export", directory.path()).text;
    CHECK(has(csv, "\"'=cmd()\",\"'-1\","));
    CHECK(has(csv, "\"''quoted\",\"'+1\","));
    CHECK(has(csv, "\"'@SUM(A1)\",\"1\","));
    CHECK(has(csv, ",\"'=1+1\","));
    CHECK(has(csv, ",\"-inf\","));
    CHECK(has(csv, ",\"'\t@\","));
    CHECK(has(csv, ",\"'-1.5\","));                  // a text, not a number
    CHECK(has(csv, "\"a\x1b[2J\nb\xef\xbf\xbd\",")); // for programs, as it is
}

TEST_CASE("numbers in tables stay numbers") {
    memo_test::temp_dir const directory;
    memo::disk const backend({.directory = directory.path()});
    auto const f = memo::memoize<memo::disk>([](double x) { return -x; },
                                             {.name = "minus", .version = "1"}, backend);
    f(1.5);
    f(std::numeric_limits<double>::infinity());
    std::string const csv = run("export", directory.path()).text;
    CHECK(has(csv, ",-1.5,"));
    CHECK(has(csv, ",\"-inf\","));
}

TEST_CASE("export --json prints one JSON object per line") {
    memo_test::temp_dir const directory;
    fill(directory.path(), 3);
    result const lines = run("export --json", directory.path());
    CHECK(lines.code == 0);
    CHECK(lines.text == run("export --format jsonl", directory.path()).text);
    CHECK(lines_of(lines.text).size() == 3);
    CHECK(lines.text.starts_with("{\"function\":"));
    CHECK(run("export --json --records", directory.path()).text ==
          run("export --records", directory.path()).text);
    CHECK(run("export --json --format csv", directory.path()).code == 2);
}

TEST_CASE("verify and stat have equal counts, even with a damaged name") {
    memo_test::temp_dir const directory;
    {
        memo::disk const backend({.directory = directory.path()});
        memo::memoize<memo::disk>([](int x) { return x; }, {.name = "findable", .version = "1"},
                                  backend)(1);
        backend.partition<double>(scope).put(key_of(2), 2, {{}, std::chrono::nanoseconds(1)});
    }
    CHECK(has(run("stat --json", directory.path()).text, "\"functions\": 1,\n  \"entries\": 2,"));
    CHECK(
        has(run("verify --json", directory.path()).text,
            "\"whole\": 2,\n  \"corrupt\": 0,\n  \"functions\": 1,\n  \"corrupt_functions\": 0,"));
    std::string const data = directory / "v1/data.mdb";
    std::fstream file(data, std::ios::in | std::ios::out | std::ios::binary);
    std::string const bytes{std::istreambuf_iterator<char>(file), {}};
    file.clear();
    for (std::size_t at = bytes.find("findable"); at != std::string::npos;
         at = bytes.find("findable", at + 1)) {
        file.seekp(static_cast<std::streamoff>(at));
        file.put('F');
    }
    file.close();
    result const damaged = run("verify", directory.path());
    CHECK(damaged.code == 3);
    CHECK(damaged.text == "2 whole, 0 corrupt; corrupt names of functions: 1\n");
}

TEST_CASE("an invalid command line is named, and nothing is done") {
    memo_test::temp_dir const directory;
    fill(directory.path(), 10);
    for (std::string const amount :
         {"--max-bytes -5", "--max-bytes=-5", "--max-bytes 5x", "--max-bytes ''",
          "--max-bytes 1.5gb", "--max-age -1", "--max-bytes 99999999999999999999", "--max-age 5M",
          "--max-age 18446744073709551615w"}) {
        result const told = run("prune " + amount, directory.path());
        INFO(amount);
        CHECK(told.code == 2);
        CHECK(has(told.text, amount.substr(0, 8)));
        CHECK(has(told.text, " is no whole number"));
    }
    CHECK(run("prune --max-age 18446744073709551615", directory.path()).text == "0 dropped\n");
    CHECK(run("prune --max-bytes 1TiB --max-age 52w", directory.path()).text == "0 dropped\n");
    result const dance = run("dance", directory.path());
    CHECK(dance.code == 2);
    CHECK(has(dance.text, "no command is named dance"));
    CHECK(right_values(directory.path(), 10) == 10);
}

TEST_CASE("clear of a name without records is no error") {
    memo_test::temp_dir const directory;
    fill(directory.path(), 3);
    result const told = run("clear --name nobody", directory.path());
    CHECK(told.code == 0);
    CHECK(told.text ==
          "no function is named nobody; memo-cache ls shows those that are\n0 dropped\n");
    CHECK(run("clear --name nobody --json", directory.path()).text == "{\n  \"dropped\": 0\n}\n");
}

TEST_CASE("the tool prints its version") {
    CHECK(run("--version", "").text == "memo-cache " + std::to_string(MEMO_VERSION_MAJOR) + '.' +
                                           std::to_string(MEMO_VERSION_MINOR) + '.' +
                                           std::to_string(MEMO_VERSION_PATCH) + '\n');
}

TEST_CASE("reading commands write nothing, whatever the directory has and whoever owns it") {
    memo_test::temp_dir const precious;
    std::ofstream(precious / "precious") << "do not touch";
    auto const before = memo_test::contents_of(precious.path());
    memo_test::temp_dir const filled;
    fill(filled.path(), 9);
    for (std::string const command : {"stat", "ls", "verify", "export"}) {
        auto const whole = memo_test::contents_of(filled.path());
        CHECK(run(command, filled.path()).code == 0);
        CHECK(memo_test::contents_of(filled.path()) == whole);
        for (memo_test::plant const what : {memo_test::plant::link, memo_test::plant::fifo}) {
            for (auto const& name : memo_test::names_of_cache) {
                if (command != "stat" && name != "state" && memo_test::trials(0) == 0) {
                    continue; // all open the directory in one way
                }
                CAPTURE(command, name, static_cast<int>(what));
                memo_test::temp_dir const directory;
                std::string const cache = directory / "cache";
                fs::copy(filled.path(), cache, fs::copy_options::recursive);
                memo_test::put_in_place(what, cache + '/' + std::string(name), precious.path());
                fs::permissions(cache, fs::perms::all);
                if (::geteuid() == 0) {
                    REQUIRE(::lchown(cache.c_str(), 65534, 65534) == 0);
                }
                auto const planted = memo_test::contents_of(cache);
                CHECK(wait_for(start(command, cache, "timeout 20 ")).code != 124);
                CHECK(memo_test::contents_of(cache) == planted);
                CHECK(memo_test::contents_of(precious.path()) == before);
            }
        }
    }
}

TEST_CASE("the tool reports errors by a text and an exit status") {
    memo_test::temp_dir const directory;
    for (std::string const command :
         {"stat", "ls", "verify", "prune", "compact", "clear --name x", "export", "diff 1 2"}) {
        result const told = run(command, directory / "no_slot");
        CHECK(told.code == 1);
        CHECK(told.text.find("holds no cache") != std::string::npos);
        CHECK_FALSE(fs::exists(directory / "no_slot"));
    }
    CHECK(run("salvage", directory.path()).code == 1);
    CHECK(run("prune --max-bytes many", directory.path()).code == 2);
    CHECK(run("export --records --format csv", directory.path()).code == 2);
    CHECK(run("clear --name ''", directory.path()).code == 2); // not all that have no name
    result const unread = run("import " + (directory / "nothing.jsonl"), directory / "no_slot");
    CHECK(unread.code == 1);
    CHECK(has(unread.text, "cannot read"));
    CHECK_FALSE(fs::exists(directory / "no_slot"));
    result const broken_off = run("import - <.", directory / "elsewhere");
    CHECK(broken_off.code == 1);
    CHECK(has(broken_off.text, "cannot read on behind line 0"));
    fill(directory.path(), 100, true);
    for (std::string const command :
         {"stat", "ls --json", "verify", "export", "export --records"}) {
        CHECK(run(command + " >/dev/full", directory.path()).code == 1);
    }
    std::string const data = directory / "v1/data.mdb";
    std::fstream file(data, std::ios::in | std::ios::out | std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(file), {}};
    file.clear();
    for (std::size_t at = bytes.find("memo"); at != std::string::npos;
         at = bytes.find("memo", at + 1)) {
        file.seekp(static_cast<std::streamoff>(at + 20));
        file.put(static_cast<char>(bytes[at + 20] + 1));
    }
    file.close();
    CHECK(run("verify", directory.path()).code == 3);
    result const exported = run("export --records", directory.path());
    CHECK(exported.code == 3);
    CHECK(exported.text.ends_with("memo-cache: left out as corrupt: 100\n"));
    for (std::size_t at = 2; at < bytes.size() / page;
         ++at) { // all but the two that say where all is
        bytes[at * page + 10] = '\x55';
    }
    std::ofstream(data, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    result const verified = run("verify", directory.path());
    CHECK(verified.code == 3);
    CHECK(verified.text == "0 whole, 0 corrupt; the rest lies behind a damaged page\n");
    for (std::string const command : {"ls", "export", "compact"}) {
        CHECK(run(command, directory.path()).code == 1);
    }
}
