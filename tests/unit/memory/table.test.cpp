// SPDX-License-Identifier: BSL-1.0

#include "support/keys.hpp"
#include <memo/detail/memory/table.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <set>

using memo::detail::content;
using memo::detail::slot_value;
using memo::detail::table;
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
