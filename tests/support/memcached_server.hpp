// SPDX-License-Identifier: BSL-1.0
#pragma once

// A memcached for one test, on a free port of loopback and on a unix socket.

#include "support/child_process.hpp"
#include "support/net.hpp"
#include "support/temp_dir.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace memo_test {

/// Accepts connections when the constructor returns.
class memcached_server {
  public:
    enum class transport { tcp, unix_socket };

    /// more            further arguments of memcached(1)
    explicit memcached_server(transport by = transport::tcp, std::vector<std::string> more = {})
        : by_(by), more_(std::move(more)) {
        start();
    }

    /// The address for clients.
    [[nodiscard]] std::string address() const {
        return by_ == transport::tcp ? on_loopback(port_) : socket_path();
    }
    [[nodiscard]] std::uint16_t port() const { return port_; }

    void stop() const { process_.stop(); }
    void go_on() const { process_.go_on(); }
    void kill() { process_.kill(); }

    /// Starts again, empty, at the same address.
    void restart() {
        kill();
        std::filesystem::remove(socket_path());
        start();
    }

  private:
    [[nodiscard]] std::string socket_path() const { return folder_ / "socket"; }

    // The first time the system chooses the port and the server writes down which; a server that
    // starts again takes the same one.
    void start() {
        for (int attempt = 0; attempt < 20; ++attempt) {
            process_ = child_process(arguments());
            while (!process_.has_ended()) {
                if (is_reachable()) {
                    return;
                }
                std::this_thread::yield();
            }
        }
        throw std::runtime_error("memcached does not start; is it installed?");
    }

    [[nodiscard]] std::vector<std::string> arguments() const {
        std::vector<std::string> all{"env", "MEMCACHED_PORT_FILENAME=" + port_file(), "memcached"};
        all.insert(all.end(), {"-U", "0", "-t", "2"});
        if (::geteuid() == 0) {
            all.insert(all.end(), {"-u", "root"});
        }
        if (by_ == transport::unix_socket) {
            all.insert(all.end(), {"-s", socket_path()});
        } else {
            std::string const port = port_ == 0 ? "-1" : std::to_string(port_);
            all.insert(all.end(), {"-l", "127.0.0.1", "-p", port});
        }
        all.insert(all.end(), more_.begin(), more_.end());
        return all;
    }

    [[nodiscard]] std::string port_file() const { return folder_ / "port"; }

    [[nodiscard]] bool is_reachable() {
        if (by_ == transport::tcp) {
            std::ifstream file(port_file());
            std::string const label = "TCP INET: ";
            for (std::string line; port_ == 0 && std::getline(file, line);) {
                if (line.starts_with(label)) {
                    port_ = static_cast<std::uint16_t>(std::stoul(line.substr(label.size())));
                }
            }
            return port_ != 0 && connect_to(port_);
        }
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        socket_path().copy(&address.sun_path[0], sizeof address.sun_path - 1);
        file_descriptor const probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        return ::connect(probe.get(), reinterpret_cast<sockaddr const*>(&address),
                         sizeof address) == 0;
    }

    transport by_;
    std::vector<std::string> more_;
    temp_dir folder_;
    std::uint16_t port_ = 0;
    child_process process_;
};

} // namespace memo_test
