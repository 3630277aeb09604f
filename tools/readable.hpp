// SPDX-License-Identifier: BSL-1.0
#pragma once

// A record's bytes in, what can be said of them without its type's definition out: the values of plain
// types, which are known by the tag of their type, and the moments of every averaged function, which
// are known by their kind and have one layout whatever type a sample is of.

#include <memo/detail/record/averaged.hpp>
#include <memo/detail/record/codec.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/detail/text.hpp>
#include <memo/index_set.hpp>

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace memo_cache {

using json = nlohmann::ordered_json;

/// JSON has no numbers that are not finite: these are texts.
[[nodiscard]] inline json to_json(double number) {
    if (std::isfinite(number)) {
        return number;
    }
    return std::isnan(number) ? "nan" : number < 0 ? "-inf" : "inf";
}
[[nodiscard]] inline json to_json(float number) {
    return to_json(static_cast<double>(number));
}
template <class T>
    requires std::is_integral_v<T>
[[nodiscard]] json to_json(T number) {
    return number;
}
[[nodiscard]] inline json to_json(std::string const& text) {
    return text;
}
template <class T> [[nodiscard]] json to_json(std::vector<T> const& numbers) {
    json list = json::array();
    for (T const number : numbers) {
        list.push_back(to_json(number));
    }
    return list;
}
[[nodiscard]] inline json to_json(memo::index_set const& set) {
    json list = json::array();
    for (auto const index : set) {
        list.push_back(index);
    }
    return list;
}

/// One line of text. Bytes that are no UTF-8 are replaced by U+FFFD.
[[nodiscard]] inline std::string to_text(json const& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// The same on several lines, for who asked for JSON.
inline void print_json(json const& value) {
    std::cout << value.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
}

/// The record, if it is of this type, or is one with the arguments beside it (memo::verify_full).
template <class T>
[[nodiscard]] bool try_as(std::uint32_t tag, std::span<std::byte const> payload, json& value) {
    using verified_record = std::pair<T, std::vector<std::uint64_t>>;
    static std::uint32_t const of_value = memo::detail::type_tag(typeid(T));
    static std::uint32_t const of_verified = memo::detail::type_tag(typeid(verified_record));
    try {
        if (tag == of_value) {
            value = to_json(memo::detail::decode_record<T>(payload));
        } else if (tag == of_verified) {
            value = to_json(memo::detail::decode_record<verified_record>(payload).first);
        } else {
            return false;
        }
        return true;
    } catch (memo::detail::malformed const&) {
        return false;
    }
}

template <class... Ts>
[[nodiscard]] json first_of(std::uint32_t tag, std::span<std::byte const> payload) {
    json value;
    static_cast<void>((false || ... || try_as<Ts>(tag, payload, value)));
    return value;
}

/// The value of a record of a plain type; null where only the program knows it.
[[nodiscard]] inline json value_of(memo::detail::frame_header const& header,
                                   std::span<std::byte const> payload) {
    return first_of<double, float, bool, char, signed char, unsigned char, short, unsigned short,
                    int, unsigned, long, unsigned long, long long, unsigned long long, std::string,
                    std::vector<double>, std::vector<float>, std::vector<int>,
                    std::vector<unsigned>, std::vector<long>, std::vector<unsigned long>,
                    memo::index_set>(header.type, payload);
}

/// What an averaged function knows of one call.
struct estimates {
    std::uint64_t count = 0;
    std::uint64_t rejected = 0;
    json mean; ///< these three: a number, or a list for vectors and arrays
    json variance;
    json standard_error;
};

/// The record of an averaged function, whatever type its samples are of.
struct any_averaged {
    memo::detail::averaged_record<std::vector<double>> kept;
    bool is_vector = false; ///< of vectors: the count of numbers stands before them
};

/// Reads samples of any type: numbers, arrays and vectors of them differ in whether the count of
/// numbers stands before them.
///
/// Source: docs/format.md, "Payload"
[[nodiscard]] inline std::optional<any_averaged> averaged_in(std::span<std::byte const> payload) {
    using record = memo::detail::averaged_record<std::vector<double>>;
    constexpr std::size_t count_size = 8;
    constexpr std::size_t spread_size = 3 * 8 + 1;
    constexpr std::size_t behind = 1 + 3 * 8 + 1;
    if (payload.size() < count_size + behind) {
        return std::nullopt;
    }
    std::vector<std::byte> bytes(payload.begin(), payload.end());
    std::size_t const spreads = payload.size() - count_size - behind;
    bool const counted = spreads % spread_size != 0;
    if (!counted) {
        std::uint64_t const size = spreads / spread_size;
        std::vector<std::byte> told(sizeof size);
        std::memcpy(told.data(), &size, sizeof size);
        bytes.insert(bytes.begin() + count_size, told.begin(), told.end());
    }
    try {
        return any_averaged{memo::detail::decode_record<record>(bytes), counted};
    } catch (memo::detail::malformed const&) {
        return std::nullopt;
    }
}

/// What an averaged function's record says; nothing if it is none.
[[nodiscard]] inline std::optional<estimates> moments_of(std::span<std::byte const> payload) {
    auto const found = averaged_in(payload);
    if (!found) {
        return std::nullopt;
    }
    auto const& [kept, is_vector] = *found;
    auto const all = [&samples = kept.samples, list_of_one = is_vector](auto const& get) {
        json list = json::array();
        for (std::size_t i = 0; i < samples.size(); ++i) {
            list.push_back(to_json(get(samples, i)));
        }
        return !list_of_one && list.size() == 1 ? list.front() : list;
    };
    return estimates{
        kept.samples.count(), kept.rejected,
        all([](auto const& samples, std::size_t i) { return samples.mean(i); }),
        all([](auto const& samples, std::size_t i) { return samples.variance(i); }),
        all([](auto const& samples, std::size_t i) { return samples.standard_error(i); })};
}

/// All that can be said of a record, in the order of the columns; null where there is nothing to say.
[[nodiscard]] inline json row_of(std::string const& name, std::string const& version,
                                 memo::detail::frame_header const& header,
                                 std::span<std::byte const> payload) {
    bool const is_moments = header.kind == memo::detail::record_kind::moments;
    auto const known = is_moments ? moments_of(payload) : std::nullopt;
    json row{{"function", name},
             {"version", version},
             {"scope", to_string(header.scope)},
             {"key", to_string(header.key)},
             {"created", header.created},
             {"cost_seconds", header.cost},
             {"expires_ns", header.expires},
             {"bytes", header.payload},
             {"kind", is_moments ? "moments" : "value"},
             {"value", is_moments ? json() : value_of(header, payload)},
             {"count", nullptr},
             {"rejected", nullptr},
             {"mean", nullptr},
             {"variance", nullptr},
             {"standard_error", nullptr}};
    if (known) {
        row["count"] = known->count;
        row["rejected"] = known->rejected;
        row["mean"] = known->mean;
        row["variance"] = known->variance;
        row["standard_error"] = known->standard_error;
    }
    return row;
}

/// A field of a CSV file (RFC 4180). What is no number is quoted; lists are JSON; null is empty. A text
/// that a spreadsheet would run as a formula, and one that begins with an apostrophe, has an apostrophe
/// before it, which who reads it back takes away; but for "-inf", which is a number.
[[nodiscard]] inline std::string to_csv(json const& value) {
    if (value.is_null()) {
        return "";
    }
    std::string const text = to_text(value);
    if (value.is_number() || value.is_boolean()) {
        return text;
    }
    std::string const cell =
        value.is_string() ? memo::detail::utf8_text(value.get_ref<std::string const&>()) : text;
    constexpr std::string_view refused = "=+-@\t\r'";
    bool const is_formula = refused.find(cell.substr(0, 1)) != refused.npos && !cell.empty();
    std::string out = is_formula && cell != "-inf" ? "\"'" : "\"";
    for (char const c : cell) {
        out += c;
        if (c == '"') {
            out += c;
        }
    }
    return out + '"';
}

} // namespace memo_cache
