// SPDX-License-Identifier: BSL-1.0
#pragma once

// The items of a memcached as text, sorted: a line has a name, the flags, and the value in hexadecimal.

#include "support/memcached_client.hpp"

#include <cstdint>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace golden {

inline std::string to_hex(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (char const byte : bytes) {
        auto const value = static_cast<unsigned char>(byte);
        text += digits[value / 16];
        text += digits[value % 16];
    }
    return text;
}

inline std::string from_hex(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        bytes += static_cast<char>(digits.find(text[i]) * 16 + digits.find(text[i + 1]));
    }
    return bytes;
}

inline std::string all_items(std::uint16_t port) {
    memo_test::memcached_client const client(port);
    std::set<std::string> lines;
    std::istringstream dump(client.ask("lru_crawler metadump all", "END\r\n"));
    for (std::string entry; std::getline(dump, entry) && entry.starts_with("key=");) {
        std::string name = entry.substr(4, entry.find(' ') - 4);
        for (auto at = name.find("%3A"); at != std::string::npos; at = name.find("%3A")) {
            name[at] =
                ':'; // as g++ 12 warns of an overlap that cannot be where replace() is inlined
            name.erase(at + 1, 2);
        }
        // VALUE <name> <flags> <size>\r\n<bytes>\r\nEND\r\n
        std::string const answer = client.ask("get " + name, "\r\nEND\r\n");
        auto const begin = answer.find("\r\n") + 2;
        std::string word;
        std::string flags;
        std::size_t size = 0;
        std::istringstream(answer) >> word >> word >> flags >> size;
        lines.insert(name + ' ' + flags + ' ' +
                     to_hex(std::string_view(answer).substr(begin, size)));
    }
    std::string text;
    for (auto const& line : lines) {
        text += line + '\n';
    }
    return text;
}

/// Stores the items in a memcached, without an expiry of the server's own.
inline void store_items(std::uint16_t port, std::istream& text) {
    memo_test::memcached_client const client(port);
    std::string name;
    std::string flags;
    std::string hex;
    while (text >> name >> flags >> hex) {
        std::string const value = from_hex(hex);
        std::string const answer = client.ask("set " + name + ' ' + flags + " 0 " +
                                              std::to_string(value.size()) + "\r\n" + value);
        if (answer != "STORED\r\n") {
            throw std::runtime_error("memcached refused " + name + ": " + answer);
        }
    }
}

} // namespace golden
