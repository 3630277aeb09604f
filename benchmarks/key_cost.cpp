// SPDX-License-Identifier: BSL-1.0
// What the key of a call costs by kind of argument: beside the bare hash of the bytes that it is made of, and beside the
// way that comes to mind first, a stringstream and cereal's binary archive.

#include <memo/memo.hpp>
#include <support/measure.hpp>
#include <support/program.hpp>
#include <support/report.hpp>
#include <support/xxhash.hpp>

#include <cereal/archives/binary.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using numbers = std::vector<std::int64_t>;
using random_engine = std::mt19937_64;

constexpr std::size_t argument_count = 64; ///< they stay in the first cache

std::string const bare = "XXH3-128 of the same bytes";
std::string const bare_by_memo = "the same by memo";
std::string const ours = "memo";
std::string const obvious = "stringstream, cereal, hash";

struct effort {
    std::size_t rounds;
    std::size_t calls; ///< of each variant in each round
};

/// A class as users have them.
struct model {
    std::string name;
    std::vector<double> weights;
    int depth = 0;

    template <class Archive> void serialize(Archive& archive) { archive(name, weights, depth); }
};

template <class... Args> double nothing(Args const&... /*args*/) {
    return 0;
}

numbers random_numbers(std::size_t length, random_engine& random) {
    numbers result(length);
    std::ranges::generate(result, [&] { return static_cast<std::int64_t>(random()); });
    return result;
}

std::string random_text(std::size_t length, random_engine& random) {
    std::string result(length, ' ');
    std::ranges::generate(result, [&] { return static_cast<char>('a' + random() % 26); });
    return result;
}

/// Half of 0 … 999, ascending.
numbers random_subset(random_engine& random) {
    numbers chosen;
    for (std::int64_t i = 0; i < 1000; ++i) {
        if (random() % 2 == 0) {
            chosen.push_back(i);
        }
    }
    return chosen;
}

/// The words that memo hashes for a call, but for the guard.
template <class... Args> std::vector<std::uint64_t> stream_of(Args const&... args) {
    std::vector<std::uint64_t> words;
    static_cast<void>(memo::detail::gathered_key({1, 2}, &words, args...));
    return words;
}

template <class... Args> memo::key128 obvious_key(Args const&... args) {
    std::ostringstream stream;
    {
        cereal::BinaryOutputArchive archive(stream);
        archive(std::uint64_t{1}, std::uint64_t{2}, args...); // the function
    }
    std::string const bytes = stream.str();
    return benchmark::xxhash128(bytes.data(), bytes.size());
}

/// What cereal can take of an argument.
template <class T> T const& for_cereal(T const& value) {
    return value;
}
std::string const& for_cereal(std::filesystem::path const& value) {
    return value.native();
}

/// Adds a variant that makes keys of arguments in random order.
template <class Arguments, class Key>
void add_keys(benchmark::interleaved& group, std::string const& name, Arguments const& arguments,
              std::vector<std::uint32_t> const& order, Key const& key) {
    group.add(name, order.size(), [&arguments, &order, key] {
        std::uint64_t sum = 0;
        for (std::uint32_t const i : order) {
            memo::key128 const made = key(arguments[i]);
            sum += made.low ^ made.high;
        }
        benchmark::keep(sum);
    });
}

/// The keys of calls with these arguments. `plain` has those of the obvious way.
template <class... Args, class... Plain>
benchmark::interleaved keys(std::string const& kind,
                            std::vector<std::tuple<Args...>> const& arguments,
                            std::vector<std::tuple<Plain...>> const& plain, effort effort) {
    random_engine random(2);
    std::vector<std::vector<std::uint64_t>> streams;
    for (auto const& each : arguments) {
        streams.push_back(std::apply(stream_of<Args...>, each));
    }
    // Longer keys, fewer of them: each round of a variant takes a few ms.
    std::vector<std::uint32_t> order(effort.calls * 4 / (streams.front().size() + 2) + 64);
    std::ranges::generate(order,
                          [&] { return static_cast<std::uint32_t>(random() % arguments.size()); });
    auto const f = memo::memoize<memo::none>(memo::fn<&nothing<Args...>>{});
    auto const key = [&](auto const&... args) { return f.key(args...); };
    if (std::apply(key, arguments[0]) == std::apply(key, arguments[1])) {
        throw std::logic_error("two calls have one key");
    }

    benchmark::interleaved group;
    add_keys(group, bare, streams, order, [](std::vector<std::uint64_t> const& words) {
        return benchmark::xxhash128(words.data(), words.size() * sizeof(std::uint64_t));
    });
    add_keys(group, bare_by_memo, streams, order, [](std::vector<std::uint64_t> const& words) {
        return memo::detail::hash128(words.data(), words.size() * sizeof(std::uint64_t));
    });
    add_keys(group, ours, arguments, order,
             [&](std::tuple<Args...> const& each) { return std::apply(key, each); });
    add_keys(group, obvious, plain, order, [](std::tuple<Plain...> const& each) {
        return std::apply([](Plain const&... values) { return obvious_key(for_cereal(values)...); },
                          each);
    });
    group.measure(effort.rounds);
    benchmark::print("key of " + kind, group, bare);
    return group;
}

template <class... Args>
benchmark::interleaved keys(std::string const& kind,
                            std::vector<std::tuple<Args...>> const& arguments, effort effort) {
    return keys(kind, arguments, arguments, effort);
}

/// Arguments of calls: `draw` gives those of one, as a tuple.
template <class Draw> auto arguments_of(random_engine& random, Draw const& draw) {
    std::vector<decltype(draw(random))> all;
    for (std::size_t i = 0; i < argument_count; ++i) {
        all.push_back(draw(random));
    }
    return all;
}

std::vector<std::tuple<numbers>> vectors(std::size_t length, random_engine& random) {
    return arguments_of(
        random, [&](random_engine& engine) { return std::tuple(random_numbers(length, engine)); });
}

/// A subset as `index_set`, beside the list of its indices that the obvious way takes.
benchmark::interleaved keys_of_subsets(effort effort, random_engine& random) {
    auto const lists = arguments_of(
        random, [](random_engine& engine) { return std::tuple(random_subset(engine)); });
    std::vector<std::tuple<memo::index_set>> sets;
    for (auto const& [list] : lists) {
        memo::index_set set(1000);
        for (std::int64_t const index : list) {
            set.insert(static_cast<std::size_t>(index));
        }
        sets.emplace_back(std::move(set));
    }
    return keys("index_set, 500 of 1000", sets, lists, effort);
}

void run(bool quick, std::string const& file) {
    benchmark::parked_thread const parked;
    random_engine random(1);
    effort const chosen = quick ? effort{3, 2'000} : effort{31, 100'000};
    benchmark::goals goals;

    auto const of_int = keys(
        "int",
        arguments_of(random,
                     [](random_engine& engine) { return std::tuple(static_cast<int>(engine())); }),
        chosen);
    keys("double, double, int",
         arguments_of(random,
                      [](random_engine& engine) {
                          double const x = static_cast<double>(engine());
                          return std::tuple(x, 1 / x, static_cast<int>(engine()));
                      }),
         chosen);
    auto const of_text =
        keys("string of 20",
             arguments_of(
                 random, [](random_engine& engine) { return std::tuple(random_text(20, engine)); }),
             chosen);
    keys("path of 40",
         arguments_of(random,
                      [](random_engine& engine) {
                          return std::tuple(std::filesystem::path('/' + random_text(39, engine)));
                      }),
         chosen);
    keys("v[10]", vectors(10, random), chosen);
    keys("v[100]", vectors(100, random), chosen);
    auto const of_1000 = keys("v[1000]", vectors(1000, random), chosen);
    auto const of_set = keys_of_subsets(chosen, random);
    auto const of_class =
        keys("class by its serialize()",
             arguments_of(random,
                          [](random_engine& engine) {
                              return std::tuple(model{random_text(20, engine),
                                                      std::vector<double>(10, 0.5),
                                                      static_cast<int>(engine() % 100)});
                          }),
             chosen);

    goals.at_most("key_int_vs_obvious", of_int.ratio(ours, obvious), 1.0 / 15);
    goals.at_most("key_string_vs_obvious", of_text.ratio(ours, obvious), 1.0 / 10);
    goals.at_most("key_class_vs_obvious", of_class.ratio(ours, obvious), 1.0 / 4);
    goals.at_most("key_index_set_vs_obvious", of_set.ratio(ours, obvious), 1.0 / 15);
    goals.at_most("key_v1000_vs_bytes", of_1000.ratio(ours, bare), 1.15);
    goals.report(file);
}

} // namespace

int main(int argc, char** argv) {
    return benchmark::program(argc, argv, "What the key of a call costs by kind of argument", run);
}
