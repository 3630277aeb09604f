// SPDX-License-Identifier: BSL-1.0
#pragma once

// Composes the command lines of memcached's meta protocol.
//
// Source: memcached, doc/protocol.txt, "Meta Commands".

#include <memo/detail/hex.hpp>
#include <memo/detail/memcached/wire/meta_line.hpp>

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

namespace memo::detail {

inline constexpr std::string_view meta_line_end = "\r\n";

/// Removes the first of some requests, and returns its key.
[[nodiscard]] inline std::string_view take_request(std::string_view& requests) {
    static_cast<void>(take_word(requests)); // the verb
    std::string_view const key = take_word(requests);
    requests.remove_prefix(requests.find(meta_line_end) + meta_line_end.size());
    return key;
}

class meta_request {
  public:
    /// Starts a request, in the memory of the one before.
    meta_request& begin(std::string_view verb, std::string_view key) {
        clear();
        return more(verb, key);
    }

    void clear() { text_.clear(); }

    /// Starts another request after the complete ones.
    meta_request& more(std::string_view verb, std::string_view key) {
        return add(verb).add(" ").add(key);
    }

    meta_request& add(std::string_view part) {
        text_ += part;
        return *this;
    }

    template <std::integral N> meta_request& add(N number) {
        std::array<char, 24> digits{};
        auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
        return add(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
    }

    /// Requests that the response repeat the key and this number.
    void end(hex_digits const& opaque) { add(" k O").add(opaque.text()).add(meta_line_end); }

    [[nodiscard]] std::string_view text() const noexcept { return text_; }

  private:
    std::string text_;
};

} // namespace memo::detail
