// SPDX-License-Identifier: BSL-1.0
// What one hit costs in one thread: the key alone, and the whole hit beside the least it can cost and beside what
// people write by hand.

#include <memo/memo.hpp>
#include <support/measure.hpp>
#include <support/program.hpp>
#include <support/report.hpp>
#include <support/rivals.hpp>
#include <support/table_rivals.hpp>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <tuple>
#include <vector>

namespace {

using numbers = std::vector<std::int64_t>;

struct effort {
    std::size_t rounds;
    std::size_t calls; ///< of each variant in each round
};

/// Distinct integers without order.
std::vector<int> distinct(std::size_t count, std::mt19937_64& random) {
    std::vector<int> values;
    while (values.size() < count) {
        for (std::size_t i = values.size(); i < count + count / 8; ++i) {
            values.push_back(static_cast<int>(random()));
        }
        std::ranges::sort(values);
        values.erase(std::unique(values.begin(), values.end()), values.end());
    }
    std::ranges::shuffle(values, random);
    values.resize(count);
    return values;
}

std::vector<numbers> vectors(std::size_t count, std::size_t length, std::mt19937_64& random) {
    std::vector<numbers> result(count, numbers(length));
    for (auto& each : result) {
        std::ranges::generate(each, [&] { return static_cast<std::int64_t>(random()); });
    }
    return result;
}

std::vector<std::uint32_t> random_order(std::size_t among, std::size_t count,
                                        std::mt19937_64& random) {
    std::vector<std::uint32_t> order(count);
    std::ranges::generate(order, [&] { return static_cast<std::uint32_t>(random() % among); });
    return order;
}

/// Adds a variant that calls `function` for arguments in random order.
template <class Argument, class Function>
void add_calls(benchmark::interleaved& group, std::string const& name,
               std::vector<Argument> const& arguments, std::vector<std::uint32_t> const& order,
               Function& function) {
    group.add(name, order.size(), [&] {
        decltype(function(arguments[0])) sum = 0;
        for (std::uint32_t const i : order) {
            sum += function(arguments[i]);
        }
        benchmark::keep(sum);
    });
}

/// The same calls, 16 at a time.
template <class Argument, class Memoized>
void add_batches(benchmark::interleaved& group, std::string const& name,
                 std::vector<Argument> const& arguments, std::vector<std::uint32_t> const& order,
                 Memoized const& f) {
    group.add(name, order.size() / 16 * 16, [&] {
        std::vector<Argument> batch(16);
        double sum = 0;
        for (std::size_t first = 0; first + batch.size() <= order.size(); first += batch.size()) {
            for (std::size_t i = 0; i < batch.size(); ++i) {
                batch[i] = arguments[order[first + i]];
            }
            for (auto const& each : f.many(batch)) {
                sum += each.value();
            }
        }
        benchmark::keep(sum);
    });
}

double of_int(int x) {
    return 0.5 * x;
}

double of_numbers(numbers const& values) {
    return static_cast<double>(values.front());
}

/// Keys of many numbers, beside the bare hash of their bytes, by xxHash and by memo.
void key_of_numbers(std::size_t length, double goal, effort effort, benchmark::goals& goals) {
    std::mt19937_64 random(1);
    auto const arguments = vectors(16, length, random);
    auto const order = random_order(arguments.size(), effort.calls * 20 / length + 1, random);
    auto const f = memo::memoize(memo::fn<&of_numbers>{});

    benchmark::interleaved group;
    auto const xxhash = [](numbers const& v) {
        return benchmark::xxhash128(v.data(), v.size() * sizeof(std::int64_t)).low;
    };
    auto const hash = [](numbers const& v) {
        return memo::detail::hash128(v.data(), v.size() * sizeof(std::int64_t)).low;
    };
    auto const key = [&](numbers const& v) { return f.key(v).low; };
    add_calls(group, "XXH3-128 in one shot", arguments, order, xxhash);
    add_calls(group, "the same by memo", arguments, order, hash);
    add_calls(group, "f.key(v)", arguments, order, key);
    group.measure(effort.rounds);
    std::string const length_of = std::to_string(length);
    benchmark::print("key of v[" + length_of + ']', group, "XXH3-128 in one shot");
    goals.at_most("key_v" + length_of, group.ratio("f.key(v)", "XXH3-128 in one shot"), goal);
}

/// Whole hits of a function with one parameter, all arguments stored before.
template <class Argument, class Function>
benchmark::interleaved hits(std::string const& title, std::vector<Argument> const& arguments,
                            effort effort, Function function) {
    std::mt19937_64 random(2);
    auto const order = random_order(arguments.size(), effort.calls, random);
    auto const few = random_order(arguments.size(), effort.calls / 8 + 1, random);
    benchmark::naive<Function, std::tuple<Argument>> naive(function);
    benchmark::obvious<Function> obvious(function);
    benchmark::limit const limit(arguments.size());
    auto const f = memo::memoize(function);
    auto const bounded =
        memo::memoize(function, {}, memo::memory({.max_entries = 2 * arguments.size()}));
#ifdef MEMO_BENCHMARK_TBB
    benchmark::with_table<benchmark::tbb_table, Function> tbb(function);
#endif
#ifdef MEMO_BENCHMARK_CUCKOO
    benchmark::with_table<benchmark::cuckoo_table, Function> cuckoo(function);
#endif
#ifdef MEMO_BENCHMARK_BOOST
    benchmark::with_table<benchmark::boost_table, Function> boost(function);
#endif
    auto const hash = [](Argument const& x) { return benchmark::limit::key(x).low; };
    // All of them have all arguments, in an order that is not that of the calls.
    auto const agree = [&](Argument const& x, auto&... variants) {
        if (((variants(x) != function(x)) || ...)) {
            throw std::logic_error("the variants do not agree");
        }
    };
    for (auto const& x : arguments) {
        agree(x, f, bounded, naive, obvious);
#ifdef MEMO_BENCHMARK_TBB
        agree(x, tbb);
#endif
#ifdef MEMO_BENCHMARK_CUCKOO
        agree(x, cuckoo);
#endif
#ifdef MEMO_BENCHMARK_BOOST
        agree(x, boost);
#endif
    }

    benchmark::interleaved group;
    add_calls(group, "hash only", arguments, order, hash);
    add_calls(group, "limit: hash and one line", arguments, order, limit);
    add_calls(group, "memo", arguments, order, f);
    add_calls(group, "memo, bounded", arguments, order, bounded);
    add_batches(group, "memo, many of 16", arguments, order, f);
    add_calls(group, "naive: map of tuples, mutex", arguments, order, naive);
    add_calls(group, "obvious: stringstream, cereal, map, mutex", arguments, few, obvious);
#ifdef MEMO_BENCHMARK_TBB
    add_calls(group, "TBB: concurrent_hash_map", arguments, order, tbb);
#endif
#ifdef MEMO_BENCHMARK_CUCKOO
    add_calls(group, "libcuckoo: cuckoohash_map", arguments, order, cuckoo);
#endif
#ifdef MEMO_BENCHMARK_BOOST
    add_calls(group, "Boost: concurrent_flat_map", arguments, order, boost);
#endif
    group.measure(effort.rounds);
    benchmark::print(title, group, "memo");
    return group;
}

/// What memo's hits take beside a variant's.
void compare(benchmark::interleaved const& group, std::string const& variant, std::string const& id,
             double goal, benchmark::goals& goals) {
    auto const names = group.names();
    if (std::ranges::find(names, variant) != names.end()) {
        goals.at_most(id, group.ratio("memo", variant), goal);
    }
}

void run(bool quick, std::string const& file) {
    benchmark::parked_thread const parked;
    std::mt19937_64 random(3);
    benchmark::goals goals;
    effort const small = quick ? effort{3, 2000} : effort{31, 200'000};
    std::string const limit = "limit: hash and one line";
    std::string const naive = "naive: map of tuples, mutex";
    std::string const obvious = "obvious: stringstream, cereal, map, mutex";

    key_of_numbers(1000, 1.15, small, goals);
    key_of_numbers(8000, 1.05, small, goals);

    auto const thousand =
        hits("hit of f(int), 1000 entries", distinct(1000, random), small, memo::fn<&of_int>{});
    compare(thousand, limit, "limit_int_1e3", 2.0, goals);
    compare(thousand, naive, "naive_int_1e3", 0.75, goals);
    compare(thousand, obvious, "obvious_int_1e3", 1.0 / 15, goals);
    compare(thousand, "Boost: concurrent_flat_map", "boost_cfm_int_1e3", 0.55, goals);
    goals.at_most("bounded_1e3", thousand.ratio("memo, bounded", "memo"), 1.10);

    std::size_t const many = quick ? 10'000 : 1'000'000;
    effort const large = quick ? effort{3, 10'000} : effort{31, 500'000};
    auto const million = hits("hit of f(int), " + std::to_string(many) + " entries",
                              distinct(many, random), large, memo::fn<&of_int>{});
    compare(million, limit, "limit_int_1e6", 2.0, goals);
    compare(million, naive, "naive_int_1e6", 0.55, goals);
    compare(million, obvious, "obvious_int_1e6", 1.0 / 6, goals);
    compare(million, "TBB: concurrent_hash_map", "tbb_int_1e6", 0.5, goals);
    compare(million, "libcuckoo: cuckoohash_map", "cuckoo_int_1e6", 0.6, goals);
    compare(million, "Boost: concurrent_flat_map", "boost_cfm_int_1e6", 0.8, goals);
    goals.at_most("bounded_1e6", million.ratio("memo, bounded", "memo"), 1.25);
    goals.at_most("batch_int_1e6", million.ratio("memo, many of 16", limit), 1.35);

    effort const wide = quick ? effort{3, 500} : effort{21, 40'000};
    auto const vectors_of_100 = hits("hit of f(v[100]), 1000 entries", vectors(1000, 100, random),
                                     wide, memo::fn<&of_numbers>{});
    compare(vectors_of_100, naive, "naive_v100_1e3", 0.33, goals);
    compare(vectors_of_100, obvious, "obvious_v100_1e3", 1.0 / 5, goals);

    goals.report(file);
}

} // namespace

int main(int argc, char** argv) {
    return benchmark::program(argc, argv, "What one hit of a memoized function costs", run);
}
