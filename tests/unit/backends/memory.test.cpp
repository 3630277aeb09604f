// SPDX-License-Identifier: BSL-1.0

#include "support/fake_clock.hpp"
#include "support/keys.hpp"
#include <memo/backends/memory.hpp>
#include <memo/detail/key/unfinalized_key.hpp>
#include <memo/index_set.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

using memo_test::key_of;
using namespace std::chrono_literals;

namespace ours {

struct image {
    int width = 0;
};
std::size_t memo_footprint(image const& of) {
    return static_cast<std::size_t>(of.width) * 100;
}

struct endless {
    std::size_t bytes = 0;
};
std::size_t memo_footprint(endless const& of) {
    return of.bytes;
}

/// Like JSON types: an array is a range of its elements, a number a range of itself.
struct document {
    double number = 0;
    std::vector<document> elements;

    [[nodiscard]] document const* begin() const {
        return elements.empty() ? this : elements.data();
    }
    [[nodiscard]] document const* end() const { return begin() + size(); }
    [[nodiscard]] std::size_t size() const { return elements.empty() ? 1 : elements.size(); }
};

} // namespace ours

namespace {

constexpr memo::key128 scope{11, 12};
constexpr memo::key128 other_scope{21, 22};

template <class Record> std::uint64_t bytes_of_one(Record const& record) {
    memo::memory const backend;
    backend.partition<Record>(scope).put(key_of(1), record, {});
    return backend.stats().bytes;
}

} // namespace

TEST_CASE("the store behaves like a map") {
    auto const seed = Catch::rngSeed();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    memo_test::fake_clock const clock;
    memo::memory const backend({.clock = clock});
    auto const partition = backend.partition<std::string>(scope);
    struct entry {
        std::string text;
        std::chrono::steady_clock::time_point until;
    };
    std::unordered_map<std::uint64_t, entry> model;
    for (int step = 0; step < 30'000; ++step) {
        std::uint64_t const number = random() % 700;
        auto const action = random() % 1000;
        auto const found = model.find(number);
        bool const there = found != model.end() && clock() < found->second.until;
        if (action < 450) {
            auto const kept = partition.get(key_of(number));
            REQUIRE(kept.has_value() == there);
            if (there) {
                REQUIRE(kept->record == found->second.text);
            }
        } else if (action < 800) {
            bool const dies = random() % 4 == 0;
            std::string const text(random() % 40, static_cast<char>('a' + step % 26));
            partition.put(key_of(number), text, {.cost = 0ns, .ttl = dies ? 50ns : 0ns});
            model[number] = {text,
                             dies ? clock() + 50ns : std::chrono::steady_clock::time_point::max()};
        } else if (action < 990) {
            // An expired entry stays until a lookup or an eviction erases it.
            bool const dropped = partition.erase(key_of(number));
            if (there) {
                REQUIRE(dropped);
            }
            model.erase(number);
            REQUIRE_FALSE(partition.get(key_of(number)).has_value());
        } else if (action < 998) {
            clock.advance(20ns);
        } else {
            partition.clear();
            model.clear();
            REQUIRE(backend.stats().entries == 0);
            REQUIRE(backend.stats().bytes == 0);
        }
    }
}

TEST_CASE("a bounded store never returns a wrong value and respects its bounds at every step") {
    auto const seed = Catch::rngSeed();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    std::size_t const most = 1 + random() % 60;
    CAPTURE(most);
    memo::memory const backend({.max_entries = most, .max_bytes = 6000});
    auto const partition = backend.partition<std::string>(scope);
    std::unordered_map<std::uint64_t, std::string> model;
    for (int step = 0; step < 20'000; ++step) {
        std::uint64_t const number = random() % 200;
        auto const action = random() % 10;
        if (action < 5) {
            if (auto const kept = partition.get(key_of(number))) {
                REQUIRE(model.count(number) == 1);
                REQUIRE(kept->record == model[number]);
            }
        } else if (action < 9) {
            std::string const text(random() % 300, static_cast<char>('a' + step % 26));
            partition.put(key_of(number), text, {.cost = 1ns * (random() % 5000), .ttl = 0ns});
            model[number] = text;
            REQUIRE(partition.get(key_of(number)).has_value()); // the newest is never the one to go
        } else {
            static_cast<void>(partition.erase(key_of(number)));
            model.erase(number);
        }
        auto const s = backend.stats();
        REQUIRE(s.entries <= most);
        REQUIRE(s.bytes <= 6000);
    }
    CHECK(backend.stats().evictions > 0);
}

TEST_CASE("functions that share a bounded store share its bound") {
    memo::memory const backend({.max_entries = 100});
    auto const one = backend.partition<int>(scope);
    auto const two = backend.partition<std::string>(other_scope);
    for (std::uint64_t number = 0; number < 100; ++number) {
        one.put(key_of(number), 1, {});
    }
    CHECK(one.stats().entries == 100);
    CHECK(backend.stats().evictions == 0);
    for (std::uint64_t number = 0; number < 500; ++number) {
        two.put(key_of(number), "two", {});
        REQUIRE(backend.stats().entries == 100);
    }
    CHECK(one.stats().evictions > 0);
    CHECK(one.stats().entries + two.stats().entries == 100);
    CHECK(backend.stats().evictions == 500);
    two.clear();
    auto const left = one.stats().entries;
    CHECK(backend.stats().entries == left);
    for (std::uint64_t number = 1000; number < 1000 + 100 - left; ++number) {
        one.put(key_of(number), 1, {});
    }
    CHECK(one.stats().entries == 100); // what was cleared is free again
    CHECK(backend.stats().evictions == 500);
}

TEST_CASE("a record that is larger than the bound is refused and evicts nothing") {
    memo::memory const backend({.max_bytes = 2000});
    auto const partition = backend.partition<std::string>(scope);
    CHECK(partition.put(key_of(1), "small", {}));
    CHECK_FALSE(partition.put(key_of(2), std::string(5000, 'x'), {}));
    CHECK_FALSE(partition.get(key_of(2)).has_value());
    CHECK(partition.get(key_of(1)).has_value());
    auto const s = partition.stats();
    CHECK(s.too_large == 1);
    CHECK(s.evictions == 0);
    CHECK(s.entries == 1);
}

TEST_CASE("a plain record expires") {
    memo_test::fake_clock const clock;
    memo::memory const backend({.clock = clock});
    auto const partition = backend.partition<int>(scope);
    partition.put(key_of(1), 1, {.cost = 9ns, .ttl = 10ns});
    partition.put(key_of(2), 2, {});
    clock.advance(9ns);
    CHECK(partition.get(key_of(1))->record == 1);
    CHECK(partition.get(key_of(1))->cost >= 8);
    clock.advance(1ns);
    CHECK_FALSE(partition.get(key_of(1)).has_value());
    CHECK(partition.get(key_of(2)).has_value());
    CHECK(partition.stats().expirations == 1);
    CHECK(partition.stats().entries == 1);
    CHECK_FALSE(partition.get(key_of(1)).has_value());
    CHECK(partition.stats().expirations == 1);
    partition.put(key_of(1), 3, {});
    clock.advance(1h);
    CHECK(partition.get(key_of(1))->record == 3);
}

TEST_CASE("an update under a full bound does not evict its own record") {
    memo::memory const backend({.max_entries = 1});
    auto const partition = backend.partition<std::string>(memo::key128{1, 2});
    auto const grow = [](std::string const* old) { return (old != nullptr ? *old : "") + "+"; };
    CHECK(partition.update(key_of(1), grow, {}) == "+");
    CHECK(partition.update(key_of(1), grow, {}) == "++");
    CHECK(partition.update(key_of(1), grow, {}) == "+++");
    CHECK(partition.update(key_of(2), grow, {}) == "+");
    CHECK(backend.stats().entries == 1);
    CHECK(backend.stats().evictions == 1);
}

TEST_CASE("a cost in one byte is right to 12.5 percent") {
    auto const check = [](std::uint64_t ns) {
        std::uint64_t const told = memo::detail::cost_of(memo::detail::cost_byte(ns));
        std::uint64_t const off = told > ns ? told - ns : ns - told;
        REQUIRE(off <= ns / 8);
    };
    for (std::uint64_t ns = 0; ns < 4096; ++ns) {
        check(ns);
    }
    auto const seed = Catch::rngSeed();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    for (unsigned shift = 1; shift < 64; ++shift) {
        for (int i = 0; i < 100; ++i) {
            check(random() >> shift);
        }
    }
    for (unsigned byte = 1; byte < 248; ++byte) {
        auto const code = static_cast<std::uint8_t>(byte);
        REQUIRE(memo::detail::cost_byte(memo::detail::cost_of(code)) == code);
        REQUIRE(memo::detail::cost_of(code) >
                memo::detail::cost_of(static_cast<std::uint8_t>(byte - 1)));
    }
}

TEST_CASE("keys that are used again survive keys that are used once") {
    constexpr std::uint64_t hot = 2000;
    memo::memory const backend({.max_entries = 2 * hot});
    auto const partition = backend.partition<std::uint64_t>(scope);
    auto const ask_for_all = [&] {
        std::uint64_t found = 0;
        for (std::uint64_t number = 0; number < hot; ++number) {
            if (partition.get(key_of(number))) {
                ++found;
            }
        }
        return found;
    };
    for (std::uint64_t number = 0; number < hot; ++number) {
        partition.put(key_of(number), number, {});
    }
    CHECK(ask_for_all() == hot);
    for (std::uint64_t number = hot; number < 3 * hot;
         ++number) { // fills the store, moves the hot ones on
        partition.put(key_of(number), number, {});
    }
    for (std::uint64_t number = 3 * hot; number < 13 * hot; ++number) { // the scan
        partition.put(key_of(number), number, {});
    }
    CHECK(ask_for_all() >= hot * 95 / 100);
    CHECK(backend.stats().entries == 2 * hot);
}

TEST_CASE("the bytes of a record include its memory outside the object") {
    auto const empty = bytes_of_one(std::string());
    CHECK(bytes_of_one(std::string(1000, 'x')) == empty + 1000);
    auto const no_numbers = bytes_of_one(std::vector<double>());
    CHECK(bytes_of_one(std::vector<double>(100)) == no_numbers + 800);
    auto const no_texts = bytes_of_one(std::vector<std::string>());
    CHECK(bytes_of_one(std::vector<std::string>(3, std::string(50, 'x'))) ==
          no_texts + 3 * (sizeof(std::string) + 50));
    using pair = std::pair<std::string, std::vector<int>>;
    CHECK(bytes_of_one(pair{"abcd", {1, 2}}) == bytes_of_one(pair{}) + 4 + 2 * sizeof(int));
    using pointer = std::shared_ptr<std::string const>;
    CHECK(bytes_of_one(std::make_shared<std::string const>(100, 'x')) ==
          bytes_of_one(pointer()) + sizeof(std::string) + 100);
    CHECK(bytes_of_one(1) < bytes_of_one(std::string()));
}

TEST_CASE("the bytes of a record are those of its parts") {
    std::vector<double> const numbers(100);
    using maybe = std::optional<std::vector<double>>;
    CHECK(bytes_of_one(maybe(numbers)) == bytes_of_one(maybe()) + 800);
    using either = std::variant<int, std::vector<double>>;
    CHECK(bytes_of_one(either(numbers)) == bytes_of_one(either(1)) + 800);
    using all = std::tuple<int, maybe, std::string>;
    CHECK(bytes_of_one(all(1, numbers, "abcd")) == bytes_of_one(all()) + 804);
    CHECK(bytes_of_one(std::vector<maybe>(2, numbers)) ==
          bytes_of_one(std::vector<maybe>(2)) + 1600);
}

TEST_CASE("the bytes of an index_set are those of its bits") {
    using memo::index_set;
    CHECK(bytes_of_one(index_set::first(6400)) == bytes_of_one(index_set()) + 800);
    CHECK(bytes_of_one(index_set{6399}) == bytes_of_one(index_set()) + 800);
}

TEST_CASE("a value that is a range of itself has the bytes of its contents") {
    using ours::document;
    CHECK(memo::detail::footprint(document{1, {}}) == 0);
    document const pair{0, {document{1, {}}, document{2, {}}}};
    CHECK(memo::detail::footprint(pair) == 2 * sizeof(document));
    CHECK(memo::detail::footprint(document{0, {pair, pair, pair}}) == 9 * sizeof(document));
    using pointer = std::shared_ptr<document const>;
    CHECK(bytes_of_one(std::make_shared<document const>(pair)) ==
          bytes_of_one(pointer()) + 3 * sizeof(document));
}

TEST_CASE("a type may define its own footprint") {
    CHECK(memo::detail::footprint(ours::image{7}) == 700);
    CHECK(memo::detail::footprint(std::pair(ours::image{1}, ours::image{2})) == 300);
    CHECK(bytes_of_one(std::pair(ours::image{3}, std::string())) ==
          bytes_of_one(std::pair(ours::image{}, std::string())) + 300);
    memo::memory const backend({.max_bytes = 1000});
    auto const partition = backend.partition<std::pair<ours::image, std::string>>(scope);
    partition.put(key_of(1), {ours::image{20}, {}}, {});
    CHECK(partition.stats().too_large == 1);
}

TEST_CASE("memo_footprint() sets the bytes of a type in the store") {
    CHECK(bytes_of_one(ours::image{7}) == bytes_of_one(ours::image{}) + 700);
}

TEST_CASE("a footprint near the largest number of bytes does not wrap") {
    using ours::endless;
    static constexpr auto most = std::numeric_limits<std::size_t>::max();
    auto const of = GENERATE(as<std::size_t>(), most, most - 1, most - 40, most / 2 + 1, most / 4);
    CHECK(memo::detail::footprint(endless{of}) == of);
    if (of > most / 2) {
        std::pair const one(endless{of}, std::string());
        CHECK(memo::detail::footprint(std::vector{one, one}) == most);
        CHECK(memo::detail::footprint(std::pair(endless{of}, endless{of})) == most);
        CHECK(memo::detail::footprint(std::tuple(endless{of}, endless{of})) == most);
        CHECK(memo::detail::footprint(std::make_shared<endless>(endless{most})) == most);
    }
    memo::memory const backend({.max_bytes = 100'000});
    auto const partition = backend.partition<endless>(scope);
    CHECK(partition.put(key_of(1), endless{8}, {}));
    CHECK_FALSE(partition.put(key_of(2), endless{of}, {}));
    CHECK_FALSE(partition.put(key_of(1), endless{of}, {}));
    CHECK(partition.stats().too_large == 2);
    CHECK(partition.stats().bytes < 100'000);

    memo::memory const unbounded;
    auto const all = unbounded.partition<endless>(scope);
    for (std::uint64_t i = 1; i <= 3; ++i) {
        CHECK(all.put(key_of(i), endless{of}, {}));
    }
    CHECK(all.stats().bytes > std::size_t{3} << 55U);
    all.clear();
    CHECK(all.stats().bytes == 0);
}

TEST_CASE("the largest bound is never reached") {
    memo::memory const backend({.max_bytes = std::numeric_limits<std::size_t>::max()});
    auto const partition = backend.partition<ours::endless>(scope);
    for (std::uint64_t i = 0; i < 40; ++i) {
        CHECK(partition.put(key_of(i), ours::endless{std::numeric_limits<std::size_t>::max()}, {}));
    }
    CHECK(partition.stats().entries == 40);
    CHECK(partition.stats().evictions == 0);
}

TEST_CASE("keys of one bucket are distinguished, and 0 is a key") {
    memo::memory const backend;
    auto const partition = backend.partition<int>(scope);
    auto const of_one_bucket = [](std::uint64_t number) {
        return memo::key128(memo::detail::unfinalized_key(number << 32, 5));
    };
    for (std::uint64_t i = 0; i < 40; ++i) {
        partition.put(of_one_bucket(i), static_cast<int>(i), {});
    }
    partition.put(memo::key128{0, 6}, 100, {});
    for (std::uint64_t i = 0; i < 40; ++i) {
        REQUIRE(partition.get(of_one_bucket(i))->record == static_cast<int>(i));
    }
    CHECK(partition.get(memo::key128{0, 6})->record == 100);
    for (std::uint64_t i = 0; i < 40; i += 2) {
        REQUIRE(partition.erase(of_one_bucket(i)));
    }
    for (std::uint64_t i = 0; i < 40; ++i) {
        REQUIRE(partition.get(of_one_bucket(i)).has_value() == (i % 2 == 1));
    }
}
