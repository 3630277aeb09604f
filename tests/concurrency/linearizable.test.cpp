// SPDX-License-Identifier: BSL-1.0

#include "support/linearizable.hpp"

#include "support/crew.hpp"
#include "support/keys.hpp"
#include <memo/backends/memory.hpp>
#include <memo/detail/key/unfinalized_key.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

using memo_test::action;
using memo_test::key_of;
using memo_test::linearization;
using memo_test::operation;

namespace {

constexpr std::size_t workers = 3;
constexpr std::size_t keys = 5; // of one bucket, which has three slots
constexpr int turns = 8;

/// Keys that begin in one bucket; half of them leave it when the first segment is split.
memo::key128 key_of_bucket(std::size_t number) {
    return memo::detail::unfinalized_key(
        number << 63U | number << 40U | std::uint64_t{77} << 6U | 1, number);
}

// A record is in the table's word or behind it.
template <class Record> Record record_of(std::uint64_t number);
template <> std::uint64_t record_of(std::uint64_t number) {
    return number;
}
template <> std::string record_of(std::uint64_t number) {
    return std::to_string(number);
}

std::uint64_t number_of(std::uint64_t record) {
    return record;
}
std::uint64_t number_of(std::string const& record) {
    return std::stoull(record);
}

using histories = std::array<std::vector<operation>, keys>;

/// Runs a random operation on a key, and returns it with its result.
template <class Record, class Partition>
operation act(Partition const& partition, std::uint64_t draw, std::uint64_t fresh,
              std::atomic<std::uint64_t>& clock, memo::key128 key) {
    operation done{action::get, fresh, {}, clock.fetch_add(1), 0};
    auto const choice = draw % 10;
    if (choice < 5) {
        if (auto const kept = partition.get(key)) {
            done.seen = number_of(kept->record);
        }
    } else if (choice < 7) {
        done.what = action::put;
        partition.put(key, record_of<Record>(fresh), {});
    } else if (choice < 9) {
        done.what = action::update;
        auto const stored = partition.update(
            key,
            [&](Record const* before) {
                return record_of<Record>(memo_test::updated(
                    before != nullptr ? memo_test::state(number_of(*before)) : std::nullopt,
                    fresh));
            },
            {});
        done.seen = number_of(stored.value());
    } else {
        done.what = action::erase;
        done.seen = partition.erase(key) ? 1 : 0;
    }
    done.ended = clock.fetch_add(1);
    return done;
}

} // namespace

TEST_CASE("a history is linearizable if some order explains it") {
    auto const got = [](std::optional<std::uint64_t> seen, std::uint64_t begun,
                        std::uint64_t ended) {
        return operation{action::get, 0, seen, begun, ended};
    };
    operation const put{action::put, 7, {}, 2, 5};
    CHECK(linearization({put, got({}, 1, 3), got(7, 4, 6), got(7, 7, 8)}).exists());
    CHECK(linearization({put, got(7, 3, 4), got(7, 4, 6)}).exists());
    CHECK_FALSE(linearization({put, got(8, 3, 4)}).exists());                // from no_slot
    CHECK_FALSE(linearization({put, got({}, 6, 7)}).exists());               // lost
    CHECK_FALSE(linearization({put, got(7, 0, 1)}).exists());                // from the future
    CHECK_FALSE(linearization({put, got(7, 3, 4), got({}, 6, 7)}).exists()); // there and gone
    operation const first{action::update, 1, 1, 1, 9};
    CHECK(linearization({first, {action::update, 2, 33, 2, 8}}).exists());
    CHECK_FALSE(linearization({first, {action::update, 2, 2, 2, 8}}).exists()); // one was lost
    CHECK(linearization({put, {action::erase, 0, 1, 3, 4}, got({}, 6, 7)}).exists());
    CHECK_FALSE(linearization({put, {action::erase, 0, 0, 6, 7}}).exists());
}

TEMPLATE_TEST_CASE("concurrent operations on a growing table are linearizable for each key", "",
                   std::uint64_t, std::string) {
    auto const seed = Catch::rngSeed();
    INFO("seed " << seed);
    for (std::uint64_t round = 0; round < 1500; ++round) {
        memo::memory const backend;
        auto const partition = backend.partition<TestType>(memo::key128{1, 1});
        // The first segment is split by one of the first records that the threads add.
        constexpr std::uint64_t others = 382;
        for (std::uint64_t number = 0; number < others; ++number) {
            partition.put(key_of(number), record_of<TestType>(number), {});
        }
        std::atomic<std::uint64_t> clock{0};
        std::array<histories, workers> seen;
        memo_test::together(workers, [&](std::size_t worker) {
            std::mt19937_64 random(seed + round * workers + worker);
            for (std::uint64_t turn = 0; turn < turns; ++turn) {
                std::uint64_t const draw = random();
                std::size_t const chosen = draw % keys;
                std::uint64_t const fresh = (worker + 1) * 100 + turn;
                seen[worker][chosen].push_back(
                    act<TestType>(partition, draw >> 32U, fresh, clock, key_of_bucket(chosen)));
                partition.put(key_of(others + fresh), record_of<TestType>(0), {});
            }
        });
        for (std::size_t chosen = 0; chosen < keys; ++chosen) {
            std::vector<operation> history;
            for (auto const& each : seen) {
                history.insert(history.end(), each[chosen].begin(), each[chosen].end());
            }
            if (!linearization(history).exists()) {
                CAPTURE(round, chosen);
                FAIL("no order explains what the threads saw");
            }
        }
    }
}
