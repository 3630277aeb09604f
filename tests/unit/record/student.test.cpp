// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/record/student.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

using memo::detail::student_probability;
using memo::detail::student_quantiles;

TEST_CASE("quantiles of t match the tables") {
    // Two-sided 95 and 99 percent, as printed in the usual tables.
    std::vector<std::pair<std::uint64_t, double>> const at_95 = {
        {1, 12.706}, {2, 4.303},  {3, 3.182},  {4, 2.776},   {5, 2.571},    {9, 2.262},
        {10, 2.228}, {30, 2.042}, {60, 2.000}, {120, 1.980}, {1000, 1.962}, {1'000'000, 1.960}};
    std::vector<std::pair<std::uint64_t, double>> const at_99 = {
        {1, 63.657}, {2, 9.925}, {5, 4.032}, {10, 3.169}, {30, 2.750}, {120, 2.617}};
    student_quantiles const t95(0.95, 50);
    student_quantiles const t99(0.99);
    for (auto const& [freedom, printed] : at_95) {
        CHECK(t95.quantile(freedom) == Approx(printed).margin(0.0005).epsilon(0));
    }
    for (auto const& [freedom, printed] : at_99) {
        CHECK(t99.quantile(freedom) == Approx(printed).margin(0.0005).epsilon(0));
    }
}

TEST_CASE("one and two degrees of freedom have closed forms") {
    for (double const confidence : {0.5, 0.9, 0.95, 0.999}) {
        student_quantiles const t(confidence);
        CHECK(t.quantile(1) == Approx(std::tan(std::acos(-1) / 2 * confidence)).epsilon(1e-12));
        CHECK(t.quantile(2) ==
              Approx(confidence * std::sqrt(2 / (1 - confidence * confidence))).epsilon(1e-12));
    }
}

TEST_CASE("a quantile has its confidence, below and above 200 degrees of freedom") {
    for (double const confidence : {0.6827, 0.95, 0.999}) {
        student_quantiles const t(confidence, 7);
        for (std::uint64_t const freedom : {1U, 6U, 7U, 8U, 99U, 200U, 201U, 500U}) {
            CAPTURE(confidence, freedom);
            CHECK(student_probability(t.quantile(freedom), freedom) ==
                  Approx(confidence).epsilon(1e-9));
        }
    }
}
