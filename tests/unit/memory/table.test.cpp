// SPDX-License-Identifier: BSL-1.0

#include "support/keys.hpp"
#include <memo/detail/key/unfinalized_key.hpp>
#include <memo/detail/memory/bucket.hpp>
#include <memo/detail/memory/segment.hpp>
#include <memo/detail/memory/table.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <set>

using memo::detail::bucket;
using memo::detail::content;
using memo::detail::segment;
using memo::detail::slot_value;
using memo::detail::table;
using memo::detail::unfinalized_key;
using memo_test::key_of;

TEST_CASE("clear() disposes of a value only after no lookup finds it") {
    constexpr std::uint64_t count = 2000; // several segments
    table entries;
    for (std::uint64_t number = 0; number < count; ++number) {
        entries.put(key_of(number), {number, content::record, 0});
    }
    std::set<std::uint64_t> disposed;
    bool found = false;
    entries.clear([&](slot_value value) {
        disposed.insert(value.word);
        found = found || entries.find(key_of(value.word)).exists();
    });
    CHECK(disposed.size() == count);
    CHECK_FALSE(found);
    entries.clear([](slot_value) { FAIL("the table is empty"); });
}

TEST_CASE("entries return to their own buckets when a split makes room there") {
    table entries;
    auto const away = [&](std::uint64_t count) {
        std::uint64_t result = 0;
        for (std::uint64_t number = 0; number < count; ++number) {
            slot_value found;
            REQUIRE(entries.find(key_of(number)).word == number + 1);
            if (entries.try_find<true>(unfinalized_key(key_of(number)), found) !=
                bucket::probe_result::hit) {
                ++result;
            }
        }
        return result;
    };
    std::uint64_t const full = segment::slot_count / 2;
    for (std::uint64_t number = 0; number < full; ++number) {
        entries.put(key_of(number), {number + 1, content::record, 0});
    }
    CHECK(away(full) > full / 25); // 0.064 of them are expected
    entries.put(key_of(full), {full + 1, content::record, 0});
    CHECK(away(full + 1) < full / 50); // 0.011
}
