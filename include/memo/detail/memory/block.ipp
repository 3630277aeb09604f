// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/memory/block.hpp>
#include <memo/detail/system/process.hpp>

#include <cstddef>
#include <cstdint>

namespace memo::detail {

MEMO_DEFINITION std::size_t bytes_of(slot_value value) noexcept {
    if (!value.exists()) {
        return 0;
    }
    return slot_bytes + (value.is_block() ? header_of(value).bytes : 0);
}

MEMO_DEFINITION void retire(slot_value value) noexcept {
    if (value.is_block()) {
        auto& header = *reinterpret_cast<block_header*>(value.word);
        process_wide<reclaimer>().retire(header, header.bytes);
    }
}

MEMO_DEFINITION slot_value slot_value_of_word(std::uint64_t word, std::int64_t expires) {
    if (expires == 0) {
        return {word, content::record};
    }
    block_header* const header = block<std::uint64_t>::make(word, expires);
    return {reinterpret_cast<std::uintptr_t>(header), content::block};
}

} // namespace memo::detail
