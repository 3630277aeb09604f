// SPDX-License-Identifier: BSL-1.0
#pragma once

// Resolves a server, as written by the user, to numeric addresses. Names are resolved once, before any
// operation, because a name service respects no deadline.

#include <memo/error.hpp>

#include <array>
#include <atomic>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <vector>

namespace memo::detail {

/// The address argument of connect(2).
struct socket_address {
    sockaddr_storage bytes{};
    socklen_t size = 0;
};

/// One server. A name may have several addresses, such as ::1 and 127.0.0.1; the server may listen on any of
/// them.
struct endpoint {
    static constexpr std::size_t unknown = static_cast<std::size_t>(-1);

    std::string as_written; ///< text of the user; determines its arcs of the ring
    std::vector<socket_address> addresses;
    /// The first address that accepted a connection. All later connections use it, because another address
    /// may belong to another server with other records. Copies share it.
    std::shared_ptr<std::atomic<std::size_t>> serving =
        std::make_shared<std::atomic<std::size_t>>(unknown);

    [[nodiscard]] bool is_unix() const noexcept {
        return addresses.front().bytes.ss_family == AF_UNIX;
    }
};

/// The numeric host and port of an address; no name is resolved for it.
struct as_written {
    std::string host; ///< or the path of a unix socket
    std::uint16_t port = 0;
};

/// Returns:        an empty host if memory runs out
[[nodiscard]] inline as_written spell(socket_address const& address) {
    as_written text;
    if (address.bytes.ss_family == AF_UNIX) {
        sockaddr_un path{};
        std::memcpy(&path, &address.bytes, sizeof path);
        text.host.assign(path.sun_path, ::strnlen(path.sun_path, sizeof path.sun_path));
        return text;
    }
    std::array<char, NI_MAXHOST> host{};
    std::array<char, NI_MAXSERV> port{};
    auto const* const bytes = reinterpret_cast<sockaddr const*>(&address.bytes);
    if (::getnameinfo(bytes, address.size, host.data(), host.size(), port.data(), port.size(),
                      NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        text.host = host.data();
        std::from_chars(port.data(), port.data() + std::strlen(port.data()), text.port);
    }
    return text;
}

[[noreturn]] inline void refuse_server(std::string const& as_written, std::string const& why) {
    throw error(errc::configuration, "memcached server \"" + as_written + "\": " + why +
                                         "; write host, host:port, [address]:port or /a/socket");
}

[[nodiscard]] inline endpoint unix_endpoint(std::string const& as_written, std::string_view path) {
    endpoint server;
    sockaddr_un address{};
    if (path.size() >= sizeof address.sun_path) {
        refuse_server(as_written, "the path of a socket has at most " +
                                      std::to_string(sizeof address.sun_path - 1) + " bytes");
    }
    address.sun_family = AF_UNIX;
    std::memcpy(&address.sun_path, path.data(), path.size());
    auto& last = server.addresses.emplace_back();
    std::memcpy(&last.bytes, &address, sizeof address);
    last.size = static_cast<socklen_t>(sizeof address);
    server.as_written = as_written;
    return server;
}

/// host, host:port, [address]:port, /path or unix:/path. The default port is 11211.
///
/// Throws:         memo::error (configuration) if it is none of these, or the name cannot be resolved
[[nodiscard]] inline endpoint resolve(std::string const& as_written) {
    constexpr std::string_view scheme = "unix:";
    std::string_view text = as_written;
    if (text.starts_with(scheme)) {
        text.remove_prefix(scheme.size());
    }
    if (text.starts_with('/')) {
        return unix_endpoint(as_written, text);
    }
    std::string host(text);
    std::string port = "11211";
    auto const colon = text.rfind(':');
    bool const bracketed = text.starts_with('[');
    auto const bracket = text.find(']');
    if (bracketed && bracket == std::string_view::npos) {
        refuse_server(as_written, "no ] ends the address");
    }
    bool const is_bare_v6 = !bracketed && text.find(':') != colon;
    if (colon != std::string_view::npos && !is_bare_v6 && (!bracketed || colon > bracket)) {
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
    }
    if (bracketed) {
        host = text.substr(1, bracket - 1);
    }
    std::uint16_t number = 0;
    auto const* const end = port.data() + port.size();
    auto const [stopped, failure] = std::from_chars(port.data(), end, number);
    if (host.empty() || failure != std::errc() || stopped != end || number == 0) {
        refuse_server(as_written, "the host is missing, or the port is no number of 1 to 65535");
    }

    addrinfo wanted{};
    wanted.ai_family = AF_UNSPEC;
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (int const unknown = ::getaddrinfo(host.c_str(), port.c_str(), &wanted, &found)) {
        refuse_server(as_written, ::gai_strerror(unknown));
    }
    std::unique_ptr<addrinfo, void (*)(addrinfo*)> const owner(found, &::freeaddrinfo);
    endpoint server;
    for (auto const* each = found; each != nullptr; each = each->ai_next) {
        auto& last = server.addresses.emplace_back();
        std::memcpy(&last.bytes, each->ai_addr, each->ai_addrlen);
        last.size = each->ai_addrlen;
    }
    server.as_written = as_written;
    return server;
}

} // namespace memo::detail
