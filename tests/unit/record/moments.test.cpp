// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/record/moments.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

using memo::detail::moments;

namespace {

__extension__ using wide = __int128;

// Samples in 1024ths, so that sums are exact.
struct exact {
    std::vector<std::int64_t> parts;

    [[nodiscard]] static double number(std::int64_t part) {
        return static_cast<double>(part) / 1024;
    }
    [[nodiscard]] double mean() const {
        wide sum = 0;
        for (auto const part : parts) {
            sum += part;
        }
        return static_cast<double>(static_cast<long double>(sum) /
                                   (1024.0L * static_cast<long double>(parts.size())));
    }
    [[nodiscard]] double m2() const {
        auto const n = static_cast<wide>(parts.size());
        wide sum = 0;
        wide squares = 0;
        for (auto const part : parts) {
            wide const from_first = part - parts.front();
            sum += from_first;
            squares += from_first * from_first;
        }
        return static_cast<double>(static_cast<long double>(n * squares - sum * sum) /
                                   (1024.0L * 1024.0L * static_cast<long double>(n)));
    }
};

exact normal_samples(std::size_t count, double offset, double deviation, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> draw(offset, deviation);
    exact result;
    for (std::size_t i = 0; i < count; ++i) {
        result.parts.push_back(std::llround(draw(random) * 1024));
    }
    return result;
}

moments<double> of(std::vector<std::int64_t> const& parts, std::size_t begin, std::size_t end) {
    moments<double> result;
    for (std::size_t i = begin; i < end; ++i) {
        result.add(exact::number(parts[i]));
    }
    return result;
}

moments<double> of(exact const& samples) {
    return of(samples.parts, 0, samples.parts.size());
}

/// Within 1e-12 of the number or of `scale`, the size of its samples: the error of a mean near zero
/// scales with the samples.
Approx near(double expected, double scale = 0) {
    return Approx(expected).epsilon(1e-12).margin(1e-12 * scale);
}

} // namespace

TEST_CASE("moments match exact arithmetic") {
    for (double const offset : {0.0, -3.0, 1e6, 1e9, -1e9}) {
        for (std::size_t const count : {2U, 3U, 1000U, 100000U}) {
            exact const samples = normal_samples(count, offset, 1, count);
            moments<double> const m = of(samples);
            CAPTURE(offset, count);
            CHECK(m.count() == count);
            CHECK(m.mean() == near(samples.mean(), 1));
            CHECK(m.m2() == near(samples.m2()));
            CHECK(m.variance() == near(samples.m2() / static_cast<double>(count - 1)));
            CHECK(m.standard_error() ==
                  near(std::sqrt(samples.m2() / static_cast<double>(count - 1) /
                                 static_cast<double>(count))));
        }
    }
}

TEST_CASE("merged moments do not depend on split and order") {
    auto const seed = Catch::rngSeed();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    for (double const offset : {0.0, 1e9}) {
        exact const samples = normal_samples(20000, offset, 0.25, seed);
        for (int round = 0; round < 50; ++round) {
            auto parts = samples.parts;
            std::shuffle(parts.begin(), parts.end(), random);
            std::vector<moments<double>> pieces;
            for (std::size_t begin = 0; begin < parts.size();) {
                std::size_t const end =
                    std::min(parts.size(), begin + random() % (round % 2 == 0 ? 40 : 8000));
                pieces.push_back(of(parts, begin, end)); // empty ones, too
                begin = end;
            }
            while (pieces.size() > 1) { // as a tree of random form
                std::swap(pieces[random() % pieces.size()], pieces.back());
                auto const last = pieces.back();
                pieces.pop_back();
                pieces[random() % pieces.size()].merge(last);
            }
            CAPTURE(offset, round);
            CHECK(pieces.front().count() == parts.size());
            CHECK(pieces.front().mean() == near(samples.mean(), 0.25));
            CHECK(pieces.front().m2() == near(samples.m2()));
        }
    }
}

TEST_CASE("undefined moments are NaN") {
    moments<double> m;
    CHECK(std::isnan(m.mean()));
    CHECK(std::isnan(m.variance()));
    m.add(3);
    CHECK(m.mean() == 3);
    CHECK(std::isnan(m.variance()));
    CHECK(std::isnan(m.standard_error()));
    m.add(3);
    CHECK(m.variance() == 0);
    CHECK(m.standard_error() == 0);
}

TEST_CASE("a NaN sample makes the mean NaN, even as the first one") {
    for (double const odd :
         {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
        for (int const place : {0, 1, 2}) {
            moments<double> m;
            for (int i = 0; i < 3; ++i) {
                m.add(i == place ? odd : 1.0);
            }
            CAPTURE(odd, place);
            CHECK_FALSE(std::isfinite(m.mean()));
            CHECK(std::isnan(m.variance()));
        }
    }
}

namespace {

/// Of finite samples, by numbers of 64 bits and 15 bits of exponent.
long double exact_mean(std::vector<double> const& samples) {
    long double sum = 0;
    for (double const sample : samples) {
        sum += static_cast<long double>(sample);
    }
    return sum / static_cast<long double>(samples.size());
}

long double exact_m2(std::vector<double> const& samples) {
    long double const mean = exact_mean(samples);
    long double sum = 0;
    for (double const sample : samples) {
        long double const off = static_cast<long double>(sample) - mean;
        sum += off * off;
    }
    return sum;
}

moments<double> moments_of(std::vector<double> const& samples) {
    moments<double> m;
    for (double const sample : samples) {
        m.add(sample);
    }
    return m;
}

/// No worse than the exact mean by some bits of the largest sample; m2 as it is, or infinite.
void check_against_exact(moments<double> const& m, std::vector<double> const& samples) {
    long double largest = 0;
    for (double const sample : samples) {
        largest = std::max(largest, static_cast<long double>(std::abs(sample)));
    }
    long double const off = std::abs(static_cast<long double>(m.mean()) - exact_mean(samples));
    constexpr auto least = static_cast<long double>(std::numeric_limits<double>::denorm_min());
    auto const count = static_cast<long double>(samples.size());
    CHECK(std::isfinite(m.mean()));
    constexpr auto rounding = static_cast<long double>(std::numeric_limits<double>::epsilon());
    CHECK(off <= count * (largest * 4 * rounding + least));
    long double const squares = exact_m2(samples);
    constexpr auto most = static_cast<long double>(std::numeric_limits<double>::max());
    CHECK_FALSE(std::isnan(m.m2()));
    CHECK_FALSE(std::isnan(m.standard_error()));
    if (squares > most * 2) {
        CHECK(std::isinf(m.m2()));
    } else if (squares < most / 4) {
        CHECK(m.m2() >= 0);
        CHECK(std::isfinite(m.m2()));
    }
}

} // namespace

TEST_CASE("the mean of huge samples does not overflow") {
    constexpr double most = std::numeric_limits<double>::max();
    using list = std::vector<double>;
    CHECK(moments_of(list{1e308, -1e308}).mean() == 0);
    CHECK(moments_of(list{most, -most}).mean() == 0);
    CHECK(moments_of(list{-most, most, -most, most}).mean() == 0);
    CHECK(moments_of(list{most, most, most}).mean() == most);
    CHECK(moments_of(list{most, -most, most}).mean() == Approx(most / 3));
    CHECK(moments_of(list{1e308, -1e308}).m2() == std::numeric_limits<double>::infinity());
    list far(100, -most);
    far.front() = most;
    CHECK(moments_of(far).mean() == Approx(-most * 0.98));

    // Means that are equal, of samples that are not: the parts of their difference overflow.
    moments<double> one = moments_of(list{1e308, -1e308});
    one.merge(moments_of(list{-1e308, 1e308}));
    CHECK(one.mean() == 0);
    CHECK(one.count() == 4);
    moments<double> other = moments_of(list{most});
    other.merge(moments_of(list{-most}));
    CHECK(other.mean() == 0);
    moments<std::vector<double>> vectors;
    vectors.add({1e308, 1});
    vectors.add({-1e308, 3});
    CHECK(vectors.means() == std::vector<double>{0, 2});
    CHECK(vectors.variance(1) == 2);
}

TEST_CASE("moments of samples of any size are finite, in any order and split") {
    auto const seed = Catch::rngSeed();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    constexpr double most = std::numeric_limits<double>::max();
    constexpr double least = std::numeric_limits<double>::denorm_min();
    std::vector<double> const chosen{most,  -most, most / 2, 1e308,  -1e308, 1e160, -1e154,
                                     1e300, 0,     least,    -least, 1e-310, 1,     -3};
    auto const draw = [&] {
        if (random() % 2 == 0) {
            return chosen[random() % chosen.size()];
        }
        double const size = std::ldexp(1 + std::ldexp(static_cast<double>(random() >> 12), -52),
                                       static_cast<int>(random() % 2097) - 1074);
        return random() % 2 == 0 ? size : -size;
    };
    for (int round = 0; round < 2000; ++round) {
        std::vector<double> samples(2 + random() % 20);
        std::generate(samples.begin(), samples.end(), draw);
        check_against_exact(moments_of(samples), samples);
        auto const middle =
            samples.begin() + 1 + static_cast<long>(random() % (samples.size() - 1));
        moments<double> merged = moments_of({samples.begin(), middle});
        merged.merge(moments_of({middle, samples.end()}));
        check_against_exact(merged, samples);
    }
}

TEST_CASE("vectors and arrays are averaged element by element") {
    std::mt19937_64 random(5);
    moments<std::vector<float>> of_vectors;
    moments<std::array<int, 3>> of_arrays;
    std::array<moments<double>, 3> one_by_one;
    for (int i = 0; i < 100; ++i) {
        std::array<int, 3> sample{};
        for (std::size_t k = 0; k < 3; ++k) {
            sample[k] = static_cast<int>(random() % 1000);
            one_by_one[k].add(sample[k]);
        }
        of_vectors.add({sample.begin(), sample.end()});
        of_arrays.add(sample);
    }
    CHECK(of_vectors.count() == 100);
    CHECK(of_vectors.size() == 3);
    for (std::size_t k = 0; k < 3; ++k) {
        CHECK(of_vectors.means()[k] == one_by_one[k].mean());
        CHECK(of_arrays.means()[k] == one_by_one[k].mean());
        CHECK(of_vectors.variance(k) == one_by_one[k].variance());
        CHECK(of_arrays.variance(k) == one_by_one[k].variance());
    }
}

TEST_CASE("a vector of another length is refused and changes nothing") {
    moments<std::vector<double>> m;
    m.add({1, 2});
    CHECK_THROWS_AS(m.add({1, 2, 3}), memo::error);
    moments<std::vector<double>> other;
    other.add({1});
    CHECK_THROWS_AS(m.merge(other), memo::error);
    CHECK(m.count() == 1);
    CHECK(m.means() == std::vector<double>{1, 2});
    m.merge({});
    CHECK(m.count() == 1);
}
