// SPDX-License-Identifier: BSL-1.0

// Puts of threads that wait for one writer, which are committed together.

#include "support/crew.hpp"
#include "support/keys.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include <memo/backend.hpp>
#include <memo/backends/disk_settings.hpp>
#include <memo/detail/lmdb/disk_partition.hpp>
#include <memo/detail/lmdb/disk_store.hpp>
#include <memo/detail/lmdb/entry.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/lmdb/put_queue.hpp>
#include <memo/detail/lmdb/write_transaction.hpp>
#include <memo/error.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace detail = memo::detail;
using memo_test::key_of;
using namespace std::chrono_literals;

namespace {

constexpr memo::key128 scope{1, 2};

std::string value_of(std::uint64_t number) {
    return std::string(100, static_cast<char>('a' + number % 26)) + std::to_string(number);
}

/// A store whose writer waits until puts wait for it.
class store_fixture {
  public:
    explicit store_fixture(memo::disk_settings settings = {}) {
        settings.directory = directory_.path();
        store_ = std::make_shared<detail::disk_store>(std::move(settings));
    }

    [[nodiscard]] detail::disk_store& store() const { return *store_; }
    [[nodiscard]] detail::disk_partition<std::string> values() const { return {store_, scope}; }

    void put(std::uint64_t number) const { values().put(key_of(number), value_of(number), {}); }
    [[nodiscard]] bool has(std::uint64_t number) const {
        auto const found = values().get(key_of(number));
        return found && found->record == value_of(number);
    }

    /// Runs put(i) in a thread each. Another thread writes until all of them wait, and then runs
    /// before_end().
    void put_while_held(
        std::size_t count, std::function<void(std::size_t)> const& put,
        std::function<void()> const& before_end = [] {}) const {
        std::atomic<bool> is_held{false};
        memo_test::together(count + 1, [&](std::size_t i) {
            if (i < count) {
                memo_test::until([&] { return is_held.load(); });
                put(i);
                return;
            }
            store_->write([&](detail::write_transaction const&) {
                is_held = true;
                memo_test::until([&] { return store_->current().puts().size() == count; });
                before_end();
                return true;
            });
        });
    }

  private:
    memo_test::temp_dir directory_;
    std::shared_ptr<detail::disk_store> store_;
};

} // namespace

TEST_CASE("one thread commits the puts of all that wait") {
    store_fixture const disk;
    std::vector<std::thread::id> writers(4);
    std::vector<detail::write_transaction const*> writes(4);
    detail::disk_function& function = disk.store().open(scope);
    disk.put_while_held(4, [&](std::size_t i) {
        auto const frame = std::vector<std::byte>(10, std::byte{1});
        auto const insert = [&](detail::write_transaction const& write) {
            writers[i] = std::this_thread::get_id();
            writes[i] = &write;
            return disk.store().insert_frame(write, function, key_of(i), frame, {});
        };
        CHECK(disk.store().put(insert, function));
    });
    for (std::size_t i = 1; i < 4; ++i) {
        CHECK(writers[i] == writers[0]);
        CHECK(writes[i] == writes[0]);
    }
    CHECK(disk.store().current().puts().size() == 0);
}

TEST_CASE("every put of threads that put at once is stored") {
    store_fixture const disk;
    constexpr std::size_t threads = 8;
    constexpr std::uint64_t puts = 200;
    std::atomic<int> missing{0};
    memo_test::together(threads, [&](std::size_t thread) {
        for (std::uint64_t i = 0; i < puts; ++i) {
            disk.put(i * threads + thread);
            missing += disk.has(i * threads + thread) ? 0 : 1; // as soon as the put returned
        }
    });
    CHECK(missing == 0);
    CHECK(disk.values().stats().entries == threads * puts);
}

TEST_CASE("a put that fails in a common transaction fails alone") {
    store_fixture const disk;
    std::vector<std::string> outcomes(6);
    disk.put_while_held(6, [&](std::size_t i) {
        auto const valid = [i] {
            if (i == 2) {
                throw std::runtime_error("of put 2");
            }
            return i != 3;
        };
        try {
            bool const is_stored =
                disk.values().put(key_of(i), value_of(i), {0ns, 0ns, memo::validity(valid)});
            outcomes[i] = is_stored ? "stored" : "refused";
        } catch (std::runtime_error const& failure) {
            outcomes[i] = failure.what();
        }
    });
    CHECK(outcomes ==
          std::vector<std::string>{"stored", "stored", "of put 2", "refused", "stored", "stored"});
    for (std::size_t i = 0; i < 6; ++i) {
        CHECK(disk.has(i) == (i != 2 && i != 3));
    }
}

TEST_CASE("a put that LMDB refuses does not fail the puts in its transaction") {
    store_fixture const disk;
    detail::disk_function& function = disk.store().open(scope);
    std::atomic<int> failures{0};
    disk.put_while_held(4, [&](std::size_t i) {
        if (i != 1) {
            disk.put(i);
            return;
        }
        auto const insert = [](detail::write_transaction const& write) {
            write.insert({}, std::vector<std::byte>(10)); // LMDB has no empty keys
            return true;
        };
        try {
            disk.store().put(insert, function);
        } catch (detail::disk_error const&) {
            ++failures;
        }
    });
    CHECK(failures == 1);
    CHECK((disk.has(0) && disk.has(2) && disk.has(3)));
}

TEST_CASE("a name whose common transaction failed is stored with a later put") {
    store_fixture const disk;
    disk.store().describe(scope, "named", "1");
    std::atomic<int> failures{0};
    disk.put_while_held(2, [&](std::size_t i) {
        auto const valid = [i] {
            if (i == 1) {
                throw std::runtime_error("of put 1");
            }
            return true;
        };
        try {
            disk.values().put(key_of(i), value_of(i), {0ns, 0ns, memo::validity(valid)});
        } catch (std::runtime_error const&) {
            ++failures;
        }
    });
    CHECK(failures == 1);
    CHECK(disk.store().write([](detail::write_transaction const& write) {
        return write.find(detail::name_place_of(scope)).has_value();
    }));
}

TEST_CASE("a put that waited in vain is not stored later") {
    store_fixture const disk({.max_wait = 100ms});
    std::atomic<int> timeouts{0};
    std::atomic<bool> has_ended{false};
    disk.put_while_held(
        1,
        [&](std::size_t i) {
            try {
                disk.put(i);
            } catch (detail::disk_error const& failure) {
                timeouts += failure.code() == ETIMEDOUT ? 1 : 0;
            }
            has_ended = true;
        },
        [&] { memo_test::until([&] { return has_ended.load(); }); });
    CHECK(timeouts == 1);
    CHECK(disk.values().events().timeouts == 1);
    memo_test::seconds_until([&] { // the breaker lets one put of a second wait
        try {
            disk.put(1);
            return true;
        } catch (detail::disk_error const&) {
            return false;
        }
    });
    CHECK(disk.has(1));
    CHECK_FALSE(disk.has(0));
}

TEST_CASE("a child of a process whose puts wait stores its own and not theirs") {
    store_fixture const disk;
    int child = -1;
    disk.put_while_held(
        4, [&](std::size_t i) { disk.put(i); },
        [&] {
            child = memo_test::in_process([&] {
                ::alarm(20);
                for (std::uint64_t i = 0; i < 4; ++i) {
                    if (disk.has(i)) {
                        return 1;
                    }
                }
                return 0;
            });
        });
    CHECK(child == 0);
    int const other = memo_test::in_process([&] {
        ::alarm(20);
        disk.put(10);
        return disk.has(10) && disk.store().current().puts().size() == 0 ? 0 : 1;
    });
    CHECK(other == 0);
    for (std::uint64_t const i : {0U, 1U, 2U, 3U, 10U}) {
        CHECK(disk.has(i));
    }
    CHECK(disk.values().stats().entries == 5);
}

TEST_CASE("a cancelled thread whose put waits ends after the put") {
    store_fixture const disk;
    struct work {
        store_fixture const* disk;
        std::atomic<bool> is_held;
    };
    work mine{&disk, {}};
    auto const put = [](void* context) -> void* {
        auto& work_of_thread = *static_cast<work*>(context);
        memo_test::until([&] { return work_of_thread.is_held.load(); });
        work_of_thread.disk->put(0);
        ::pthread_testcancel();
        return nullptr;
    };
    pthread_t thread{};
    REQUIRE(::pthread_create(&thread, nullptr, put, &mine) == 0);
    disk.store().write([&](detail::write_transaction const&) {
        mine.is_held = true;
        memo_test::until([&] { return disk.store().current().puts().size() == 1; });
        ::pthread_cancel(thread);
        auto const asleep = std::chrono::steady_clock::now() + 20ms; // longer than it yields
        memo_test::until([&] { return std::chrono::steady_clock::now() > asleep; });
        return true;
    });
    void* result = nullptr;
    ::pthread_join(thread, &result);
    CHECK(result == PTHREAD_CANCELED);
    CHECK(disk.has(0));
}
