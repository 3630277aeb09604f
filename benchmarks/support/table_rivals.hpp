// SPDX-License-Identifier: BSL-1.0
#pragma once

// Concurrent maps of others with our keys: what is compared is the tables. Each is there where its headers were found when
// the benchmark was configured.

#include <support/rivals.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
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
#ifdef MEMO_BENCHMARK_GTL
#include <gtl/phmap.hpp>
#include <mutex>
#endif
#ifdef MEMO_BENCHMARK_UNORDERED_DENSE
#include <ankerl/unordered_dense.h>
#include <array>
#include <mutex>
#endif

namespace benchmark {

using rival_key = memo::detail::unfinalized_key;

/// A function that keeps its results in a table of another library, under the key that memo makes.
template <class Table, class Function> class with_table {
  public:
    explicit with_table(Function function) : function_(std::move(function)) {}

    template <class... Args> double operator()(Args const&... args) {
        rival_key const key = key_(args...);
        if (auto const kept = table_.find(key)) {
            return *kept;
        }
        double const value = function_(args...);
        table_.insert(key, value);
        return value;
    }

  private:
    Function function_;
    keys key_;
    Table table_;
};

/// The low word of a key is a hash as it is, and says so: no table need mix it again.
struct low_word {
    using is_avalanching = void;
    std::size_t operator()(rival_key key) const { return key.low(); }
};

// Each table has a name, and the rest only where it is there.

struct tbb_table {
    static inline std::string const name = "TBB: concurrent_hash_map";
#ifdef MEMO_BENCHMARK_TBB
    static constexpr bool is_there = true;

    [[nodiscard]] std::optional<double> find(rival_key key) const {
        map::const_accessor found;
        return map_.find(found, key) ? std::optional(found->second) : std::nullopt;
    }
    void insert(rival_key key, double value) {
        map_.insert({key, value});
    }

  private:
    struct compare {
        [[nodiscard]] std::size_t hash(rival_key key) const { return key.low(); }
        [[nodiscard]] bool equal(rival_key one, rival_key other) const { return one == other; }
    };
    using map = tbb::concurrent_hash_map<rival_key, double, compare>;
    map map_;
#else
    static constexpr bool is_there = false;
#endif
};

struct cuckoo_table {
    static inline std::string const name = "libcuckoo: cuckoohash_map";
#ifdef MEMO_BENCHMARK_CUCKOO
    static constexpr bool is_there = true;

    [[nodiscard]] std::optional<double> find(rival_key key) const {
        double value = 0;
        return map_.find(key, value) ? std::optional(value) : std::nullopt;
    }
    void insert(rival_key key, double value) {
        map_.insert(key, value);
    }

  private:
    libcuckoo::cuckoohash_map<rival_key, double, low_word> map_;
#else
    static constexpr bool is_there = false;
#endif
};

struct boost_table {
    static inline std::string const name = "Boost: concurrent_flat_map";
#ifdef MEMO_BENCHMARK_BOOST
    static constexpr bool is_there = true;

    [[nodiscard]] std::optional<double> find(rival_key key) const {
        std::optional<double> value;
        map_.cvisit(key, [&](auto const& entry) { value = entry.second; });
        return value;
    }
    void insert(rival_key key, double value) {
        map_.emplace(key, value);
    }

  private:
    boost::concurrent_flat_map<rival_key, double, low_word> map_;
#else
    static constexpr bool is_there = false;
#endif
};

struct gtl_table {
    static inline std::string const name = "gtl: parallel_flat_hash_map";
#ifdef MEMO_BENCHMARK_GTL
    static constexpr bool is_there = true;

    [[nodiscard]] std::optional<double> find(rival_key key) const {
        std::optional<double> value;
        map_.if_contains(key, [&](auto const& entry) { value = entry.second; });
        return value;
    }
    void insert(rival_key key, double value) {
        map_.lazy_emplace_l(
            key, [](auto&) {}, [&](auto const& construct) { construct(key, value); });
    }

  private:
    using allocator = std::allocator<std::pair<rival_key const, double>>;
    gtl::parallel_flat_hash_map<rival_key, double, low_word, std::equal_to<>, allocator, 6,
                                std::mutex>
        map_;
#else
    static constexpr bool is_there = false;
#endif
};

/// 64 maps, each behind a mutex.
struct dense_table {
    static inline std::string const name = "unordered_dense: 64 maps, mutexes";
#ifdef MEMO_BENCHMARK_UNORDERED_DENSE
    static constexpr bool is_there = true;

    [[nodiscard]] std::optional<double> find(rival_key key) const {
        auto& here = shard_of(key);
        std::scoped_lock const lock(here.mutex);
        auto const found = here.map.find(key);
        return found != here.map.end() ? std::optional(found->second) : std::nullopt;
    }
    void insert(rival_key key, double value) {
        auto& here = shard_of(key);
        std::scoped_lock const lock(here.mutex);
        here.map.emplace(key, value);
    }

  private:
    struct alignas(128) shard {
        std::mutex mutex;
        ankerl::unordered_dense::map<rival_key, double, low_word> map;
    };

    /// By bits that are not those of the map's buckets.
    [[nodiscard]] shard& shard_of(rival_key key) const {
        return shards_[key.tag() % shards_.size()];
    }

    mutable std::array<shard, 64> shards_;
#else
    static constexpr bool is_there = false;
#endif
};

} // namespace benchmark
