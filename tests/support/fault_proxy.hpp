// SPDX-License-Identifier: BSL-1.0
#pragma once

// A proxy between a client and a server on loopback that changes the server's responses for a test: cut,
// stall, drip, duplicate, swap keys, garbage, wrong lengths, delay.

#include "support/net.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <netinet/tcp.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace memo_test {

/// How the proxy changes one response.
struct delivery {
    std::string bytes;                      ///< what is sent on
    bool then_reset = false;                ///< and the connection is reset afterwards
    std::chrono::milliseconds before{0};    ///< how long it is held back
    std::chrono::milliseconds each_byte{0}; ///< how long each of its bytes is held back
};

/// A fault turns an answer into what is delivered of it. It may be called from several threads.
using fault_of_answer = std::function<delivery(std::string answer)>;

class fault_proxy {
  public:
    explicit fault_proxy(std::uint16_t upstream)
        : upstream_(upstream),
          listening_(listen_on_loopback()),
          ended_(::eventfd(0, EFD_CLOEXEC)),
          acceptor_([this] { accept_all(); }) {}
    fault_proxy(fault_proxy const&) = delete;
    fault_proxy& operator=(fault_proxy const&) = delete;
    ~fault_proxy() {
        static_cast<void>(::eventfd_write(ended_.get(), 1));
        acceptor_.join();
        for (auto& thread : pumps_) {
            thread.join();
        }
    }

    [[nodiscard]] std::string address() const { return on_loopback(port_of(listening_)); }

    /// Applies from the next response on; an empty function ends it.
    void inject(fault_of_answer fault) {
        std::scoped_lock const lock(mutex_);
        fault_ = std::move(fault);
    }

  private:
    /// True if one of the two can be read, false if the proxy must end.
    [[nodiscard]] bool wait(int one, int other, std::array<bool, 2>& readable) const {
        std::array<pollfd, 3> waited{pollfd{ended_.get(), POLLIN, 0}, pollfd{one, POLLIN, 0},
                                     pollfd{other, POLLIN, 0}};
        ::poll(waited.data(), waited.size(), -1);
        readable = {waited[1].revents != 0, waited[2].revents != 0};
        return waited[0].revents == 0;
    }

    /// False if the proxy must end before that time.
    [[nodiscard]] bool hold(std::chrono::milliseconds time) const {
        pollfd waited{ended_.get(), POLLIN, 0};
        return time.count() == 0 || ::poll(&waited, 1, static_cast<int>(time.count())) == 0;
    }

    void accept_all() {
        std::array<bool, 2> readable{};
        while (wait(listening_.get(), -1, readable)) {
            file_descriptor client(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (client) {
                pumps_.emplace_back([this, held = std::move(client)] { pump(held); });
            }
        }
    }

    void pump(file_descriptor const& client) {
        file_descriptor const server = connect_to(upstream_);
        int const on = 1;
        ::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        ::setsockopt(server.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        std::array<bool, 2> readable{};
        std::string buffer(1 << 16, '\0');
        while (server && wait(client.get(), server.get(), readable)) {
            int const from = readable[0] ? client.get() : server.get();
            auto const size = ::recv(from, buffer.data(), buffer.size(), 0);
            if (size <= 0) {
                return;
            }
            std::string_view const bytes(buffer.data(), static_cast<std::size_t>(size));
            bool const goes_on = readable[0] ? send_all(server.get(), bytes)
                                             : deliver(client.get(), std::string(bytes));
            if (!goes_on) {
                return;
            }
        }
    }

    [[nodiscard]] bool deliver(int client, std::string answer) {
        fault_of_answer fault;
        {
            std::scoped_lock const lock(mutex_);
            fault = fault_;
        }
        delivery const what = fault ? fault(std::move(answer)) : delivery{std::move(answer)};
        bool goes_on = hold(what.before);
        if (what.each_byte.count() == 0) {
            goes_on = goes_on && send_all(client, what.bytes);
        } else {
            for (std::size_t i = 0; goes_on && i < what.bytes.size(); ++i) {
                goes_on = hold(what.each_byte) && send_all(client, what.bytes.substr(i, 1));
            }
        }
        if (what.then_reset) {
            linger const at_once{1, 0};
            ::setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        return goes_on && !what.then_reset;
    }

    [[nodiscard]] static bool send_all(int to, std::string_view bytes) {
        while (!bytes.empty()) {
            auto const sent = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) {
                return false;
            }
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    std::uint16_t upstream_;
    file_descriptor listening_;
    file_descriptor ended_;
    std::mutex mutex_;
    fault_of_answer fault_;
    std::list<std::thread> pumps_; // the acceptor's, and then the destructor's
    std::thread acceptor_;
};

/// The faults. Each is deterministic.
namespace faults_of_answers {

inline fault_of_answer cut(std::size_t after) {
    return [=](std::string const& answer) {
        return delivery{.bytes = answer.substr(0, after), .then_reset = true};
    };
}

inline fault_of_answer stall(std::size_t after) {
    return [=](std::string const& answer) { return delivery{answer.substr(0, after)}; };
}

inline fault_of_answer drip(std::chrono::milliseconds each_byte) {
    return [=](std::string answer) {
        return delivery{.bytes = std::move(answer), .each_byte = each_byte};
    };
}

inline fault_of_answer delay(std::chrono::milliseconds time) {
    return [=](std::string answer) { return delivery{.bytes = std::move(answer), .before = time}; };
}

inline fault_of_answer duplicate() {
    return [](std::string const& answer) { return delivery{answer + answer}; };
}

inline fault_of_answer instead(std::string bytes) {
    return [bytes = std::move(bytes)](std::string const&) { return delivery{bytes}; };
}

/// Changes the last hexadecimal digit before the given mark.
inline fault_of_answer swap_keys() {
    return [](std::string answer) {
        auto const line_end = answer.find("\r\n");
        auto const key = answer.find(':');
        if (key != std::string::npos && key < line_end) {
            auto const last = answer.find_first_of(" \r", key) - 1;
            answer[last] = answer[last] == '0' ? '1' : '0';
        }
        return delivery{std::move(answer)};
    };
}

/// Adds a number to the length of the value in the response.
inline fault_of_answer wrong_length(int by) {
    return [=](std::string answer) {
        if (answer.starts_with("VA ")) {
            auto const end = answer.find(' ', 3);
            long const size = std::stol(answer.substr(3, end - 3)) + by;
            answer = "VA " + std::to_string(size < 0 ? 0 : size) + answer.substr(end);
        }
        return delivery{std::move(answer)};
    };
}

/// Flips one bit of the response, at another place in each response.
inline fault_of_answer flip_bits() {
    return [place = std::make_shared<std::atomic<std::size_t>>(0)](std::string answer) {
        if (!answer.empty()) {
            std::size_t const bit = place->fetch_add(7) % (answer.size() * 8);
            answer[bit / 8] = static_cast<char>(answer[bit / 8] ^ (1 << (bit % 8)));
        }
        return delivery{std::move(answer)};
    };
}

} // namespace faults_of_answers
} // namespace memo_test
