// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/key/words.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace memo::detail {

MEMO_DEFINITION void word_stream::put_bytes(void const* bytes, std::size_t size) {
    add_material(bytes, size);
    if (size >= long_bytes) {
        key128 const digest = hash128(bytes, size);
        gather(digest.low);
        gather(digest.high);
        skipped_ += words_for(size) - 2;
        return;
    }
    std::size_t const whole = words_for(size);
    if (whole == 0) {
        return;
    }
    if (whole > capacity - count_) {
        flush();
    }
    words_[count_ + whole - 1] = 0;
    std::memcpy(&words_[count_], bytes, size);
    count_ += whole;
}

MEMO_DEFINITION void word_stream::put_text(std::string_view text) {
    put(text.size());
    put_bytes(text.data(), text.size());
}

MEMO_DEFINITION key128 word_stream::digest() noexcept {
    if (!pieces_ && count_ < capacity) {
        words_[count_] = guard_of(words_.data(), count_);
        return hash128(words_.data(), (count_ + 1) * word_size);
    }
    flush();
    pieces_->add(&guard_, word_size);
    return pieces_->digest();
}

MEMO_DEFINITION void word_stream::flush() noexcept {
    if (!pieces_) {
        guard_ = guard_of(words_.data(), count_);
        pieces_.emplace();
    }
    pieces_->add(words_.data(), count_ * word_size);
    flushed_ += count_;
    count_ = 0;
}

MEMO_DEFINITION void word_stream::add_material(void const* bytes, std::size_t size) {
    if (key_material_ != nullptr && size != 0) {
        auto const old = key_material_->size();
        key_material_->resize(old + words_for(size));
        std::memcpy(key_material_->data() + old, bytes, size);
    }
}

} // namespace memo::detail
