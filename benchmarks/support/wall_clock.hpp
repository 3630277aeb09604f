// SPDX-License-Identifier: BSL-1.0
#pragma once

// Operations that wait for another process: what they take is wall time, and each is so long that it
// is timed by itself.

#include <support/measure.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace benchmark {

/// ns of wall time that a call takes.
template <class Call> double wall_time_of(Call const& call) {
    auto const begin = std::chrono::steady_clock::now();
    call();
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin)
        .count();
}

/// Variants that take turns; of each round the median operation is kept.
class round_trips {
  public:
    void add(std::string name, std::function<void()> run) {
        variants_.push_back({std::move(name), std::move(run), {}});
    }

    void measure(std::size_t rounds, std::size_t operations) {
        for (std::size_t round = 0; round <= rounds; ++round) {
            for (std::size_t i = 0; i < variants_.size(); ++i) {
                auto& each = variants_[(i + round) % variants_.size()]; // nobody is always first
                std::vector<double> times(operations);
                for (double& time : times) {
                    time = wall_time_of(each.run);
                }
                if (round > 0) { // the first one warms up
                    each.medians.push_back(quantile(std::move(times), 0.5));
                }
            }
        }
    }

    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> result;
        for (auto const& each : variants_) {
            result.push_back(each.name);
        }
        return result;
    }
    [[nodiscard]] double median(std::string const& name) const {
        return quantile(find(name).medians, 0.5);
    }
    [[nodiscard]] double spread(std::string const& name) const {
        auto const& medians = find(name).medians;
        return (quantile(medians, 0.75) - quantile(medians, 0.25)) / quantile(medians, 0.5);
    }
    /// The median over the rounds of one variant's time divided by another's in the same round.
    [[nodiscard]] double ratio(std::string const& name, std::string const& base) const {
        auto const& over = find(name).medians;
        auto const& under = find(base).medians;
        std::vector<double> ratios(over.size());
        std::ranges::transform(over, under, ratios.begin(), std::divides<>());
        return quantile(std::move(ratios), 0.5);
    }

  private:
    struct variant {
        std::string name;
        std::function<void()> run;
        std::vector<double> medians;
    };

    [[nodiscard]] variant const& find(std::string const& name) const {
        auto const found = std::ranges::find(variants_, name, &variant::name);
        if (found == variants_.end()) {
            throw std::logic_error("no variant " + name);
        }
        return *found;
    }

    std::vector<variant> variants_;
};

} // namespace benchmark
