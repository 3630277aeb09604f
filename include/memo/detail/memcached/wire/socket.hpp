// SPDX-License-Identifier: BSL-1.0
#pragma once

// Sends and receives bytes by a deadline. It raises no signal and throws nothing.

#include <memo/detail/memcached/deadline.hpp>
#include <memo/detail/memcached/endpoint.hpp>
#include <memo/detail/memcached/transport.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <span>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utility>

namespace memo::detail {

/// A connected stream socket that never blocks beyond its deadline.
class stream_socket {
  public:
    stream_socket() = default;
    stream_socket(stream_socket const&) = delete;
    stream_socket& operator=(stream_socket const&) = delete;
    ~stream_socket() { close(); }

    [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }

    /// Whether the descriptor still is this socket. A program may close all descriptors, as a daemon does at
    /// its start, and open other files under their numbers.
    [[nodiscard]] bool is_intact() const noexcept {
        struct stat now {};
        return ::fstat(descriptor_, &now) == 0 && now.st_dev == device_ && now.st_ino == inode_;
    }

    void close() noexcept {
        if (is_open()) {
            if (is_intact()) {
                ::close(descriptor_);
            }
            descriptor_ = -1;
        }
    }

    /// Tries all addresses until one accepts; later calls use that one.
    ///
    /// first_wait      of an operation for its response: the operation's timeout
    [[nodiscard]] wire_code connect(endpoint const& server, std::chrono::nanoseconds timeout,
                                    std::chrono::nanoseconds first_wait) {
        first_wait_ = first_wait;
        deadline const by(timeout);
        return try_addresses(server, [&](socket_address const& address, std::size_t left) {
            return connect_to(address, by.remaining() / left);
        });
    }

    /// Sends all parts, and changes them.
    template <std::size_t N>
    [[nodiscard]] wire_code send(std::array<iovec, N> parts, deadline const& by) {
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = parts.size();
        may_block_ = true;
        while (message.msg_iovlen > 0) {
            auto sent = ::sendmsg(descriptor_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent < 0) {
                if (errno == EINTR) {
                    continue;
                }
                if (errno != EAGAIN && errno != EWOULDBLOCK) {
                    return wire_code::closed;
                }
                may_block_ = false;
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

    /// Receives at least one byte.
    ///
    /// The first wait of an operation is the timeout of recv(2), one system call instead of three, if at most
    /// an eighth of the operation's time has passed; every other wait uses the deadline. So an operation may
    /// exceed its deadline by an eighth of its time.
    [[nodiscard]] received receive(std::span<char> into, deadline const& by) {
        for (;;) {
            bool const blocks =
                std::exchange(may_block_, false) && by.remaining() * 8 >= first_wait_ * 7;
            int const flags = blocks ? 0 : MSG_DONTWAIT;
            auto const size = ::recv(descriptor_, into.data(), into.size(), flags);
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
    [[nodiscard]] wire_code connect_to(socket_address const& address,
                                       std::chrono::nanoseconds timeout) {
        close();
        auto const family = address.bytes.ss_family;
        descriptor_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (!is_open()) {
            return wire_code::unreachable;
        }
        struct stat identity {};
        ::fstat(descriptor_, &identity);
        device_ = identity.st_dev;
        inode_ = identity.st_ino;
        set(SOL_SOCKET, SO_RCVTIMEO, time_of(first_wait_));
        if (family != AF_UNIX) {
            set(IPPROTO_TCP, TCP_NODELAY, 1);
        }
        int const failure = connect_by(deadline(timeout), address);
        if (failure != 0) {
            close();
            bool const is_refused = failure == ECONNREFUSED || failure == ENOENT; // no such socket
            return is_refused ? wire_code::connection_refused : wire_code::unreachable;
        }
        return wire_code::done;
    }

    /// Returns:        0, or errno. With a timeout any signal interrupts connect(2), see signal(7); the
    ///                 connection continues in the background, and the next call waits for it
    [[nodiscard]] int connect_by(deadline const& by, socket_address const& address) const {
        auto const* const bytes = reinterpret_cast<sockaddr const*>(&address.bytes);
        for (;;) {
            auto const remaining = by.remaining();
            if (remaining.count() == 0) {
                return ETIMEDOUT;
            }
            set(SOL_SOCKET, SO_SNDTIMEO, time_of(remaining)); // connect(2) respects it, socket(7)
            if (::connect(descriptor_, bytes, address.size) == 0 || errno == EISCONN) {
                return 0;
            }
            if (errno != EINTR) {
                return errno;
            }
        }
    }

    template <class Value> void set(int level, int option, Value const& value) const {
        ::setsockopt(descriptor_, level, option, &value, sizeof value);
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
    dev_t device_ = 0; ///< identifies the socket, with the inode
    ino_t inode_ = 0;
    std::chrono::nanoseconds first_wait_{0};
    bool may_block_ = false; ///< the next wait is the first of its operation
};

} // namespace memo::detail
