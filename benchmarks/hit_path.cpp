// SPDX-License-Identifier: BSL-1.0
// What one hit costs in one thread: the key alone, and the whole hit beside the least it can cost and beside what
// people write by hand.

#include <memo/memo.hpp>
#include <support/measure.hpp>
#include <support/program.hpp>
#include <support/report.hpp>
#include <support/rivals.hpp>

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

double of_int(int x) {
    return 0.5 * x;
}

double of_numbers(numbers const& values) {
    return static_cast<double>(values.front());
}

/// Keys of 1000 numbers, beside the bare hash of their bytes.
void key_of_numbers(effort effort, benchmark::goals& goals) {
    std::mt19937_64 random(1);
    auto const arguments = vectors(16, 1000, random);
    auto const order = random_order(arguments.size(), effort.calls / 50 + 1, random);
    auto const f = memo::memoize(memo::fn<&of_numbers>{});

    benchmark::interleaved group;
    auto const hash = [](numbers const& v) {
        return memo::detail::hash128(v.data(), v.size() * sizeof(std::int64_t)).low;
    };
    auto const key = [&](numbers const& v) { return f.key(v).low; };
    add_calls(group, "XXH3-128 in one shot", arguments, order, hash);
    add_calls(group, "f.key(v)", arguments, order, key);
    group.measure(effort.rounds);
    benchmark::print("key of v[1000]", group, "XXH3-128 in one shot");
    goals.at_most("key_v1000", group.ratio("f.key(v)", "XXH3-128 in one shot"), 1.25);
}

struct ratios {
    double naive;
    double limit;
};

/// Whole hits of a function with one parameter, all arguments stored before.
template <class Memoized, class Argument, class Function>
ratios hits(std::string const& title, std::vector<Argument> const& arguments, effort effort,
            Memoized const& f, Function function) {
    std::mt19937_64 random(2);
    auto const order = random_order(arguments.size(), effort.calls, random);
    auto const few = random_order(arguments.size(), effort.calls / 8 + 1, random);
    benchmark::naive<Function, std::tuple<Argument>> naive(function);
    benchmark::obvious<Function> obvious(function);
    benchmark::limit const limit(arguments.size());
    auto const hash = [](Argument const& x) { return benchmark::limit::key(x).low; };
    for (auto const& x : arguments) {
        if (f(x) != naive(x) || f(x) != obvious(x)) {
            throw std::logic_error("the variants do not agree");
        }
    }

    benchmark::interleaved group;
    add_calls(group, "hash only", arguments, order, hash);
    add_calls(group, "limit: hash and one line", arguments, order, limit);
    add_calls(group, "memo", arguments, order, f);
    add_calls(group, "naive: map of tuples, mutex", arguments, order, naive);
    add_calls(group, "obvious: stringstream, cereal, map, mutex", arguments, few, obvious);
    group.measure(effort.rounds);
    benchmark::print(title, group, "memo");
    return {group.ratio("memo", "naive: map of tuples, mutex"),
            group.ratio("memo", "limit: hash and one line")};
}

void run(bool quick, std::string const& file) {
    benchmark::parked_thread const parked;
    std::mt19937_64 random(3);
    benchmark::goals goals;
    effort const small = quick ? effort{5, 10'000} : effort{31, 200'000};

    key_of_numbers(small, goals);

    auto const thousand = hits("hit of f(int), 1000 entries", distinct(1000, random), small,
                               memo::memoize(memo::fn<&of_int>{}), of_int);
    goals.below("naive_int_1e3", thousand.naive, 1.0);

    std::size_t const many = quick ? 50'000 : 1'000'000;
    effort const large = quick ? effort{3, 50'000} : effort{15, 500'000};
    hits("hit of f(int), " + std::to_string(many) + " entries", distinct(many, random), large,
         memo::memoize(memo::fn<&of_int>{}), of_int);

    effort const wide = quick ? effort{5, 2'000} : effort{21, 40'000};
    hits("hit of f(v[100]), 1000 entries", vectors(1000, 100, random), wide,
         memo::memoize(memo::fn<&of_numbers>{}), of_numbers);

    goals.print();
    if (!file.empty()) {
        goals.write(file);
    }
}

} // namespace

int main(int argc, char** argv) {
    return benchmark::program(argc, argv, "What one hit of a memoized function costs", run);
}
