// SPDX-License-Identifier: BSL-1.0
#pragma once

// The names of one function's items in a store of bytes that functions and users share.

#include <memo/detail/hex.hpp>
#include <memo/key128.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace memo::detail {

/// Whether a text is a valid name space: 1 to 64 letters, digits, dots, hyphens and underscores.
[[nodiscard]] inline bool is_name_space(std::string_view text) {
    constexpr std::string_view allowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return !text.empty() && text.size() <= 64 &&
           text.find_first_not_of(allowed) == std::string_view::npos;
}

/// The name of one item: `<name_space>:<scope>:<generation>:<key><suffix>`; at most 153 bytes. All parts
/// between the name space and the suffix are hexadecimal.
class item_name {
  public:
    // NOLINTNEXTLINE(*-member-init): nobody reads beyond size_
    item_name(std::string_view prefix, std::uint64_t generation, key128 key,
              std::string_view suffix) {
        append(prefix);
        append(hex_digits(generation).text());
        append(":");
        append(hex_digits(key.high).text());
        append(hex_digits(key.low).text());
        append(suffix);
    }
    [[nodiscard]] std::string_view text() const noexcept { return {text_.data(), size_}; }

  private:
    void append(std::string_view part) { size_ += part.copy(text_.data() + size_, part.size()); }

    std::array<char, 160> text_;
    std::size_t size_ = 0;
};

/// The names of one function's items.
class item_names {
  public:
    item_names(std::string const& name_space, key128 scope)
        : prefix_(name_space + ':' + to_string(scope) + ':'), generation_(prefix_ + "gen") {}

    /// The item that stores the generation.
    [[nodiscard]] std::string const& generation() const noexcept { return generation_; }

    [[nodiscard]] item_name record(key128 key, std::uint64_t generation) const {
        return {prefix_, generation, key, ""};
    }

    [[nodiscard]] item_name lease(key128 key, std::uint64_t generation) const {
        return {prefix_, generation, key, ":lease"};
    }

  private:
    std::string prefix_;
    std::string generation_;
};

} // namespace memo::detail
