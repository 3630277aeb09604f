// SPDX-License-Identifier: BSL-1.0

// A program of two libraries, one built with the headers alone and one with MEMO_COMPILED.

#include "mixed.hpp"

#include <support/crew.hpp>
#include <support/temp_dir.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <cstddef>

memo_test::mixed_part header_only_part();
memo_test::mixed_part compiled_part();

using memo_test::computed_texts;

TEST_CASE("one library is header-only, and one is compiled") {
    CHECK_FALSE(header_only_part().is_compiled);
    CHECK(compiled_part().is_compiled);
}

TEST_CASE("both libraries find the records of the other in memory") {
    memo::memory const shared;
    computed_texts = 0;
    CHECK(header_only_part().use_memory(shared, 3000) == 0);
    CHECK(compiled_part().use_memory(shared, 6000) == 0);
    CHECK(header_only_part().use_memory(shared, 6000) == 0);
    CHECK(computed_texts == 6000);
    CHECK(shared.stats().entries == 6000);
}

TEST_CASE("both libraries grow and evict one store at once") {
    memo::memory const shared({.max_bytes = 400'000});
    std::array const parts{header_only_part(), compiled_part()};
    std::atomic<int> wrong{0};
    memo_test::together(4, [&](std::size_t i) {
        for (int count = 0; count < 20'000; count += 5000) {
            wrong += parts[i % 2].use_memory(shared, count);
        }
    });
    CHECK(wrong == 0);
    CHECK(shared.stats().evictions > 0);
}

TEST_CASE("both libraries find the records of the other on disk") {
    memo_test::temp_dir const directory;
    memo::disk const open({.directory = directory.path()}); // all share what it has open
    computed_texts = 0;
    CHECK(compiled_part().use_disk(directory.path(), 100) == 0);
    CHECK(header_only_part().use_disk(directory.path(), 200) == 0);
    CHECK(compiled_part().use_disk(directory.path(), 200) == 0);
    CHECK(computed_texts == 200);
}

TEST_CASE("both libraries use one connection to a server") {
    memo::memcached const nobody({.servers = {"127.0.0.1:1"}});
    CHECK(header_only_part().use_memcached(nobody, 10) == 0);
    CHECK(compiled_part().use_memcached(nobody, 10) == 0);
    CHECK(nobody.stats().errors > 0);
}
