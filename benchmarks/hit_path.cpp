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
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
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

/// Sets of so many of 0 … 999.
std::vector<memo::index_set> subsets(std::size_t count, std::size_t size, std::mt19937_64& random) {
    std::vector<memo::index_set> result(count);
    for (auto& each : result) {
        while (each.size() < size) {
            each.insert(random() % 1000);
        }
    }
    return result;
}

std::vector<std::uint32_t> random_order(std::size_t among, std::size_t count,
                                        std::mt19937_64& random) {
    std::vector<std::uint32_t> order(count);
    std::ranges::generate(order, [&] { return static_cast<std::uint32_t>(random() % among); });
    return order;
}

/// Adds a variant that calls `function` for arguments in random order. A temporary is kept, anything else must outlive the
/// group.
template <class Argument, class Function>
void add_calls(benchmark::interleaved& group, std::string const& name,
               std::vector<Argument> const& arguments, std::vector<std::uint32_t> const& order,
               Function&& function) {
    group.add(name, order.size(),
              [&, kept = std::tuple<Function>(std::forward<Function>(function))] {
                  auto& call = std::get<0>(kept);
                  decltype(call(arguments[0])) sum = 0;
                  for (std::uint32_t const i : order) {
                      sum += call(arguments[i]);
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

double of_subset(memo::index_set const& subset) {
    return static_cast<double>(subset.size());
}

/// Throws if any variant differs from the function. All of them have all arguments then, in an order that is not that of
/// the calls.
template <class Argument, class Function, class... Variants>
void must_agree(std::vector<Argument> const& arguments, Function const& function,
                Variants&... variants) {
    for (auto const& x : arguments) {
        if (((variants(x) != function(x)) || ...)) {
            throw std::logic_error("the variants do not agree");
        }
    }
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

/// Adds another library's table with all arguments in it, or says that it is missing.
template <class Table, class Argument, class Function>
void add_rival(benchmark::interleaved& group, std::vector<Argument> const& arguments,
               std::vector<std::uint32_t> const& order, Function function) {
    if constexpr (Table::is_there) {
        auto const rival = std::make_shared<benchmark::with_table<Table, Function>>(function);
        must_agree(arguments, function, *rival);
        add_calls(group, Table::name, arguments, order,
                  [rival](Argument const& x) { return (*rival)(x); });
    } else {
        group.add_missing(Table::name, "its headers were not found");
    }
}

std::string const ours = "memo";
std::string const bounded = "memo, bounded";
std::string const batches = "memo, many of 16";
std::string const hash_only = "hash only";
std::string const limit = "limit: hash and one line";
std::string const naive = "naive: map of tuples, mutex";
std::string const obvious = "obvious: stringstream, cereal, map, mutex";

/// Whole hits of a function with one parameter, all arguments stored before.
template <class Argument, class Function>
benchmark::interleaved hits(std::string const& title, std::vector<Argument> const& arguments,
                            effort effort, Function function) {
    std::mt19937_64 random(2);
    auto const order = random_order(arguments.size(), effort.calls, random);
    auto const few = random_order(arguments.size(), effort.calls / 8 + 1, random);
    benchmark::naive<Function, std::tuple<Argument>> by_tuples(function);
    benchmark::obvious<Function> by_streams(function);
    benchmark::limit const least(arguments.size());
    auto const f = memo::memoize(function);
    auto const g = memo::memoize(function, {}, memo::memory({.max_entries = 2 * arguments.size()}));
    must_agree(arguments, function, f, g, by_tuples, by_streams);

    benchmark::interleaved group;
    add_calls(group, ours, arguments, order, f);
    add_calls(group, hash_only, arguments, order,
              [key = benchmark::keys()](Argument const& x) { return memo::key128(key(x)).low; });
    add_calls(group, limit, arguments, order, least);
    add_calls(group, bounded, arguments, order, g);
    add_batches(group, batches, arguments, order, f);
    add_calls(group, naive, arguments, order, by_tuples);
    add_calls(group, obvious, arguments, few, by_streams);
    add_rival<benchmark::tbb_table>(group, arguments, order, function);
    add_rival<benchmark::cuckoo_table>(group, arguments, order, function);
    add_rival<benchmark::boost_table>(group, arguments, order, function);
    add_rival<benchmark::gtl_table>(group, arguments, order, function);
    add_rival<benchmark::dense_table>(group, arguments, order, function);
    for (auto const& name : group.names()) {
        if (name != hash_only && name != limit) {
            group.not_faster(name, limit);
        }
    }
    group.measure_twice(ours);
    group.measure_twice(limit);
    group.measure(effort.rounds);
    benchmark::print(title, group, ours);
    return group;
}

/// What memo's hits take beside a variant's.
void compare(benchmark::interleaved const& group, std::string const& variant, std::string const& id,
             double goal, benchmark::goals& goals) {
    auto const names = group.names();
    if (std::ranges::find(names, variant) != names.end()) {
        goals.at_most(id, group.ratio(ours, variant), goal);
    } else {
        goals.missing(id, variant + ": its headers were not found");
    }
}

void run(bool quick, std::string const& file) {
    benchmark::parked_thread const parked;
    std::mt19937_64 random(3);
    benchmark::goals goals;
    effort const small = quick ? effort{3, 2000} : effort{31, 200'000};

    key_of_numbers(1000, 1.15, small, goals);
    key_of_numbers(8000, 1.05, small, goals);

    auto const thousand =
        hits("hit of f(int), 1000 entries", distinct(1000, random), small, memo::fn<&of_int>{});
    compare(thousand, limit, "limit_int_1e3", 2.3, goals);
    compare(thousand, naive, "naive_int_1e3", 0.75, goals);
    compare(thousand, obvious, "obvious_int_1e3", 1.0 / 15, goals);
    compare(thousand, benchmark::boost_table::name, "boost_cfm_int_1e3", 0.5, goals);
    goals.at_most("bounded_1e3", thousand.ratio(bounded, ours), 1.10);

    std::size_t const many = quick ? 10'000 : 1'000'000;
    effort const large = quick ? effort{3, 10'000} : effort{31, 500'000};
    auto const million = hits("hit of f(int), " + std::to_string(many) + " entries",
                              distinct(many, random), large, memo::fn<&of_int>{});
    compare(million, limit, "limit_int_1e6", 1.6, goals);
    compare(million, naive, "naive_int_1e6", 0.55, goals);
    compare(million, obvious, "obvious_int_1e6", 1.0 / 6, goals);
    compare(million, benchmark::tbb_table::name, "tbb_int_1e6", 0.4, goals);
    compare(million, benchmark::cuckoo_table::name, "cuckoo_int_1e6", 0.6, goals);
    compare(million, benchmark::boost_table::name, "boost_cfm_int_1e6", 0.75, goals);
    goals.at_most("bounded_1e6", million.ratio(bounded, ours), 1.25);
    goals.at_most("batch_int_1e6", million.ratio(batches, limit), 1.35);

    effort const wide = quick ? effort{3, 500} : effort{21, 40'000};
    auto const vectors_of_100 = hits("hit of f(v[100]), 1000 entries", vectors(1000, 100, random),
                                     wide, memo::fn<&of_numbers>{});
    compare(vectors_of_100, naive, "naive_v100_1e3", 0.33, goals);
    compare(vectors_of_100, obvious, "obvious_v100_1e3", 1.0 / 5, goals);

    auto const of_50 = hits("hit of f(index_set of 50 of 1000), 1000 entries",
                            subsets(1000, 50, random), wide, memo::fn<&of_subset>{});
    compare(of_50, naive, "naive_set50_1e3", 0.75, goals);
    compare(of_50, obvious, "obvious_set50_1e3", 1.0 / 5, goals);

    goals.report(file);
}

} // namespace

int main(int argc, char** argv) {
    return benchmark::program(argc, argv, "What one hit of a memoized function costs", run);
}
