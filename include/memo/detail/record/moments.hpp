// SPDX-License-Identifier: BSL-1.0
#pragma once

// Running count, mean and variance of samples.
//
// Samples are shifted by the first one, so that an offset of 1e9 costs no digit. Welford's update
// (1962, Technometrics 4(3)) adds a sample; the pairwise update of Chan, Golub and LeVeque (1979,
// STAN-CS-79-773, equation 2.1) merges two sets. Order and split change only the rounding.
//
// The mean of finite samples is finite: if a difference overflows, the shift becomes 0, and terms
// are divided before they are added. If the squared deviations overflow, m2 and the numbers that
// follow from it are infinite, never NaN.

#include <memo/detail/math.hpp>
#include <memo/detail/record/bytes.hpp>
#include <memo/detail/system/compiled.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

namespace memo::detail {

/// Mean and squared deviations of one element; the number of samples is stored outside.
struct spread {
    double origin = 0; ///< the first sample
    double offset = 0; ///< mean - origin
    double m2 = 0;     ///< sum of (sample - mean)^2

    /// count           number of samples, this one included
    void add(double sample, std::uint64_t count) noexcept {
        if (count == 1) {
            *this = {sample, 0, math::is_finite(sample) ? 0 : sample - sample};
            return;
        }
        auto const n = static_cast<double>(count);
        double const shifted = sample - origin;
        double const delta = shifted - offset;
        if (!math::is_finite(delta) && math::is_finite(sample) && is_finite()) [[unlikely]] {
            add_distant(sample, n);
            return;
        }
        offset += delta / n;
        m2 += delta * (shifted - offset);
    }

    void merge(spread const& other, std::uint64_t count, std::uint64_t other_count) noexcept {
        auto const n = static_cast<double>(count);
        auto const m = static_cast<double>(other_count);
        double delta = (other.origin - origin) + (other.offset - offset);
        double merged = offset + delta * (m / (n + m));
        if (!math::is_finite(merged) && is_finite() && other.is_finite()) [[unlikely]] {
            reset_origin();
            delta = other.mean() - offset;
            merged = offset * (n / (n + m)) + other.mean() * (m / (n + m));
        }
        offset = merged;
        m2 += other.m2 + delta * delta * (n * m / (n + m));
    }

    /// Undoes merge(part). What follows from numbers that are not finite is NaN.
    ///
    /// count           number of samples, those of the part included
    void remove(spread const& part, std::uint64_t count, std::uint64_t part_count) noexcept;

    [[nodiscard]] double mean() const noexcept { return origin + offset; }

    [[nodiscard]] bool is_finite() const noexcept {
        return math::is_finite(origin) && math::is_finite(offset);
    }

    /// Whether `count` samples can have these numbers.
    [[nodiscard]] bool is_possible(std::uint64_t count) const noexcept;

    template <class Archive> void serialize(Archive& archive) { archive(origin, offset, m2); }

  private:
    void reset_origin() noexcept;
    void add_distant(double sample, double n) noexcept;
};

/// Throws:         memo::error (sample)
[[noreturn]] void refuse_length(std::size_t before, std::size_t now);

/// Averages samples of one type element by element, at most `max_size` elements.
template <class Value> struct shape;

template <class Number>
    requires std::is_arithmetic_v<Number>
struct shape<Number> {
    using value = double;
    template <class Element> using elements = std::array<Element, 1>;
    static constexpr std::size_t max_size = 1;
    static constexpr std::size_t size(Number) noexcept { return 1; }
    static double at(Number sample, std::size_t) noexcept { return static_cast<double>(sample); }
    template <class Get> static value make(std::size_t, Get const& get) { return get(0); }
};

template <class Number>
    requires std::is_arithmetic_v<Number>
struct shape<std::vector<Number>> {
    using value = std::vector<double>;
    template <class Element> using elements = std::vector<Element>;
    static constexpr std::size_t max_size = (std::numeric_limits<std::size_t>::max)();
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
    template <class Element> using elements = std::array<Element, N>;
    static constexpr std::size_t max_size = N;
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
/// Thread safety:  none; backends merge under their own lock
template <can_be_averaged Sample> class moments {
    using form = shape<Sample>;
    using spreads = typename form::template elements<spread>;

  public:
    using sample_type = Sample;
    using value = typename form::value;

    /// Throws:         memo::error (sample) if its length differs from the samples before
    void add(Sample const& sample) {
        std::size_t const size = form::size(sample);
        fit(size);
        ++count_;
        for (std::size_t i = 0; i < size; ++i) {
            spreads_[i].add(form::at(sample, i), count_);
        }
    }

    /// Throws:         memo::error (sample) if the lengths differ
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

    /// Undoes merge(part), but for rounding.
    ///
    /// part            of at most as many samples
    /// Throws:         memo::error (sample) if the lengths differ
    void remove(moments const& part) {
        if (part.count_ == 0) {
            return;
        }
        fit(part.spreads_.size());
        for (std::size_t i = 0; i < spreads_.size(); ++i) {
            spreads_[i].remove(part.spreads_[i], count_, part.count_);
        }
        count_ -= part.count_;
        if (count_ == 0) {
            *this = {};
        }
    }

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    /// Elements in a sample; 0 for vectors before the first one.
    [[nodiscard]] std::size_t size() const noexcept { return spreads_.size(); }

    /// Of the i-th element. NaN without samples.
    [[nodiscard]] double mean(std::size_t i = 0) const {
        return count_ > 0 ? spreads_[i].mean() : undefined;
    }
    /// Sum of squared deviations from the mean.
    [[nodiscard]] double m2(std::size_t i = 0) const { return spreads_[i].m2; }
    /// Unbiased. NaN with fewer than two samples.
    [[nodiscard]] double variance(std::size_t i = 0) const {
        return count_ > 1 ? spreads_[i].m2 / static_cast<double>(count_ - 1) : undefined;
    }
    /// Of the mean. NaN with fewer than two samples.
    [[nodiscard]] double standard_error(std::size_t i = 0) const {
        return math::sqrt(variance(i) / static_cast<double>(count_));
    }
    /// All means, in the type of a sample.
    [[nodiscard]] value means() const {
        return form::make(spreads_.size(), [&](std::size_t i) { return mean(i); });
    }

    /// Throws:         malformed_record when loading moments that no samples can have
    template <class Archive> void serialize(Archive& archive) {
        archive(count_, spreads_);
        if constexpr (Archive::is_loading::value) {
            if (!is_possible()) {
                throw malformed_record();
            }
        }
    }

    /// More samples than any run can draw; the sum of two counts does not wrap.
    static constexpr std::uint64_t max_samples = std::uint64_t{1} << 62;

    /// Bytes outside the object.
    friend std::size_t memo_footprint(moments const& m) noexcept {
        return std::is_same_v<spreads, std::vector<spread>> ? m.size() * sizeof(spread) : 0;
    }

  private:
    [[nodiscard]] bool is_possible() const noexcept {
        bool possible = count_ <= max_samples && (count_ == 0 || !spreads_.empty());
        if constexpr (std::is_same_v<spreads, std::vector<spread>>) {
            possible = possible && (count_ > 0 || spreads_.empty());
        }
        for (auto const& each : spreads_) {
            possible = possible && each.is_possible(count_);
        }
        return possible;
    }

    static constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

    void fit(std::size_t size) {
        if constexpr (requires { spreads_.resize(size); }) {
            if (count_ == 0) {
                spreads_.resize(size);
            }
        }
        if (size != spreads_.size()) {
            refuse_length(spreads_.size(), size);
        }
    }

    std::uint64_t count_ = 0;
    spreads spreads_{};
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "moments.ipp"
#endif
