// SPDX-License-Identifier: BSL-1.0
#pragma once

// A redis-server for one test, on a free port of loopback.

#include "support/child_process.hpp"
#include "support/net.hpp"
#include "support/temp_dir.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>

namespace examples {

/// Accepts connections when the constructor returns, and ends with the test.
class redis_server {
  public:
    redis_server() { start(); }

    [[nodiscard]] int port() const { return port_; }

    void stop() const { process_.stop(); }
    void go_on() const { process_.go_on(); }
    void kill() { process_.kill(); }

    /// Starts again, empty, on the same port.
    void restart() {
        kill();
        start();
    }

  private:
    void start() {
        for (int attempt = 0; attempt < 20; ++attempt) { // another program may take the port first
            std::uint16_t const port = port_ != 0 ? port_ : memo_test::unused_port();
            process_ = memo_test::child_process(
                {"redis-server", "--bind", "127.0.0.1", "--port", std::to_string(port), "--save",
                 "", "--appendonly", "no", "--dir", folder_.path(), "--logfile", folder_ / "log"});
            while (!process_.has_ended()) {
                if (memo_test::connect_to(port)) {
                    port_ = port;
                    return;
                }
                std::this_thread::yield();
            }
        }
        throw std::runtime_error("redis-server does not start; is it installed?");
    }

    memo_test::temp_dir folder_;
    std::uint16_t port_ = 0;
    memo_test::child_process process_;
};

} // namespace examples
