// SPDX-License-Identifier: BSL-1.0
#pragma once

// memo::memcached over libmemcached; no other header includes the library. After a surplus response its plain
// functions return another key's value. So a lookup is a fetch that compares the keys and is read to its end,
// and a connection that may be out of step is closed. memo::libmemcached lists the remaining exceptions.
//
// Source: libmemcached 1.1.4, docs.libmemcached.awesome; its findings: docs/decisions/0030-wire.md.

#include <memo/detail/memcached/endpoint.hpp>
#include <memo/detail/memcached/transport.hpp>
#include <memo/detail/memcached/wire/meta_line.hpp>

#include <libmemcached/memcached.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

static_assert(LIBMEMCACHED_VERSION_HEX >= 0x01001004,
              "memo: libmemcached before 1.1.4 returns a late response to the next request");

namespace memo::detail {

/// A `wire_connection` by libmemcached, ASCII protocol. The library gives every wait for a part of a response
/// the whole timeout, so an operation may exceed its deadline.
class libmemcached_connection {
  public:
    libmemcached_connection(endpoint const& server, connection_settings const& chosen)
        : server_(&server), settings_(&chosen) {}
    libmemcached_connection(libmemcached_connection const&) = delete;
    libmemcached_connection& operator=(libmemcached_connection const&) = delete;
    ~libmemcached_connection() { release(); }

    [[nodiscard]] bool is_open() const noexcept { return is_open_; }
    [[nodiscard]] std::uint64_t times_opened() const noexcept { return times_opened_; }

    /// Creates a new handle each time: after a failure the library retries an old one only seconds later.
    [[nodiscard]] wire_code open() {
        if (is_open_) {
            return wire_code::done;
        }
        if (!settings_->username.empty()) { // requires the binary protocol, which is deprecated
            return wire_code::refused;
        }
        return try_addresses(*server_, [this](socket_address const& address, std::size_t left) {
            return open_to(address, settings_->connect_timeout / left);
        });
    }

    /// The library hides the descriptor, but reads options of its socket. For a unix socket this shows only
    /// that the descriptor is a socket.
    [[nodiscard]] bool is_intact() const noexcept {
        if (!is_open_) {
            return true;
        }
        return server_->is_unix()
                   ? memcached_behavior_get(handle_, MEMCACHED_BEHAVIOR_SOCKET_SEND_SIZE) != 0
                   : local_port() == local_port_;
    }

    /// The library cannot close the descriptor without sending "quit", so the handle and the descriptor live
    /// until the process ends.
    void abandon() noexcept {
        if (handle_ != nullptr) {
            static std::atomic<memcached_st*> last{
                nullptr}; // keeps them reachable, for leak checkers
            free_results();
            memcached_set_user_data(handle_, last.exchange(handle_));
            handle_ = nullptr;
        }
        is_open_ = false;
    }

    [[nodiscard]] wire_reply get(std::string_view key, deadline const&) {
        wire_reply result;
        char const* const name = key.data();
        std::size_t const size = key.size();
        wire_code const code = fetch_all({&name, 1}, {&size, 1},
                                         [&](std::size_t, auto const& reply) { result = reply; });
        return code == wire_code::done ? result : wire_reply{code};
    }

    /// Sends the request for all keys before it reads the first response.
    ///
    /// name_of         name_of(i) returns the i-th key
    /// visit           visit(i, reply) for each response, in order, while its value is valid
    /// Returns:        done after all responses; otherwise the failure
    template <class NameOf, class Visit>
    [[nodiscard]] wire_code get_many(std::size_t count, NameOf const& name_of, Visit const& visit,
                                     deadline const&) {
        std::vector<decltype(name_of(0))> names;
        std::vector<char const*> keys;
        std::vector<std::size_t> sizes;
        names.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            names.push_back(name_of(i));
            keys.push_back(names.back().text().data());
            sizes.push_back(names.back().text().size());
        }
        return fetch_all(keys, sizes, visit);
    }

    [[nodiscard]] wire_code set(std::string_view key, wire_item const& item, deadline const&) {
        return store(memcached_set, key, item);
    }

    [[nodiscard]] wire_code add(std::string_view key, wire_item const& item, deadline const&) {
        return store(memcached_add, key, item);
    }

    /// Token 0 must not reach the library: it would omit it, and the server would parse the value as commands.
    [[nodiscard]] wire_code exchange(std::string_view key, wire_item const& item,
                                     std::uint64_t token, deadline const&) {
        if (token == 0) {
            return wire_code::conflict;
        }
        auto const cas = [token](auto... arguments) { return memcached_cas(arguments..., token); };
        return store(cas, key, item);
    }

    [[nodiscard]] wire_code erase(std::string_view key, deadline const&) {
        return is_open_ ? checked(memcached_delete(handle_, key.data(), key.size(), 0))
                        : wire_code::closed;
    }

    [[nodiscard]] wire_reply count(std::string_view key, std::uint64_t initial, std::uint64_t step,
                                   deadline const& by) {
        wire_reply reply{wire_code::closed};
        // The server may drop the counter between two of these operations.
        for (int attempt = 0; attempt < 3; ++attempt) {
            if (step == 0) {
                reply = get(key, by);
                std::string_view const digits(
                    static_cast<char const*>(static_cast<void const*>(reply.value.data())),
                    reply.value.size());
                if (reply.code == wire_code::done && !read_number(digits, reply.number)) {
                    return {checked(MEMCACHED_PROTOCOL_ERROR)};
                }
            } else if (is_open_) {
                reply.code =
                    checked(memcached_increment(handle_, key.data(), key.size(),
                                                static_cast<std::uint32_t>(step), &reply.number));
            }
            if (reply.code != wire_code::absent) {
                return reply;
            }
            std::string const digits = std::to_string(initial);
            reply = {add(key, {std::as_bytes(std::span(digits)), 0, 0}, by), 0, 0, initial, {}};
            if (reply.code != wire_code::conflict) {
                return reply;
            }
        }
        return reply;
    }

  private:
    /// The library connects at the first request, and reports the error of a server that accepts no more
    /// connections as a miss. A touch of no item distinguishes them.
    [[nodiscard]] wire_code open_to(socket_address const& address,
                                    std::chrono::nanoseconds timeout) {
        release();
        handle_ = memcached_create(nullptr);
        if (handle_ == nullptr) {
            return wire_code::unreachable;
        }
        for (auto& result : results_) {
            memcached_result_create(handle_, &result);
        }
        configure(timeout);
        auto const [host, port] = spell(address);
        auto const added = server_->is_unix()
                               ? memcached_server_add_unix_socket(handle_, host.c_str())
                               : memcached_server_add(handle_, host.c_str(), port);
        constexpr std::string_view no_item = "memo:none";
        auto const status = memcached_failed(added)
                                ? added
                                : memcached_touch(handle_, no_item.data(), no_item.size(), 0);
        wire_code const code = code_of(status);
        if (!is_answer(code)) {
            release();
            return code == wire_code::closed    ? wire_code::unreachable
                   : code == wire_code::refused ? wire_code::crowded
                                                : code;
        }
        is_open_ = true;
        local_port_ = local_port();
        ++times_opened_;
        return wire_code::done;
    }

    [[nodiscard]] in_port_t local_port() const noexcept {
        return memcached_server_srcport(server());
    }

    [[nodiscard]] memcached_instance_st const* server() const noexcept {
        return memcached_server_instance_by_position(handle_, 0);
    }

    /// Sends one request for all keys. The server returns those that it has, in order.
    template <class Visit>
    [[nodiscard]] wire_code fetch_all(std::span<char const* const> keys,
                                      std::span<std::size_t const> sizes, Visit const& visit) {
        if (!is_open_) {
            return wire_code::closed;
        }
        auto const sent = memcached_mget(handle_, keys.data(), sizes.data(), keys.size());
        if (memcached_failed(sent)) {
            return failed(sent);
        }
        memcached_return_t status = MEMCACHED_SUCCESS;
        std::size_t next = 0;
        std::size_t received = 0; // the last value stays valid while the end is read
        while (auto* const result =
                   memcached_fetch_result(handle_, &results_[received % 2], &status)) {
            std::string_view const echo(memcached_result_key_value(result),
                                        memcached_result_key_length(result));
            std::size_t at = next;
            while (at < keys.size() && std::string_view(keys[at], sizes[at]) != echo) {
                ++at;
            }
            if (at == keys.size() || memcached_result_length(result) > settings_->max_value_bytes) {
                return failed(MEMCACHED_PROTOCOL_ERROR);
            }
            for (; next < at; ++next) {
                visit(next, wire_reply{wire_code::absent});
            }
            visit(next++, wire_reply{wire_code::done, memcached_result_flags(result),
                                     memcached_result_cas(result), 0,
                                     std::as_bytes(std::span(memcached_result_value(result),
                                                             memcached_result_length(result)))});
            ++received;
        }
        // The library may report an error as a miss, and read the rest of a response with the next request.
        if (auto const error = memcached_last_error(handle_); memcached_failed(error)) {
            return failed(error);
        }
        bool const ended = status == MEMCACHED_END || status == MEMCACHED_NOTFOUND;
        if (!ended || memcached_server_response_count(server()) != 0) {
            return failed(ended || status == MEMCACHED_SUCCESS ? MEMCACHED_PROTOCOL_ERROR : status);
        }
        for (; next < keys.size(); ++next) {
            visit(next, wire_reply{wire_code::absent});
        }
        return wire_code::done;
    }

    void configure(std::chrono::nanoseconds connect_timeout) {
        auto const whole = [](std::chrono::nanoseconds time) {
            auto const ms = std::chrono::ceil<std::chrono::milliseconds>(time).count();
            return static_cast<std::uint64_t>(ms);
        };
        memcached_behavior_set(handle_, MEMCACHED_BEHAVIOR_TCP_NODELAY, 1);
        memcached_behavior_set(handle_, MEMCACHED_BEHAVIOR_SUPPORT_CAS, 1);
        memcached_behavior_set(handle_, MEMCACHED_BEHAVIOR_VERIFY_KEY, 1);
        memcached_behavior_set(handle_, MEMCACHED_BEHAVIOR_CONNECT_TIMEOUT, whole(connect_timeout));
        memcached_behavior_set(handle_, MEMCACHED_BEHAVIOR_POLL_TIMEOUT,
                               whole(settings_->operation_timeout));
    }

    template <class Store>
    [[nodiscard]] wire_code store(Store const& function, std::string_view key,
                                  wire_item const& item) {
        if (!is_open_) {
            return wire_code::closed;
        }
        auto const* const value =
            static_cast<char const*>(static_cast<void const*>(item.value.data()));
        return checked(function(handle_, key.data(), key.size(), value, item.value.size(),
                                static_cast<time_t>(item.expiry), item.flags));
    }

    /// The code of a status. Every failure except a refusal of the item closes the connection.
    [[nodiscard]] wire_code checked(memcached_return_t status) {
        wire_code const code = code_of(status);
        bool const is_refusal = code == wire_code::too_large || code == wire_code::server_full ||
                                code == wire_code::unable;
        return is_answer(code) || is_refusal ? code : failed(status);
    }

    [[nodiscard]] wire_code failed(memcached_return_t status) {
        memcached_quit(handle_);
        is_open_ = false;
        return code_of(status);
    }

    [[nodiscard]] static wire_code code_of(memcached_return_t status) {
        switch (status) {
        case MEMCACHED_SUCCESS:
        case MEMCACHED_STORED:
        case MEMCACHED_DELETED:
            return wire_code::done;
        case MEMCACHED_NOTFOUND:
            return wire_code::absent;
        case MEMCACHED_NOTSTORED:
        case MEMCACHED_DATA_EXISTS:
            return wire_code::conflict;
        case MEMCACHED_E2BIG:
            return wire_code::too_large;
        case MEMCACHED_SERVER_MEMORY_ALLOCATION_FAILURE:
            return wire_code::server_full;
        case MEMCACHED_SERVER_ERROR:
            return wire_code::unable;
        case MEMCACHED_ERROR:
        case MEMCACHED_CLIENT_ERROR:
        case MEMCACHED_INVALID_ARGUMENTS:
        case MEMCACHED_BAD_KEY_PROVIDED:
            return wire_code::refused;
        case MEMCACHED_TIMEOUT:
        case MEMCACHED_IN_PROGRESS:
            return wire_code::timed_out;
        case MEMCACHED_FAILURE:
        case MEMCACHED_CONNECTION_FAILURE:
        case MEMCACHED_WRITE_FAILURE:
        case MEMCACHED_READ_FAILURE:
        case MEMCACHED_UNKNOWN_READ_FAILURE:
        case MEMCACHED_ERRNO:
        case MEMCACHED_SERVER_TEMPORARILY_DISABLED:
        case MEMCACHED_SERVER_MARKED_DEAD:
            return wire_code::closed;
        default:
            return wire_code::desynchronized;
        }
    }

    void release() noexcept {
        if (!is_intact()) {
            abandon();
        } else if (handle_ != nullptr) {
            free_results();
            memcached_free(handle_);
            handle_ = nullptr;
        }
        is_open_ = false;
    }

    void free_results() noexcept {
        for (auto& result : results_) {
            memcached_result_free(&result);
        }
    }

    endpoint const* server_;
    connection_settings const* settings_;
    memcached_st* handle_ = nullptr;
    std::array<memcached_result_st, 2> results_{};
    bool is_open_ = false;
    in_port_t local_port_ = 0; ///< identifies its socket
    std::uint64_t times_opened_ = 0;
};

static_assert(wire_connection<libmemcached_connection>);

} // namespace memo::detail
