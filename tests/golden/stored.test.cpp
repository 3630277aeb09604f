// SPDX-License-Identifier: BSL-1.0

// What an earlier build of memo stored is read by this one: a directory of memo::disk and the items of a
// memcached, as write_stored.cpp left them.

#include "support/fresh_memcached.hpp"
#include "support/memcached_server.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/backends/libmemcached.hpp>
#include <memo/backends/memcached.hpp>

#include <catch2/catch.hpp>

#include "golden/stored_functions.hpp"
#include "golden/stored_items.hpp"
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <tuple>
#include <vector>

using golden::stored_functions;

namespace {

#ifdef MEMO_CACHE_PROGRAM
std::string output_of(std::string const& command) {
    // NOLINTNEXTLINE(cert-env33-c): the shell is asked for
    std::FILE* const pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::string text;
    std::array<char, 4096> part{};
    for (std::size_t size = 1; size > 0; text.append(part.data(), size)) {
        size = std::fread(part.data(), 1, part.size(), pipe);
    }
    CHECK(::pclose(pipe) == 0);
    return text;
}
#endif

std::filesystem::path stored_folder() {
    return std::filesystem::path(__FILE__).parent_path() / "stored";
}

/// A copy of the stored directory: opening one writes lock files.
class disk_copy {
  public:
    disk_copy() {
        std::filesystem::copy(stored_folder() / "disk", path(),
                              std::filesystem::copy_options::recursive);
        std::filesystem::permissions(path(), std::filesystem::perms::owner_all);
    }
    [[nodiscard]] std::string path() const { return folder_ / "disk"; }

  private:
    memo_test::temp_dir folder_;
};

memo_test::memcached_server const& server_with_stored_items() {
    static memo_test::memcached_server const server;
    static bool const is_filled = [] {
        std::ifstream text(stored_folder() / "memcached.txt");
        golden::store_items(server.port(), text);
        return true;
    }();
    static_cast<void>(is_filled);
    return server;
}

/// A backend with the stored records, `age` after they were written.
template <class Backend> struct stored {
    explicit stored(std::chrono::hours after = std::chrono::hours(24)) : age(after) {}

    std::chrono::hours age;
    Backend backend{
        memo::memcached_settings{.servers = {server_with_stored_items().address()},
                                 .name_space = "golden",
                                 .connect_timeout = memo_test::ample,
                                 .operation_timeout = memo_test::ample,
                                 .clock = [after = age] { return golden::written_at + after; }}};
};

template <bool ReadOnly> struct stored_disk {
    explicit stored_disk(std::chrono::hours after = std::chrono::hours(24)) : age(after) {}

    disk_copy directory;
    std::chrono::hours age;
    memo::disk backend{
        memo::disk_settings{.directory = directory.path(),
                            .read_only = ReadOnly,
                            .clock = [after = age] { return golden::written_at + after; },
                            .report = [](std::string const& text) { FAIL_CHECK(text); }}};
};

using sources = std::tuple<stored_disk<true>, stored_disk<false>, stored<memo::memcached>,
                           stored<memo::libmemcached>>;

/// Every call of `memoized` was a hit.
template <class Memoized> void check_statistics(Memoized const& memoized) {
    auto const counted = memoized.stats();
    CHECK(counted.hits == counted.calls);
    CHECK(counted.evaluations == 0);
    CHECK(counted.errors == 0);
    CHECK(memoized.backend().stats().corrupt == 0);
    CHECK(counted.saved > std::chrono::nanoseconds(0)); // as the record says what computing it took
    CHECK(counted.saved < std::chrono::seconds(1));
}

/// The moments of `count` samples x, x + step, x + 2 step, …
void check_moments(memo::estimate const& found, double first, double step, std::uint64_t count) {
    auto const n = static_cast<double>(count);
    CHECK(found.count == count);
    CHECK(found.mean == Approx(first + step * (n - 1) / 2).epsilon(1e-15));
    CHECK(found.variance == Approx(step * step * n * (n + 1) / 12).epsilon(1e-15));
}

} // namespace

TEMPLATE_LIST_TEST_CASE("stored results of exact functions are read", "", sources) {
    TestType const opened;
    stored_functions const functions(opened.backend, memo::fail);
    functions.for_each_exact([](auto const& memoized, auto const& plain, auto const& arguments) {
        auto const found =
            std::apply([&](auto const&... each) { return memoized.outcome(each...); }, arguments);
        CHECK((found.value == std::apply(plain, arguments)));
        CHECK(found.source == memo::source::hit);
        check_statistics(memoized);
    });
    auto const [one, other] = functions.sharing()(3);
    REQUIRE(one != nullptr);
    CHECK(*one == "sss");
    CHECK(one == other);
}

TEMPLATE_LIST_TEST_CASE("stored moments of averaged functions are read", "", sources) {
    TestType const opened;
    stored_functions const functions(opened.backend, memo::fail);
    auto const mean = functions.mean();
    check_moments(mean.estimate(1.25, 0), 1.25, 0.5, golden::samples);
    check_statistics(mean);

    auto const vector = functions.mean_vector();
    auto const found = vector.estimate(1.25, 0);
    CHECK(found.count == golden::samples);
    CHECK(found.mean == std::vector{2.25, -0.75});
    CHECK(found.variance == std::vector{0.625, 2.5});
    check_statistics(vector);

    auto const without_nan = functions.mean_without_nan();
    auto const some = without_nan.estimate(1.25, 0);
    CHECK(some.count == golden::samples - 1);
    CHECK(some.rejected == 1);
    CHECK(some.mean == Approx(1.25 + 0.5 * 9 / 4));
    check_statistics(without_nan);

    auto const numbered = functions.numbered_mean();
    check_moments(numbered.estimate(1.25), 1.25, 0.5, golden::samples);
    check_statistics(numbered);
}

TEMPLATE_LIST_TEST_CASE("a stored result expires after its ttl", "", sources) {
    TestType const before(golden::ttl - std::chrono::hours(1));
    CHECK(stored_functions(before.backend, memo::fail).expiring().contains(1.5, 2));
    TestType const after(golden::ttl + std::chrono::hours(1));
    CHECK_FALSE(stored_functions(after.backend, memo::fail).expiring().contains(1.5, 2));
}

TEST_CASE("the age of a stored record is that of its time of writing") {
    disk_copy const directory;
    for (int const days : {1, 3}) {
        memo::disk const backend(
            {.directory = directory.path(),
             .max_age = std::chrono::hours(24 * 2),
             .read_only = true,
             .clock = [days] { return golden::written_at + std::chrono::hours(24 * days); }});
        CHECK(stored_functions(backend, memo::fail).sharing().contains(3) == (days < 2));
    }
}

TEST_CASE("new samples of a stored record continue its numbers") {
    stored_disk<false> const opened;
    auto const more = stored_functions(opened.backend, memo::compute).numbered_mean(7);
    static_cast<void>(more(1.25));
    check_moments(more.estimate(1.25), 1.25, 0.5, 7);
    CHECK(more.stats().evaluations == 2);
}

#ifdef MEMO_CACHE_PROGRAM
TEST_CASE("memo-cache lists the stored names and verifies every stored record") {
    disk_copy const directory;
    std::string const program = MEMO_CACHE_PROGRAM;
    std::string const listing = output_of(program + " ls '" + directory.path() + "' 2>&1");
    CAPTURE(listing);
    for (std::string const name :
         {"scalar", "text", "numbers", "words", "structure", "model", "choose", "tabulate",
          "assort", "evens", "utility", "verified_scalar", "verified_words", "keyed", "shared",
          "mean", "mean_vector", "mean_without_nan", "numbered_mean"}) {
        CAPTURE(name);
        CHECK(listing.find(' ' + name + ' ') != std::string::npos);
    }
    CHECK(output_of(program + " verify '" + directory.path() + "' 2>&1")
              .find("27 whole, 0 corrupt") != std::string::npos);
}
#endif
