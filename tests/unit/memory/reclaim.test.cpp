// SPDX-License-Identifier: BSL-1.0

#include "support/crew.hpp"
#include <memo/detail/memory/reclaim.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <latch>
#include <optional>
#include <thread>

using memo::detail::process_wide;
using memo::detail::reclaimer;
using memo::detail::retirable;

namespace {

/// Something that says when it was freed.
struct thing : retirable {
    thing() : retirable{[](retirable* self) { ++static_cast<thing*>(self)->freed; }} {}
    std::atomic<int> freed{0};
    void retire(std::size_t bytes = 1) { process_wide<reclaimer>().retire(*this, bytes); }
};

struct bystander {
    memo::detail::read_section section;
};

} // namespace

TEST_CASE("what nobody reads is freed at once when that is asked for") {
    thing retired;
    retired.retire();
    CHECK(retired.freed == 0);
    process_wide<reclaimer>().reclaim();
    CHECK(retired.freed == 1);
    process_wide<reclaimer>().reclaim();
    CHECK(retired.freed == 1);
}

TEST_CASE("what was retired while a section lives is freed after it") {
    thing retired;
    {
        bystander const reading;
        retired.retire();
        process_wide<reclaimer>().reclaim();
        process_wide<reclaimer>().reclaim();
        CHECK(retired.freed == 0);
    }
    process_wide<reclaimer>().reclaim();
    CHECK(retired.freed == 1);
}

TEST_CASE("an inner section that ends does not end the outer one") {
    thing retired;
    {
        bystander const outer;
        { bystander const inner; }
        retired.retire();
        process_wide<reclaimer>().reclaim();
        CHECK(retired.freed == 0);
        { bystander const inner; }
        process_wide<reclaimer>().reclaim();
        CHECK(retired.freed == 0);
    }
    process_wide<reclaimer>().reclaim();
    CHECK(retired.freed == 1);
}

TEST_CASE("a section of another thread is waited for, one that began later is not") {
    thing retired;
    std::latch reads(1);
    std::latch may_end(1);
    std::thread reader([&] {
        bystander const reading;
        reads.count_down();
        may_end.wait();
    });
    reads.wait();
    retired.retire();
    process_wide<reclaimer>().reclaim();
    CHECK(retired.freed == 0);
    may_end.count_down();
    reader.join();
    bystander const later; // began after the thing was retired and the epoch raised
    process_wide<reclaimer>().reclaim();
    CHECK(retired.freed == 1);
}

TEST_CASE("what is retired while other things wait is freed though sections live at all times") {
    constexpr std::size_t threads = 20;
    std::array<thing, threads> retired;
    std::barrier step(static_cast<std::ptrdiff_t>(threads));
    // In each turn a thread begins to read, then the one before it ends.
    memo_test::together(threads, [&](std::size_t i) {
        std::optional<bystander> reading;
        for (std::size_t turn = 0; turn < threads; ++turn) {
            if (turn == i) {
                reading.emplace();
                retired[i].retire();
                process_wide<reclaimer>().reclaim();
            }
            step.arrive_and_wait();
            if (turn == i + 1) {
                reading.reset();
            }
            step.arrive_and_wait();
        }
    });
    for (std::size_t i = 0; i + 5 < threads; ++i) {
        CHECK(retired[i].freed == 1);
    }
    process_wide<reclaimer>().reclaim();
    CHECK(retired[threads - 1].freed == 1);
}

TEST_CASE("tending frees only once enough waits") {
    thing small;
    small.retire();
    process_wide<reclaimer>().tend();
    CHECK(small.freed == 0);
    thing large;
    large.retire(std::size_t{1} << 20);
    process_wide<reclaimer>().tend();
    CHECK(small.freed == 1);
    CHECK(large.freed == 1);
}

TEST_CASE("a destructor may retire and reclaim again") {
    struct chain : retirable {
        chain() : retirable{destroy_chain} {}
        static void destroy_chain(retirable* self) {
            auto* const here = static_cast<chain*>(self);
            here->freed = true;
            here->last.retire();
            process_wide<reclaimer>().reclaim();
        }
        thing last;
        bool freed = false;
    } first;
    process_wide<reclaimer>().retire(first, 1);
    process_wide<reclaimer>().reclaim();
    CHECK(first.freed);
    CHECK(first.last.freed == 1);
}

TEST_CASE("sections of any number of threads are all waited for") {
    constexpr std::size_t threads = 140;
    std::array<thing, threads> retired;
    std::atomic<bool> too_early{false};
    std::barrier step(static_cast<std::ptrdiff_t>(threads));
    memo_test::together(threads, [&](std::size_t i) {
        std::optional<bystander> reading;
        reading.emplace();
        step.arrive_and_wait();
        retired[i].retire();
        step.arrive_and_wait();
        for (std::size_t turn = 0; turn < threads; ++turn) {
            if (turn == i) {
                process_wide<reclaimer>().reclaim();
                for (auto const& each : retired) {
                    too_early = too_early || each.freed != 0;
                }
                reading.reset();
            }
            step.arrive_and_wait();
        }
    });
    CHECK_FALSE(too_early);
    process_wide<reclaimer>().reclaim();
    for (auto const& each : retired) {
        CHECK(each.freed == 1);
    }
}

TEST_CASE("live threads have lines of their own, and an ended thread's serves the next one") {
    using memo::detail::this_thread_slot;
    auto const number_of_a_thread = [] {
        std::size_t number = 0;
        std::thread([&] { number = this_thread_slot().number; }).join();
        return number;
    };
    std::size_t const mine = this_thread_slot().number;
    std::size_t const first = number_of_a_thread();
    CHECK(first != mine);
    CHECK(number_of_a_thread() == first);
}

TEST_CASE("a destructor of a thread that ends may still read") {
    struct late_reader {
        ~late_reader() { bystander const reading; }
    };
    thing retired;
    std::thread([] {
        static thread_local late_reader const reader;
        static_cast<void>(&reader);
        bystander const reading; // made after the reader, and so gone before it
    }).join();
    retired.retire();
    process_wide<reclaimer>().reclaim();
    CHECK(retired.freed == 1);
}
