// SPDX-License-Identifier: BSL-1.0
#pragma once

// Variants of one operation in, comparisons of their times out. The variants take turns in one process, in another
// order in each round, so that a neighbour's load or a change of clock meets all of them. What others are compared
// with is measured twice, as if it were two variants: the null control.

#include <support/comparison.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <ctime>
#include <functional>
#include <future>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace benchmark {

/// Makes the compiler believe that the value is used.
template <class T> void keep(T const& value) {
    asm volatile("" : : "r,m"(value) : "memory");
}

/// A second thread that sleeps while this lives. Without one glibc takes a std::mutex for free.
class parked_thread {
  public:
    parked_thread() : thread_([woken = wake_.get_future()]() mutable { woken.wait(); }) {}
    parked_thread(parked_thread const&) = delete;
    parked_thread& operator=(parked_thread const&) = delete;
    ~parked_thread() {
        wake_.set_value();
        thread_.join();
    }

  private:
    std::promise<void> wake_;
    std::thread thread_;
};

inline double time_of(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// CPU time of the calling thread in ns.
inline double thread_time() {
    return time_of(CLOCK_THREAD_CPUTIME_ID);
}

/// ns. Where the kernel or another process does the work, CPU time of one thread says little.
inline double wall_time() {
    return time_of(CLOCK_MONOTONIC);
}

/// ns of wall time that a call takes.
template <class Call> double wall_time_of(Call const& call) {
    double const begin = wall_time();
    call();
    return wall_time() - begin;
}

/// As long as a server needs to sleep after its answer, and longer. A request that meets the server on its way
/// there takes longer, so that without a pause the faster of two clients may measure as the slower one.
inline void pause() {
    constexpr double ns = 4'000;
    double const begin = wall_time();
    while (wall_time() - begin < ns) {
    }
}

/// A rival that is not installed.
struct missing_variant {
    std::string name;
    std::string reason;
};

/// Variants that are measured in turns. The first one is a reference, unless others are named.
class interleaved {
  public:
    /// clock           returns ns; of variants that `add` adds
    explicit interleaved(double (*clock)() = thread_time) : clock_(clock) {}

    /// operations      how many operations one call of `run` is
    void add(std::string name, std::size_t operations, std::function<void()> run) {
        auto const count = static_cast<double>(operations);
        add_timed(std::move(name), [clock = clock_, count, run = std::move(run)](variant&) {
            double const start = clock();
            run();
            return (clock() - start) / count;
        });
    }

    /// Operations that wait for another process, each so long that it is timed by itself, by wall time: a round
    /// takes the median of so many. The caller pauses after each, and the pause is not part of its time.
    void add_each(std::string name, std::size_t operations, std::function<void()> run) {
        add_timed(std::move(name), [operations, run = std::move(run)](variant& self) {
            std::vector<double> times(operations);
            for (double& time : times) {
                time = wall_time_of(run);
                pause();
            }
            if (self.is_warm) {
                self.single.insert(self.single.end(), times.begin(), times.end());
            }
            return quantile(std::move(times), 0.5);
        });
    }

    /// A variant that measures itself.
    ///
    /// run             returns ns per operation
    void add_measured(std::string name, std::function<double()> run) {
        add_timed(std::move(name), [run = std::move(run)](variant&) { return run(); });
    }

    /// Names a rival that cannot be measured here, so that the table says so.
    void add_missing(std::string name, std::string reason) {
        missing_.push_back({std::move(name), std::move(reason)});
    }

    /// Measures the variant twice in each round: it is what others are compared with.
    void measure_twice(std::string const& name) { find(name).is_reference = true; }

    /// Says that physics lets no variant of that name be faster than `bound`, such as a bare round trip.
    void not_faster(std::string const& name, std::string const& bound) {
        static_cast<void>(find(bound)); // throws if there is none
        find(name).bound = bound;
    }

    void measure(std::size_t rounds) {
        if (std::ranges::none_of(variants_, &variant::is_reference)) {
            variants_.front().is_reference = true;
        }
        std::vector<turn> turns;
        for (std::size_t i = 0; i < variants_.size(); ++i) {
            variants_[i].run(variants_[i]); // warms caches and branch predictors
            variants_[i].is_warm = true;
            turns.push_back({i, false});
            if (variants_[i].is_reference) {
                turns.push_back({i, true});
            }
        }
        std::mt19937_64 random(1);
        for (std::size_t round = 0; round < rounds; ++round) {
            std::ranges::shuffle(turns, random); // nobody always has the same neighbours
            for (auto const& [place, is_control] : turns) {
                auto& each = variants_[place];
                (is_control ? each.again : each.times).push_back(each.run(each));
            }
        }
    }

    /// ns per operation
    [[nodiscard]] double median(std::string const& name) const {
        return quantile(find(name).times, 0.5);
    }

    /// The distance between the quartiles, as a share of the median.
    [[nodiscard]] double spread(std::string const& name) const {
        auto const& times = find(name).times;
        return (quantile(times, 0.75) - quantile(times, 0.25)) / quantile(times, 0.5);
    }

    /// Of the rounds, or of single operations where these were timed.
    [[nodiscard]] std::optional<modes> modes_of(std::string const& name) const {
        auto const& each = find(name);
        return two_modes(each.single.empty() ? each.times : each.single);
    }

    /// One variant's time divided by another's in the same round.
    [[nodiscard]] comparison ratio(std::string const& name, std::string const& base) const {
        return compare(name, base, std::divides<>());
    }

    /// How many ns a variant takes more than another in the same round.
    [[nodiscard]] comparison difference(std::string const& name, std::string const& base) const {
        return compare(name, base, std::minus<>());
    }

    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> result;
        for (auto const& each : variants_) {
            result.push_back(each.name);
        }
        return result;
    }

    [[nodiscard]] std::vector<missing_variant> const& missing() const { return missing_; }

    /// The null control of a reference: its second measurement by its first. Nothing for other variants.
    [[nodiscard]] std::optional<comparison> control(std::string const& name) const {
        auto const& each = find(name);
        if (each.again.empty()) {
            return std::nullopt;
        }
        comparison result = compare_rounds(each.again, each.times, std::divides<>());
        result.control = result.median;
        return result;
    }

  private:
    struct variant {
        std::string name;
        std::function<double(variant&)> run;
        bool is_reference = false;
        bool is_warm = false;
        std::string bound{};
        std::vector<double> times{};  ///< ns per operation, of each round
        std::vector<double> again{};  ///< the same, of a reference
        std::vector<double> single{}; ///< of operations that were timed by themselves
    };

    struct turn {
        std::size_t place;
        bool is_control;
    };

    void add_timed(std::string name, std::function<double(variant&)> run) {
        variants_.push_back({std::move(name), std::move(run)});
    }

    template <class Variants>
    [[nodiscard]] static auto& find_in(Variants& variants, std::string const& name) {
        auto const found = std::ranges::find(variants, name, &variant::name);
        if (found == variants.end()) {
            throw std::logic_error("no variant " + name);
        }
        return *found;
    }
    [[nodiscard]] variant const& find(std::string const& name) const {
        return find_in(variants_, name);
    }
    [[nodiscard]] variant& find(std::string const& name) { return find_in(variants_, name); }

    template <class Of>
    [[nodiscard]] comparison compare(std::string const& name, std::string const& base,
                                     Of of) const {
        comparison result = compare_rounds(find(name).times, find(base).times, of);
        // The controls of these two; without one, those of the whole group.
        double worst = worst_control({name, base});
        if (std::isnan(worst)) {
            worst = worst_control(names());
        }
        result = controlled(std::move(result), worst);
        if (result.doubt.empty() && (is_too_fast(name) || is_too_fast(base))) {
            result.doubt = "faster than its bound";
        }
        return result;
    }

    /// NaN if none of them was measured twice.
    [[nodiscard]] double worst_control(std::vector<std::string> const& of) const {
        double worst = std::numeric_limits<double>::quiet_NaN();
        for (auto const& name : of) {
            if (auto const found = control(name);
                found && (std::isnan(worst) || deviation(found->median) > deviation(worst))) {
                worst = found->median;
            }
        }
        return worst;
    }

    [[nodiscard]] bool is_too_fast(std::string const& name) const {
        constexpr double tolerance = 0.95;
        auto const& each = find(name);
        return !each.bound.empty() &&
               compare_rounds(each.times, find(each.bound).times, std::divides<>()).median <
                   tolerance;
    }

    double (*clock_)();
    std::vector<variant> variants_;
    std::vector<missing_variant> missing_;
};

} // namespace benchmark
