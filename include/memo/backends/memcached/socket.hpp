// SPDX-License-Identifier: BSL-1.0
#pragma once

// Bytes to and from one server, each by a deadline. No signal is raised and nothing is thrown.

#include <memo/backends/memcached/deadline.hpp>
#include <memo/backends/memcached/endpoint.hpp>
#include <memo/backends/memcached/transport.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <span>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utility>

namespace memo::detail {

/// A connected stream socket that never blocks longer than it is told.
class stream_socket {
  public:
    stream_socket() = default;
    stream_socket(stream_socket const&) = delete;
    stream_socket& operator=(stream_socket const&) = delete;
    ~stream_socket() { close(); }

    [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }

    void close() noexcept {
        if (is_open()) {
            ::close(std::exchange(descriptor_, -1));
        }
    }

    [[nodiscard]] wire_code connect(endpoint const& server, deadline const& by) {
        close();
        descriptor_ =
            ::socket(server.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (!is_open()) {
            return wire_code::unreachable;
        }
        if (!server.is_unix()) {
            int const on = 1;
            ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        }
        auto const* const address = reinterpret_cast<sockaddr const*>(&server.address);
        if (::connect(descriptor_, address, server.size) != 0 && !is_connected_in_time(by)) {
            close();
            return wire_code::unreachable;
        }
        return wire_code::done;
    }

    /// Sends all parts. Changes them.
    template <std::size_t N>
    [[nodiscard]] wire_code send(std::array<iovec, N> parts, deadline const& by) {
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = parts.size();
        while (message.msg_iovlen > 0) {
            auto sent = ::sendmsg(descriptor_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent < 0) {
                if (errno == EINTR) {
                    continue;
                }
                if (errno != EAGAIN && errno != EWOULDBLOCK) {
                    return wire_code::closed;
                }
                if (!wait_for(descriptor_, POLLOUT, by)) {
                    return wire_code::timed_out;
                }
                continue;
            }
            skip(message, static_cast<std::size_t>(sent));
        }
        return wire_code::done;
    }

    struct received {
        wire_code code;
        std::size_t size;
    };

    /// At least one byte.
    [[nodiscard]] received receive(std::span<char> into, deadline const& by) {
        for (;;) {
            auto const size = ::recv(descriptor_, into.data(), into.size(), MSG_DONTWAIT);
            if (size > 0) {
                return {wire_code::done, static_cast<std::size_t>(size)};
            }
            if (size == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
                return {wire_code::closed, 0};
            }
            if (!wait_for(descriptor_, POLLIN, by)) {
                return {wire_code::timed_out, 0};
            }
        }
    }

  private:
    [[nodiscard]] bool is_connected_in_time(deadline const& by) const {
        // A unix socket whose queue is full says EAGAIN; that is as good as nobody there.
        if (errno != EINPROGRESS && errno != EINTR) {
            return false;
        }
        int failure = 0;
        socklen_t size = sizeof failure;
        return wait_for(descriptor_, POLLOUT, by) &&
               ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 &&
               failure == 0;
    }

    static void skip(msghdr& message, std::size_t sent) {
        while (message.msg_iovlen > 0 && sent >= message.msg_iov->iov_len) {
            sent -= message.msg_iov->iov_len;
            ++message.msg_iov;
            --message.msg_iovlen;
        }
        if (message.msg_iovlen > 0) {
            message.msg_iov->iov_base = static_cast<char*>(message.msg_iov->iov_base) + sent;
            message.msg_iov->iov_len -= sent;
        }
    }

    int descriptor_ = -1;
};

} // namespace memo::detail
