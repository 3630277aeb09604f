// SPDX-License-Identifier: BSL-1.0
#pragma once

// Numbers of bytes as text; and what a record's bytes show without the definition of its type: values of
// plain types, by the tag of the type, and the moments of averaged functions, by the kind of record: they
// have one layout for every sample type.

#include <memo/index_set.hpp>
#include <memo/tools/maintenance.hpp>

#include <nlohmann/json.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iomanip>
#include <iostream>
#include <locale>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace memo_cache {

using json = nlohmann::ordered_json;

/// A number as JSON; a text if it is not finite, because JSON has no such numbers.
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

/// The same on several lines, for --json.
inline void print_json(json const& value) {
    std::cout << value.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
}

/// A number of bytes for people: "512 bytes", "1.50 GiB". Three digits, in powers of 1024.
[[nodiscard]] inline std::string size_text(std::uint64_t bytes) {
    constexpr std::array units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) {
        return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
    }
    auto amount = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    for (; amount >= 999.5 && unit + 1 < units.size(); ++unit) { // "1000 KiB" has four digits
        amount /= 1024;
    }
    std::ostringstream text;
    text.imbue(std::locale::classic());
    text << std::fixed
         << std::setprecision(amount < 9.995   ? 2
                              : amount < 99.95 ? 1
                                               : 0)
         << amount << ' ' << units.at(unit);
    return text.str();
}

template <class T> [[nodiscard]] bool try_as(memo::stored_entry const& entry, json& value) {
    auto const found = entry.value_as<T>();
    if (found) {
        value = to_json(*found);
    }
    return found.has_value();
}

template <class... Ts> [[nodiscard]] json first_of(memo::stored_entry const& entry) {
    json value;
    static_cast<void>((false || ... || try_as<Ts>(entry, value)));
    return value;
}

/// The value of a record of a plain type; null for other types.
[[nodiscard]] inline json value_of(memo::stored_entry const& entry) {
    return first_of<double, float, bool, char, signed char, unsigned char, short, unsigned short,
                    int, unsigned, long, unsigned long, long long, unsigned long long, std::string,
                    std::vector<double>, std::vector<float>, std::vector<int>,
                    std::vector<unsigned>, std::vector<long>, std::vector<unsigned long>,
                    memo::index_set>(entry);
}

/// A number, or a list for vectors and arrays.
[[nodiscard]] inline json number_or_list(std::vector<double> const& numbers, bool is_list) {
    json list = to_json(numbers);
    return !is_list && list.size() == 1 ? list.front() : list;
}

/// The columns of a record, in their order; null for an unknown field.
[[nodiscard]] inline json row_of(std::string const& name, std::string const& version,
                                 memo::stored_entry const& entry) {
    bool const is_moments = entry.kind == memo::entry_kind::moments;
    auto const known = entry.moments();
    json row{{"function", name},
             {"version", version},
             {"scope", to_string(entry.scope)},
             {"key", to_string(entry.key)},
             {"created", entry.created},
             {"cost_seconds", entry.cost},
             {"expires_ns", entry.expires},
             {"bytes", entry.payload.size()},
             {"kind", is_moments ? "moments" : "value"},
             {"value", is_moments ? json() : value_of(entry)},
             {"count", nullptr},
             {"rejected", nullptr},
             {"mean", nullptr},
             {"variance", nullptr},
             {"standard_error", nullptr}};
    if (known) {
        row["count"] = known->count;
        row["rejected"] = known->rejected;
        row["mean"] = number_or_list(known->mean, known->is_list);
        row["variance"] = number_or_list(known->variance, known->is_list);
        row["standard_error"] = number_or_list(known->standard_error, known->is_list);
    }
    return row;
}

/// A field of a CSV file (RFC 4180). Everything but numbers is quoted; lists are JSON; null is empty. A
/// text that a spreadsheet would run as a formula, or that begins with an apostrophe, gets an apostrophe
/// in front, which a reader removes; except "-inf", which is a number.
[[nodiscard]] inline std::string to_csv(json const& value) {
    if (value.is_null()) {
        return "";
    }
    std::string const text = to_text(value);
    if (value.is_number() || value.is_boolean()) {
        return text;
    }
    std::string const cell =
        value.is_string() ? memo::utf8_text(value.get_ref<std::string const&>()) : text;
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
