// SPDX-License-Identifier: BSL-1.0
#pragma once

// Compares the records of two keys, and finds which part of the keys differs. Records have only digests
// of scope and arguments; `f.explain(args...)` lists all parts.

#include "entries.hpp"
#include "readable.hpp"
#include <iomanip>
#include <ostream>
#include <string>
#include <string_view>

namespace memo_cache {

/// The record of a key.
struct found_record {
    std::string key;
    json row; ///< see row_of(); null if there is none
    bool is_corrupt = false;
};

/// Complexity:     reads every record
[[nodiscard]] inline found_record find_record(memo::cache_directory& cache, functions const& all,
                                              std::string const& digits) {
    found_record found{digits, nullptr, false};
    auto const key = key_of(digits);
    if (!key) {
        return found;
    }
    cache.for_each(
        [&](memo::stored_entry const& entry) {
            if (entry.check == memo::entry_check::truncated || entry.key != *key || entry.is_name) {
                return;
            }
            found.is_corrupt = !entry.is_intact();
            if (!found.is_corrupt) {
                memo::stored_function const& from = function_of(entry.scope, all);
                found.row = row_of(from.name, from.version, entry);
            }
        },
        shown_progress());
    return found;
}

/// Which part of two keys differs, by their records.
[[nodiscard]] inline std::string_view what_differs(json const& one, json const& other) {
    auto const same = [&](char const* field) { return one[field] == other[field]; };
    if (same("key")) {
        return "the keys are the same";
    }
    if (same("scope")) {
        return "one function: the arguments differ";
    }
    if (one["function"] == "" && other["function"] == "") {
        return "two functions, or one that was linked anew: neither has a name";
    }
    if (!same("function")) {
        return "two functions: the names differ";
    }
    if (!same("version")) {
        return "one function: the versions differ";
    }
    if (one["version"] == "") {
        return "one name without a version: the code, the types, hash_prefix or the state differ";
    }
    return "one name and version: the types, hash_prefix or the state differ";
}

[[nodiscard]] inline json difference_as_json(json const& one, json const& other) {
    json fields = json::array();
    for (auto const& [name, value] : one.items()) {
        if (value != other[name]) {
            fields.push_back(name);
        }
    }
    return {{"differs", what_differs(one, other)}, {"fields", fields}, {"records", {one, other}}};
}

/// A line for each field of either record, with a star if they differ.
inline void print_difference(std::ostream& out, json const& one, json const& other) {
    auto const text = [](json const& value) {
        return value.is_string() ? memo::printable(value.get<std::string>()) : to_text(value);
    };
    constexpr int label = 18;
    constexpr int column = 34;
    for (auto const& [name, value] : one.items()) {
        json const& beside = other[name];
        if (value.is_null() && beside.is_null()) {
            continue;
        }
        out << (value == beside ? "  " : "* ") << std::left << std::setw(label) << name
            << std::setw(column) << text(value) << "  " << text(beside) << '\n';
    }
    out << what_differs(one, other) << '\n';
}

} // namespace memo_cache
