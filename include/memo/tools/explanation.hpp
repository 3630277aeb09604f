// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the key of a call is made of, part by part, so that "why did it miss?" has an answer.

#include <memo/detail/text.hpp>
#include <memo/key128.hpp>
#include <memo/outcome.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace memo {

/// What the key of one call is made of. Two calls have one key if scope, the digests of all arguments
/// that are not ignored, and `current_state` are equal: compare two explanations line by line.
///
/// Digests only: no argument's value is in it.
struct explanation {
    struct argument {
        std::size_t place = 0;       ///< 0, 1, 2, … among the function's parameters
        std::string type;            ///< as people write it
        std::optional<key128> words; ///< digest of the argument's own words; none: not in the key
        std::uint64_t count = 0;     ///< of these words
    };

    key128 key;
    std::uint64_t words =
        0; ///< in the hashed stream: 2 of the scope, then the arguments', the state's

    key128 scope;        ///< digest of all that follows, up to `state`
    std::string name;    ///< as in the options, like the next two
    std::string version; ///< if there is one, it stands for the code
    std::string hash_prefix;
    std::string build_id; ///< of the module that holds the function, in hexadecimal; may be empty
    std::uint64_t offset =
        0; ///< of the function's mark in that module; without a build-id its address
    std::size_t modules = 0;             ///< how many are loaded
    key128 all_modules;                  ///< digest of their build-ids
    std::vector<std::string> parameters; ///< their types; empty for one that is not in the key
    std::string result;                  ///< type
    std::string record;                  ///< what is kept: exact; averaged; …
    key128 state;                        ///< digest of what memo::keyed named; zero if nothing was

    std::vector<argument> arguments;
    std::optional<key128> current_state; ///< digest of what memo::keyed_by asked for at this call

    std::optional<miss_reason> miss; ///< why a lookup does not serve the call; none: it is a hit
};

/// Several lines for people: what is part of what is indented below it. No locale changes them.
[[nodiscard]] inline std::string to_string(explanation const& e) {
    auto const words = [](std::uint64_t count) {
        return std::to_string(count) + (count == 1 ? " word" : " words");
    };
    std::string out = "key         " + to_string(e.key) + "  " + words(e.words) + "\nscope       " +
                      to_string(e.scope) + '\n';
    if (!e.name.empty()) {
        out += "  name      " + detail::printable(e.name);
        if (!e.version.empty()) {
            out += ", version " + detail::printable(e.version);
        }
        out += '\n';
    }
    if (e.version.empty()) {
        out += "  code      " + (e.build_id.empty() ? "no build-id, address "
                                                    : "build-id " + e.build_id + ", offset ");
        out += std::to_string(e.offset) + "\n  modules   " + to_string(e.all_modules) + "  " +
               std::to_string(e.modules) + " loaded\n";
    }
    if (!e.hash_prefix.empty()) {
        out += "  prefix    " + detail::printable(e.hash_prefix) + '\n';
    }
    out += "  takes     ";
    for (std::size_t i = 0; i < e.parameters.size(); ++i) {
        out += (i == 0 ? "" : ", ") + (e.parameters[i].empty() ? "ignored" : e.parameters[i]);
    }
    out += (e.parameters.empty() ? "nothing" : "");
    out += "\n  gives     " + e.result + ", " + e.record + "\n  state     " +
           (e.state == key128{} ? "none" : to_string(e.state)) + '\n';
    for (auto const& each : e.arguments) {
        out += "argument " + std::to_string(each.place) + "  " +
               (each.words ? to_string(*each.words) + "  " + words(each.count) : "ignored") + ", " +
               each.type + '\n';
    }
    if (e.current_state) {
        out += "state now   " + to_string(*e.current_state) + "  2 words\n";
    }
    out += "lookup      " + (e.miss ? "miss, " + std::string(to_string(*e.miss)) : "hit") + '\n';
    return out;
}

inline std::ostream& operator<<(std::ostream& out, explanation const& e) {
    return out << to_string(e);
}

} // namespace memo
