// SPDX-License-Identifier: BSL-1.0
#pragma once

// Parts of all commands: a progress bar for a scan, the function of a scope, keys as digits.

#include <memo/tools/maintenance.hpp>
#include <support/progress_bar.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

namespace memo_cache {

/// Shows the progress of a scan, at most a hundred times.
class scan_progress {
  public:
    explicit scan_progress(std::size_t total)
        : total_(std::max<std::size_t>(total, 1)), bar_(100) {}
    void reached(std::size_t place) {
        for (; shown_ < 100 && place * 100 / total_ > shown_; ++shown_) {
            bar_.advance();
        }
    }

  private:
    std::size_t total_;
    std::size_t shown_ = 0;
    examples::progress_bar bar_;
};

/// A bar for one scan: the progress callback of a function of memo::cache_directory.
class shown_progress {
  public:
    void operator()(std::size_t place, std::size_t total) {
        if (place == 0) {
            bar_.emplace(total);
        }
        bar_->reached(place);
    }

  private:
    std::optional<scan_progress> bar_; ///< a scan starts at place 0
};

using functions = std::map<memo::key128, memo::stored_function>; ///< by their scopes

/// The function of a scope; without a name if it stored its first record meanwhile.
[[nodiscard]] inline memo::stored_function const& function_of(memo::key128 scope,
                                                              functions const& all) {
    static memo::stored_function const unknown;
    auto const known = all.find(scope);
    return known == all.end() ? unknown : known->second;
}

/// The key of 32 hexadecimal digits; nothing for any other text.
[[nodiscard]] inline std::optional<memo::key128> key_of(std::string_view digits) {
    constexpr std::size_t half = 16;
    auto const word = [](std::string_view text, std::uint64_t& value) {
        auto const [end, failed] = std::from_chars(text.data(), text.data() + half, value, half);
        return failed == std::errc() && end == text.data() + half;
    };
    memo::key128 key;
    if (digits.size() != 2 * half || !word(digits.substr(0, half), key.high) ||
        !word(digits.substr(half), key.low)) {
        return std::nullopt;
    }
    return key;
}

} // namespace memo_cache
