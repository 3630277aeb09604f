// SPDX-License-Identifier: BSL-1.0
#pragma once

// Another program's client: sends a text to a memcached and returns the response.

#include "support/net.hpp"

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>

namespace memo_test {

class memcached_client {
  public:
    explicit memcached_client(std::uint16_t port) : socket_(connect_to(port)) {}

    /// Sends one request and reads until the response ends with `end`.
    [[nodiscard]] std::string ask(std::string_view request, std::string_view end = "\r\n") const {
        std::string const line = std::string(request) + "\r\n";
        if (::send(socket_.get(), line.data(), line.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(line.size())) {
            throw std::runtime_error("cannot send to memcached");
        }
        std::string answer;
        std::array<char, 4096> part{};
        while (!answer.ends_with(end)) {
            auto const size = ::recv(socket_.get(), part.data(), part.size(), 0);
            if (size <= 0) {
                throw std::runtime_error("memcached closed the connection");
            }
            answer.append(part.data(), static_cast<std::size_t>(size));
        }
        return answer;
    }

  private:
    file_descriptor socket_;
};

} // namespace memo_test
