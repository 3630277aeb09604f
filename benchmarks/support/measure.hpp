// SPDX-License-Identifier: BSL-1.0
#pragma once

// Variants of one operation in, their times out. The variants take turns in one process, so that a neighbour's load or
// a change of clock meets all of them, and time is the thread's own CPU time unless another clock is given.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <ctime>
#include <functional>
#include <future>
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

/// CPU time of the calling thread in ns.
inline double thread_time() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

inline double quantile(std::vector<double> values, double share) {
    auto const place = values.begin() + std::lround(share * static_cast<double>(values.size() - 1));
    std::ranges::nth_element(values, place);
    return *place;
}

/// Variants that are measured in turns.
class interleaved {
  public:
    /// clock           gives ns
    explicit interleaved(double (*clock)() = thread_time) : clock_(clock) {}

    /// operations      how many operations one call of `run` is
    void add(std::string name, std::size_t operations, std::function<void()> run) {
        variants_.push_back({std::move(name), operations, std::move(run), {}});
    }

    void measure(std::size_t rounds) {
        for (auto& each : variants_) {
            each.run(); // warms caches and branch predictors
        }
        for (std::size_t round = 0; round < rounds; ++round) {
            for (auto& each : variants_) {
                double const start = clock_();
                each.run();
                each.times.push_back((clock_() - start) / static_cast<double>(each.operations));
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

    /// The median over the rounds of one variant's time divided by another's in the same round.
    [[nodiscard]] double ratio(std::string const& name, std::string const& base) const {
        auto const& over = find(name).times;
        auto const& under = find(base).times;
        std::vector<double> ratios(over.size());
        std::ranges::transform(over, under, ratios.begin(), std::divides<>());
        return quantile(std::move(ratios), 0.5);
    }

    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> result;
        for (auto const& each : variants_) {
            result.push_back(each.name);
        }
        return result;
    }

  private:
    struct variant {
        std::string name;
        std::size_t operations;
        std::function<void()> run;
        std::vector<double> times;
    };

    [[nodiscard]] variant const& find(std::string const& name) const {
        auto const found = std::ranges::find(variants_, name, &variant::name);
        if (found == variants_.end()) {
            throw std::logic_error("no variant " + name);
        }
        return *found;
    }

    double (*clock_)();
    std::vector<variant> variants_;
};

} // namespace benchmark
