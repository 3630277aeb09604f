// SPDX-License-Identifier: BSL-1.0

// The conformance suite, run over memo's own backends.

#include "support/fake_clock.hpp"
#include "support/fresh_memcached.hpp"
#include "support/map_store.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/backends/libmemcached.hpp>
#include <memo/backends/tiered.hpp>
#include <memo/byte_backend.hpp>
#include <memo/memo.hpp>
#include <memo/testing/conformance.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <memory>

using namespace std::chrono_literals;

namespace {

/// An empty backend of a test, timed by its clock: a fixture of memo/testing/conformance.hpp.
template <class Backend> struct fresh;

template <> struct fresh<memo::memory> {
    static constexpr bool counts_entries = true;
    memo_test::fake_clock clock;
    memo::memory backend{{.clock = clock}};
};

template <> struct fresh<memo::disk> {
    static constexpr bool counts_entries = true;
    memo_test::temp_dir directory;
    memo_test::fake_clock clock;
    memo::disk backend{{.directory = directory.path(), .clock = clock.on_the_wall()}};
};

template <class Connection> struct fresh<memo::detail::basic_memcached<Connection>> {
    static constexpr bool counts_entries = false; // a server does not tell whose its items are
    memo_test::fake_clock clock;
    memo::detail::basic_memcached<Connection> backend{[this] {
        auto chosen = memo_test::fresh_memcached_settings();
        chosen.clock = memo_test::time_of_day(clock);
        return chosen;
    }()};
};

template <class Far> struct fresh<memo::tiered<memo::memory, Far>> {
    static constexpr bool counts_entries = fresh<Far>::counts_entries;
    fresh<Far> far;
    memo_test::fake_clock clock = far.clock;
    memo::tiered<memo::memory, Far> backend{memo::memory({.clock = clock}), far.backend};
};

template <class Store> struct fresh<memo::byte_backend<Store>> {
    static constexpr bool counts_entries = false; // nor does a store of bytes
    static constexpr bool merges = memo::exchanging_byte_store<Store>;
    memo_test::fake_clock clock;
    memo::byte_backend<Store> backend{std::make_shared<Store>(),
                                      {.max_update_time = 1min, .clock = clock.on_the_wall()}};
};

bool const registered =
    memo::testing::register_backend<fresh<memo::memory>>("memory") &&
    memo::testing::register_backend<fresh<memo::disk>>("disk") &&
    memo::testing::register_backend<fresh<memo::memcached>>("memcached") &&
    memo::testing::register_backend<fresh<memo::libmemcached>>("libmemcached") &&
    memo::testing::register_backend<fresh<memo::tiered<memo::memory, memo::memory>>>(
        "memory over memory") &&
    memo::testing::register_backend<fresh<memo::tiered<memo::memory, memo::memcached>>>(
        "memory over memcached") &&
    memo::testing::register_backend<fresh<memo::byte_backend<memo_test::map_store>>>(
        "three functions") &&
    memo::testing::register_backend<fresh<memo::byte_backend<memo_test::full_map_store>>>(
        "a byte store with all functions");

} // namespace

TEST_CASE("a near copy does not outlive the record on disk") {
    fresh<memo::tiered<memo::memory, memo::disk>> const made;
    made.far.backend.partition<int>(memo::testing::scope)
        .put(memo::testing::key_of(1), 1, {.cost = 0ns, .ttl = 5s});
    auto const partition = made.backend.partition<int>(memo::testing::scope);
    made.clock.advance(4s);
    CHECK(partition.get(memo::testing::key_of(1)).has_value());
    auto const near = made.backend.near().partition<int>(memo::testing::scope);
    REQUIRE(near.get(memo::testing::key_of(1)).has_value());
    CHECK(near.get(memo::testing::key_of(1))->remaining_ttl == 1s);
    made.clock.advance(1s);
    CHECK_FALSE(partition.get(memo::testing::key_of(1)).has_value());
}
