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

/// Counts how often it is freed.
struct object : retirable {
    object() : retirable{[](retirable* self) { ++static_cast<object*>(self)->freed; }} {}
    std::atomic<int> freed{0};
    void retire(std::size_t bytes = 1) { process_wide<reclaimer>().retire(*this, bytes); }
};

struct reader {
    memo::detail::read_section section;
};

} // namespace

TEST_CASE("reclaim() frees a retired object that nobody reads") {
    object retired;
    retired.retire();
    CHECK(retired.freed == 0);
    process_wide<reclaimer>().reclaim();
    CHECK(retired.freed == 1);
    process_wide<reclaimer>().reclaim();
    CHECK(retired.freed == 1);
}

TEST_CASE("an object that is retired during a read section is freed after it") {
    object retired;
    {
        reader const reading;
        retired.retire();
        process_wide<reclaimer>().reclaim();
        process_wide<reclaimer>().reclaim();
        CHECK(retired.freed == 0);
    }
    process_wide<reclaimer>().reclaim();
    CHECK(retired.freed == 1);
}

TEST_CASE("the end of an inner read section does not end the outer one") {
    object retired;
    {
        reader const outer;
        { reader const inner; }
        retired.retire();
        process_wide<reclaimer>().reclaim();
        CHECK(retired.freed == 0);
        { reader const inner; }
        process_wide<reclaimer>().reclaim();
        CHECK(retired.freed == 0);
    }
    process_wide<reclaimer>().reclaim();
    CHECK(retired.freed == 1);
}

TEST_CASE("only read sections that began before the retirement delay the freeing") {
    object retired;
    std::latch reads(1);
    std::latch may_end(1);
    std::thread reading_thread([&] {
        reader const reading;
        reads.count_down();
        may_end.wait();
    });
    reads.wait();
    retired.retire();
    process_wide<reclaimer>().reclaim();
    CHECK(retired.freed == 0);
    may_end.count_down();
    reading_thread.join();
    reader const later; // began after the object was retired and the epoch incremented
    process_wide<reclaimer>().reclaim();
    CHECK(retired.freed == 1);
}

TEST_CASE("overlapping read sections delay the freeing only until the older ones end") {
    constexpr std::size_t threads = 20;
    std::array<object, threads> retired;
    std::barrier step(static_cast<std::ptrdiff_t>(threads));
    // In each turn one thread begins a section, then the previous thread ends its own.
    memo_test::together(threads, [&](std::size_t i) {
        std::optional<reader> reading;
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

TEST_CASE("reclaim_if_due() frees only after enough was retired") {
    object small;
    small.retire();
    process_wide<reclaimer>().reclaim_if_due();
    CHECK(small.freed == 0);
    object large;
    large.retire(std::size_t{1} << 20);
    process_wide<reclaimer>().reclaim_if_due();
    CHECK(small.freed == 1);
    CHECK(large.freed == 1);
}

TEST_CASE("a destructor may retire and reclaim") {
    struct chain : retirable {
        chain() : retirable{destroy_chain} {}
        static void destroy_chain(retirable* self) {
            auto* const here = static_cast<chain*>(self);
            here->freed = true;
            here->last.retire();
            process_wide<reclaimer>().reclaim();
        }
        object last;
        bool freed = false;
    } first;
    process_wide<reclaimer>().retire(first, 1);
    process_wide<reclaimer>().reclaim();
    CHECK(first.freed);
    CHECK(first.last.freed == 1);
}

TEST_CASE("read sections of any number of threads delay the freeing") {
    constexpr std::size_t threads = 140;
    std::array<object, threads> retired;
    std::atomic<bool> too_early{false};
    std::barrier step(static_cast<std::ptrdiff_t>(threads));
    memo_test::together(threads, [&](std::size_t i) {
        std::optional<reader> reading;
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

TEST_CASE("live threads have distinct slots, and the slot of an ended thread is reused") {
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

TEST_CASE("thread_local destructors may begin read sections") {
    struct late_reader {
        ~late_reader() { reader const reading; }
    };
    object retired;
    std::thread([] {
        static thread_local late_reader const late;
        static_cast<void>(&late);
        reader const reading; // constructed after `late`, destroyed before it
    }).join();
    retired.retire();
    process_wide<reclaimer>().reclaim();
    CHECK(retired.freed == 1);
}
