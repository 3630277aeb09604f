// SPDX-License-Identifier: BSL-1.0
//
// Bytes of a fuzzer as a server's answer to one request in the meta protocol. Where they hold an @,
// the request's own number is put, so that the fuzzer gets past the check that it cannot guess.

#include "support/net.hpp"
#include "support/temp_dir.hpp"
#include <memo/detail/memcached/wire/meta.hpp>
#include <memo/detail/record/frame_codec.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <vector>

namespace {

struct server {
    memo_test::file_descriptor listening = memo_test::listen_on_loopback();
    memo::detail::endpoint where =
        memo::detail::resolve(memo_test::on_loopback(memo_test::port_of(listening)));
};

/// Answers one request with the bytes, and closes.
void answer(memo_test::file_descriptor const& client, std::string bytes) {
    std::array<char, 1024> request{};
    auto const size = ::recv(client.get(), request.data(), request.size(), 0);
    std::string_view const text(request.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    auto const mark = text.rfind(" O");
    std::string const opaque(
        mark == std::string_view::npos ? "" : text.substr(mark + 2, text.size() - mark - 4));
    for (auto at = bytes.find('@'); at != std::string::npos; at = bytes.find('@', at + 1)) {
        bytes.replace(at, 1, opaque);
    }
    static_cast<void>(::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
    ::shutdown(client.get(), SHUT_WR);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
    using namespace memo::detail;
    static server const served;
    static connection_settings const settings{
        std::chrono::seconds(5), std::chrono::seconds(5), 4096, {}, {}};
    meta_connection connection(served.where, settings);
    if (connection.open() != wire_code::done) {
        return 0;
    }
    memo_test::file_descriptor const client(
        ::accept4(served.listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::thread peer([&] { answer(client, std::string(bytes, bytes + size)); });
    deadline const by(std::chrono::seconds(5));
    wire_reply const reply =
        size % 2 == 0 ? connection.get("k", by) : connection.count("k", 1, 1, by);
    if (reply.code == wire_code::done) {
        // What is served was said to be ours, whole, and no longer than we take.
        if (!connection.is_open() || reply.value.size() > settings.max_value_bytes) {
            std::abort();
        }
        frame_codec<std::vector<std::string>> const codec({});
        static_cast<void>(codec.decode(reply.value, {}, {}));
    } else if (!is_answer(reply.code) && reply.code != wire_code::server_full &&
               reply.code != wire_code::unable && connection.is_open()) {
        std::abort(); // only a plain no leaves the connection in step
    }
    peer.join();
    return 0;
}
