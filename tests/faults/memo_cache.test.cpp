// SPDX-License-Identifier: BSL-1.0

// The tool, on directories that are in use, damaged or none.

#include "support/keys.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace fs = std::filesystem;
using memo_test::key_of;

namespace {

constexpr memo::key128 scope{1, 2};
constexpr std::size_t page = 4096;

struct result {
    int code = 0;
    std::string text; ///< of both its outputs
};

result run(std::string const& arguments, std::string const& directory) {
    std::string const command =
        std::string(MEMO_CACHE_PROGRAM) + ' ' + arguments + " '" + directory + "' 2>&1";
    // NOLINTNEXTLINE(cert-env33-c): the shell is asked for
    std::FILE* const pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    result told;
    std::array<char, 4096> part{};
    for (std::size_t size = 1; size > 0; told.text.append(part.data(), size)) {
        size = std::fread(part.data(), 1, part.size(), pipe);
    }
    told.code = WEXITSTATUS(::pclose(pipe));
    return told;
}

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

} // namespace

TEST_CASE("salvage carries over every record whose pages are whole, in whatever order they lie") {
    memo_test::temp_dir const directory;
    constexpr std::uint64_t count = 3000;
    fill(directory.path(), count, true);
    std::string const state = replaced(directory / "state", "boot ", "boot 0000");
    std::ofstream(directory / "state") << state;
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

TEST_CASE("the tool tells and tends what lies in a directory that is in use") {
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
    CHECK(run("verify", directory.path()).text == "502 whole, 0 corrupt\n");
    result const exported = run("export --format jsonl", directory.path());
    CHECK(exported.text.find("\"value\":42") != std::string::npos);
    CHECK(exported.text.find("\"value\":499.0") != std::string::npos);
    CHECK(std::ranges::count(run("export", directory.path()).text, '\n') == 502);
    CHECK(run("clear --name tool/double", directory.path()).code == 0);
    CHECK_FALSE(f.contains(21));
    CHECK(run("clear --name nobody", directory.path()).code == 1);
    CHECK(run("compact", directory.path()).text.find("in use") != std::string::npos);
    CHECK(run("prune --max-bytes 20kb", directory.path()).code == 0);
    CHECK(in_use.stats().bytes <= 20'480);
    CHECK(in_use.stats().entries > 10);
}

TEST_CASE("compacting gives room back and keeps all records") {
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

TEST_CASE("the tool says what is wrong, and with which exit status") {
    memo_test::temp_dir const directory;
    for (std::string const command :
         {"stat", "ls", "verify", "prune", "compact", "clear --name x", "export"}) {
        result const told = run(command, directory / "nowhere");
        CHECK(told.code == 1);
        CHECK(told.text.find("holds no cache") != std::string::npos);
        CHECK_FALSE(fs::exists(directory / "nowhere"));
    }
    CHECK(run("salvage", directory.path()).code == 1);
    CHECK(run("dance", directory.path()).code == 2);
    CHECK(run("prune --max-bytes many", directory.path()).code == 2);
    fill(directory.path(), 100, true);
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
}
