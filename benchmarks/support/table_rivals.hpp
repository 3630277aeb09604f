// SPDX-License-Identifier: BSL-1.0
#pragma once

// Concurrent maps of others with our keys: what is compared is the tables. Each is there where it was found when the
// benchmark was configured.

#include <support/rivals.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#ifdef MEMO_BENCHMARK_TBB
#include <oneapi/tbb/concurrent_hash_map.h>
#endif
#ifdef MEMO_BENCHMARK_CUCKOO
#include <libcuckoo/cuckoohash_map.hh>
#endif
#ifdef MEMO_BENCHMARK_BOOST
#include <boost/unordered/concurrent_flat_map.hpp>
#endif

namespace benchmark {

/// A function that keeps its results in a table of another library, under the key that memo makes.
template <class Table, class Function> class with_table {
  public:
    explicit with_table(Function function) : function_(std::move(function)) {}

    template <class... Args> double operator()(Args const&... args) {
        memo::key128 const key = limit::key(args...);
        if (auto const kept = table_.find(key)) {
            return *kept;
        }
        double const value = function_(args...);
        table_.insert(key, value);
        return value;
    }

  private:
    Function function_;
    Table table_;
};

/// The bits of a key are a hash as they are.
struct low_bits {
    std::size_t operator()(memo::key128 key) const { return key.low; }
};

#ifdef MEMO_BENCHMARK_TBB
class tbb_table {
  public:
    [[nodiscard]] std::optional<double> find(memo::key128 key) const {
        map::const_accessor found;
        return map_.find(found, key) ? std::optional(found->second) : std::nullopt;
    }
    void insert(memo::key128 key, double value) { map_.insert({key, value}); }

  private:
    struct compare : low_bits {
        [[nodiscard]] std::size_t hash(memo::key128 key) const { return (*this)(key); }
        [[nodiscard]] bool equal(memo::key128 one, memo::key128 other) const {
            return one == other;
        }
    };
    using map = tbb::concurrent_hash_map<memo::key128, double, compare>;
    map map_;
};
#endif

#ifdef MEMO_BENCHMARK_CUCKOO
class cuckoo_table {
  public:
    [[nodiscard]] std::optional<double> find(memo::key128 key) const {
        double value = 0;
        return map_.find(key, value) ? std::optional(value) : std::nullopt;
    }
    void insert(memo::key128 key, double value) { map_.insert(key, value); }

  private:
    libcuckoo::cuckoohash_map<memo::key128, double, low_bits> map_;
};
#endif

#ifdef MEMO_BENCHMARK_BOOST
class boost_table {
  public:
    [[nodiscard]] std::optional<double> find(memo::key128 key) const {
        std::optional<double> value;
        map_.visit(key, [&](auto const& entry) { value = entry.second; });
        return value;
    }
    void insert(memo::key128 key, double value) { map_.emplace(key, value); }

  private:
    boost::concurrent_flat_map<memo::key128, double, low_bits> map_;
};
#endif

} // namespace benchmark
