// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a hit is compared with: the least that a hit can cost, and what people write by hand.

#include <memo/detail/key/call_key.hpp>
#include <support/xxhash.hpp>

#include <cereal/archives/binary.hpp>
#include <cereal/types/vector.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace benchmark {

/// A hash for tuples that is as good as a careful author would write it: one multiplication and shift per word.
struct tuple_hash {
    static std::uint64_t mix(std::uint64_t seed, std::uint64_t word) {
        std::uint64_t const product = (seed ^ word) * 0x9e3779b97f4a7c15;
        return product ^ (product >> 32);
    }
    static std::uint64_t add(std::uint64_t seed, std::int64_t value) {
        return mix(seed, static_cast<std::uint64_t>(value));
    }
    static std::uint64_t add(std::uint64_t seed, std::vector<std::int64_t> const& values) {
        seed = mix(seed, values.size());
        for (std::int64_t const value : values) {
            seed = add(seed, value);
        }
        return seed;
    }
    template <class... Ts> std::size_t operator()(std::tuple<Ts...> const& values) const {
        return std::apply(
            [](auto const&... value) {
                std::uint64_t seed = 0;
                ((seed = add(seed, value)), ...);
                return seed;
            },
            values);
    }
};

/// A map behind a mutex, keyed by the arguments.
template <class Function, class Key> class naive {
  public:
    explicit naive(Function function) : function_(std::move(function)) {}

    template <class... Args> double operator()(Args const&... args) {
        Key key(args...);
        {
            std::scoped_lock const lock(mutex_);
            if (auto const found = values_.find(key); found != values_.end()) {
                return found->second;
            }
        }
        double const value = function_(args...);
        std::scoped_lock const lock(mutex_);
        values_.emplace(std::move(key), value);
        return value;
    }

  private:
    Function function_;
    std::mutex mutex_;
    std::unordered_map<Key, double, tuple_hash> values_;
};

/// The arguments through a stream and cereal, hashed, then a map behind a mutex.
template <class Function> class obvious {
  public:
    explicit obvious(Function function) : function_(std::move(function)) {}

    template <class... Args> double operator()(Args const&... args) {
        std::ostringstream stream;
        {
            cereal::BinaryOutputArchive archive(stream);
            archive(name_, args...);
        }
        std::string const bytes = stream.str();
        memo::key128 const key = xxhash128(bytes.data(), bytes.size());
        {
            std::scoped_lock const lock(mutex_);
            if (auto const found = values_.find(key); found != values_.end()) {
                return found->second;
            }
        }
        double const value = function_(args...);
        std::scoped_lock const lock(mutex_);
        values_.emplace(key, value);
        return value;
    }

  private:
    std::uint64_t const name_ = 0x6f6276696f7573;
    Function function_;
    std::mutex mutex_;
    std::unordered_map<memo::key128, double> values_;
};

/// The least: the call's key, and one word of a line of a table as large as the memory backend's.
class limit {
  public:
    explicit limit(std::size_t entries) : lines_(std::bit_ceil(entries * 5 / 12 + 1)) {}

    /// All of the key, made anew at each call: a loop must not share a part of it.
    template <class... Args> [[nodiscard]] static memo::key128 key(Args const&... args) {
        memo::key128 scope{0x243f6a8885a308d3, 0x13198a2e03707344};
        asm volatile("" : "+r"(scope.low), "+r"(scope.high));
        memo::key128 const key = memo::detail::call_key(scope, args...);
        asm volatile("" : : "r"(key.high));
        return key;
    }

    template <class... Args> double operator()(Args const&... args) const {
        return lines_[key(args...).low & (lines_.size() - 1)].value;
    }

  private:
    struct alignas(64) line {
        double value = 1;
    };
    std::vector<line> lines_;
};

} // namespace benchmark
