// SPDX-License-Identifier: BSL-1.0
#pragma once

// Converts a record to a word of the table and back. A small trivially copyable record without TTL
// is the word itself. Any other record lies in an immutable block on the heap; readers copy it
// within a read section.

#include <memo/detail/memory/bucket.hpp>
#include <memo/detail/memory/footprint.hpp>
#include <memo/detail/memory/reclaim.hpp>
#include <memo/detail/saturated.hpp>
#include <memo/detail/system/compiled.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace memo::detail {

/// The part of a block that does not depend on the type of the record.
struct block_header : retirable {
    std::size_t bytes = 0;    ///< of the block and the memory that its record owns
    std::int64_t expires = 0; ///< ns of the store's clock; 0: never
};

/// The maximal weight of an entry: larger than any memory, and small enough that sums and
/// differences do not wrap.
inline constexpr std::size_t max_entry_bytes = std::size_t{1} << 56;

template <class Record> struct block : block_header {
    Record record;

    static block* make(Record const& record, std::int64_t expires) {
        std::size_t const bytes = saturated_sum(sizeof(block), footprint(record));
        return new block{
            {{destroy_block}, bytes < max_entry_bytes ? bytes : max_entry_bytes, expires}, record};
    }

  private:
    static void destroy_block(retirable* header) { delete static_cast<block*>(header); }
};

inline block_header const& header_of(slot_value value) noexcept {
    return *reinterpret_cast<block_header const*>(value.word);
}

/// The bytes of an entry in the table: a third of a bucket, divided by the mean load factor.
inline constexpr std::size_t slot_bytes = 42;

std::size_t bytes_of(slot_value value) noexcept;

/// Retires the block of a value that left the table.
void retire(slot_value value) noexcept;

template <class Record>
inline constexpr bool
    fits_word = std::is_trivially_copyable_v<Record>&& std::is_default_constructible_v<Record> &&
                sizeof(Record) <= 8 && !has_custom_footprint<Record>;

/// The same for a record that fits a word: one with TTL lies in a block of the word.
[[nodiscard]] slot_value slot_value_of_word(std::uint64_t word, std::int64_t expires);

/// The value of a record, of cost 0.
///
/// expires         ns of the store's clock; 0: never
template <class Record>
[[nodiscard]] slot_value slot_value_of(Record const& record, std::int64_t expires) {
    if constexpr (fits_word<Record>) {
        std::uint64_t word = 0;
        std::memcpy(&word, &record, sizeof record);
        return slot_value_of_word(word, expires);
    } else {
        block_header* const header = block<Record>::make(record, expires);
        return {reinterpret_cast<std::uintptr_t>(header), content::block};
    }
}

/// The record of a word.
template <class Record> [[nodiscard]] Record record_of_word(std::uint64_t word) {
    Record record;
    std::memcpy(static_cast<void*>(&record), &word, sizeof record);
    return record;
}

/// The record of a value. Callers hold a read section if the value is a block.
template <class Record> [[nodiscard]] Record record_of(slot_value value) {
    if constexpr (fits_word<Record>) {
        return record_of_word<Record>(
            // NOLINTNEXTLINE(cppcoreguidelines-pro-type-static-cast-downcast): the table's type
            value.is_block() ? static_cast<block<std::uint64_t> const&>(header_of(value)).record
                             : value.word);
    } else {
        return static_cast<block<Record> const&>(header_of(value)).record;
    }
}

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "block.ipp"
#endif
