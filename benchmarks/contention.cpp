// SPDX-License-Identifier: BSL-1.0
// What two threads that share one memoized function cost each other.

#include <memo/memo.hpp>
#include <support/program.hpp>
#include <support/report.hpp>
#include <support/rivals.hpp>
#include <support/slices.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t calls = 20'000; ///< in a slice

double of_int(int x) {
    return 0.5 * x;
}

/// The i-th argument of a thread: all of them, each thread in an order of its own.
int among(std::size_t count, std::size_t thread, std::size_t i) {
    std::size_t const mixed = (i + thread * 7'919) * 0x9e3779b97f4a7c15;
    return static_cast<int>((mixed >> 32) % count);
}

template <class Function> auto hits(Function& f, std::size_t count) {
    return [&f, count](std::size_t thread, std::size_t slice) {
        double sum = 0;
        for (std::size_t i = 0; i < calls; ++i) {
            sum += f(among(count, thread, slice * calls + i));
        }
        benchmark::keep(sum);
    };
}

/// Nine hits to one call that computes and stores.
template <class Function> auto mixed(Function& f, std::atomic<int>& fresh) {
    return [&f, &fresh](std::size_t thread, std::size_t slice) {
        constexpr int block = calls / 10;
        int next = -fresh.fetch_add(block); // nobody else's
        double sum = 0;
        for (std::size_t i = 0; i < calls; ++i) {
            sum += i % 10 == 0 ? f(--next) : f(among(1000, thread, slice * calls + i));
        }
        benchmark::keep(sum);
    };
}

/// Variants that are measured in turns, one thread and two.
class variants {
  public:
    template <class Work> void add(std::string name, Work work) {
        all_.push_back({std::move(name), benchmark::scaling(calls),
                        [work](benchmark::scaling& measured, std::size_t slices) {
                            measured.measure(slices, work);
                        }});
    }

    void measure(std::size_t rounds, std::size_t slices) {
        for (std::size_t round = 0; round < rounds; ++round) {
            for (auto& each : all_) {
                each.run(each.measured, slices);
            }
        }
    }

    void print() const {
        std::cout << "\n   1 thread  2 threads   scaling   quartiles      slices\n" << std::fixed;
        for (auto const& each : all_) {
            auto const& m = each.measured;
            std::cout << std::setprecision(1) << std::setw(8) << m.alone() << " ns" << std::setw(8)
                      << m.together() << " ns" << std::setprecision(2) << std::setw(10)
                      << m.factor().median << std::setw(8) << m.factor().lower << " -"
                      << std::setw(6) << m.factor().upper << std::setw(9) << m.counted() << "  "
                      << each.name << '\n';
        }
    }

    [[nodiscard]] benchmark::comparison factor(std::string const& name) const {
        for (auto const& each : all_) {
            if (each.name == name) {
                return each.measured.factor();
            }
        }
        throw std::logic_error("no variant " + name);
    }

  private:
    struct variant {
        std::string name;
        benchmark::scaling measured;
        std::function<void(benchmark::scaling&, std::size_t)> run;
    };
    std::vector<variant> all_;
};

void run(bool quick, std::string const& file) {
    auto const f = memo::memoize(memo::fn<&of_int>{});
    auto const growing =
        memo::memoize(memo::fn<&of_int>{}, {}, memo::memory({.max_entries = 100'000}));
    auto const hash = [key = benchmark::keys()](int x) {
        return static_cast<double>(key(x).low());
    };
    for (int x = 0; x < 1000; ++x) {
        if (f(x) != of_int(x) || growing(x) != of_int(x)) {
            throw std::logic_error("the variants do not agree");
        }
    }

    std::atomic<int> fresh{1};
    variants all;
    all.add("control: hash only", hits(hash, 1000));
    all.add("memo, 1000 keys", hits(f, 1000));
    all.add("memo, one key", hits(f, 1));
    all.add("memo, 9 hits to 1 new key", mixed(growing, fresh));
    all.measure(quick ? 2 : 60, quick ? 5 : 50);
    all.print();

    benchmark::goals goals;
    auto const control = all.factor("control: hash only");
    std::string const two_cores = "scaling_2t_control";
    goals.at_least(two_cores, control, 1.95);
    goals.at_least("scaling_2t_1e3", all.factor("memo, 1000 keys"), 1.85, two_cores);
    goals.at_least("scaling_2t_hot_key", all.factor("memo, one key"), 1.85, two_cores);
    goals.at_least("scaling_2t_90_10", all.factor("memo, 9 hits to 1 new key"), 1.7, two_cores);
    goals.report(file);
    if (!(control.median >= 1.95)) {
        std::cout << "void: this machine did not give two cores to a loop that shares nothing\n";
    }
}

} // namespace

int main(int argc, char** argv) {
    return benchmark::program(argc, argv, "What threads that share a function cost each other",
                              run);
}
