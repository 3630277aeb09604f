// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/math.hpp>
#include <memo/detail/record/stopping.hpp>
#include <memo/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace memo::detail {

MEMO_DEFINITION void require(bool condition, char const* message) {
    if (!condition) {
        throw error(errc::configuration, std::string("averaged function: ") + message);
    }
}

MEMO_DEFINITION void check_betting(std::optional<sample_range> const& range) {
    require(range.has_value(),
            "interval = betting needs a declared range; add .range = {{lowest, highest}}");
    require(math::is_finite(range->high - range->low),
            "the range is wider than the largest double; interval = betting needs a narrower one");
}

/// Throws:         memo::error (configuration) for an invalid rule
MEMO_DEFINITION void check(stopping_rule const& rule) {
    auto const is_tolerance = [](double x) { return x >= 0 && math::is_finite(x); };
    require(is_tolerance(rule.rtol_stderr) && is_tolerance(rule.atol_stderr),
            "a tolerance is negative or not finite; set rtol_stderr and atol_stderr to 0 or more");
    require(rule.max_repetitions >= std::max<std::uint64_t>(rule.min_repetitions, 2),
            "max_repetitions is less than min_repetitions or 2; raise it");
    require(!rule.confidence || (*rule.confidence > 0 && *rule.confidence < 1),
            "confidence is not between 0 and 1; set it to 0.95, for example");
    require(!rule.range || (math::is_finite(rule.range->low) && math::is_finite(rule.range->high) &&
                            rule.range->low < rule.range->high),
            "range is empty or not finite; set it to {{lowest, highest}}");
    require(
        rule.interval == student || rule.range,
        "interval = empirical_bernstein needs a declared range; add .range = {{lowest, highest}}");
}

MEMO_DEFINITION stopping::stopping(stopping_rule const& rule, bool precompute) : rule_(rule) {
    check(rule);
    auto const count = static_cast<std::size_t>(std::min<std::uint64_t>(rule.max_repetitions, 200));
    t_ = std::make_shared<student_quantiles const>(confidence(), precompute ? count : 0);
}

} // namespace memo::detail
