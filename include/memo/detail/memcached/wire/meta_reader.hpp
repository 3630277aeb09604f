// SPDX-License-Identifier: BSL-1.0
#pragma once

// Splits the bytes of a connection into response lines and values. Bytes beyond the current one stay for the
// next.

#include <memo/detail/memcached/deadline.hpp>
#include <memo/detail/memcached/transport.hpp>
#include <memo/detail/memcached/wire/meta_line.hpp>
#include <memo/detail/memcached/wire/meta_request.hpp>
#include <memo/detail/memcached/wire/socket.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace memo::detail {

/// Thread safety:  none
class meta_reader {
  public:
    /// Discards all bytes, for a new connection.
    void forget() noexcept { read_ = filled_ = 0; }

    /// Whether no unread byte is left.
    [[nodiscard]] bool is_drained() const noexcept { return read_ == filled_; }

    struct read_line {
        wire_code code;
        std::string_view text; ///< without its line end; valid until the next read
    };

    /// The next line.
    [[nodiscard]] read_line line(stream_socket& from, deadline const& by) {
        for (;;) {
            std::string_view const text(buffer_.data() + read_,
                                        (std::min)(filled_ - read_, meta_line_bytes));
            if (auto const end = text.find(meta_line_end); end != std::string_view::npos) {
                read_ += end + meta_line_end.size();
                return {wire_code::done, text.substr(0, end)};
            }
            if (text.size() == meta_line_bytes) {
                return {wire_code::desynchronized, {}};
            }
            wire_code const code = receive(from, text.size() + 1, by);
            if (code != wire_code::done) {
                return {code, {}};
            }
        }
    }

    struct read_value {
        wire_code code;
        std::span<std::byte const> bytes; ///< valid until the next read
    };

    /// The value after a line.
    ///
    /// size            bytes, from the line; the caller checks it, because the reader allocates it
    [[nodiscard]] read_value value(stream_socket& from, std::size_t size, deadline const& by) {
        std::size_t const whole = size + meta_line_end.size();
        while (filled_ - read_ < whole) {
            wire_code const code = receive(from, whole, by);
            if (code != wire_code::done) {
                return {code, {}};
            }
        }
        std::string_view const text(buffer_.data() + read_, whole);
        read_ += whole;
        if (!text.ends_with(meta_line_end)) {
            return {wire_code::desynchronized, {}};
        }
        return {wire_code::done, std::as_bytes(std::span(text.data(), size))};
    }

  private:
    /// Receives at least one byte, with capacity for `whole` unread bytes.
    [[nodiscard]] wire_code receive(stream_socket& from, std::size_t whole, deadline const& by) {
        if (read_ > 0 && (is_drained() || read_ + whole > buffer_.size())) {
            std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(read_),
                      buffer_.begin() + static_cast<std::ptrdiff_t>(filled_), buffer_.begin());
            filled_ -= read_;
            read_ = 0;
        }
        if (whole > buffer_.size()) {
            buffer_.resize(whole);
        }
        auto const [code, size] = from.receive(std::span(buffer_).subspan(filled_), by);
        filled_ += size;
        return code;
    }

    std::vector<char> buffer_ = std::vector<char>(16'384);
    std::size_t read_ = 0;
    std::size_t filled_ = 0;
};

} // namespace memo::detail
