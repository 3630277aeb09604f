// SPDX-License-Identifier: BSL-1.0

// A function whose directory knows its name under other scopes only: its misses have the reason `version`.

#include "support/contract.hpp"
#include "support/fake_clock.hpp"
#include "support/keys.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/backends/tiered.hpp>
#include <memo/detail/record/codec.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/memo.hpp>
#include <memo/tools/maintenance.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

using memo::miss_reason;
using memo_test::at_rest;
using namespace std::chrono_literals;

namespace {

/// The function of all tests, on its own handle.
struct doubled {
    double operator()(int x) const { return 2.0 * x; }
};

auto edition(memo::disk const& store, std::string const& version,
             memo::on_miss_policy on_miss = memo::compute) {
    return memo::memoize<memo::disk>(
        doubled(), {.name = "doubled", .version = version, .on_miss = on_miss}, store);
}

auto edition(memo_test::temp_dir const& directory, std::string const& version) {
    return edition(memo::disk({.directory = directory.path()}), version);
}

template <class Memoized> std::optional<miss_reason> reason_of(Memoized const& f, int x) {
    return f.outcome(x).reason;
}

} // namespace

TEST_CASE("the first program of a new version misses for the version") {
    memo_test::temp_dir const directory;
    {
        auto const first = edition(directory, "1");
        CHECK(reason_of(first, 1) == miss_reason::absent);
        CHECK(reason_of(first, 2) == miss_reason::absent);
    }
    {
        auto const second = edition(directory, "2");
        CHECK(second.explain(1).miss == miss_reason::version);
        CHECK(to_string(second.explain(1)).find("lookup      miss, version\n") !=
              std::string::npos);
        CHECK(reason_of(second, 1) == miss_reason::version);
        CHECK(second.outcome(1).source == memo::source::hit);
        CHECK(reason_of(second, 3) == miss_reason::version); // its name is stored by now
        static_cast<void>(second.many(std::vector{1, 4, 5}));
        auto const s = at_rest(second);
        CHECK(s.misses == 4);
        CHECK(s.misses_version == 4);
        CHECK(s.misses_absent == 0);
    }
    auto const later = edition(directory, "2");
    CHECK(later.outcome(1).source == memo::source::hit);
    CHECK(reason_of(later, 6) == miss_reason::absent);
    CHECK(at_rest(later).misses_version == 0);
    auto const old = edition(directory, "1");
    CHECK(old.outcome(2).source == memo::source::hit);
    CHECK(reason_of(old, 6) == miss_reason::absent);
}

TEST_CASE("the reason holds from one process to the next") {
    memo_test::temp_dir const directory;
    auto const reason_in_process = [&](std::string const& version, int x) {
        return static_cast<miss_reason>(memo_test::in_process(
            [&] { return static_cast<int>(reason_of(edition(directory, version), x).value()); }));
    };
    CHECK(reason_in_process("1", 1) == miss_reason::absent);
    CHECK(reason_in_process("2", 1) == miss_reason::version);
    CHECK(reason_in_process("2", 2) == miss_reason::absent);
    CHECK(reason_in_process("1", 2) == miss_reason::absent);
}

TEST_CASE("a replay of a new version says that the store has another one") {
    memo_test::temp_dir const directory;
    memo::disk const store({.directory = directory.path()});
    edition(store, "1")(1);
    auto const replayed = edition(store, "2", memo::fail);
    try {
        replayed(1);
        FAIL("it ran");
    } catch (memo::error const& failure) {
        CHECK(failure.code() == memo::errc::miss);
        CHECK(std::string(failure.what()).find("miss, version") != std::string::npos);
    }
    CHECK(at_rest(replayed).misses_version == 1);
    CHECK(reason_of(edition(directory, "2"), 1) == miss_reason::version); // nothing was stored
}

TEST_CASE("another prefix, signature, record or state of a name is another edition") {
    memo_test::temp_dir const directory;
    memo::disk const store({.directory = directory.path()});
    edition(store, "1")(1);
    auto const prefixed = memo::memoize<memo::disk>(
        doubled(), {.name = "doubled", .version = "1", .hash_prefix = "other"}, store);
    CHECK(reason_of(prefixed, 1) == miss_reason::version);
    auto const of_double = memo::memoize<memo::disk, memo::signature<double(double)>>(
        [](double x) { return 2 * x; }, {.name = "doubled", .version = "1"}, store);
    CHECK(of_double.outcome(1.0).reason == miss_reason::version);
    auto const averaged = memo::memoize<memo::disk, memo::averaged>(
        doubled(), {.name = "doubled", .version = "1"}, store);
    CHECK(reason_of(averaged, 1) == miss_reason::version);
    CHECK(at_rest(averaged).misses_version == 1);
    auto const keyed = memo::memoize<memo::disk>(memo::keyed(doubled(), 5),
                                                 {.name = "doubled", .version = "1"}, store);
    CHECK(reason_of(keyed, 1) == miss_reason::version);
    auto const label =
        memo::memoize<memo::disk>([](int x) { return x + 1.0; }, {.name = "doubled"}, store);
    CHECK(reason_of(label, 1) == miss_reason::version);

    auto const named_otherwise =
        memo::memoize<memo::disk>(doubled(), {.name = "double", .version = "1"}, store);
    CHECK(reason_of(named_otherwise, 1) == miss_reason::absent);
    auto const unnamed = memo::memoize<memo::disk>([](int x) { return x + 2.0; }, {}, store);
    CHECK(reason_of(unnamed, 1) == miss_reason::absent);
}

TEST_CASE("all wrappers in a process miss for one reason, and so do its children") {
    memo_test::temp_dir const directory;
    memo::disk const store({.directory = directory.path()});
    edition(store, "1")(1);
    auto const one = edition(store, "2");
    CHECK(reason_of(one, 1) == miss_reason::version);
    CHECK(reason_of(edition(store, "2"), 2) == miss_reason::version);
    CHECK(reason_of(edition(directory, "2"), 3) == miss_reason::version); // on its own handle
    CHECK(reason_of(edition(directory, "1"), 4) == miss_reason::absent);
    CHECK(memo_test::in_process([&] { return reason_of(one, 5) == miss_reason::version; }) == 1);
    CHECK(reason_of(one, 6) == miss_reason::version);
    CHECK(memo_test::in_process([&] {
              return reason_of(edition(store, "3"), 7) == miss_reason::version; // wrapped in it
          }) == 1);
}

TEST_CASE("a reader that may not write knows the reason") {
    memo_test::temp_dir const directory;
    edition(directory, "1")(1);
    for (int i = 0; i < 2; ++i) { // it leaves nothing behind
        memo::disk const store({.directory = directory.path(), .read_only = true});
        CHECK(reason_of(edition(store, "2"), 1) == miss_reason::version);
        CHECK(reason_of(edition(store, "1"), 2) == miss_reason::absent);
    }
}

TEST_CASE("a record of the new version that is over has expired") {
    memo_test::temp_dir const directory;
    memo_test::fake_clock const clock;
    memo::disk const store({.directory = directory.path(), .clock = clock.on_the_wall()});
    edition(store, "1")(1);
    auto const f =
        memo::memoize<memo::disk>(doubled(), {.name = "doubled", .version = "2", .ttl = 1s}, store);
    CHECK(reason_of(f, 1) == miss_reason::version);
    clock.advance(2s);
    CHECK(reason_of(f, 1) == miss_reason::expired); // the second lookup finds nothing
    auto const s = at_rest(f);
    CHECK(s.misses_expired == 1);
    CHECK(s.misses_version == 1);
    CHECK(s.misses == 2);
}

TEST_CASE("two tiers say what the far one knows of a version") {
    memo_test::temp_dir const directory;
    memo_test::fake_clock const clock;
    using tiers = memo::tiered<memo::memory, memo::disk>;
    auto const over = [&](std::string const& version) {
        return memo::memoize<tiers>(
            doubled(), {.name = "doubled", .version = version, .ttl = 1s},
            tiers(memo::memory({.clock = clock}),
                  memo::disk({.directory = directory.path(), .clock = clock.on_the_wall()})));
    };
    CHECK(reason_of(over("1"), 1) == miss_reason::absent);
    CHECK(memo::cache_directory({.directory = directory.path()}).functions().begin()->second.name ==
          "doubled");
    auto const second = over("2");
    CHECK(reason_of(second, 1) == miss_reason::version);
    CHECK(second.explain(2).miss == miss_reason::version);
    static_cast<void>(second.many(std::vector{1, 2, 3}));
    CHECK(at_rest(second).misses_version == 3);
    CHECK(at_rest(second).misses == 3);
    static_cast<void>(memo::disk({.directory = directory.path()})
                          .partition<double>(second.explain(1).scope)
                          .erase(second.key(1)));
    clock.advance(2s);
    CHECK(reason_of(second, 1) == miss_reason::expired); // near knows more
}

TEST_CASE("records that a tool erases leave the names of their functions") {
    memo_test::temp_dir const directory;
    edition(directory, "1")(1);
    auto const second = edition(directory, "2");
    CHECK(reason_of(second, 1) == miss_reason::version);
    memo::cache_directory cache({.directory = directory.path()});
    CHECK(cache.erase(second.explain(1).scope) == 1);
    CHECK(cache.prune(std::nullopt, 0) == 1);
    CHECK(reason_of(second, 1) == miss_reason::version);
    CHECK(reason_of(edition(directory, "3"), 1) == miss_reason::version);
}

TEST_CASE("a name that is no name is passed over") {
    memo_test::temp_dir const directory;
    {
        memo::cache_directory cache({.directory = directory.path()});
        std::vector<std::byte> frame(memo::detail::frame_header_size + 3);
        auto header = memo::detail::new_header({1, 2}, {}, memo::detail::unix_time(1s), 0s, 0);
        header.kind = memo::detail::record_kind::name;
        REQUIRE(memo::detail::seal(frame, header));
        CHECK(cache.insert(memo::stored_entry::of(frame)) == memo::insertion::stored);
        CHECK(cache.functions().empty());
    }
    edition(directory, "1")(1);
    CHECK(reason_of(edition(directory, "2"), 1) == miss_reason::version);
}
