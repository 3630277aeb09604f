// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/key/call_key.hpp>
#include <memo/detail/key/parameter_types.hpp>
#include <memo/detail/key/words.hpp>
#include <memo/index_set.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

using memo::key128;
using memo::detail::call_key;
using memo::detail::fixed_words;
using memo::detail::guard_of;
using memo::detail::hash128;
using memo::detail::long_bytes;
using memo::detail::word_stream;

namespace {

using words = std::vector<std::uint64_t>;

// The words with their guard, hashed by one call: the expected digest of every stream.
key128 reference(words stream) {
    stream.push_back(guard_of(stream.data(), stream.size()));
    return hash128(stream.data(), stream.size() * sizeof(std::uint64_t));
}

key128 put_one_by_one(words const& values, words* key_material = nullptr) {
    word_stream stream(key_material);
    for (auto const value : values) {
        stream.put(value);
    }
    return stream.digest();
}

words random_words(std::mt19937_64& random, std::size_t count) {
    words values(count);
    for (auto& value : values) {
        value = random();
    }
    return values;
}

template <std::size_t Count> void check_fixed(std::mt19937_64& random) {
    words const values = random_words(random, Count);
    fixed_words<Count> one_by_one;
    fixed_words<Count> by_bytes;
    for (auto const value : values) {
        one_by_one.put(value);
    }
    by_bytes.put_bytes(values.data(), Count * sizeof(std::uint64_t));
    CAPTURE(Count);
    CHECK(one_by_one.digest() == put_one_by_one(values));
    CHECK(by_bytes.digest() == put_one_by_one(values));
}

// The raw hash, without guard and scope.
template <std::size_t Count> key128 raw(std::array<std::uint64_t, Count> const& values) {
    return hash128(values.data(), sizeof values);
}

template <std::size_t Count> key128 guarded(std::array<std::uint64_t, Count> const& values) {
    return put_one_by_one(words(values.begin(), values.end()));
}

} // namespace

TEST_CASE("a stream of any length is the hash of its words and their guard") {
    auto const seed = Catch::rngSeed();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    for (std::size_t count = 0; count < 1100; ++count) {
        words const values = random_words(random, count);
        words key_material;
        CAPTURE(count);
        CHECK(put_one_by_one(values, &key_material) == reference(values));
        CHECK(key_material == values);
    }
}

TEST_CASE("bytes become the words that they fill, however they are split") {
    auto const seed = Catch::rngSeed();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    words const values = random_words(random, 31); // short of long bytes
    for (std::size_t first = 476; first <= 513; ++first) {
        for (std::size_t const second : std::initializer_list<std::size_t>{0, 1, 2, 16, 30, 31}) {
            words expected = random_words(random, first);
            words key_material;
            word_stream stream(&key_material);
            for (std::uint64_t const word : expected) {
                stream.put(word);
            }
            stream.put_bytes(values.data(), second * sizeof(std::uint64_t));
            expected.insert(expected.end(), values.begin(),
                            values.begin() + static_cast<std::ptrdiff_t>(second));
            CAPTURE(first, second);
            CHECK(stream.position() == first + second);
            CHECK(stream.digest() == reference(expected));
            CHECK(key_material == expected);
        }
    }
}

TEST_CASE("long bytes are in a stream by their digest, and count and key_material in full") {
    std::vector<std::uint8_t> bytes(5000);
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
    for (std::size_t const size : {long_bytes - 1, long_bytes, long_bytes + 1, std::size_t{5000}}) {
        words key_material;
        word_stream stream(&key_material);
        stream.put(7);
        stream.put_bytes(bytes.data(), size);
        words seen(1 + memo::detail::words_for(size));
        seen[0] = 7;
        std::memcpy(&seen[1], bytes.data(), size);
        key128 const digest = hash128(bytes.data(), size);
        CAPTURE(size);
        CHECK(stream.position() == seen.size());
        CHECK(stream.digest() ==
              reference(size < long_bytes ? seen : words{7, digest.low, digest.high}));
        CHECK(key_material == seen);
    }
}

TEST_CASE("any sequence of words and bytes has one digest") {
    auto const seed = Catch::rngSeed();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    words const source = random_words(random, 2000);
    auto const* bytes = reinterpret_cast<std::byte const*>(source.data());
    for (int round = 0; round < 2000; ++round) {
        words hashed;
        words seen;
        words key_material;
        word_stream stream(&key_material);
        for (auto pieces = random() % 24; pieces > 0; --pieces) {
            words put;
            if (random() % 2 == 0) {
                put = random_words(random, random() % 80);
                for (auto const word : put) {
                    stream.put(word);
                }
            } else {
                // Long bytes are rare, so that the short ones meet the border at every offset.
                std::size_t const size = random() % (random() % 4 == 0 ? 12000 : long_bytes + 50);
                std::size_t const from = random() % 4000; // unaligned on purpose
                stream.put_bytes(bytes + from, size);
                put.resize(memo::detail::words_for(size));
                if (size != 0) {
                    std::memcpy(put.data(), bytes + from, size);
                }
                if (size >= long_bytes) {
                    key128 const digest = hash128(bytes + from, size);
                    seen.insert(seen.end(), put.begin(), put.end());
                    hashed.insert(hashed.end(), {digest.low, digest.high});
                    continue;
                }
            }
            seen.insert(seen.end(), put.begin(), put.end());
            hashed.insert(hashed.end(), put.begin(), put.end());
        }
        CAPTURE(round, seen.size());
        CHECK(stream.position() == seen.size());
        CHECK(stream.digest() == reference(hashed));
        CHECK(key_material == seen);
    }
}

TEST_CASE("the last word of bytes is padded with zeros") {
    for (std::size_t size = 0; size <= 17; ++size) {
        std::array<std::uint8_t, 17> bytes{};
        bytes.fill(0xff);
        words key_material;
        word_stream stream(&key_material);
        stream.put_bytes(bytes.data(), size);
        static_cast<void>(stream.digest());
        words expected(memo::detail::words_for(size));
        if (size != 0) {
            std::memcpy(expected.data(), bytes.data(), size);
        }
        CAPTURE(size);
        CHECK(key_material == expected);
    }
}

TEST_CASE("no bytes at no address are no words") {
    word_stream stream;
    stream.put_bytes(nullptr, 0);
    CHECK(stream.position() == 0);
    CHECK(stream.digest() == reference({}));
    fixed_words<0> fixed;
    fixed.put_bytes(nullptr, 0);
    CHECK(fixed.digest() == reference({}));
}

TEST_CASE("a stream of fixed length has the digest of a gathered one") {
    auto const seed = Catch::rngSeed();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    check_fixed<1>(random);
    check_fixed<2>(random);
    check_fixed<3>(random);
    check_fixed<5>(random);
    check_fixed<16>(random);
    check_fixed<28>(random);
    check_fixed<29>(random);
}

TEST_CASE("a fixed stream pads bytes as a gathered one does") {
    std::array<std::uint8_t, 11> const bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    fixed_words<3> fixed;
    fixed.put(7);
    fixed.put_bytes(bytes.data(), bytes.size());
    word_stream gathered;
    gathered.put(7);
    gathered.put_bytes(bytes.data(), bytes.size());
    CHECK(fixed.digest() == gathered.digest());
}

TEST_CASE("the key of few arguments does not depend on how it is gathered") {
    auto const seed = Catch::rngSeed();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    for (int round = 0; round < 1000; ++round) {
        key128 const scope{random(), random()};
        auto const a = static_cast<int>(random());
        auto const b = static_cast<double>(random());
        std::array<std::int16_t, 5> c{};
        for (auto& element : c) {
            element = static_cast<std::int16_t>(random());
        }
        CHECK(call_key(scope, a, b, c) == memo::detail::gathered_key(scope, nullptr, a, b, c));
    }
}

TEST_CASE("the key of counts and bytes does not depend on how they are gathered") {
    std::mt19937_64 random(3);
    key128 const scope{random(), random()};
    auto const check = [&](auto const&... args) {
        REQUIRE(key128(call_key(scope, args...)) ==
                memo::detail::gathered_key(scope, nullptr, args...));
    };
    // Around the words that are counted, and around the bytes that are long.
    for (std::size_t length = 0; length < 300; ++length) {
        std::string text(length, ' ');
        std::vector<std::int64_t> numbers(length % 40);
        memo::index_set set;
        for (char& letter : text) {
            letter = static_cast<char>(random());
        }
        for (auto& number : numbers) {
            number = static_cast<std::int64_t>(random());
        }
        for (std::size_t i = 0; i < length; ++i) {
            set.insert(random() % (9 * length));
        }
        check(text);
        check(numbers);
        check(set);
        check(std::string_view(text), 7);
        check(1.5, set, numbers);
        check(set, text);
        check(std::string(256 + length, 'x'), set, numbers, 2);
        check(std::array{1, 2, 3}, std::vector<std::int16_t>(length));
    }
}

TEST_CASE("the scope's part of a digest is that of the whole stream") {
    auto const seed = Catch::rngSeed();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    auto const check = [&]<std::size_t Count>(std::integral_constant<std::size_t, Count>) {
        for (int round = 0; round < 100; ++round) {
            key128 const scope{random(), random()};
            std::array<std::uint64_t, Count> rest{};
            std::vector<std::uint64_t> all{scope.low, scope.high};
            for (auto& word : rest) {
                word = random() % 3 == 0 ? random() % 2 - 1 : random();
                all.push_back(word);
            }
            all.push_back(memo::detail::guard_of(all.data(), all.size()));
            memo::detail::hash_midstate const head(scope);
            CHECK(head.digest(std::span<std::uint64_t const, Count>(rest)) ==
                  memo::detail::hash128(all.data(), all.size() * sizeof all.front()));
        }
    };
    [&]<std::size_t... Count>(std::index_sequence<Count...>) {
        (check(std::integral_constant<std::size_t, Count>{}), ...);
    }
    (std::make_index_sequence<memo::detail::hash_midstate::max_words + 1>{});
}

TEST_CASE("every word of a guarded stream has an odd factor of its own") {
    auto const& factors = memo::detail::guard_factors;
    for (std::size_t i = 0; i < factors.size(); ++i) {
        CHECK(factors[i] % 2 == 1);
        for (std::size_t k = 0; k < i; ++k) {
            CHECK(factors[i] != factors[k]);
        }
    }
}

// The weakness that the guard is for. When these REQUIREs on the raw hash fail, xxHash has changed
// its output.

TEST_CASE("four words that collide in raw XXH3-128 have different keys") {
    constexpr std::int64_t w = -3916075690027450413;
    constexpr std::array<std::int64_t, 4> one{w, ~w, 1, 2};
    constexpr std::array<std::int64_t, 4> other{~w, w, 1, 2};
    REQUIRE(hash128(one.data(), sizeof one) == hash128(other.data(), sizeof other));

    constexpr key128 scope{0x0123456789abcdef, 0xfedcba9876543210};
    CHECK(call_key(scope, one[0], one[1], one[2], one[3]) !=
          call_key(scope, other[0], other[1], other[2], other[3]));
    CHECK(call_key(scope, one) != call_key(scope, other));
    CHECK(call_key(scope, words(one.begin(), one.end())) !=
          call_key(scope, words(other.begin(), other.end())));
    CHECK(call_key(scope, std::span(one)) != call_key(scope, std::span(other)));

    // As the first words of a stream, where they meet the very secret that they collide with.
    CHECK(guarded<4>(std::bit_cast<std::array<std::uint64_t, 4>>(one)) !=
          guarded<4>(std::bit_cast<std::array<std::uint64_t, 4>>(other)));
}

TEST_CASE("a scope and four arguments that collide without the guard differ with it") {
    // Found by trying random w: the last 16 of 48 bytes meet the secret once.
    auto const w = GENERATE(std::uint64_t{0x79e6fdf72cb726d8}, std::uint64_t{0x2fee7155e07ffda3},
                            std::uint64_t{0xa815dfcfc57b362f});
    std::array<std::uint64_t, 6> const one{1, 2, 3, 4, w, ~w};
    std::array<std::uint64_t, 6> const other{1, 2, 3, 4, ~w, w};
    REQUIRE(raw(one) == raw(other));

    CHECK(guarded(one) != guarded(other));
    key128 const scope{1, 2};
    CHECK(call_key(scope, 3, 4, w, ~w) == guarded(one));
    CHECK(call_key(scope, 3, 4, w, ~w) != call_key(scope, 3, 4, ~w, w));
}

TEST_CASE("the guards of a word pair and of its swap differ") {
    auto const seed = Catch::rngSeed();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    for (int round = 0; round < 10000; ++round) {
        words one = random_words(random, 2 + random() % 28);
        std::size_t const i = random() % one.size();
        std::size_t const k = random() % one.size();
        if (i == k) {
            continue;
        }
        one[k] = ~one[i];
        words other = one;
        std::swap(other[i], other[k]);
        CAPTURE(i, k, one[i]);
        CHECK(guard_of(one.data(), one.size()) != guard_of(other.data(), other.size()));
        CHECK(put_one_by_one(one) != put_one_by_one(other));
    }
}

TEST_CASE("scopes that would collide as seeds give different keys") {
    std::array<std::int32_t, 4> const one{2, 3, 5, 6};
    std::array<std::int32_t, 4> const other{2, 3, 4, 6};
    auto const seeded = [](auto const& values, XXH64_hash_t seed) {
        XXH128_hash_t const hash = XXH3_128bits_withSeed(values.data(), sizeof values, seed);
        return key128{hash.low64, hash.high64};
    };
    REQUIRE(seeded(one, 1000) == seeded(other, 1001));

    for (std::uint64_t const high : {std::uint64_t{0}, std::uint64_t{1000}}) {
        CHECK(call_key(key128{1000, high}, one) != call_key(key128{1001, high}, other));
        CHECK(call_key(key128{high, 1000}, one) != call_key(key128{high, 1001}, other));
        CHECK(call_key(key128{1000, high}, std::vector(one.begin(), one.end())) !=
              call_key(key128{1001, high}, std::vector(other.begin(), other.end())));
    }
}

TEST_CASE("any changed bit changes the key") {
    words const zeros(40);
    std::vector<key128> keys;
    for (std::size_t count = 0; count <= zeros.size(); ++count) {
        keys.push_back(put_one_by_one(words(count)));
        for (std::size_t bit = 0; bit < count * 64; ++bit) {
            words values(count);
            values[bit / 64] = std::uint64_t{1} << (bit % 64);
            keys.push_back(put_one_by_one(values));
        }
    }
    std::sort(keys.begin(), keys.end());
    CHECK(std::adjacent_find(keys.begin(), keys.end()) == keys.end());
}
