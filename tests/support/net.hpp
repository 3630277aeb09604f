// SPDX-License-Identifier: BSL-1.0
#pragma once

// Sockets on loopback for the servers and proxies of tests.

#include <arpa/inet.h>
#include <cstdint>
#include <netinet/in.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace memo_test {

class file_descriptor {
  public:
    explicit file_descriptor(int number = -1) : number_(number) {}
    file_descriptor(file_descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    file_descriptor& operator=(file_descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    file_descriptor(file_descriptor const&) = delete;
    file_descriptor& operator=(file_descriptor const&) = delete;
    ~file_descriptor() {
        if (number_ >= 0) {
            ::close(number_);
        }
    }
    [[nodiscard]] int get() const { return number_; }
    [[nodiscard]] explicit operator bool() const { return number_ >= 0; }

  private:
    int number_;
};

inline sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

/// A socket that listens on a free port of loopback.
inline file_descriptor listen_on_loopback() {
    file_descriptor made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in const address = loopback(0);
    if (::bind(made.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) != 0 ||
        ::listen(made.get(), 64) != 0) {
        throw std::runtime_error("cannot listen on loopback");
    }
    return made;
}

inline std::uint16_t port_of(file_descriptor const& socket) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
}

/// Not open without a listener.
inline file_descriptor connect_to(std::uint16_t port) {
    file_descriptor made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in const address = loopback(port);
    if (::connect(made.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) != 0) {
        return file_descriptor();
    }
    return made;
}

/// A port without a listener, unless another program takes it.
inline std::uint16_t unused_port() {
    return port_of(listen_on_loopback());
}

inline std::string on_loopback(std::uint16_t port) {
    return "127.0.0.1:" + std::to_string(port);
}

} // namespace memo_test
