// SPDX-License-Identifier: BSL-1.0

// No memory, from the first use on: the n-th allocation of a process that has not used memo yet fails,
// for n = 1, 2, 3, … until none does. malloc itself fails, so that LMDB and the runtime see it, too;
// under the address sanitizer, whose own it is, operator new does.

#include "support/fresh_memcached.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/backends/memcached.hpp>
#include <memo/backends/tiered.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

/// How many allocations are left until one fails; 0: none will. Of all threads of a process that has one
/// or waits for the one that allocates.
std::size_t until_failure = 0;

bool fails() noexcept {
    return until_failure != 0 && --until_failure == 0;
}

} // namespace

#if defined(__SANITIZE_ADDRESS__)
#define MEMO_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEMO_TEST_SANITIZED 1
#endif
#endif

#if defined(MEMO_TEST_SANITIZED)
void* operator new(std::size_t size, std::nothrow_t const& /*none*/) noexcept {
    return fails() ? nullptr : std::malloc(size == 0 ? 1 : size);
}
void* operator new(std::size_t size) {
    if (void* const memory = operator new(size, std::nothrow)) {
        return memory;
    }
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/) noexcept {
    std::free(memory);
}
#else
// glibc's own names of what these replace.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
    return fails() ? (errno = ENOMEM, nullptr) : __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
    return fails() ? (errno = ENOMEM, nullptr) : __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
    return fails() ? (errno = ENOMEM, nullptr) : __libc_realloc(memory, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
    return fails() ? (errno = ENOMEM, nullptr) : __libc_memalign(alignment, size);
}
}
#endif

namespace {

enum verdict : int { none_failed, went_on, threw, wrong };

/// What a process makes of it that its n-th allocation fails within use(), which gives what it is
/// expected to, or throws. The same once more, with memory, must give it.
template <class Use> int with_failure(std::size_t n, Use const& use) {
    return memo_test::in_process([&] {
        ::alarm(30);
        int seen = threw;
        try {
            until_failure = n;
            bool const right = use();
            seen = !right ? wrong : until_failure != 0 ? none_failed : went_on;
        } catch (std::bad_alloc const&) {
        } catch (memo::error const&) {
        }
        until_failure = 0;
        return use() ? seen : wrong;
    });
}

/// Fails each allocation in turn. Returns how many there are.
template <class Use> std::size_t sweep(Use const& use) {
    std::size_t n = 1;
    for (;; ++n) {
        int const seen = with_failure(n, use);
        CAPTURE(n, seen);
        bool const ended_well = seen == none_failed || seen == went_on || seen == threw;
        REQUIRE(ended_well);
        if (seen == none_failed) {
            return n - 1;
        }
    }
}

std::string text_of(int x) {
    return "a text that lies on the heap, number " + std::to_string(x);
}

/// Calls a function twice by a backend that make() makes.
template <class Make> bool called_twice(Make const& make) {
    auto f = memo::memoize(text_of, {.name = "text", .version = "1"}, make());
    return f(7) == text_of(7) && f(7) == text_of(7);
}

} // namespace

TEST_CASE("any allocation of the first calls in memory may fail") {
    auto const kept = GENERATE(0, 100);
    CHECK(sweep([&] {
              return called_twice(
                  [&] { return memo::memory({.max_entries = static_cast<std::size_t>(kept)}); });
          }) > 10);
}

TEST_CASE("any allocation of the first calls of an averaged function may fail") {
    auto const use = [] {
        auto f = memo::memoize<memo::memory, memo::averaged>(
            [](int x, memo::replicate) { return std::vector<double>(20, x); }, {},
            memo::memory({.max_bytes = 1'000'000}));
        return f(7) == std::vector<double>(20, 7) && f(7) == std::vector<double>(20, 7);
    };
    CHECK(sweep(use) > 10);
}

TEST_CASE("any allocation of opening and using a disk store may fail") {
    memo_test::temp_dir const directory;
    bool const is_there = GENERATE(false, true);
    auto const use = [&] {
        auto const path = directory / (is_there ? "there" : std::to_string(::getpid()));
        return called_twice([&] { return memo::disk({.directory = path}); });
    };
    if (is_there) {
        REQUIRE(memo_test::in_process([&] { return use() ? 0 : 1; }) == 0);
    }
    CHECK(sweep(use) > 10);
    CHECK_FALSE(std::filesystem::exists(directory / "there/v1.bad.1")); // it was whole
}

TEST_CASE("a lookup without memory during a put of another thread blocks no close") {
    memo_test::temp_dir const directory;
    auto const look_and_close = [&] {
        ::alarm(30);
        memo::disk const backend({.directory = directory.path()});
        auto const values = backend.partition<std::string>({1, 2});
        std::atomic<bool> stores{false};
        std::atomic<bool> looked{false};
        std::thread storing([&] {
            auto const merge = [&](std::string const*) {
                stores = true;
                while (!looked) {
                    std::this_thread::yield();
                }
                return text_of(7);
            };
            values.update({3, 4}, merge, {});
        });
        while (!stores) {
            std::this_thread::yield();
        }
        int failures = 0;
        for (std::size_t n = 1; n < 10; ++n) {
            auto const tick = memo::detail::coarse_ticks();
            while (memo::detail::coarse_ticks() == tick) { // the files are looked at in each
                std::this_thread::yield();
            }
            try {
                until_failure = n;
                static_cast<void>(values.get({5, 6}));
            } catch (std::bad_alloc const&) {
                ++failures;
            }
            until_failure = 0;
        }
        looked = true;
        storing.join();
        return failures > 0 ? 0 : 1;
    };
    CHECK(memo_test::in_process(look_and_close) == 0);
}

TEST_CASE("any allocation of the first calls over two tiers may fail") {
    memo_test::temp_dir const directory;
    using tiers = memo::tiered<memo::memory, memo::disk>;
    CHECK(sweep([&] {
              auto const path = directory / std::to_string(::getpid());
              return called_twice(
                  [&] { return tiers(memo::memory(), memo::disk({.directory = path})); });
          }) > 10);
}

TEST_CASE("any allocation of the first calls of memcached may fail") {
    auto const settings = memo_test::fresh_memcached_settings();
    CHECK(sweep([&] { return called_twice([&] { return memo::memcached(settings); }); }) > 10);
}

TEST_CASE("any allocation of a thread's first call may fail") {
    memo_test::temp_dir const directory;
    auto const kind = GENERATE(0, 1, 2);
    CAPTURE(kind);
    auto const in_thread = [&](auto const& f, std::size_t n) {
        int seen = threw;
        std::thread([&] {
            try {
                until_failure = n;
                bool const right = f(7) == text_of(7);
                seen = !right ? wrong : until_failure != 0 ? none_failed : went_on;
            } catch (std::bad_alloc const&) {
            } catch (memo::error const&) {
            }
            until_failure = 0;
        }).join();
        return seen;
    };
    auto const with_backend = [&](auto const& backend, std::size_t n) {
        auto const f = memo::memoize(text_of, {.name = "text", .version = "1"}, backend);
        static_cast<void>(f(1));
        return in_thread(f, n);
    };
    std::size_t n = 0;
    int seen = threw;
    while (seen != none_failed) {
        ++n;
        seen = memo_test::in_process([&] {
            ::alarm(30);
            switch (kind) {
            case 0:
                return with_backend(memo::memory(), n);
            case 1:
                return with_backend(memo::memory({.max_entries = 100}), n);
            default:
                return with_backend(memo::disk({.directory = directory / "d"}), n);
            }
        });
        CAPTURE(n, seen);
        bool const ended_well = seen == none_failed || seen == went_on || seen == threw;
        REQUIRE(ended_well);
    }
    CHECK(n > 1);
}
