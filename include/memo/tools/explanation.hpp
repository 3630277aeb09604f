// SPDX-License-Identifier: BSL-1.0
#pragma once

// memo::explanation, the parts of a call's key, which shows why a call misses.

#include <memo/detail/system/compiled.hpp>
#include <memo/key128.hpp>
#include <memo/outcome.hpp>

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace memo {

/// The parts of one call's key. Two calls have one key if `scope`, the digests of all arguments that are
/// not ignored, and `current_state` are equal: compare two explanations line by line.
///
/// It contains digests, never the value of an argument.
struct explanation {
    struct argument {
        std::size_t place = 0;       ///< index among the function's parameters, from 0
        std::string type;            ///< demangled
        std::optional<key128> words; ///< digest of the argument's words; none: not in the key
        std::uint64_t count = 0;     ///< number of these words
    };

    key128 key;
    std::uint64_t words =
        0; ///< number of hashed words: 2 of the scope, the arguments', the state's

    key128 scope;        ///< digest of the members from `name` to `state`
    std::string name;    ///< from the options, as the next two
    std::string version; ///< if not empty, it replaces the code's identity
    std::string hash_prefix;
    std::string build_id; ///< of the module that contains the function, hexadecimal; may be empty
    std::uint64_t offset = 0; ///< of the function's anchor in that module, or its address
    std::size_t modules = 0;  ///< number of loaded modules
    key128 all_modules;       ///< digest of their build-ids
    std::vector<std::string> parameters; ///< their types; empty for a parameter outside the key
    std::string result;                  ///< type
    std::string record;                  ///< kind of the record: exact; averaged; …
    key128 state;                        ///< digest of the values of memo::keyed; zero without

    std::vector<argument> arguments;
    std::optional<key128> current_state; ///< digest of the state by memo::keyed_by at this call

    std::optional<miss_reason> miss; ///< why a lookup would miss; none: it would be a hit
};

/// Several lines of text; the parts of a value are indented below it. Independent of the locale.
[[nodiscard]] std::string to_string(explanation const& e);

template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                             explanation const& e) {
    return out << to_string(e);
}

} // namespace memo

#if !defined(MEMO_COMPILED)
#include "explanation.ipp"
#endif
