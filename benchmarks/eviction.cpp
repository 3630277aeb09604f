// SPDX-License-Identifier: BSL-1.0
// What a memory backend with a bound still serves, on what valuation asks, beside other policies of the same size; and
// what an entry takes.

#include <memo/memo.hpp>
#include <support/measure.hpp>
#include <support/memory_use.hpp>
#include <support/policies.hpp>
#include <support/program.hpp>
#include <support/report.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <examples/support/game.hpp>
#include <examples/support/random.hpp>
#include <examples/support/semivalues.hpp>
#include <examples/support/workers.hpp>
#include <iomanip>
#include <iostream>
#include <limits>
#include <new>
#include <random>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unordered_set>
#include <utility>
#include <vector>

namespace {

using trace = std::vector<std::uint64_t>;
using mask = std::uint64_t;

constexpr std::size_t players = 20;

struct named_trace {
    std::string name;
    trace asked;
};

/// What permutation Shapley asks: the coalitions that grow along random orders.
trace permutation_trace(std::size_t permutations) {
    trace asked;
    examples::game const recorded(
        players,
        [&](memo::index_set const& coalition) {
            asked.push_back(coalition.words().front());
            return 0.0;
        },
        0);
    static_cast<void>(examples::semivalue(recorded, examples::shapley_sizes(players),
                                          {.permutations = permutations, .seed = 1}));
    return asked;
}

mask random_coalition(std::size_t size, std::size_t without, examples::random_engine& engine) {
    mask drawn = 0;
    for (std::size_t const player : examples::random_order(players, engine)) {
        if (player != without && size > 0) {
            drawn |= mask{1} << player;
            --size;
        }
    }
    return drawn;
}

/// What Beta(16,1) asks when it draws coalitions by the sizes that it prefers: small ones.
trace beta_trace(std::size_t draws) {
    examples::random_engine engine(2);
    auto const sizes = examples::beta_sizes(players, 16, 1);
    std::discrete_distribution<std::size_t> size(sizes.begin(), sizes.end());
    trace asked;
    for (std::size_t i = 0; i < draws; ++i) {
        std::size_t const player = i % players;
        mask const coalition = random_coalition(size(engine), player, engine);
        asked.push_back(coalition);
        asked.push_back(coalition | mask{1} << player);
    }
    return asked;
}

/// What Owen's multilinear sampling asks: coalitions that each player joins with probability q, for q over a grid, with
/// and without each player, and their complements.
trace owen_trace(std::size_t draws) {
    examples::random_engine engine(3);
    constexpr mask everybody = (mask{1} << players) - 1;
    trace asked;
    for (std::size_t i = 0; i < draws; ++i) {
        double const q = static_cast<double>(i % 21) / 20;
        std::bernoulli_distribution joins(q);
        mask drawn = 0;
        for (std::size_t player = 0; player < players; ++player) {
            drawn |= static_cast<mask>(joins(engine)) << player;
        }
        for (mask const coalition : {drawn, everybody & ~drawn}) {
            for (std::size_t player = 0; player < players; ++player) {
                asked.push_back(coalition | mask{1} << player);
                asked.push_back(coalition & ~(mask{1} << player));
            }
        }
    }
    return asked;
}

/// Keys whose frequency falls with the power 0.99 of their rank.
trace zipf_trace(std::size_t keys, std::size_t draws) {
    std::vector<double> sums(keys);
    double sum = 0;
    for (std::size_t rank = 0; rank < keys; ++rank) {
        sum += std::pow(static_cast<double>(rank + 1), -0.99);
        sums[rank] = sum;
    }
    std::mt19937_64 random(4);
    std::uniform_real_distribution<> uniform(0, sum);
    trace asked(draws);
    std::ranges::generate(asked, [&] {
        return static_cast<std::uint64_t>(std::ranges::upper_bound(sums, uniform(random)) -
                                          sums.begin());
    });
    return asked;
}

memo::key128 key_of(std::uint64_t i) {
    return memo::detail::hash128(&i, sizeof i);
}

double share_served(trace const& asked, auto&& serves) {
    auto const served =
        std::ranges::count_if(asked, [&](std::uint64_t key) { return serves(key); });
    return static_cast<double>(served) / static_cast<double>(asked.size());
}

template <class Policy> double share_of(trace const& asked, std::size_t capacity) {
    Policy policy(capacity);
    return share_served(asked, [&](std::uint64_t key) { return policy.ask(key); });
}

double share_of_memo(trace const& asked, std::size_t capacity) {
    auto const f = memo::memoize([](std::uint64_t key) { return static_cast<double>(key); }, {},
                                 memo::memory({.max_entries = capacity}));
    return share_served(
        asked, [&](std::uint64_t key) { return f.outcome(key).source == memo::source::hit; });
}

struct comparison {
    double to_lru; ///< memo's share of hits divided by another's
    double to_clock;
    double to_best;
};

comparison compare(named_trace const& of, benchmark::plain_table& shares) {
    std::size_t const distinct =
        std::unordered_set<std::uint64_t>(of.asked.begin(), of.asked.end()).size();
    std::size_t const capacity = distinct / 10;
    double const memo = share_of_memo(of.asked, capacity);
    double const lru = share_of<benchmark::lru>(of.asked, capacity);
    double const clock = share_of<benchmark::clock>(of.asked, capacity);
    double const sieve = share_of<benchmark::sieve>(of.asked, capacity);
    double const s3_fifo = share_of<benchmark::s3_fifo>(of.asked, capacity);
    double const tiny_lfu = share_of<benchmark::w_tiny_lfu>(of.asked, capacity);
    shares.rows.push_back({of.name,
                           {memo, lru, clock, sieve, s3_fifo, tiny_lfu,
                            static_cast<double>(of.asked.size()), static_cast<double>(distinct)}});
    return {memo / lru, memo / clock, memo / std::max({lru, sieve, s3_fifo, tiny_lfu})};
}

void hit_shares(bool quick, benchmark::goals& goals) {
    std::size_t const scale = quick ? 1 : 80;
    benchmark::plain_table shares{
        "share of hits when a tenth of the keys is kept",
        {"memo", "LRU", "CLOCK", "SIEVE", "S3-FIFO", "W-TinyLFU", "calls", "distinct keys"}};
    comparison worst{10, 10, 10};
    for (auto const& each : {named_trace{"permutation Shapley", permutation_trace(250 * scale)},
                             named_trace{"Beta(16,1)", beta_trace(2500 * scale)},
                             named_trace{"Owen", owen_trace(100 * scale)},
                             named_trace{"Zipf 0.99", zipf_trace(1250 * scale, 5000 * scale)}}) {
        auto const [to_lru, to_clock, to_best] = compare(each, shares);
        worst = {std::min(worst.to_lru, to_lru), std::min(worst.to_clock, to_clock),
                 std::min(worst.to_best, to_best)};
    }
    benchmark::print(shares);
    using benchmark::simulated;
    goals.at_least("eviction_vs_lru_min", simulated(worst.to_lru), 1);
    goals.at_least("eviction_vs_clock_min", simulated(worst.to_clock), 1);
    goals.at_least("eviction_vs_best_min", simulated(worst.to_best), 0.97);
}

/// What entries of double take while their number doubles. To be run first: the kernel tells the most that the process
/// ever took.
void space(bool quick, benchmark::goals& goals) {
    std::uint64_t const first = quick ? 20'000 : 1'000'000;
    constexpr std::uint64_t steps = 20;
    memo::memory const backend;
    auto const partition = backend.partition<double>({1, 2});
    double const before = benchmark::resident_bytes();
    std::uint64_t stored = 0;
    double sum = 0;
    for (std::uint64_t step = 0; step <= steps; ++step) {
        for (; stored < first + first * step / steps; ++stored) {
            partition.put(key_of(stored), 1.0, {});
        }
        sum += (benchmark::resident_bytes() - before) / static_cast<double>(stored);
    }
    double const bytes = sum / static_cast<double>(steps + 1);
    double const peak =
        (benchmark::peak_resident_bytes() - before) / (benchmark::resident_bytes() - before);
    std::cout << std::fixed << std::setprecision(1) << '\n'
              << bytes << " bytes an entry, from " << first << " to " << 2 * first
              << " entries of double; at most " << std::setprecision(2) << peak
              << " times the final size on the way\n";
    goals.at_most("bytes_per_entry", benchmark::counted(bytes), 45);
    goals.at_most("growth_peak", benchmark::counted(peak), 1.3);
}

/// What a store takes of the system for each byte of its bound, once it is full and has been for a while.
double bytes_of_bound(std::size_t most) {
    memo::memory const backend({.max_bytes = most});
    auto const partition = backend.partition<double>({1, 2});
    double const before = benchmark::resident_bytes();
    for (std::uint64_t i = 0; i < most / 16; ++i) {
        partition.put(key_of(i), 1.0,
                      {.cost = std::chrono::nanoseconds(1000 + i % 100'000), .ttl = {}});
    }
    return (benchmark::resident_bytes() - before) / static_cast<double>(most);
}

void bounds(bool quick, benchmark::goals& goals) {
    std::size_t const most = std::size_t{quick ? 2U : 64U} << 20;
    double const bytes = bytes_of_bound(most);
    std::cout << std::setprecision(2) << "resident bytes to max_bytes: " << bytes << '\n';
    goals.at_most("resident_vs_max_bytes", benchmark::counted(bytes), 1.2);
}

constexpr std::size_t huge_page = std::size_t{2} << 20;

/// Huge pages that the machine has. A virtual machine may have to ask its host for what it touches first,
/// 4 KiB at a time, and its host may take back what is free.
class ready_memory {
  public:
    ready_memory() : first_(static_cast<char*>(std::aligned_alloc(huge_page, bytes))) {
        if (first_ == nullptr) {
            throw std::bad_alloc();
        }
        ::madvise(first_, bytes, MADV_HUGEPAGE);
    }
    ready_memory(ready_memory const&) = delete;
    ready_memory& operator=(ready_memory const&) = delete;
    ~ready_memory() { std::free(first_); }

    /// Touches them and frees them: they are what the system gives next.
    void make() {
        for (std::size_t i = 0; i < bytes; i += 4096) {
            first_[i] = 1;
        }
        ::madvise(first_, bytes, MADV_DONTNEED);
    }

    /// ns that the first touch of one takes.
    [[nodiscard]] double touch_first() {
        return benchmark::wall_time_of([&] { *first_ = 1; });
    }

  private:
    static constexpr std::size_t bytes = 8 * huge_page;
    char* first_;
};

/// The most insertions of which the times are kept.
constexpr std::size_t max_insertions = 10'000'000;
using insertion_times = std::array<float, max_insertions>; ///< ns

/// What a table may lie in while its pauses are measured.
enum class pages { small, huge, huge_from_the_host };

/// Inserts into a table of the process's own.
void insert(std::size_t entries, pages in, insertion_times& times) {
    constexpr std::size_t together = 8'192; // take less than what was made ready
    ::prctl(PR_SET_THP_DISABLE, in == pages::small ? 1 : 0, 0, 0, 0);
    ready_memory ready;
    memo::memory const backend;
    auto const partition = backend.partition<double>({1, 2});
    for (std::size_t i = 0; i < entries; ++i) {
        if (in == pages::huge && i % together == 0) {
            ready.make();
        }
        auto const key = key_of(i);
        times[i] =
            static_cast<float>(benchmark::wall_time_of([&] { partition.put(key, 1.0, {}); }));
    }
}

/// The longest that one insertion takes while a table grows, in ms. A neighbour that takes the core
/// away does so at another insertion in each round; what the table waits for comes at the same one.
double longest_insertion(std::size_t entries, pages in) {
    std::vector<float> least(entries, std::numeric_limits<float>::infinity());
    for (int round = 0; round < 3; ++round) {
        auto const times = examples::in_processes<insertion_times>(
            1, [&](std::size_t /*worker*/, insertion_times& all) { insert(entries, in, all); });
        std::ranges::transform(least, times.front(), least.begin(),
                               [](float x, float y) { return std::min(x, y); });
    }
    return static_cast<double>(*std::ranges::max_element(least)) / 1e6;
}

/// How long the machine takes to clear 2 MiB that it has, in ms.
benchmark::comparison huge_page_time() {
    std::vector<double> times;
    ready_memory ready;
    for (int i = 0; i < 42; ++i) {
        ready.make();
        times.push_back(ready.touch_first() / 1e6);
    }
    return benchmark::figure_of(times);
}

/// With huge pages an insertion in some 50 000 waits for the first touch of one.
void pauses(bool quick, benchmark::goals& goals) {
    std::size_t const entries = quick ? 20'000 : max_insertions;
    auto const page = huge_page_time();
    double const small = longest_insertion(entries, pages::small);
    double const huge = longest_insertion(entries, pages::huge);
    double const from_host = longest_insertion(entries, pages::huge_from_the_host);
    std::cout << std::setprecision(3) << "longest of " << entries << " insertions: " << small
              << " ms in small pages, " << huge << " ms in huge ones, " << from_host
              << " ms where a host may have to give them first; to clear one takes " << page.median
              << " ms\n";
    goals.at_most("huge_page_ms", page, 0.5);
    using benchmark::extreme;
    goals.at_most("insert_pause_small_pages_ms", extreme(small), 1, "huge_page_ms");
    goals.at_most("insert_pause_ready_pages_ms", extreme(huge), 1, "huge_page_ms");
    goals.at_most("insert_pause_ms", extreme(from_host), 1, "huge_page_ms");
}

void run(bool quick, std::string const& file) {
    benchmark::goals goals;
    space(quick, goals);
    bounds(quick, goals);
    pauses(quick, goals);
    hit_shares(quick, goals);
    goals.report(file);
}

} // namespace

int main(int argc, char** argv) {
    return benchmark::program(argc, argv, "What a bounded memory backend keeps, and what it takes",
                              run);
}
