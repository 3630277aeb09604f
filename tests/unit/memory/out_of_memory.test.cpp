// SPDX-License-Identifier: BSL-1.0

// A store after failed allocations: the n-th allocation of each operation fails, for n = 1, 2, 3, …
// until the operation succeeds.

#include "support/failing_memory.hpp"
#include "support/keys.hpp"
#include <memo/backends/memory.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

using memo_test::failing_memory;
using memo_test::key_of;
using memo_test::until_it_succeeds;
using namespace std::chrono_literals;

namespace {

constexpr memo::key128 scope{11, 12};
constexpr memo::key128 other_scope{21, 22};

/// Checks on destruction that no more memory is allocated than on construction.
class leak_check {
  public:
    leak_check() : before_(allocations()) {}
    leak_check(leak_check const&) = delete;
    leak_check& operator=(leak_check const&) = delete;
    ~leak_check() { CHECK(allocations() == before_); }

  private:
    static std::size_t allocations() {
        static_cast<void>(memo::detail::this_thread_slot()); // allocated once
        memo::detail::process_wide<memo::detail::reclaimer>().reclaim();
        return memo_test::heap.live;
    }
    std::size_t const before_;
};

/// The texts of one function in a store, and their expected values. All have one length.
class checked_texts {
  public:
    explicit checked_texts(memo::memory const& store, memo::key128 function = scope)
        : texts_(store.partition<std::string>(function)) {}

    /// Stores a text; retries after failures, and returns their number.
    int put(std::uint64_t number, char version = 'a') {
        auto const text = text_of(number, version);
        bool stored = false;
        int const failures = until_it_succeeds(
            [&] { stored = texts_.put(key_of(number), text, put_options_of(number)); },
            [&] { check(); });
        CHECK(stored);
        record_expected(number, text);
        return failures;
    }

    /// Like put(), by an update.
    int update(std::uint64_t number, char version) {
        auto const text = text_of(number, version);
        bool stored = false;
        auto const merge = [&](std::string const* /*old*/) { return std::string(text); };
        int const failures = until_it_succeeds(
            [&] {
                stored = texts_.update(key_of(number), merge, put_options_of(number)).has_value();
            },
            [&] { check(); });
        CHECK(stored);
        record_expected(number, text);
        return failures;
    }

    /// Looks a text up; false if it was evicted.
    bool find(std::uint64_t number) const {
        memo::lookup_result<std::string> found;
        until_it_succeeds([&] { found = texts_.get(key_of(number)); }, [] {});
        CHECK((!found || found->record == texts_by_number_.at(number)));
        return found.has_value();
    }

    void erase(std::uint64_t number) {
        failing_memory const nothing;
        static_cast<void>(texts_.erase(key_of(number)));
    }

    void clear() {
        {
            failing_memory const nothing;
            texts_.clear();
        }
        CHECK(count() == 0);
        check();
    }

    /// Checks that each text has its expected value, and that the statistics match the entries.
    void check() const {
        auto const sums = texts_.stats();
        std::size_t const entries = count();
        CHECK(sums.entries == entries);
        CHECK(sums.bytes == entries * bytes_of_one_);
    }

    [[nodiscard]] std::size_t count() const {
        std::size_t sum = 0;
        bool right = true;
        for (auto const& [number, text] : texts_by_number_) {
            if (auto const found = texts_.get(key_of(number))) {
                right = right && found->record == text;
                ++sum;
            }
        }
        CHECK(right);
        return sum;
    }

  private:
    /// Too long for the small-string optimization.
    static std::string text_of(std::uint64_t number, char version) {
        return std::to_string(10'000 + number) + std::string(60, version);
    }

    static memo::put_options put_options_of(std::uint64_t number) {
        return {.cost = 1us * (1 + number % 7), .ttl = 0ns};
    }

    void record_expected(std::uint64_t number, std::string const& text) {
        if (texts_by_number_.empty()) {
            bytes_of_one_ = texts_.stats().bytes;
        }
        texts_by_number_[number] = text;
        CHECK(find(number));
    }

    memo::memory::partition_type<std::string> texts_;
    std::map<std::uint64_t, std::string> texts_by_number_;
    std::size_t bytes_of_one_ = 0;
};

memo::memory::settings full_after(std::size_t entries) {
    return {.max_entries = entries};
}

} // namespace

TEST_CASE("a failed allocation during growth leaves a store unchanged") {
    auto const bound = GENERATE(0, 5000);
    CAPTURE(bound);
    leak_check const leaks;
    memo::memory const store(full_after(static_cast<std::size_t>(bound)));
    checked_texts texts(store);
    int max_failures = 0;
    for (std::uint64_t number = 0; number < 400; ++number) { // splits segments
        max_failures = std::max(max_failures, texts.put(number));
    }
    CHECK(max_failures > 4); // of a split and of the value
    texts.check();
    CHECK(texts.count() == 400);
}

TEST_CASE("a failed put or update leaves the record unchanged") {
    leak_check const leaks;
    memo::memory const store;
    checked_texts texts(store);
    for (std::uint64_t round = 0; round < 300; ++round) { // several reclamations
        auto const version = static_cast<char>('a' + round % 26);
        CHECK(texts.put(round % 5, version) > 0);
        CHECK(texts.update(round % 3, version) > 0);
        texts.check();
    }
}

TEST_CASE("eviction without memory loses no slot and no count") {
    leak_check const leaks;
    memo::memory const store(full_after(50));
    checked_texts texts(store);
    for (std::uint64_t number = 0; number < 400; ++number) {
        texts.put(number);
        texts.find(number / 2); // some entries get a second chance
        CHECK(store.stats().entries <= 50);
    }
    texts.check();
    CHECK(store.stats().entries == 50);
    CHECK(store.stats().evictions >= 350);
    texts.clear();
    for (std::uint64_t number = 400; number < 450; ++number) {
        texts.put(number);
    }
    CHECK(texts.count() == 50);
}

TEST_CASE("a visited entry is evicted if there is no memory for its second chance") {
    leak_check const leaks;
    memo::memory const store(full_after(50));
    auto const numbers = store.partition<int>(scope);
    for (std::uint64_t number = 0; number < 50; ++number) {
        numbers.put(key_of(number), 1, {});
        CHECK(numbers.get(key_of(number)).has_value());
    }
    {
        failing_memory const nothing;
        CHECK(numbers.put(key_of(50), 1, {}));
    }
    CHECK(numbers.get(key_of(50)).has_value());
    CHECK(store.stats().entries == 50);
}

TEST_CASE("failed allocations of functions that share a store do not exceed its bound") {
    leak_check const leaks;
    memo::memory const store(full_after(40));
    checked_texts one(store);
    checked_texts other(store, other_scope);
    for (std::uint64_t number = 0; number < 200; ++number) {
        one.put(number);
        other.update(number, 'b');
        CHECK(store.stats().entries == one.count() + other.count());
    }
    one.check();
    other.check();
    CHECK(store.stats().entries == 40);
}

TEST_CASE("erasing, clearing and destroying a store allocate nothing") {
    leak_check const leaks;
    std::optional<memo::memory> store(full_after(400));
    std::optional<checked_texts> texts(*store);
    for (std::uint64_t number = 0; number < 200; ++number) {
        texts->put(number);
    }
    for (std::uint64_t number = 0; number < 180; ++number) { // enough to compact the order
        texts->erase(number);
    }
    texts->check();
    CHECK(texts->count() == 20);
    texts->clear();
    for (std::uint64_t number = 0; number < 200; ++number) {
        texts->put(number, 'b');
    }
    texts.reset();
    failing_memory const nothing;
    store.reset();
}

TEST_CASE("failed constructions of a store and its partitions leak nothing") {
    leak_check const leaks;
    int const failures = until_it_succeeds(
        [] {
            memo::memory const store(full_after(10));
            store.partition<std::string>(scope).put(key_of(1), "one", {});
            store.partition<int>(other_scope).put(key_of(1), 1, {});
        },
        [] {});
    CHECK(failures > 4);
}
