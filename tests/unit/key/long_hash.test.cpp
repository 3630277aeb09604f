// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/key/hash.hpp>
#include <memo/detail/key/long_hash.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

using memo::key128;
using memo::detail::faster_long_hash;
using memo::detail::hash128;
using memo::detail::hash64;

namespace {

key128 xxhash(void const* bytes, std::size_t size) {
    XXH128_hash_t const hash = XXH3_128bits(bytes, size);
    return {hash.low64, hash.high64};
}

constexpr std::array<std::size_t, 5> starts{0, 1, 8, 31, 63};

/// Bytes to hash, at any alignment.
std::vector<std::vector<unsigned char>> contents(std::size_t size) {
    auto const seed = Catch::rngSeed();
    std::mt19937_64 random(seed);
    std::vector<unsigned char> noise(size + starts.back());
    std::ranges::generate(noise, [&] { return static_cast<unsigned char>(random()); });
    return {noise, std::vector<unsigned char>(noise.size()),
            std::vector<unsigned char>(noise.size(), 0xff)};
}

/// Hashes `size` bytes at the end of an allocation, so that a sanitizer sees a read beyond them.
bool same_as_xxhash(std::vector<std::vector<unsigned char>> const& all, std::size_t size) {
    return std::ranges::all_of(all, [&](std::vector<unsigned char> const& each) {
        return std::ranges::all_of(starts, [&](std::size_t start) {
            std::vector<unsigned char> const copy(
                each.begin(), each.begin() + static_cast<std::ptrdiff_t>(start + size));
            unsigned char const* const bytes = copy.data() + start;
            return hash128(bytes, size) == xxhash(bytes, size) &&
                   hash64(bytes, size) == XXH3_64bits(bytes, size);
        });
    });
}

/// Whether the kernel reports AVX2, and this program is not compiled for it.
bool has_wider_registers() {
#if defined(__x86_64__) && !defined(__AVX2__)
    std::ifstream file("/proc/cpuinfo");
    std::string const all{std::istreambuf_iterator<char>(file), {}};
    return all.find(" avx2") != std::string::npos;
#else
    return false;
#endif
}

constexpr auto counted = [] {
    std::array<unsigned char, 3000> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<unsigned char>(i % 251);
    }
    return bytes;
}();

// 101 is the first priority that programs may use, and the one of libgcc's own constructor.
[[gnu::init_priority(101)]] key128 const early = hash128(counted.data(), counted.size());
key128 const before_main = hash128(counted.data(), counted.size());

} // namespace

TEST_CASE("the AVX2 hash is used exactly if the processor has AVX2") {
    CHECK((faster_long_hash() != nullptr) == has_wider_registers());
}

TEST_CASE("the digest of any number of bytes is that of xxHash") {
    INFO("seed " << Catch::rngSeed());
    auto const all = contents(3000);
    for (std::size_t size = 0; size <= 3000; ++size) {
        CAPTURE(size);
        CHECK(same_as_xxhash(all, size));
    }
}

TEST_CASE("the digest of whole stripes and blocks, and of a byte more or less, is that of xxHash") {
    INFO("seed " << Catch::rngSeed());
    auto const all = contents((std::size_t{1} << 20) + 1);
    std::vector<std::size_t> middles{std::size_t{1} << 20};
    for (std::size_t stripes = 47; stripes < 100; ++stripes) {
        middles.push_back(stripes * 64);
    }
    for (std::size_t blocks = 6; blocks <= 24; ++blocks) {
        middles.push_back(blocks * 1024);
    }
    for (std::size_t const middle : middles) {
        for (std::size_t const size : {middle - 1, middle, middle + 1}) {
            CAPTURE(size);
            CHECK(same_as_xxhash(all, size));
        }
    }
}

TEST_CASE("the digest of long bytes is what xxhsum -H2 prints") {
    CHECK(hash128(counted.data(), counted.size()) ==
          key128{0x1b846747012c24aa, 0xd324b9e72fa9fb27});
    CHECK(hash64(counted.data(), counted.size()) == 0x1b846747012c24aa);
}

TEST_CASE("a digest made before main is the same") {
    CHECK(early == hash128(counted.data(), counted.size()));
    CHECK(before_main == hash128(counted.data(), counted.size()));
}
