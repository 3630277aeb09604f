// SPDX-License-Identifier: BSL-1.0

#include "support/crew.hpp"
#include "support/keys.hpp"
#include <memo/backends/memory.hpp>
#include <memo/detail/key/unfinalized_key.hpp>
#include <memo/detail/memory/reclaim.hpp>
#include <memo/detail/system/process.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

using memo_test::key_of;
using memo_test::together;

namespace {

constexpr std::size_t workers = 4;

// A record whose every part has the number of its key.
template <class Record> Record made_for(std::uint64_t number);
template <> std::uint64_t made_for(std::uint64_t number) {
    return number * 0x9e3779b97f4a7c15 + 1;
}
template <> std::string made_for(std::uint64_t number) {
    std::string const part = std::to_string(number) + ';';
    std::string text;
    for (std::uint64_t i = 0; i <= number % 7; ++i) {
        text += part;
    }
    return text;
}
template <> std::vector<std::uint64_t> made_for(std::uint64_t number) {
    std::vector<std::uint64_t> values(number % 19, number); // braces would make a list of two
    return values;
}

/// A value that lies in the word, or with a ttl in a block.
memo::put_options about(std::uint64_t draw) {
    return {std::chrono::nanoseconds(draw % 1000),
            draw % 3 == 0 ? std::chrono::hours(1) : std::chrono::nanoseconds(0)};
}

} // namespace

TEMPLATE_TEST_CASE("concurrent operations on few slots return only values of their own key", "",
                   std::uint64_t, std::string, std::vector<std::uint64_t>) {
    auto const seed = Catch::rngSeed();
    INFO("seed " << seed);
    constexpr std::size_t most = 48;
    constexpr int rounds = 12;
    memo::memory const backend({.max_entries = most});
    auto const partition = backend.partition<TestType>(memo::key128{1, 1});
    std::atomic<bool> wrong{false};
    std::atomic<bool> over{false};
    std::atomic<std::uint64_t> found{0};
    // Entries are summed shard by shard, so the bound is checked while no thread changes them.
    std::barrier round_is_over(static_cast<std::ptrdiff_t>(workers), [&]() noexcept {
        if (backend.stats().entries > most) {
            over = true;
        }
    });
    together(workers, [&](std::size_t worker) {
        std::mt19937_64 random(seed + worker);
        std::uint64_t mine = 0;
        for (int round = 0; round < rounds; ++round) {
            for (int i = 0; i < 1500; ++i) {
                std::uint64_t const draw = random();
                std::uint64_t const number = draw % 160;
                auto const action = (draw >> 32) % 100;
                if (action < 55) {
                    if (auto const kept = partition.get(key_of(number))) {
                        ++mine;
                        if (kept->record != made_for<TestType>(number)) {
                            wrong = true;
                        }
                    }
                } else if (action < 90) {
                    partition.put(key_of(number), made_for<TestType>(number), about(draw >> 40));
                } else if (action < 99 || i % 10 != 0) {
                    static_cast<void>(partition.erase(key_of(number)));
                } else {
                    partition.clear();
                }
            }
            round_is_over.arrive_and_wait();
        }
        found += mine;
    });
    CHECK_FALSE(wrong);
    CHECK_FALSE(over);
    CHECK(found > 0);
    CHECK(backend.stats().evictions > 0);
    partition.clear();
    CHECK(backend.stats().entries == 0);
    CHECK(backend.stats().bytes == 0);
}

TEST_CASE("readers of a bucket that is written all the time see no mixture of two entries") {
    memo::memory const backend({.max_entries = 2});
    auto const partition = backend.partition<std::uint64_t>(memo::key128{1, 1});
    constexpr std::uint64_t keys = 4;
    auto const of_one_line = [](std::uint64_t number) {
        return memo::key128(memo::detail::unfinalized_key(number << 32 | 1, number));
    };
    std::atomic<bool> wrong{false};
    std::atomic<bool> over{false};
    together(2, [&](std::size_t worker) {
        if (worker == 0) {
            for (std::uint64_t i = 0; i < 60'000; ++i) {
                partition.put(of_one_line(i % keys), made_for<std::uint64_t>(i % keys), {});
            }
            over = true;
            return;
        }
        for (std::uint64_t i = 0; !over; ++i) {
            auto const kept = partition.get(of_one_line(i % keys));
            if (kept && kept->record != made_for<std::uint64_t>(i % keys)) {
                wrong = true;
            }
        }
    });
    CHECK_FALSE(wrong);
}

TEST_CASE("a bound in bytes holds whenever the threads rest") {
    constexpr std::size_t most = 4096;
    memo::memory const backend({.max_bytes = most});
    auto const one = backend.partition<std::string>(memo::key128{1, 1});
    auto const two = backend.partition<std::uint64_t>(memo::key128{2, 2});
    std::atomic<std::uint64_t> highest{0};
    std::barrier round_is_over(static_cast<std::ptrdiff_t>(workers), [&]() noexcept {
        highest = std::max<std::uint64_t>(highest, backend.stats().bytes);
    });
    together(workers, [&](std::size_t worker) {
        for (std::uint64_t i = 0; i < 4000; ++i) {
            std::uint64_t const number = i * workers + worker;
            one.put(key_of(number), made_for<std::string>(number), {});
            two.put(key_of(number), number, {});
            if (i % 200 == 0) {
                round_is_over.arrive_and_wait();
            }
        }
    });
    CHECK(highest <= most);
    CHECK(highest > most / 2);
    CHECK(backend.stats().bytes <= most);
}

TEST_CASE("readers find every entry while the table grows") {
    memo::memory const backend;
    auto const partition = backend.partition<std::uint64_t>(memo::key128{1, 1});
    constexpr std::uint64_t resident = 500;
    constexpr std::uint64_t added = 20'000;
    for (std::uint64_t number = 0; number < resident; ++number) {
        partition.put(key_of(number), made_for<std::uint64_t>(number), {});
    }
    std::atomic<std::size_t> writers{2};
    std::atomic<bool> lost{false};
    together(workers, [&](std::size_t worker) {
        if (worker < 2) {
            for (std::uint64_t i = worker; i < added; i += 2) {
                partition.put(key_of(resident + i), made_for<std::uint64_t>(resident + i), {});
            }
            --writers;
            return;
        }
        do {
            for (std::uint64_t number = 0; number < resident; ++number) {
                auto const kept = partition.get(key_of(number));
                if (!kept || kept->record != made_for<std::uint64_t>(number)) {
                    lost = true;
                }
            }
        } while (writers != 0);
    });
    CHECK_FALSE(lost);
    CHECK(backend.stats().entries == resident + added);
}

TEST_CASE("every record is freed after the backend ends and nobody reads") {
    struct tracked {
        explicit tracked(std::shared_ptr<int> token) : alive(std::move(token)) {}
        std::shared_ptr<int> alive;
    };
    auto const token = std::make_shared<int>(0);
    {
        memo::memory const backend({.max_entries = 100});
        auto const partition = backend.partition<tracked>(memo::key128{1, 1});
        together(workers, [&](std::size_t worker) {
            for (std::uint64_t i = 0; i < 2000; ++i) {
                partition.put(key_of(i % 300), tracked(token), {});
                static_cast<void>(partition.get(key_of((i + worker) % 300)));
            }
        });
        CHECK(token.use_count() > 1);
    }
    memo::detail::process_wide<memo::detail::reclaimer>().reclaim();
    CHECK(token.use_count() == 1);
}

TEST_CASE("functions can be added to a shared backend while others use it") {
    memo::memory const backend({.max_entries = 64});
    std::atomic<bool> wrong{false};
    together(workers, [&](std::size_t worker) {
        for (std::uint64_t scope = 0; scope < 40; ++scope) {
            auto const partition = backend.partition<std::string>(memo::key128{scope, scope});
            for (std::uint64_t i = 0; i < 50; ++i) {
                std::uint64_t const number = (i + worker) % 50;
                partition.put(key_of(number), made_for<std::string>(number), {});
                auto const kept = partition.get(key_of(number));
                if (kept && kept->record != made_for<std::string>(number)) {
                    wrong = true;
                }
            }
        }
    });
    CHECK_FALSE(wrong);
    CHECK(backend.stats().entries <= 64);
}

TEST_CASE("the sums are right after wrappers come and go while others evict") {
    constexpr std::uint64_t functions = 12;
    memo::memory const backend({.max_bytes = 120'000});
    std::atomic<bool> wrong{false};
    together(workers, [&](std::size_t worker) {
        for (std::uint64_t round = 0; round < 400; ++round) {
            std::uint64_t const scope = (round * (worker + 1)) % functions;
            auto const partition = backend.partition<std::string>(memo::key128{scope, scope});
            for (std::uint64_t number = 0; number < 10; ++number) {
                partition.put(key_of(number), made_for<std::string>(number), {});
                auto const kept = partition.get(key_of(number));
                if (kept && kept->record != made_for<std::string>(number)) {
                    wrong = true;
                }
            }
            if (round % 7 == 0) {
                partition.clear();
            }
        }
    });
    CHECK_FALSE(wrong);
    for (std::uint64_t scope = 0; scope < functions; ++scope) {
        auto const partition = backend.partition<std::string>(memo::key128{scope, scope});
        std::uint64_t there = 0;
        for (std::uint64_t number = 0; number < 10; ++number) {
            there += partition.get(key_of(number)).has_value() ? 1U : 0U;
        }
        CHECK(partition.stats().entries == there);
        partition.clear();
        CHECK(partition.stats().bytes == 0);
    }
    CHECK(backend.stats().entries == 0);
    CHECK(backend.stats().bytes == 0);
    CHECK(backend.partition<std::string>(memo::key128{}).put(key_of(0), "fits", {}));
}
