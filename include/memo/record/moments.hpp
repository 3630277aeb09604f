// SPDX-License-Identifier: BSL-1.0
#pragma once

// Samples in, their count, mean and variance out, one sample or another set of moments at a time.
//
// Samples are taken relative to the first one, so that an offset of 1e9 costs no digit; each is
// added by Welford's update (1962, Technometrics 4(3)), and two sets are merged by the pairwise
// update of Chan, Golub and LeVeque (1979, STAN-CS-79-773, equation 2.1). Neither order nor split
// matters but for rounding.

#include <memo/error.hpp>
#include <memo/real.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace memo::detail {

/// Mean and squared deviations of one number; how many samples it has seen is kept beside it.
struct spread {
    double origin = 0; ///< the first sample
    double offset = 0; ///< mean - origin
    double m2 = 0;     ///< sum of (sample - mean)^2

    void add(double sample, std::uint64_t count_with_it) noexcept {
        if (count_with_it == 1) {
            *this = {sample, 0, real::is_finite(sample) ? 0 : sample - sample};
            return;
        }
        double const shifted = sample - origin;
        double const delta = shifted - offset;
        offset += delta / static_cast<double>(count_with_it);
        m2 += delta * (shifted - offset);
    }

    void merge(spread const& other, std::uint64_t count, std::uint64_t others) noexcept {
        auto const n = static_cast<double>(count);
        auto const m = static_cast<double>(others);
        double const delta = (other.origin - origin) + (other.offset - offset);
        offset += delta * (m / (n + m));
        m2 += other.m2 + delta * delta * (n * m / (n + m));
    }

    [[nodiscard]] double mean() const noexcept { return origin + offset; }

    template <class Archive> void serialize(Archive& archive) { archive(origin, offset, m2); }
};

/// How values of one shape are averaged: number by number, of which there are `most` at most.
template <class Value> struct shape;

template <class Number>
    requires std::is_arithmetic_v<Number>
struct shape<Number> {
    using value = double;
    using spreads = std::array<spread, 1>;
    static constexpr std::size_t most = 1;
    static constexpr std::size_t size(Number) noexcept { return 1; }
    static double at(Number sample, std::size_t) noexcept { return static_cast<double>(sample); }
    template <class Get> static value make(std::size_t, Get const& get) { return get(0); }
};

template <class Number>
    requires std::is_arithmetic_v<Number>
struct shape<std::vector<Number>> {
    using value = std::vector<double>;
    using spreads = std::vector<spread>;
    static constexpr std::size_t most = (std::numeric_limits<std::size_t>::max)();
    static std::size_t size(std::vector<Number> const& sample) noexcept { return sample.size(); }
    static double at(std::vector<Number> const& sample, std::size_t i) {
        return static_cast<double>(sample[i]);
    }
    template <class Get> static value make(std::size_t size, Get const& get) {
        value result(size);
        for (std::size_t i = 0; i < size; ++i) {
            result[i] = get(i);
        }
        return result;
    }
};

template <class Number, std::size_t N>
    requires std::is_arithmetic_v<Number>
struct shape<std::array<Number, N>> {
    using value = std::array<double, N>;
    using spreads = std::array<spread, N>;
    static constexpr std::size_t most = N;
    static constexpr std::size_t size(std::array<Number, N> const&) noexcept { return N; }
    static double at(std::array<Number, N> const& sample, std::size_t i) {
        return static_cast<double>(sample[i]);
    }
    template <class Get> static value make(std::size_t, Get const& get) {
        value result{};
        for (std::size_t i = 0; i < N; ++i) {
            result[i] = get(i);
        }
        return result;
    }
};

/// A sample that can be averaged: a number, or a vector or array of numbers.
template <class T>
concept can_be_averaged = requires {
    typename shape<T>::value;
};

/// Count, mean and variance of samples of type Sample.
///
/// Complexity:     O(numbers in a sample) for every operation
/// Thread safety:  none of its own; backends merge under theirs
template <can_be_averaged Sample> class moments {
    using form = shape<Sample>;

  public:
    using value = typename form::value;

    /// Throws:         memo::error (sample) if it has another length than those before
    void add(Sample const& sample) {
        std::size_t const size = form::size(sample);
        fit(size);
        ++count_;
        for (std::size_t i = 0; i < size; ++i) {
            spreads_[i].add(form::at(sample, i), count_);
        }
    }

    /// Throws:         memo::error (sample) if they have another length
    void merge(moments const& other) {
        if (other.count_ == 0) {
            return;
        }
        if (count_ == 0) {
            *this = other;
            return;
        }
        fit(other.spreads_.size());
        for (std::size_t i = 0; i < spreads_.size(); ++i) {
            spreads_[i].merge(other.spreads_[i], count_, other.count_);
        }
        count_ += other.count_;
    }

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    /// How many numbers a sample has; 0 for vectors before the first one.
    [[nodiscard]] std::size_t size() const noexcept { return spreads_.size(); }

    /// Of the i-th number. Undefined, so NaN, without samples.
    [[nodiscard]] double mean(std::size_t i = 0) const {
        return count_ > 0 ? spreads_[i].mean() : undefined;
    }
    /// Sum of squared deviations from the mean.
    [[nodiscard]] double m2(std::size_t i = 0) const { return spreads_[i].m2; }
    /// Unbiased. Undefined, so NaN, below two samples.
    [[nodiscard]] double variance(std::size_t i = 0) const {
        return count_ > 1 ? spreads_[i].m2 / static_cast<double>(count_ - 1) : undefined;
    }
    /// Of the mean. Undefined, so NaN, below two samples.
    [[nodiscard]] double standard_error(std::size_t i = 0) const {
        return real::sqrt(variance(i) / static_cast<double>(count_));
    }
    /// All means, in the form of a sample.
    [[nodiscard]] value means() const {
        return form::make(spreads_.size(), [&](std::size_t i) { return mean(i); });
    }

    template <class Archive> void serialize(Archive& archive) { archive(count_, spreads_); }

    /// Bytes that lie elsewhere.
    friend std::size_t memo_footprint(moments const& m) noexcept {
        return std::is_same_v<typename form::spreads, std::vector<spread>>
                   ? m.size() * sizeof(spread)
                   : 0;
    }

  private:
    static constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

    void fit(std::size_t size) {
        if constexpr (requires { spreads_.resize(size); }) {
            if (count_ == 0) {
                spreads_.resize(size);
            }
        }
        if (size != spreads_.size()) {
            throw error(errc::sample,
                        "averaged function: its results for the same arguments have " +
                            std::to_string(spreads_.size()) + " and " + std::to_string(size) +
                            " numbers; return vectors of one length");
        }
    }

    std::uint64_t count_ = 0;
    typename form::spreads spreads_{};
};

} // namespace memo::detail
