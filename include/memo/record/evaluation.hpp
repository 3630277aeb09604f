// SPDX-License-Identifier: BSL-1.0
#pragma once

// What is remembered of an exact function: the value itself, or the value and the stream of words
// that it is for.

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace memo {

/// Policy of memoize: every record keeps the whole canonical stream of its arguments, and a hit
/// whose stream differs is a counted miss. For those to whom 128 bits of hash are not enough; costs
/// the stream's bytes in every entry.
struct verify_full {};

namespace detail {

/// The record of an exact function is its result.
template <class R> struct exact {
    using result = R;
    using record = R;
    struct witness {};
    static constexpr std::string_view kind = "exact";

    static record remember(R const& result, witness) { return result; }
    static bool is_of(record const&, witness) noexcept { return true; }
    static R&& give(record&& kept) noexcept { return std::move(kept); }
};

/// The same, with the stream of words that was hashed.
template <class R> struct exact_witnessed {
    using result = R;
    using record = std::pair<R, std::vector<std::uint64_t>>;
    using witness = std::vector<std::uint64_t>;
    static constexpr std::string_view kind = "exact, witnessed";

    static record remember(R const& result, witness const& stream) { return {result, stream}; }
    static bool is_of(record const& kept, witness const& stream) { return kept.second == stream; }
    static R&& give(record&& kept) noexcept { return std::move(kept.first); }
};

} // namespace detail
} // namespace memo
