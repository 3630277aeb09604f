// SPDX-License-Identifier: BSL-1.0

// This program is linked with --build-id=none: nothing tells one build of it from the next.

#include <memo/memo.hpp>
#include <support/persistent_memory.hpp>

#include <catch2/catch.hpp>

using memo_test::persistent_memory;

namespace {

constexpr auto twice = [](int x) { return 2 * x; };
int thrice(int x) {
    return 3 * x;
}

template <class F> void is_refused(F callable, memo::options<int> options) {
    try {
        static_cast<void>(memo::memoize<persistent_memory>(callable, std::move(options)));
        FAIL("was not refused");
    } catch (memo::error const& refused) {
        CHECK(refused.code() == memo::errc::identity);
        CHECK_THAT(refused.what(), Catch::Contains("-Wl,--build-id") && Catch::Contains(".name") &&
                                       Catch::Contains(".version"));
    }
}

} // namespace

TEST_CASE("a backend that outlives the process refuses code without a build-id") {
    is_refused(twice, {});
    is_refused(&thrice, {});
    is_refused(memo::fn<&thrice>(), {});
}

TEST_CASE("a name without a version does not help") {
    is_refused(twice, {.name = "twice"});
}

TEST_CASE("a name and a version replace the build-id") {
    auto const memoized =
        memo::memoize<persistent_memory>(twice, {.name = "twice", .version = "1"});
    CHECK(memoized(4) == 8);
    CHECK(memoized(4) == 8);
    CHECK(memoized.stats().hits == 1);
}

TEST_CASE("a backend of this process needs no build-id") {
    memo::memory const shared;
    auto const doubled = memo::memoize<memo::memory>(twice, {}, shared);
    auto const tripled = memo::memoize<memo::memory>(memo::fn<&thrice>(), {}, shared);
    auto const pointed = memo::memoize<memo::memory>(&thrice, {}, shared);
    CHECK(doubled(4) == 8);
    CHECK(tripled(4) == 12);
    CHECK(pointed(4) == 12);
    CHECK(doubled(4) == 8);
    CHECK(doubled.stats().hits == 1);
    CHECK(doubled.key(4) != tripled.key(4));
}
