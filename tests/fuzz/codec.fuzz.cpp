// SPDX-License-Identifier: BSL-1.0
//
// Bytes of a fuzzer as the payload of a record; the first one says of which type. They are a record or
// malformed, and nothing else: no other exception, no memory beyond what the bytes can fill. A record
// that they are goes to bytes, if it may, and comes back as the same.

#include <memo/detail/record/codec.hpp>

#include "fuzz/allocations.hpp"
#include "fuzz/records.hpp"
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <vector>

namespace {

using bytes = std::vector<std::byte>;

// The largest element of most records takes some 200 bytes and one in the stream; a list's nodes, and
// the table of a hash map that grows, ask for more. Where an element takes 4 KiB the allowance counts.
constexpr std::size_t max_per_byte = 1024;
constexpr std::size_t max_for_none = std::size_t{1} << 20U;

template <class Record> std::size_t max_memory(std::size_t size) {
    return std::is_same_v<Record, memo_test::sparse> ? 2 * memo::detail::decoding_allowance(size)
                                                     : max_for_none + max_per_byte * size;
}

template <class Record> Record decode_within_bound(std::span<std::byte const> payload) {
    struct bound {
        std::size_t const most;
        std::size_t const before = memo_test::allocated();
        ~bound() {
            if (memo_test::allocated() - before > most) {
                std::abort();
            }
        }
    } const here{max_memory<Record>(payload.size())};
    return memo::detail::decode_record<Record>(payload);
}

/// Nothing if a reader may refuse them.
template <class Record> std::optional<bytes> encoded(Record const& record) {
    bytes out;
    return memo::detail::encode_record(out, record) ? std::optional(out) : std::nullopt;
}

template <class Record> void there_and_back(std::span<std::byte const> payload) {
    Record const first = [&] { return decode_within_bound<Record>(payload); }();
    auto const out = encoded(first);
    if (!out) {
        return;
    }
    Record const second = decode_within_bound<Record>(*out); // malformed would be a finding
    bool same = false;
    if constexpr (memo::detail::is_unordered_range<Record>) {
        same = first == second; // their order may be another
    } else {
        same = encoded(second) == out; // by bytes, as a NaN is not equal to itself
    }
    if (!same) {
        std::abort();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) {
        return -1;
    }
    auto const payload = std::as_bytes(std::span(data, size)).subspan(1);
    bool const known = memo_test::with_type(data[0], [&]<std::size_t I>() {
        using record = std::tuple_element_t<I, memo_test::records>;
        try {
            static_cast<void>(decode_within_bound<record>(payload));
        } catch (memo::detail::malformed_record const&) {
            return;
        }
        there_and_back<record>(payload);
    });
    memo_test::ring::cut_all();
    return known ? 0 : -1; // -1: not worth keeping
}
