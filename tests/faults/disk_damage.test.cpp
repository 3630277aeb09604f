// SPDX-License-Identifier: BSL-1.0

// Files that are not what was written. Each trial damages a copy and lets a process of its own use it:
// it may find less, but nothing wrong, and no signal ends it.

#include "support/keys.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/detail/lmdb/page_check/page_format.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

namespace fs = std::filesystem;
namespace page_format = memo::detail::page_format;
using memo_test::key_of;

namespace {

constexpr memo::key128 scope{1, 2};
constexpr std::uint64_t entries = 2000;
constexpr std::size_t page = page_format::page_size;
constexpr std::size_t page_header = sizeof(page_format::page_header);
constexpr std::size_t meta_bytes = sizeof(page_format::meta);

/// By number. Drawn before a process is forked, which takes longer to draw them than to do the rest.
std::vector<std::string> const values_by_number = [] {
    std::vector<std::string> all;
    for (std::uint64_t number = 0; number < entries + 100; ++number) {
        std::size_t const size = number % 100 == 0 ? 6000 : 100; // some lie in pages of their own
        std::string value(size, '\0');
        std::mt19937_64 letters(number);
        std::ranges::generate(value, [&] { return static_cast<char>('a' + letters() % 26); });
        all.push_back(value);
    }
    return all;
}();

std::string const& value_of(std::uint64_t number) {
    return values_by_number.at(number);
}

memo::disk open(std::string const& directory, bool* reported = nullptr,
                std::uint64_t max_bytes = 0) {
    return memo::disk(
        {.directory = directory, .max_bytes = max_bytes, .report = [=](std::string const&) {
             if (reported != nullptr) {
                 *reported = true;
             }
         }});
}

/// A directory with entries in it, closed or as a crash leaves it.
void fill(std::string const& directory, bool crashed) {
    REQUIRE(memo_test::in_process([&] {
                memo::disk const backend = open(directory);
                auto const values = backend.partition<std::string>(scope);
                for (std::uint64_t number = 0; number < entries; ++number) {
                    values.put(key_of(number), value_of(number), {});
                }
                if (crashed) {
                    ::_exit(0);
                }
            }) == 0);
}

std::vector<char> read_file(std::string const& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(std::string const& path, std::vector<char> const& bytes) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// As if the machine had been started again since.
void pretend_another_boot(std::string const& directory) {
    std::string const path = directory + "/state";
    auto const bytes = read_file(path);
    std::string text(bytes.begin(), bytes.end());
    std::size_t const at = text.find("boot ");
    REQUIRE(at != std::string::npos);
    text[at + 5] = text[at + 5] == '0' ? '1' : '0';
    write_file(path, {text.begin(), text.end()});
}

/// Whether the directory says that a crash of the machine would cost its data.
bool is_dirty(std::string const& directory) {
    auto const bytes = read_file(directory + "/state");
    return std::string(bytes.begin(), bytes.end()).find("dirty 1") != std::string::npos;
}

/// Whether another process finds an entry, and nothing to report.
bool reads(std::string const& directory, memo::disk_settings how) {
    return memo_test::in_process([&] {
               bool reported = false;
               how.directory = directory;
               how.report = [&](std::string const&) { reported = true; };
               memo::disk const backend(how);
               auto const kept = backend.partition<std::string>(scope).get(key_of(1));
               return kept && !reported ? 0 : 1;
           }) == 0;
}

/// A process that has the directory open until it is killed.
memo_test::process holding(std::string const& directory) {
    memo_test::shared<std::atomic<bool>> holds;
    memo_test::process holder([&] {
        memo::disk const backend = open(directory);
        *holds = true;
        while (true) {
            ::pause();
        }
    });
    memo_test::seconds_until([&] { return holds->load(); });
    return holder;
}

/// What a use of the directory found.
struct outcome {
    std::uint64_t found = 0;
    std::uint64_t corrupt = 0;
    std::uint64_t refused = 0; ///< puts
    bool reported = false;
};

/// Looks for all entries, stores some anew, and looks again. 0: nothing wrong was served; else which
/// check failed, or minus the signal.
int use(std::string const& directory, outcome& seen) {
    return memo_test::in_process([&] {
        bool reported = false;
        memo::disk const backend = open(directory, &reported);
        auto const values = backend.partition<std::string>(scope);
        for (std::uint64_t number = 0; number < entries; ++number) {
            if (auto const kept = values.get(key_of(number))) {
                ++seen.found;
                if (kept->record != value_of(number)) {
                    return 1;
                }
            }
        }
        for (std::uint64_t number = 0; number < entries; number += 7) {
            try {
                values.put(key_of(number), value_of(number), {});
            } catch (memo::error const&) {
                ++seen.refused; // a call of a memoized function counts it and goes on
            }
            auto const kept = values.get(key_of(number));
            if (kept && kept->record != value_of(number)) {
                return 2;
            }
        }
        seen.corrupt = backend.stats().corrupt;
        seen.reported = reported;
        return 0;
    });
}

/// What looks at many records at once: sizes, evictions, clear. Nothing that a bound or a clear took is
/// there afterwards.
int tend(std::string const& directory, outcome& seen) {
    return memo_test::in_process([&] {
        bool reported = false;
        memo::disk const backend = open(directory, &reported, 400'000);
        auto const values = backend.partition<std::string>(scope);
        auto const counting = [&](auto const& body) {
            try {
                body();
            } catch (memo::error const&) {
                ++seen.refused;
            }
        };
        counting([&] { seen.found = backend.stats().entries; });
        if (seen.found > 100 * entries) {
            return 3;
        }
        counting([&] { static_cast<void>(values.stats()); });
        for (std::uint64_t number = entries; number < entries + 100; ++number) {
            counting([&] { values.put(key_of(number), value_of(number), {}); });
        }
        for (std::uint64_t number = 0; number < entries + 100; number += 7) {
            auto const kept = values.get(key_of(number));
            if (kept && kept->record != value_of(number)) {
                return 1;
            }
        }
        bool cleared = false;
        counting([&] {
            values.clear();
            cleared = true;
        });
        for (std::uint64_t number = 0; cleared && number < entries + 100; ++number) {
            if (values.get(key_of(number))) {
                return 2;
            }
        }
        seen.corrupt = backend.stats().corrupt;
        seen.reported = reported;
        return 0;
    });
}

using damage = void (*)(std::vector<char>& bytes, std::mt19937_64& random, std::string const& path);

auto some_page(std::vector<char>& bytes, std::mt19937_64& random) {
    return bytes.begin() + static_cast<std::ptrdiff_t>(random() % (bytes.size() / page) * page);
}

void flip_a_bit(std::vector<char>& bytes, std::mt19937_64& random, std::string const& /*path*/) {
    bytes[random() % bytes.size()] ^= static_cast<char>(1U << (random() % 8));
}

/// Where a page says what is in it.
void flip_bits_of_a_head(std::vector<char>& bytes, std::mt19937_64& random,
                         std::string const& /*path*/) {
    auto const head = some_page(bytes, random);
    for (int flips = 0; flips < 3; ++flips) {
        head[static_cast<std::ptrdiff_t>(random() % 100)] ^=
            static_cast<char>(1U << (random() % 8));
    }
}

/// Where the file says which trees it has.
void flip_a_bit_of_the_roots(std::vector<char>& bytes, std::mt19937_64& random,
                             std::string const& /*path*/) {
    std::size_t const at = random() % 2 * page + page_header + random() % meta_bytes;
    bytes[at] ^= static_cast<char>(1U << (random() % 8));
}

void zero_a_page(std::vector<char>& bytes, std::mt19937_64& random, std::string const& /*path*/) {
    std::fill_n(some_page(bytes, random), page, '\0');
}

void cut_the_file(std::vector<char>& bytes, std::mt19937_64& random, std::string const& /*path*/) {
    bytes.resize(random() % bytes.size());
}

void reorder_pages(std::vector<char>& bytes, std::mt19937_64& random, std::string const& /*path*/) {
    for (int swaps = 0; swaps < 30; ++swaps) {
        auto const one = some_page(bytes, random);
        std::swap_ranges(one, one + page, some_page(bytes, random));
    }
}

void reorder_pages_in_another_boot(std::vector<char>& bytes, std::mt19937_64& random,
                                   std::string const& path) {
    pretend_another_boot(path);
    reorder_pages(bytes, random, path);
}

/// Offsets in a meta.
constexpr std::size_t page_size =
    offsetof(page_format::meta, free_pages) + offsetof(page_format::database, page_size);
constexpr std::size_t root_of_free_pages =
    offsetof(page_format::meta, free_pages) + offsetof(page_format::database, root);
constexpr std::size_t root_of_records =
    offsetof(page_format::meta, records) + offsetof(page_format::database, root);
constexpr std::size_t last_page = offsetof(page_format::meta, last_page);
constexpr std::size_t transaction = offsetof(page_format::meta, transaction);

std::uint64_t number_at(std::vector<char> const& bytes, std::size_t place) {
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data() + place, sizeof number);
    return number;
}

/// Of the two places that say it by turns, the one of the last commit.
std::size_t newest_meta(std::vector<char> const& bytes) {
    std::size_t const even = page_header;
    std::size_t const odd = page + page_header;
    return number_at(bytes, even + transaction) > number_at(bytes, odd + transaction) ? even : odd;
}

/// Writes bytes in the place of a directory's data and uses a copy of it.
int use_copy(std::string const& whole, std::vector<char> const& bytes, outcome& seen) {
    memo_test::temp_dir const copy;
    fs::copy(whole, copy.path(), fs::copy_options::recursive);
    write_file(copy / "v1/data.mdb", bytes);
    return use(copy.path(), seen);
}

/// Damages copies of one directory, each in a way of its own.
void damage_and_use(damage damaged, int (*used)(std::string const&, outcome&), int usual = 20) {
    auto const seed = Catch::rngSeed();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    int const count = memo_test::trials(usual);
    memo_test::temp_dir const whole;
    fill(whole.path(), true);
    auto const original = read_file(whole / "v1/data.mdb");
    REQUIRE(original.size() > 50 * page);
    memo_test::shared<outcome> all;
    for (int trial = 0; trial < count; ++trial) {
        CAPTURE(trial);
        memo_test::temp_dir const copy;
        fs::copy(whole.path(), copy.path(), fs::copy_options::recursive);
        auto bytes = original;
        damaged(bytes, random, copy.path());
        write_file(copy / "v1/data.mdb", bytes);
        memo_test::shared<outcome> seen;
        REQUIRE(used(copy.path(), *seen) == 0);
        all->found += seen->found;
        all->corrupt += seen->corrupt;
        all->refused += seen->refused;
        all->reported = all->reported || seen->reported;
    }
    std::cout << count << " trials: " << all->found << " of "
              << static_cast<std::uint64_t>(count) * entries << " entries served, " << all->corrupt
              << " refused as corrupt, " << all->refused << " operations failed\n";
    CHECK((used != use || all->corrupt > 0 || all->reported || count < 10));
}

} // namespace

TEST_CASE("an undamaged directory has all of its entries") {
    memo_test::temp_dir const directory;
    for (bool const crashed : {false, true}) {
        fill(directory.path(), crashed);
        memo_test::shared<outcome> seen;
        REQUIRE(use(directory.path(), *seen) == 0);
        CHECK(seen->found == entries);
        CHECK(seen->corrupt == 0);
        CHECK(seen->refused == 0);
        CHECK_FALSE(seen->reported);
    }
}

TEST_CASE("a directory in any valid state is not set aside") {
    memo_test::temp_dir const directory;
    auto const seed = Catch::rngSeed();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    int const rounds = memo_test::trials(60);
    for (int round = 0; round < rounds; ++round) {
        CAPTURE(round);
        auto const draws = random();
        REQUIRE(memo_test::in_process([&] {
                    std::mt19937_64 drawn(draws);
                    bool reported = false;
                    memo::disk const backend =
                        open(directory.path(), &reported, drawn() % 3 == 0 ? 300'000 : 0);
                    auto const values = backend.partition<std::string>(scope);
                    for (std::uint64_t steps = drawn() % 300; steps > 0; --steps) {
                        std::uint64_t const number = drawn() % entries;
                        if (drawn() % 3 == 0) {
                            static_cast<void>(values.erase(key_of(number)));
                        } else {
                            values.put(key_of(number), value_of(number), {});
                        }
                    }
                    if (drawn() % 4 == 0) {
                        values.clear();
                    }
                    if (reported) {
                        return 1;
                    }
                    if (drawn() % 2 == 0) {
                        ::_exit(0);
                    }
                    return 0;
                }) == 0);
    }
}

TEST_CASE("a flipped bit causes no wrong value and no signal") {
    damage_and_use(flip_a_bit, use);
}

TEST_CASE("flipped bits in a page's header cause no wrong value and no signal") {
    damage_and_use(flip_bits_of_a_head, use);
}

TEST_CASE("a flipped bit in a meta page causes no wrong value and no signal") {
    damage_and_use(flip_a_bit_of_the_roots, use);
}

TEST_CASE("any flipped bit of a meta page causes no wrong value and no signal") {
    memo_test::temp_dir const whole;
    fill(whole.path(), true);
    auto const original = read_file(whole / "v1/data.mdb");
    std::size_t const bits = meta_bytes * 8 * 2;
    // In a usual run some bits of each number, and all of those that decide where the other place is
    // and which of the two counts; prime, so that they are not the same of each byte.
    std::size_t const step = memo_test::trials(0) >= 500 ? 1 : 31;
    auto const is_within = [](std::size_t byte, std::size_t number, std::size_t size) {
        return byte >= number && byte < number + size;
    };
    for (std::size_t bit = 0; bit < bits; ++bit) {
        std::size_t const byte = bit / 8 % meta_bytes;
        if (bit % step != 0 && !is_within(byte, page_size, 4) && !is_within(byte, transaction, 1)) {
            continue;
        }
        std::size_t const place = byte + (bit / 8 < meta_bytes ? page_header : page + page_header);
        CAPTURE(place, bit % 8);
        auto bytes = original;
        bytes[place] ^= static_cast<char>(1U << (bit % 8));
        memo_test::shared<outcome> seen;
        REQUIRE(use_copy(whole.path(), bytes, *seen) == 0);
        CHECK(seen->refused == 0);
    }
}

TEST_CASE("a wrong page number causes no wrong value and no signal") {
    memo_test::temp_dir const whole;
    fill(whole.path(), true);
    auto const original = read_file(whole / "v1/data.mdb");
    std::size_t const meta = newest_meta(original);
    std::uint64_t const pages = number_at(original, meta + last_page) + 1;
    std::uint64_t const step = memo_test::trials(0) >= 500 ? 1 : 5;
    for (std::size_t const field : {root_of_free_pages, root_of_records, last_page}) {
        std::uint64_t const right = number_at(original, meta + field);
        for (std::uint64_t other = 2; other < pages; other += step) {
            if (other == right) {
                continue;
            }
            CAPTURE(field, other, right);
            auto bytes = original;
            std::memcpy(bytes.data() + meta + field, &other, sizeof other);
            memo_test::shared<outcome> seen;
            REQUIRE(use_copy(whole.path(), bytes, *seen) == 0);
            CHECK(seen->reported); // no page but the right one is taken for it
        }
    }
}

TEST_CASE("a page of zeros causes no wrong value and no signal") {
    damage_and_use(zero_a_page, use);
}

TEST_CASE("a truncated file causes no wrong value and no signal") {
    damage_and_use(cut_the_file, use);
}

TEST_CASE("pages of different transactions cause no wrong value and no signal") {
    damage_and_use(reorder_pages_in_another_boot, use);
}

TEST_CASE("pages in another order cause no wrong value and no signal") {
    damage_and_use(reorder_pages, use);
}

TEST_CASE("damage causes no signal in scans") {
    damage_and_use(flip_a_bit, tend, 5);
    damage_and_use(flip_bits_of_a_head, tend, 20);
    damage_and_use(flip_a_bit_of_the_roots, tend, 10);
    damage_and_use(zero_a_page, tend, 10);
    damage_and_use(cut_the_file, tend, 5);
    damage_and_use(reorder_pages, tend, 10);
}

TEST_CASE("data of another boot is set aside, unless all of it reached the disk") {
    for (bool const crashed : {false, true}) {
        memo_test::temp_dir const directory;
        fill(directory.path(), crashed);
        pretend_another_boot(directory.path());
        memo_test::shared<outcome> seen;
        REQUIRE(use(directory.path(), *seen) == 0);
        CHECK(seen->found == (crashed ? 0 : entries));
        CHECK(seen->reported == crashed);
        CHECK(fs::exists(directory / "v1.bad.1/data.mdb") == crashed);
    }
}

TEST_CASE("the last process to close waits for the disk, whoever wrote") {
    memo_test::temp_dir const directory;
    fill(directory.path(), true);
    CHECK(reads(directory.path(), {.read_only = true}));
    CHECK(is_dirty(directory.path()));
    CHECK(reads(directory.path(), {}));
    CHECK_FALSE(is_dirty(directory.path()));
    pretend_another_boot(directory.path());
    memo_test::shared<outcome> seen;
    REQUIRE(use(directory.path(), *seen) == 0);
    CHECK(seen->found == entries);
    CHECK_FALSE(seen->reported);
}

TEST_CASE("a process that is not the last to close does not mark the data as on disk") {
    memo_test::temp_dir const directory;
    fill(directory.path(), true);
    memo_test::process other = holding(directory.path());
    CHECK(reads(directory.path(), {}));
    CHECK(is_dirty(directory.path())); // the other may be writing
    other.kill();
    pretend_another_boot(directory.path());
    memo_test::shared<outcome> seen;
    REQUIRE(use(directory.path(), *seen) == 0);
    CHECK(seen->found == 0);
    CHECK(seen->reported);
}

TEST_CASE("power_loss loses nothing to a process that did not wait and was killed before") {
    memo_test::temp_dir const directory;
    fill(directory.path(), true);
    REQUIRE(is_dirty(directory.path()));
    REQUIRE(memo_test::in_process([&] {
                memo::disk const backend(
                    {.directory = directory.path(), .durability = memo::durability::power_loss});
                backend.partition<std::string>(scope).put(key_of(0), value_of(0), {});
                ::_exit(0);
            }) == 0);
    pretend_another_boot(directory.path());
    memo_test::shared<outcome> seen;
    REQUIRE(use(directory.path(), *seen) == 0);
    CHECK(seen->found == entries);
    CHECK_FALSE(seen->reported);
}

TEST_CASE("data that a process has open is not set aside, whatever boot it is") {
    memo_test::temp_dir const directory;
    fill(directory.path(), true);
    memo_test::process other = holding(directory.path());
    pretend_another_boot(directory.path()); // as containers do
    CHECK(reads(directory.path(), {.read_only = true}));
    CHECK(reads(directory.path(), {}));
    CHECK(is_dirty(directory.path()));
    other.kill();
    memo_test::shared<outcome> seen;
    REQUIRE(use(directory.path(), *seen) == 0);
    CHECK(seen->reported); // nobody is left who could tell
}

TEST_CASE("the report callback may open the cache, in this program and in a child") {
    for (bool const while_in_use : {false, true}) {
        memo_test::temp_dir const directory;
        fill(directory.path(), true);
        if (!while_in_use) {
            pretend_another_boot(directory.path());
        }
        CHECK(memo_test::in_process([&] {
                  int heard = 0;
                  auto const report = [&](std::string const&) {
                      open(directory.path());
                      heard += 1 + memo_test::in_process([&] { open(directory.path()); });
                  };
                  memo::disk const backend({.directory = directory.path(), .report = report});
                  if (while_in_use) {
                      auto bytes = read_file(directory / "v1/data.mdb");
                      std::fill(bytes.begin() + 2 * page, bytes.end(), '\0');
                      write_file(directory / "v1/data.mdb", bytes);
                  }
                  auto const kept = backend.partition<std::string>(scope).get(key_of(1));
                  return heard == 1 && !kept ? 0 : 1;
              }) == 0);
    }
}

TEST_CASE("newly damaged data replaces the previous one") {
    memo_test::temp_dir const directory;
    for (int times = 0; times < 3; ++times) {
        fill(directory.path(), true);
        pretend_another_boot(directory.path());
        REQUIRE(memo_test::in_process([&] { open(directory.path()); }) == 0);
        CHECK(fs::exists(directory / "v1.bad.1/data.mdb"));
        CHECK_FALSE(fs::exists(directory / "v1.bad.2"));
    }
}

TEST_CASE("data of another LMDB is refused and unchanged") {
    constexpr std::size_t next_header = page_format::next_page_header_size;
    constexpr std::uint32_t magic = page_format::magic;
    for (std::uint32_t const version : {1U, 2U, 999U}) {
        for (std::size_t const header : {page_header, next_header}) {
            for (bool const both : {true, false}) {
                if (version == 1 && header != next_header) {
                    continue; // which is this one
                }
                CAPTURE(version, header, both);
                memo_test::temp_dir const directory;
                fill(directory.path(), true);
                if (both) {
                    pretend_another_boot(directory.path()); // whatever that says
                }
                auto bytes = read_file(directory / "v1/data.mdb");
                for (std::size_t const copy : {std::size_t{0}, page}) {
                    if (copy != 0 && !both) {
                        continue;
                    }
                    if (header == next_header) {
                        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(copy + page_header),
                                    144,
                                    bytes.begin() + static_cast<std::ptrdiff_t>(copy + header));
                        std::memset(bytes.data() + copy + page_header, 0, 8);
                    }
                    std::memcpy(bytes.data() + copy + header, &magic, 4);
                    std::memcpy(bytes.data() + copy + header + 4, &version, 4);
                }
                write_file(directory / "v1/data.mdb", bytes);
                bool const is_other = both && (version != 1 || header == next_header);
                CHECK(memo_test::in_process([&] {
                          try {
                              static_cast<void>(open(directory.path()));
                          } catch (memo::error const& refused) {
                              std::string const text = refused.what();
                              return refused.code() == memo::errc::configuration &&
                                             text.find("another LMDB") != std::string::npos
                                         ? 1
                                         : 2;
                          }
                          return 0;
                      }) == (is_other ? 1 : 0));
                CHECK(fs::exists(directory / "v1.bad.1") == !is_other);
                CHECK((read_file(directory / "v1/data.mdb") == bytes) == is_other);
            }
        }
    }
}

TEST_CASE("files that are no database are set aside") {
    for (std::size_t const size : {0U, 1U, 100U, 4096U, 8192U, 100'000U}) {
        memo_test::temp_dir const directory;
        fill(directory.path(), true);
        write_file(directory / "v1/data.mdb", std::vector<char>(size, 'x'));
        memo_test::shared<outcome> seen;
        REQUIRE(use(directory.path(), *seen) == 0);
        CHECK(seen->found == 0);
    }
    memo_test::temp_dir const directory;
    fill(directory.path(), true);
    write_file(directory / "state", {'?'});
    memo_test::shared<outcome> seen;
    REQUIRE(use(directory.path(), *seen) == 0);
    CHECK(seen->found == 0);
}
