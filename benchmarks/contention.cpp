// SPDX-License-Identifier: BSL-1.0
// What two threads that share one memoized function cost each other.

#include <memo/memo.hpp>
#include <support/program.hpp>
#include <support/report.hpp>
#include <support/rivals.hpp>
#include <support/slices.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
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

/// Variants that are measured in turns, one thread and two, each between two turns of the control: a loop that shares
/// nothing. A turn counts if the control was twice as fast with two threads before and after it. Where it was not, another
/// process or another machine of the same host had one of the two cores, or a part of it.
class variants {
  public:
    template <class Work> explicit variants(Work control) { add("control", control); }

    template <class Work> void add(std::string name, Work work) {
        all_.push_back({std::move(name), [work](std::size_t slices) {
                            return benchmark::measure_scaling(slices, work);
                        }});
    }

    void measure(std::size_t rounds, std::size_t slices) {
        for (std::size_t round = 0; round < rounds; ++round) {
            bool before = has_two_cores(control(slices));
            for (std::size_t i = 1; i < all_.size(); ++i) {
                auto const own = all_[i].run(slices);
                auto const next = control(slices);
                bool const after = has_two_cores(next);
                if (before && after && !std::isnan(own.factor())) {
                    all_[i].turns.push_back(own);
                    all_.front().turns.push_back(next);
                }
                before = after;
            }
        }
    }

    void print() const {
        auto const with_two_cores = std::ranges::count_if(controls_, has_two_cores);
        benchmark::plain_table table{
            "a call of one thread and of two at once; of " + std::to_string(controls_.size()) +
                " turns of the control, the machine had two free cores in " +
                std::to_string(with_two_cores),
            {"one thread, ns", "two threads, ns", "turns that count"}};
        for (auto const& each : all_) {
            table.rows.push_back({each.name,
                                  {median(each, &benchmark::scaling::alone),
                                   median(each, &benchmark::scaling::together),
                                   static_cast<double>(each.turns.size())}});
        }
        benchmark::print(table);
    }

    [[nodiscard]] benchmark::comparison factor(std::string const& name) const {
        constexpr std::size_t enough = 10;
        auto const found = std::ranges::find(all_, name, &variant::name);
        if (found == all_.end()) {
            throw std::logic_error("no variant " + name);
        }
        if (found->turns.size() < enough) {
            constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
            return {nothing, nothing, nothing, nothing, "two cores were seldom free"};
        }
        auto const figures = factors(*found);
        return benchmark::controlled(
            benchmark::compare_rounds(figures, figures,
                                      [](double factor, double) { return factor; }),
            benchmark::quantile(factors(all_.front()), 0.5) / 2);
    }

  private:
    struct variant {
        std::string name;
        std::function<benchmark::scaling(std::size_t slices)> run;
        std::vector<benchmark::scaling> turns{}; ///< that count
    };

    benchmark::scaling control(std::size_t slices) {
        controls_.push_back(all_.front().run(slices));
        return controls_.back();
    }

    static bool has_two_cores(benchmark::scaling const& control) { return control.factor() >= 1.9; }

    static std::vector<double> factors(variant const& of) {
        std::vector<double> result;
        for (auto const& each : of.turns) {
            result.push_back(each.factor());
        }
        return result;
    }
    /// ns of a call, of both cores.
    static double median(variant const& of, std::array<double, 2> benchmark::scaling::*figure) {
        std::vector<double> times;
        for (auto const& each : of.turns) {
            times.push_back(((each.*figure)[0] + (each.*figure)[1]) / 2 / calls);
        }
        return times.empty() ? std::numeric_limits<double>::quiet_NaN()
                             : benchmark::quantile(std::move(times), 0.5);
    }

    std::vector<variant> all_;                 ///< the control is the first
    std::vector<benchmark::scaling> controls_; ///< whether they count or not
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
    variants all(hits(hash, 1000));
    all.add("memo, 1000 keys", hits(f, 1000));
    all.add("memo, one key", hits(f, 1));
    all.add("memo, 9 hits to 1 new key", mixed(growing, fresh));
    all.measure(quick ? 12 : 60, quick ? 5 : 50);
    all.print();

    benchmark::goals goals;
    std::string const two_cores = "scaling_2t_control";
    goals.at_least(two_cores, all.factor("control"), 1.95);
    goals.at_least("scaling_2t_1e3", all.factor("memo, 1000 keys"), 1.85, two_cores);
    goals.at_least("scaling_2t_hot_key", all.factor("memo, one key"), 1.85, two_cores);
    goals.at_least("scaling_2t_90_10", all.factor("memo, 9 hits to 1 new key"), 1.7, two_cores);
    goals.report(file);
}

} // namespace

int main(int argc, char** argv) {
    return benchmark::program(argc, argv, "What threads that share a function cost each other",
                              run);
}
