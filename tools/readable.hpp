// SPDX-License-Identifier: BSL-1.0
#pragma once

// A record's bytes in, what can be said of them without its type's definition out.

#include <memo/record/codec.hpp>
#include <memo/record/frame.hpp>

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <typeinfo>
#include <vector>

namespace memo_cache {

template <class T>
bool try_as(memo::detail::frame_header const& header, std::span<std::byte const> payload,
            nlohmann::ordered_json& value) {
    static std::uint32_t const tag = memo::detail::type_tag(typeid(T));
    if (header.type != tag) {
        return false;
    }
    try {
        T const decoded = memo::detail::decode_record<T>(payload);
        if constexpr (std::is_same_v<T, double> || std::is_same_v<T, float>) {
            if (!std::isfinite(decoded)) { // JSON has no such numbers
                value = std::to_string(decoded);
                return true;
            }
        }
        value = decoded;
        return true;
    } catch (memo::detail::malformed const&) {
        return false;
    }
}

/// The value of a record of a plain type; null where only the program knows it.
inline nlohmann::ordered_json value_of(memo::detail::frame_header const& header,
                                       std::span<std::byte const> payload) {
    nlohmann::ordered_json value;
    static_cast<void>(
        try_as<double>(header, payload, value) || try_as<float>(header, payload, value) ||
        try_as<int>(header, payload, value) || try_as<long>(header, payload, value) ||
        try_as<long long>(header, payload, value) || try_as<unsigned>(header, payload, value) ||
        try_as<unsigned long>(header, payload, value) || try_as<bool>(header, payload, value) ||
        try_as<std::vector<double>>(header, payload, value) ||
        try_as<std::vector<int>>(header, payload, value) ||
        try_as<std::string>(header, payload, value));
    return value;
}

} // namespace memo_cache
