// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/index_set.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace memo {

MEMO_DEFINITION index_set::index_set(std::size_t universe) {
    words_.reserve(universe / bits + (universe % bits != 0 ? 1 : 0));
}

MEMO_DEFINITION index_set index_set::first(std::size_t count) {
    index_set all(count);
    for (std::size_t index = 0; index < count; ++index) {
        all.insert(index);
    }
    return all;
}

MEMO_DEFINITION void index_set::erase(std::size_t index) noexcept {
    if (index / bits < words_.size()) {
        words_[index / bits] &= ~bit(index);
        // The value of a set is its words without zeros at the end.
        while (!words_.empty() && words_.back() == 0) {
            words_.pop_back();
        }
    }
}

MEMO_DEFINITION std::size_t index_set::size() const noexcept {
    std::size_t count = 0;
    for (std::uint64_t const word : words_) {
        count += static_cast<std::size_t>(std::popcount(word));
    }
    return count;
}

MEMO_DEFINITION void index_set::grow_for(std::size_t index) {
    if (index >= limit) {
        throw std::out_of_range("memo: index_set: index " + std::to_string(index) +
                                " is not below 2^32; number the samples from 0");
    }
    words_.resize(index / bits + 1);
}

} // namespace memo
