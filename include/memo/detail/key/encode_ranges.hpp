// SPDX-License-Identifier: BSL-1.0
#pragma once

// Encodes ranges: the count, then the elements. Contiguous scalars are encoded as bytes, several to a word;
// the elements of unordered containers as sorted digests, independent of the order of iteration.

#include <memo/detail/key/encode.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/detail/types/parts.hpp>

#include <cstddef>
#include <span> // declared for ranges, it has their concepts; <ranges> brings the views as well
#include <vector>

namespace memo::detail {

/// A contiguous range of scalars, which is encoded as bytes.
template <class Range>
concept range_of_bytes = std::ranges::contiguous_range<Range const> &&
    bulk_scalar<std::ranges::range_value_t<Range const>>;

/// T               key128
template <class T> void sort_values(std::vector<T>& values);

/// Sorts, and erases duplicates.
///
/// T               key128 or std::uint64_t
template <class T> void sort_distinct(std::vector<T>& values);

/// Writes the count of the digests, then the digests.
template <class Sink> void encode_digests(Sink& sink, std::vector<key128> const& digests) {
    sink.put(digests.size());
    for (key128 const digest : digests) {
        sink.put(digest.low);
        sink.put(digest.high);
    }
}

/// The digest of one element of a container that the sink encodes. Defined in archive.hpp, after all encoders.
///
/// Throws:         memo::error (argument): the container is a part of that element
template <class Sink, class T>
[[nodiscard]] key128 digest_of_element(Sink const& sink, void const* container, T const& value);

template <class Range>
    requires(is_range<Range> && !compares_by_state<Range> &&
             encodable<std::ranges::range_value_t<Range const>>)
struct own_encoder<Range> {
    using element = std::ranges::range_value_t<Range const>;
    static constexpr std::size_t words = varying;
    static constexpr bool needs_archive = detail::needs_archive<element>;

    template <class Sink> static void encode(Sink& sink, Range const& range) {
        if constexpr (is_unordered_range<Range>) {
            std::vector<key128> digests;
            digests.reserve(range.size());
            for (auto const& value : range) {
                digests.push_back(digest_of_element(sink, &range, value));
            }
            sort_values(digests);
            encode_digests(sink, digests);
        } else {
            sink.put(static_cast<std::uint64_t>(std::ranges::distance(range)));
            if constexpr (range_of_bytes<Range>) {
                sink.put_bytes(std::ranges::data(range), bytes_in(range));
            } else {
                for (auto const& value : range) {
                    // vector<bool> yields proxies
                    detail::encode(sink, static_cast<element const&>(value));
                }
            }
        }
    }
    static std::size_t bytes_in(Range const& range) noexcept requires range_of_bytes<Range> {
        return std::ranges::size(range) * sizeof(element);
    }
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "encode_ranges.ipp"
#endif
