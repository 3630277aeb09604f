// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a hit is compared with: the least that a hit can cost, and what people write by hand.

#include <memo/detail/key/call_key.hpp>
#include <memo/index_set.hpp>
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
    template <class T> static std::uint64_t add(std::uint64_t seed, std::vector<T> const& values) {
        seed = mix(seed, values.size());
        for (T const value : values) {
            seed = mix(seed, static_cast<std::uint64_t>(value));
        }
        return seed;
    }
    static std::uint64_t add(std::uint64_t seed, memo::index_set const& values) {
        return add(seed, values.words());
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

/// What cereal can write of an argument.
template <class T> T const& for_cereal(T const& value) {
    return value;
}
inline std::vector<std::uint64_t> const& for_cereal(memo::index_set const& value) {
    return value.words();
}

/// The arguments through a stream and cereal, hashed, then a map behind a mutex.
template <class Function> class obvious {
  public:
    explicit obvious(Function function) : function_(std::move(function)) {}

    template <class... Args> double operator()(Args const&... args) {
        std::ostringstream stream;
        {
            cereal::BinaryOutputArchive archive(stream);
            archive(name_, for_cereal(args)...);
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

/// Keys as memo makes them: the function's part of the hash is made once.
class keys {
  public:
    template <class... Args>
    [[nodiscard]] memo::detail::unfinalized_key operator()(Args const&... args) const {
        return memo::detail::call_key(midstate_, args...);
    }

  private:
    /// A digest that the compiler does not know.
    [[nodiscard]] static memo::key128 digest() {
        memo::key128 scope{0x243f6a8885a308d3, 0x13198a2e03707344};
        asm volatile("" : "+r"(scope.low), "+r"(scope.high));
        return scope;
    }

    memo::detail::hash_midstate midstate_{digest()};
};

/// The least: the low word of the call's key, all of its hash steps done, and one word of a line of a table as large as
/// the memory backend's.
class limit {
  public:
    explicit limit(std::size_t entries) : lines_(std::bit_ceil(entries * 5 / 12 + 1)) {}

    template <class... Args> double operator()(Args const&... args) const {
        return lines_[memo::key128(key_(args...)).low & (lines_.size() - 1)].value;
    }

  private:
    struct alignas(64) line {
        double value = 1;
    };
    keys key_;
    std::vector<line> lines_;
};

} // namespace benchmark
