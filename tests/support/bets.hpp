// SPDX-License-Identifier: BSL-1.0
#pragma once

// The sums that the bets on samples are made of.

#include <memo/detail/record/bets.hpp>
#include <memo/detail/record/codec.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <vector>

namespace memo_test {

/// All sums of the bets, as their record has them.
inline std::vector<double> sums_of(memo::detail::bets const& all) {
    using memo::detail::bets;
    std::vector<std::byte> bytes;
    if (!memo::detail::encode_record(bytes, all)) {
        throw std::runtime_error("bets are not encoded");
    }
    auto const sums = memo::detail::decode_record<std::array<double, 2 * bets::size>>(
        std::span(bytes).first(bytes.size() - 1));
    return {sums.begin(), sums.end()};
}

/// Whether all sums of both agree to 1e-9.
inline bool same_sums(memo::detail::bets const& one, memo::detail::bets const& other) {
    return std::ranges::equal(sums_of(one), sums_of(other), [](double x, double y) {
        return std::abs(x - y) <= 1e-9 * std::max(1., std::abs(x));
    });
}

} // namespace memo_test
