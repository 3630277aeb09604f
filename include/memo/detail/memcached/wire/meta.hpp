// SPDX-License-Identifier: BSL-1.0
#pragma once

// memo's own client of memcached's meta protocol (memcached 1.6.10 or later): one request and one response at a
// time, or many lookups and their responses in order. Every request has a number that is unique on its
// connection, and the response must repeat it with the key. Anything else closes the connection, so no response
// is ever matched to another request.
//
// Source: memcached, doc/protocol.txt, "Meta Commands"; authentication: the same, "Authentication".

#include <memo/detail/hex.hpp>
#include <memo/detail/memcached/transport.hpp>
#include <memo/detail/memcached/wire/meta_line.hpp>
#include <memo/detail/memcached/wire/meta_reader.hpp>
#include <memo/detail/memcached/wire/meta_request.hpp>
#include <memo/detail/memcached/wire/socket.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unistd.h>

namespace memo::detail {

/// A `wire_connection` in the meta protocol.
class meta_connection {
  public:
    meta_connection(endpoint const& server, connection_settings const& chosen)
        : server_(&server), settings_(&chosen) {}

    [[nodiscard]] bool is_open() const noexcept { return socket_.is_open(); }

    [[nodiscard]] bool is_intact() const noexcept { return !is_open() || socket_.is_intact(); }

    void abandon() noexcept {
        socket_.close();
    } // closes only this process's copy of the descriptor

    [[nodiscard]] std::uint64_t times_opened() const noexcept { return times_opened_; }

    [[nodiscard]] wire_code open() {
        if (is_open()) {
            return wire_code::done;
        }
        deadline const by(settings_->connect_timeout);
        wire_code const code =
            socket_.connect(*server_, settings_->connect_timeout, settings_->operation_timeout);
        if (code != wire_code::done) {
            return code;
        }
        // The first number of a connection is unique on this machine, so a response to another process on the
        // same socket is detected.
        opaque_ = static_cast<std::uint64_t>(by.begun().time_since_epoch().count()) ^
                  (static_cast<std::uint64_t>(::getpid()) << 40);
        ++times_opened_;
        reader_.forget();
        return settings_->username.empty() ? wire_code::done : log_in(by);
    }

    [[nodiscard]] wire_reply get(std::string_view key, deadline const& by) {
        request_.begin("mg", key).add(" v c f");
        return ask(key, std::nullopt, by);
    }

    /// Sends the requests for all keys before it reads the first response.
    ///
    /// name_of         name_of(i) returns the i-th key; at most `max_at_once` keys, so that the requests fit
    ///                 into the socket's buffers
    /// visit           visit(i, reply) for each response, in order, while its value is valid
    /// Returns:        done after all responses; otherwise the failure of the first missing one
    template <class NameOf, class Visit>
    [[nodiscard]] wire_code get_many(std::size_t count, NameOf const& name_of, Visit const& visit,
                                     deadline const& by) {
        if (!is_open()) {
            return wire_code::closed;
        }
        std::uint64_t const before = opaque_;
        request_.clear();
        for (std::size_t i = 0; i < count; ++i) {
            request_.more("mg", name_of(i).text()).add(" v c f").end(hex_digits(++opaque_));
        }
        if (wire_code const sent = send(std::nullopt, by); sent != wire_code::done) {
            return fail(sent).code;
        }
        std::string_view requests = request_.text();
        for (std::size_t i = 0; i < count; ++i) {
            std::string_view const key = take_request(requests);
            wire_reply const reply = answer(key, before + 1 + i, by);
            if (!is_answer(reply.code)) {
                return fail(reply.code).code; // the other responses are still to come
            }
            visit(i, reply);
        }
        return drained({wire_code::done}).code;
    }

    static constexpr std::size_t max_at_once = 64;

    [[nodiscard]] wire_code set(std::string_view key, wire_item const& item, deadline const& by) {
        return store(key, item, " MS", 0, by);
    }

    [[nodiscard]] wire_code add(std::string_view key, wire_item const& item, deadline const& by) {
        return store(key, item, " ME", 0, by);
    }

    /// The same, and returns the CAS token of the stored value.
    [[nodiscard]] wire_reply add_for_token(std::string_view key, wire_item const& item,
                                           deadline const& by) {
        return store_and_tell(key, item, " ME c", 0, by);
    }

    [[nodiscard]] wire_code exchange(std::string_view key, wire_item const& item,
                                     std::uint64_t token, deadline const& by) {
        return token == 0 ? wire_code::conflict : store(key, item, " MS C", token, by);
    }

    [[nodiscard]] wire_code erase(std::string_view key, deadline const& by) {
        request_.begin("md", key);
        return ask(key, std::nullopt, by).code;
    }

    [[nodiscard]] wire_reply count(std::string_view key, std::uint64_t initial, std::uint64_t step,
                                   deadline const& by) {
        request_.begin("ma", key).add(" N0 J").add(initial).add(" D").add(step).add(" v");
        wire_reply reply = ask(key, std::nullopt, by);
        if (reply.code == wire_code::done) {
            std::string_view const digits(
                static_cast<char const*>(static_cast<void const*>(reply.value.data())),
                reply.value.size());
            if (!read_number(digits, reply.number)) {
                return fail(wire_code::desynchronized);
            }
        }
        return reply;
    }

  private:
    using body = std::optional<std::span<std::byte const>>; // the bytes after a request's line

    [[nodiscard]] wire_code store(std::string_view key, wire_item const& item,
                                  std::string_view mode, std::uint64_t token, deadline const& by) {
        return store_and_tell(key, item, mode, token, by).code;
    }

    [[nodiscard]] wire_reply store_and_tell(std::string_view key, wire_item const& item,
                                            std::string_view mode, std::uint64_t token,
                                            deadline const& by) {
        request_.begin("ms", key).add(" ").add(item.value.size()).add(mode);
        if (token != 0) {
            request_.add(token);
        }
        request_.add(" F").add(item.flags).add(" T").add(item.expiry);
        return ask(key, item.value, by);
    }

    /// Completes the request, sends it with its body, and reads the response.
    [[nodiscard]] wire_reply ask(std::string_view key, body value, deadline const& by) {
        if (!is_open()) {
            return {wire_code::closed};
        }
        request_.end(hex_digits(++opaque_));
        wire_code const sent = send(value, by);
        if (sent != wire_code::done) {
            return fail(sent);
        }
        wire_reply const reply = answer(key, opaque_, by);
        return is_open() ? drained(reply) : reply;
    }

    /// A reply with no unread byte after it, which would belong to the next request.
    [[nodiscard]] wire_reply drained(wire_reply reply) {
        return reader_.is_drained() ? reply : fail(wire_code::desynchronized);
    }

    [[nodiscard]] wire_code send(body value, deadline const& by) {
        // sendmsg(2) only reads what iovec calls mutable.
        auto* const line = const_cast<char*>(request_.text().data()); // NOLINT(*-const-cast)
        iovec const head{line, request_.text().size()};
        if (!value) {
            return sent(std::array{head}, by);
        }
        auto* const bytes =
            const_cast<std::byte*>(value->data()); // NOLINT(*-const-cast): see above
        auto* const end =
            const_cast<char*>(meta_line_end.data()); // NOLINT(*-const-cast): see above
        return sent(std::array{head, iovec{bytes, value->size()}, iovec{end, meta_line_end.size()}},
                    by);
    }

    /// After the server closed the connection: its last error.
    template <std::size_t N>
    [[nodiscard]] wire_code sent(std::array<iovec, N> const& parts, deadline const& by) {
        wire_code const code = socket_.send(parts, by);
        if (code != wire_code::closed) {
            return code;
        }
        auto const [read, text] = reader_.line(socket_, by);
        auto const parsed = read == wire_code::done ? parse_meta_line(text) : std::nullopt;
        return parsed && parsed->kind == meta_kind::error ? error_of(*parsed) : wire_code::closed;
    }

    [[nodiscard]] wire_reply answer(std::string_view key, std::uint64_t opaque,
                                    deadline const& by) {
        auto const [code, text] = reader_.line(socket_, by);
        if (code != wire_code::done) {
            return fail(code);
        }
        auto const parsed = parse_meta_line(text);
        if (!parsed) {
            return fail(wire_code::desynchronized);
        }
        if (parsed->kind == meta_kind::server_error) {
            return {unable_of(*parsed)};
        }
        if (parsed->kind == meta_kind::error) {
            return fail(error_of(*parsed));
        }
        if (!is_mine(*parsed, key, opaque)) {
            return fail(wire_code::desynchronized);
        }
        wire_reply reply;
        reply.flags = parsed->flags;
        reply.token = parsed->token;
        reply.code = code_of(parsed->kind);
        if (parsed->kind == meta_kind::value) {
            if (parsed->size > settings_->max_value_bytes) {
                return fail(wire_code::too_large);
            }
            auto const read = reader_.value(socket_, static_cast<std::size_t>(parsed->size), by);
            if (read.code != wire_code::done) {
                return fail(read.code);
            }
            reply.value = read.bytes;
        }
        return reply;
    }

    /// A server may omit key and number on a miss. Another request's miss is then a miss here, which is always
    /// correct.
    [[nodiscard]] static bool is_mine(meta_line const& line, std::string_view key,
                                      std::uint64_t opaque) {
        if (line.kind == meta_kind::miss && !line.opaque && !line.key) {
            return true;
        }
        return line.key == key && line.opaque == hex_digits(opaque).text();
    }

    [[nodiscard]] static wire_code code_of(meta_kind kind) {
        switch (kind) {
        case meta_kind::miss:
        case meta_kind::not_found:
            return wire_code::absent;
        case meta_kind::not_stored:
        case meta_kind::exists:
            return wire_code::conflict;
        default:
            return wire_code::done;
        }
    }

    /// SERVER_ERROR is a valid response, and the server has read the value: the connection stays open. It names
    /// no request; if it belongs to another one, the next response has a wrong number.
    ///
    /// Source: memcached, doc/protocol.txt, "Error strings": after a fatal error the server closes the
    ///         connection
    [[nodiscard]] static wire_code unable_of(meta_line const& line) {
        if (line.rest.starts_with("object too large")) {
            return wire_code::too_large;
        }
        return line.rest.starts_with("out of memory storing") ? wire_code::server_full
                                                              : wire_code::unable;
    }

    /// After any other error the server may parse the value as commands.
    [[nodiscard]] static wire_code error_of(meta_line const& line) {
        return line.rest.starts_with("Too many open connections") ? wire_code::crowded
                                                                  : wire_code::refused;
    }

    [[nodiscard]] wire_code log_in(deadline const& by) {
        std::string const credentials = settings_->username + ' ' + settings_->password;
        request_.begin("set", "memo").add(" 0 0 ").add(credentials.size()).add(meta_line_end);
        wire_code code = send(std::as_bytes(std::span(credentials)), by);
        if (code == wire_code::done) {
            auto const [read, text] = reader_.line(socket_, by);
            code = read == wire_code::done && text != "STORED" ? wire_code::refused : read;
        }
        return code == wire_code::done ? code : fail(code).code;
    }

    [[nodiscard]] wire_reply fail(wire_code code) {
        socket_.close();
        return {code};
    }

    endpoint const* server_;
    connection_settings const* settings_;
    stream_socket socket_;
    std::uint64_t times_opened_ = 0;
    std::uint64_t opaque_ = 0;
    meta_request request_;
    meta_reader reader_;
};

static_assert(wire_connection<meta_connection>);

} // namespace memo::detail
