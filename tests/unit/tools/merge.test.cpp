// SPDX-License-Identifier: BSL-1.0

// Merges of caches that several machines computed, by the tool and by memo::cache_directory.

#include "support/lines.hpp"
#include "support/memo_cache.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/detail/record/averaged.hpp>
#include <memo/detail/record/frame_codec.hpp>
#include <memo/memo.hpp>
#include <memo/tools/maintenance.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <signal.h>
#include <string>
#include <sys/wait.h>
#include <type_traits>
#include <unistd.h>
#include <utility>
#include <vector>

namespace fs = std::filesystem;
using memo_test::has;
using memo_test::lines_of;
using memo_test::run;

namespace {

/// The n-th sample of a machine: all samples of all machines differ.
double sample_of(int machine, int n) {
    return 0.5 + 0.3 * std::sin(machine * 1000 + n);
}

template <class Sample> Sample sample_as(double x) {
    if constexpr (std::is_arithmetic_v<Sample>) {
        return static_cast<Sample>(x);
    } else {
        return Sample{x, 1 - x};
    }
}

template <class Options> Options drawing(std::string const& name, std::string const& version) {
    auto const with = [&](Options options) {
        options.name = name;
        options.version = version;
        options.rtol_stderr = 0;
        options.max_repetitions = 1000;
        options.range = memo::sample_range{0, 1};
        return options;
    };
    if constexpr (std::is_default_constructible_v<Options>) {
        return with({});
    } else {
        return with({.interval = memo::betting});
    }
}

/// The function of a machine: the same number for the arguments 0 to 4, divided by argument + 1.
template <class Sample> struct machine_function {
    int machine = 0;
    int begin = 0;
    int calls = 0;

    Sample operator()(int x) {
        return sample_as<Sample>(sample_of(machine, begin + calls++ / 5) / (1 + x));
    }
};

/// Draws samples of a machine for the arguments 0 to 4, each in a call of its own.
template <class Options, class Sample>
auto draw(std::string const& directory, std::string const& name, int machine, int begin, int end) {
    auto const f = memo::memoize<memo::disk, memo::averaged>(
        memo::ignore_state(machine_function<Sample>{machine, begin}), drawing<Options>(name, "1"),
        memo::disk({.directory = directory}));
    auto mean = f.lookup(0);
    for (int n = begin; n < end; ++n) {
        for (int x = 0; x < 5; ++x) {
            mean = f(x);
        }
    }
    return mean;
}

/// Draws into a cache of all kinds of records, in a process of its own.
void draw_all(std::string const& directory, int machine, int begin, int end) {
    using vector = std::vector<double>;
    using array = std::array<double, 2>;
    REQUIRE(
        memo_test::in_process([&] {
            draw<memo::averaged_options<double>, double>(directory, "number", machine, begin, end);
            draw<memo::averaged_options<vector>, vector>(directory, "vector", machine, begin, end);
            draw<memo::averaged_options<array>, array>(directory, "array", machine, begin, end);
            draw<memo::betting_options<double>, double>(directory, "bets", machine, begin, end);
            draw<memo::betting_options<vector>, vector>(directory, "bet vector", machine, begin,
                                                        end);
        }) == 0);
}

/// What a cache has for the argument x, without drawing.
template <class Options, class Sample>
auto stored(std::string const& directory, std::string const& name, int x) {
    Options options = drawing<Options>(name, "1");
    options.on_miss = memo::fail;
    options.max_repetitions = 2; // every record is enough
    options.min_repetitions = 2;
    return memo::memoize<memo::disk, memo::averaged>(memo::ignore_state(machine_function<Sample>{}),
                                                     options, memo::disk({.directory = directory}))
        .estimate(x);
}

/// Whether a cache has exactly these samples of all functions.
void check_samples(std::string const& directory, std::vector<double> const& samples) {
    using vector = std::vector<double>;
    using array = std::array<double, 2>;
    for (int x = 0; x < 5; ++x) {
        CAPTURE(directory, x);
        memo::detail::betting_moments<double> serial;
        for (double const sample : samples) {
            serial.add(sample / (1 + x), {0, 1});
        }
        auto const n = samples.size();
        auto const near = [](double value) { return Approx(value).epsilon(1e-9); };
        auto const number = stored<memo::averaged_options<double>, double>(directory, "number", x);
        CHECK(number.count == n);
        CHECK(number.mean == near(serial.mean()));
        CHECK(number.variance == near(serial.variance()));
        auto const list = stored<memo::averaged_options<vector>, vector>(directory, "vector", x);
        CHECK(list.count == n);
        CHECK(list.mean[0] == near(serial.mean()));
        CHECK(list.mean[1] == near(1 - serial.mean()));
        CHECK(list.variance[1] == near(serial.variance()));
        auto const pair = stored<memo::averaged_options<array>, array>(directory, "array", x);
        CHECK(pair.count == n);
        CHECK(pair.mean[1] == near(1 - serial.mean()));
        CHECK(pair.variance[0] == near(serial.variance()));
        auto const interval = serial.bets_on().interval(n, {0, 1}, 0.95);
        auto const bets = stored<memo::betting_options<double>, double>(directory, "bets", x);
        CHECK(bets.count == n);
        CHECK(bets.mean == near(serial.mean()));
        CHECK(bets.variance == near(serial.variance()));
        CHECK(bets.lower == near(interval.lower));
        CHECK(bets.upper == near(interval.upper));
        auto const bet_list =
            stored<memo::betting_options<vector>, vector>(directory, "bet vector", x);
        CHECK(bet_list.count == n);
        CHECK(bet_list.lower[0] == near(interval.lower));
        CHECK(bet_list.upper[1] == near(1 - interval.lower));
    }
}

std::vector<double> samples_of(int machine, int begin, int end) {
    std::vector<double> samples;
    for (int n = begin; n < end; ++n) {
        samples.push_back(sample_of(machine, n));
    }
    return samples;
}

std::vector<double> operator+(std::vector<double> one, std::vector<double> const& other) {
    one.insert(one.end(), other.begin(), other.end());
    return one;
}

std::string quoted(std::vector<std::string> const& directories) {
    std::string text;
    for (auto const& each : directories) {
        text += " '" + each + '\'';
    }
    return text;
}

/// Merges directories into the first one.
memo_test::result merge(std::vector<std::string> directories, std::string const& options = "") {
    std::string const last = directories.back();
    directories.pop_back();
    return run("merge " + options + quoted(directories), last);
}

std::string exported(std::string const& directory) {
    auto const told = run("export --records", directory);
    CHECK(told.code == 0);
    return told.text;
}

} // namespace

TEST_CASE("the caches of four machines merge into the record of all their samples") {
    memo_test::temp_dir const all;
    std::string const home = all / "home";
    auto const machine = [&](int i) { return all / ("machine" + std::to_string(i)); };
    draw_all(home, 0, 0, 1); // one sample that two will have
    CHECK(merge({machine(1), home}).text ==
          "30 stored, 0 merged, 0 there already, 0 expired, 0 refused\n"); // with five names
    CHECK(merge({machine(2), home}).code == 0);
    for (int i = 1; i <= 4; ++i) {
        draw_all(machine(i), i, 0, 3 + i);
    }
    check_samples(machine(1), samples_of(0, 0, 1) + samples_of(1, 0, 4));

    std::vector<std::string> const machines{machine(1), machine(2), machine(3), machine(4)};
    auto const into = [&](std::string const& directory, std::vector<std::string> from) {
        from.insert(from.begin(), directory);
        return merge(from);
    };
    std::string const target = all / "target";
    CHECK(into(target, machines).code == 0);
    std::vector<double> serial = samples_of(0, 0, 1);
    for (int i = 1; i <= 4; ++i) {
        serial = serial + samples_of(i, 0, 3 + i);
    }
    check_samples(target, serial);

    auto const once = exported(target);
    CHECK(into(target, machines).text ==
          "0 stored, 0 merged, 120 there already, 0 expired, 0 refused\n");
    CHECK(exported(target) == once);

    SECTION("in any order, and by way of other caches") {
        std::string const other = all / "other";
        CHECK(into(other, {machine(4), machine(2)}).code == 0);
        CHECK(into(machine(1), {other, machine(3), home}).code == 0);
        check_samples(machine(1), serial);
        CHECK(into(other, {machine(1), target, machine(1)}).code == 0);
        check_samples(other, serial);
    }
    SECTION("what a machine draws later is added, and what the target draws stays") {
        draw_all(machine(3), 3, 6, 9);
        draw_all(target, 5, 0, 2);
        CHECK(into(target, machines).text ==
              "0 stored, 25 merged, 95 there already, 0 expired, 0 refused\n");
        serial = serial + samples_of(3, 6, 9) + samples_of(5, 0, 2);
        check_samples(target, serial);
        CHECK(into(machine(3), {target}).code == 0); // and back
        check_samples(machine(3), serial);
    }
    SECTION("as lines of text") {
        std::string const there = all / "there";
        for (auto const& from : machines) {
            auto const told =
                run("export --records '" + from + "' | " + MEMO_CACHE_PROGRAM + " import --merge -",
                    there);
            CHECK(told.code == 0);
        }
        check_samples(there, serial);
        CHECK(run("export --records '" + target + "' | " + MEMO_CACHE_PROGRAM +
                      " import --merge --json -",
                  there)
                  .text == "{\n  \"stored\": 0,\n  \"merged\": 0,\n  \"unchanged\": 30,\n  "
                           "\"expired\": 0,\n  \"refused\": 0\n}\n");
    }
    SECTION("a record that was forgotten starts again, and takes all samples again") {
        REQUIRE(memo_test::in_process([&] {
                    auto const f = memo::memoize<memo::disk, memo::averaged>(
                        memo::ignore_state(machine_function<double>{}),
                        drawing<memo::averaged_options<double>>("number", "1"),
                        memo::disk({.directory = target}));
                    for (int x = 0; x < 5; ++x) {
                        f.forget(x);
                    }
                }) == 0);
        CHECK(into(target, machines).code == 0);
        check_samples(target, serial);
    }
}

TEST_CASE("a merge that is killed loses and doubles nothing") {
    memo_test::temp_dir const all;
    constexpr int keys = 3000;
    auto const fill = [&](std::string const& directory, int machine) {
        REQUIRE(memo_test::in_process([&] {
                    auto const f = memo::memoize<memo::disk, memo::averaged>(
                        memo::ignore_state([machine](int x) { return sample_of(machine, x); }),
                        drawing<memo::averaged_options<double>>("many", "1"),
                        memo::disk({.directory = directory}));
                    for (int x = 0; x < keys; ++x) {
                        f(x);
                    }
                }) == 0);
    };
    fill(all / "one", 1);
    fill(all / "two", 2);
    fill(all / "killed", 3);
    fs::copy(all / "killed", all / "whole", fs::copy_options::recursive);
    CHECK(merge({all / "whole", all / "one", all / "two"}).code == 0);
    auto const mean_of_all = [&](std::string const& directory) {
        memo::cache_directory cache({.directory = directory, .read_only = true});
        std::vector<std::pair<std::uint64_t, double>> means;
        cache.for_each([&](memo::stored_entry const& entry) {
            if (auto const moments = entry.moments()) {
                means.emplace_back(moments->count, moments->mean[0]);
            }
        });
        return means;
    };
    auto const samples = [&] {
        std::uint64_t sum = 0;
        for (auto const& [count, mean] : mean_of_all(all / "killed")) {
            sum += count;
        }
        return sum;
    };
    std::string const target = all / "killed";
    std::string const one = all / "one";
    std::string const two = all / "two";
    std::string const lines = exported(one) + exported(two);
    for (std::size_t part = 1; part <= 4; ++part) {
        std::array<int, 2> pipe{};
        REQUIRE(::pipe(pipe.data()) == 0);
        pid_t const tool = ::fork();
        REQUIRE(tool >= 0);
        if (tool == 0) {
            ::dup2(pipe[0], STDIN_FILENO);
            ::close(pipe[0]);
            ::close(pipe[1]);
            ::execl(MEMO_CACHE_PROGRAM, "memo-cache", "import", "--merge", "-", target.c_str(),
                    static_cast<char*>(nullptr));
            ::_exit(127);
        }
        // Its input does not end, so it is still at work when the last bytes are in the pipe.
        std::size_t const size = lines.size() / 5 * part;
        for (std::size_t at = 0; at < size;) {
            auto const written = ::write(pipe[1], lines.data() + at, size - at);
            REQUIRE(written > 0);
            at += static_cast<std::size_t>(written);
        }
        ::kill(tool, SIGKILL);
        ::close(pipe[0]);
        ::close(pipe[1]);
        int status = 0;
        REQUIRE(::waitpid(tool, &status, 0) == tool);
        CHECK(WIFSIGNALED(status));
        for (auto const& [count, mean] : mean_of_all(target)) {
            CHECK(count >= 1);
            CHECK(count <= 3);
        }
        CHECK(samples() > keys + keys / 5 * (part - 1));
    }
    CHECK(merge({target, one, two}).code == 0);
    CHECK(samples() == 3 * keys);
    CHECK(mean_of_all(target) == mean_of_all(all / "whole"));
}

TEST_CASE("numbered samples of several caches are those of the cache with most of them") {
    memo_test::temp_dir const all;
    auto const draw = [&](std::string const& directory, int samples, double shift = 0) {
        auto const f = memo::memoize<memo::disk, memo::averaged>(
            memo::ignore_state([shift](int, memo::replicate const& r) {
                return sample_of(static_cast<int>(r.seed % 1000), 0) + shift;
            }),
            {.name = "numbered", .version = "1", .rtol_stderr = 0, .max_repetitions = 1000},
            memo::disk({.directory = directory}));
        for (int n = 0; n < samples; ++n) {
            f(1);
        }
        return f.lookup(1).value();
    };
    double const five = draw(all / "five", 5);
    double const eight = draw(all / "eight", 8);
    CHECK(merge({all / "five", all / "eight"}).text ==
          "0 stored, 1 merged, 1 there already, 0 expired, 0 refused\n");
    CHECK(draw(all / "five", 0) == eight);
    CHECK(merge({all / "eight", all / "five"}).text ==
          "0 stored, 0 merged, 2 there already, 0 expired, 0 refused\n");
    double const ten = draw(all / "five", 2); // goes on at number 8
    CHECK(draw(all / "ten", 10) == Approx(ten));

    double const other = draw(all / "other", 10, 0.1);
    auto const told = merge({all / "other", all / "ten"});
    CHECK(told.code == 3);
    CHECK(has(told.text, (all / "ten") + ": numbered (1), key "));
    CHECK(has(told.text, ": samples of one replicate differ, "));
    CHECK(draw(all / "other", 0) == other);
    CHECK(merge({all / "other", all / "ten"}, "--keep-larger").code == 0);
    CHECK(draw(all / "other", 0) == other);
    CHECK(five != eight);
}

TEST_CASE("a numbered sample that is drawn during a merge does not count beside its equal") {
    memo_test::temp_dir const all;
    std::string const home = all / "home";
    std::string const other = all / "other";
    bool merges = false;
    auto const f_of = [&](std::string const& directory) {
        return memo::memoize<memo::disk, memo::averaged>(
            memo::ignore_state([&](int, memo::replicate const& r) {
                if (merges) {
                    merges = false;
                    CHECK(merge({home, other}).code == 0);
                }
                return sample_of(static_cast<int>(r.seed % 1000), 0);
            }),
            {.name = "in flight", .version = "1", .rtol_stderr = 0, .max_repetitions = 1000},
            memo::disk({.directory = directory}));
    };
    auto const at_home = f_of(home);
    at_home(1);
    at_home(1);
    CHECK(merge({other, home}).code == 0); // begins with the records of the other one
    auto const at_other = f_of(other);
    double const mean = at_other(1);

    merges = true;
    at_home(1); // number 2, which the merged record has
    CHECK(at_home.lookup(1) == mean);
    memo::cache_directory(memo::disk_settings{.directory = home})
        .for_each([&](memo::stored_entry const& entry) {
            if (auto const moments = entry.moments()) {
                CHECK(moments->count == 3);
            }
        });
    CHECK_FALSE(merges);
}

TEST_CASE("exact records are compared, and differences are reported by function and key") {
    memo_test::temp_dir const all;
    auto const fill = [&](std::string const& directory, int begin, int end, int scale) {
        auto const f = memo::memoize<memo::disk>(
            memo::ignore_state([scale](int x) { return x == 7 ? scale * x : 2 * x; }),
            {.name = "exact", .version = "1"}, memo::disk({.directory = directory}));
        for (int x = begin; x < end; ++x) {
            f(x);
        }
        return to_string(f.key(7));
    };
    fill(all / "one", 0, 10, 2);
    std::string const key = fill(all / "two", 5, 20, 3);
    auto const before = exported(all / "one");
    auto const told = merge({all / "one", all / "two"});
    CHECK(told.code == 3);
    CHECK(has(told.text, "memo-cache: " + (all / "two") + ": exact (1), key " + key +
                             ": the results differ, so one of them is wrong"));
    CHECK(has(told.text, "\n10 stored, 0 merged, 5 there already, 0 expired, 1 refused\n"));
    auto const lines = lines_of(exported(all / "one"));
    for (auto const& line : lines_of(before)) {
        CHECK(std::ranges::count(lines, line) == 1); // nothing is overwritten
    }
    CHECK(lines.size() == 21);
    auto const again = merge({all / "one", all / "two"});
    CHECK(again.code == 3);
    CHECK(has(again.text, "\n0 stored, 0 merged, 15 there already, 0 expired, 1 refused\n"));
    CHECK(exported(all / "one").size() > before.size());
}

TEST_CASE("records whose files were copied are not merged unless the larger one may stay") {
    memo_test::temp_dir const all;
    auto const draw = [&](std::string const& directory, int machine, int samples) {
        auto const f = memo::memoize<memo::disk, memo::averaged>(
            memo::ignore_state([machine, n = 0](int) mutable { return sample_of(machine, n++); }),
            drawing<memo::averaged_options<double>>("copied", "1"),
            memo::disk({.directory = directory}));
        for (int n = 0; n < samples; ++n) {
            f(1);
        }
        return f.lookup(1).value();
    };
    REQUIRE(memo_test::in_process([&] { draw(all / "one", 1, 3); }) == 0);
    fs::copy(all / "one", all / "two", fs::copy_options::recursive);
    CHECK(merge({all / "one", all / "two"}).code == 0);
    double const one = draw(all / "one", 2, 2);
    double const two = draw(all / "two", 3, 4);
    for (auto const& into : {"one", "two"}) {
        auto const told = merge({all / into, all / (into == std::string("one") ? "two" : "one")});
        CHECK(told.code == 3);
        CHECK(has(told.text, "copied (1), key "));
        CHECK(has(told.text, "nobody knows which samples they share: --keep-larger"));
    }
    CHECK(draw(all / "one", 0, 0) == one);
    CHECK(draw(all / "two", 0, 0) == two);
    // A third cache that has merged one of them notices, too, if the samples show it.
    CHECK(merge({all / "third", all / "one"}).code == 0);
    CHECK(merge({all / "third", all / "two"}).code == 3);
    CHECK(merge({all / "third", all / "two"}, "--keep-larger").code == 0);
    CHECK(draw(all / "third", 0, 0) == two);
    CHECK(merge({all / "two", all / "one"}, "--keep-larger").code == 0);
    CHECK(draw(all / "two", 0, 0) == two);
}

TEST_CASE("damaged records are reported and passed over by a merge") {
    memo_test::temp_dir const all;
    REQUIRE(memo_test::in_process([&] {
                auto const f = memo::memoize<memo::disk>([](int x) { return x + 0.5; },
                                                         {.name = "damaged", .version = "1"},
                                                         memo::disk({.directory = all / "from"}));
                for (int x = 0; x < 20; ++x) {
                    f(x);
                }
            }) == 0);
    std::string const data = all / "from/v1/data.mdb";
    std::fstream file(data, std::ios::in | std::ios::out | std::ios::binary);
    std::string const bytes{std::istreambuf_iterator<char>(file), {}};
    file.clear();
    double const value = 7.5; // of one record
    std::string const pattern(reinterpret_cast<char const*>(&value), sizeof value);
    for (auto at = bytes.find(pattern); at != std::string::npos; at = bytes.find(pattern, at + 1)) {
        file.seekp(static_cast<std::streamoff>(at));
        file.put(static_cast<char>(bytes[at] ^ 1));
    }
    file.close();
    auto const told = merge({all / "into", all / "from"});
    CHECK(told.code == 3);
    CHECK(has(told.text, ": the record is damaged\n"));
    CHECK(has(told.text, "\n20 stored, 0 merged, 0 there already, 0 expired, 1 refused\n"));
}

TEST_CASE("a merge goes on with the other caches behind a damaged page") {
    memo_test::temp_dir const all;
    auto const fill = [&](std::string const& directory, int begin) {
        REQUIRE(memo_test::in_process([&] {
                    auto const f = memo::memoize<memo::disk>([](int x) { return x + 0.5; },
                                                             {.name = "paged", .version = "1"},
                                                             memo::disk({.directory = directory}));
                    for (int x = begin; x < begin + 1000; ++x) {
                        f(x);
                    }
                }) == 0);
    };
    fill(all / "damaged", 0);
    fill(all / "whole", 1000);
    std::fstream file(all / "damaged/v1/data.mdb", std::ios::in | std::ios::out | std::ios::binary);
    std::string const bytes{std::istreambuf_iterator<char>(file), {}};
    file.clear();
    double const value = 7.5; // of one record
    std::string const pattern(reinterpret_cast<char const*>(&value), sizeof value);
    constexpr std::size_t page = 4096;
    for (auto at = bytes.find(pattern); at != std::string::npos; at = bytes.find(pattern, at + 1)) {
        file.seekp(static_cast<std::streamoff>(at / page * page));
        file.write("no page!", 8);
    }
    file.close();
    auto const told = merge({all / "into", all / "damaged", all / "whole"});
    CHECK(told.code == 3);
    CHECK(has(told.text, "memo-cache: " + (all / "damaged") + ": memo: disk scan: "));
    CHECK(has(told.text, "; its other records are not merged\n"));
    auto const again = merge({all / "into", all / "whole"});
    CHECK(again.text == "0 stored, 0 merged, 1001 there already, 0 expired, 0 refused\n");
}

TEST_CASE("a merge takes an edition of a name beside another one only if it is asked to") {
    memo_test::temp_dir const all;
    auto const fill = [&](std::string const& directory, std::string const& version, int data) {
        REQUIRE(memo_test::in_process([&] {
                    auto const f =
                        memo::memoize<memo::disk>(memo::keyed([](int x) { return x; }, data),
                                                  {.name = "edition", .version = version},
                                                  memo::disk({.directory = directory}));
                    f(1);
                    f(2);
                }) == 0);
    };
    fill(all / "one", "1", 0);
    fill(all / "two", "2", 0);
    fill(all / "three", "1", 5);
    auto const version = merge({all / "into", all / "one", all / "two"});
    CHECK(version.code == 3);
    CHECK(has(version.text,
              (all / "two") +
                  ": edition (2): the cache has another edition of this name, version 1: "));
    CHECK(has(version.text, "\n3 stored, 0 merged, 0 there already, 0 expired, 3 refused\n"));
    auto const state = merge({all / "into", all / "three"});
    CHECK(state.code == 3);
    CHECK(has(state.text, "with other types, options, hash_prefix or state"));
    CHECK(merge({all / "into", all / "two", all / "three"}, "--editions").text ==
          "6 stored, 0 merged, 0 there already, 0 expired, 0 refused\n");
    CHECK(merge({all / "into", all / "two", all / "three"}).code == 0); // known now
}

TEST_CASE("a merge refuses directories without a cache, and the target as a source") {
    memo_test::temp_dir const all;
    auto const none = merge({all / "into", all / "nothing"});
    CHECK(none.code == 1);
    CHECK(has(none.text, "holds no cache of memo"));
    CHECK_FALSE(fs::exists(all / "into"));
    REQUIRE(memo_test::in_process([&] {
                memo::memoize<memo::disk>([](int x) { return x; }, {.name = "f", .version = "1"},
                                          memo::disk({.directory = all / "into"}))(1);
            }) == 0);
    CHECK(merge({all / "into", all / "into"}).code == 2);
    CHECK(run("merge", all / "into").code == 2);
    CHECK(run("import --keep-larger -", all / "into").code == 2);
}

namespace {

constexpr memo::key128 scope{1, 2};
constexpr memo::key128 key{3, 4};

template <class Record>
std::vector<std::byte> frame_of(Record const& record, std::int64_t expires = 0) {
    memo::detail::frame_codec<Record> const codec(scope);
    std::vector<std::byte> frame;
    REQUIRE(codec.encode(
        frame, memo::detail::new_header(scope, key, {}, std::chrono::nanoseconds(0), expires),
        record));
    return frame;
}

/// The frame with another kind.
std::vector<std::byte> as_kind(std::vector<std::byte> frame, memo::detail::record_kind kind) {
    auto header = *memo::detail::header_of(frame);
    header.kind = kind;
    REQUIRE(memo::detail::seal(frame, header));
    return frame;
}

memo::detail::averaged_record<std::vector<double>> vectors(std::vector<double> const& sample,
                                                           std::uint64_t incarnation) {
    memo::detail::averaged_record<std::vector<double>> record;
    record.samples.add(sample);
    record.incarnation = incarnation;
    return record;
}

} // namespace

TEST_CASE("merge returns what it did, and changes nothing where it refuses") {
    memo_test::temp_dir const directory;
    memo::cache_directory cache({.directory = directory.path()});
    auto const merge = [&](std::vector<std::byte> const& frame) {
        return cache.merge(memo::stored_entry::of(frame));
    };
    using memo::detail::record_kind;
    CHECK(merge(as_kind(frame_of(1.5), record_kind{9})) == memo::merging::malformed);
    CHECK(merge(as_kind(frame_of(1.5), record_kind::name)) == memo::merging::malformed);
    CHECK(merge(as_kind(frame_of(1.5), record_kind::moments)) == memo::merging::malformed);
    CHECK(merge(frame_of(1.5, 1)) == memo::merging::expired);
    CHECK(cache.statistics().entries == 0);

    CHECK(merge(frame_of(1.5)) == memo::merging::stored);
    CHECK(merge(frame_of(1.5)) == memo::merging::unchanged);
    CHECK(merge(frame_of(2.5)) == memo::merging::different_values);
    CHECK(merge(frame_of(1)) == memo::merging::different_types);
    CHECK(merge(as_kind(frame_of(1.5), record_kind::moments)) == memo::merging::different_types);
    auto damaged = frame_of(1.5);
    damaged.back() ^= std::byte{1};
    CHECK_THROWS_AS(merge(damaged), memo::error);
    cache.for_each(
        [&](memo::stored_entry const& entry) { CHECK(entry.value_as<double>() == 1.5); });
    CHECK(cache.erase(scope) == 1);

    CHECK(merge(frame_of(vectors({1, 2}, 5))) == memo::merging::stored);
    CHECK(merge(frame_of(vectors({1, 2, 3}, 6))) == memo::merging::different_lengths);
    CHECK(merge(frame_of(vectors({2, 3}, 6))) == memo::merging::merged);
    CHECK(merge(as_kind(frame_of(vectors({2, 3}, 6)), record_kind::bets)) ==
          memo::merging::different_types);
    cache.for_each([&](memo::stored_entry const& entry) {
        CHECK(entry.moments()->mean == std::vector<double>{1.5, 2.5});
    });
}

TEST_CASE("a merged mean expires as early as its parts") {
    memo_test::temp_dir const directory;
    memo::cache_directory cache({.directory = directory.path()});
    std::int64_t const later = std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count() +
                               3'600'000'000'000;
    std::vector<std::int64_t> const expiries{later + 5, 0, later};
    std::vector<std::int64_t> expected{later + 5, later + 5, later};
    for (std::size_t i = 0; i < expiries.size(); ++i) {
        auto const frame = frame_of(vectors({1.0 + static_cast<double>(i)}, 5 + i), expiries[i]);
        cache.merge(memo::stored_entry::of(frame));
        cache.for_each(
            [&](memo::stored_entry const& entry) { CHECK(entry.expires == expected[i]); });
    }
}
