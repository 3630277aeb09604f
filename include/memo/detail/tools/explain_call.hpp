// SPDX-License-Identifier: BSL-1.0
#pragma once

// Computes the explanation of one call's key from the function's identity and the call's arguments.

#include <memo/detail/key/archive.hpp>
#include <memo/detail/key/scope_digest.hpp>
#include <memo/detail/key/words.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/key128.hpp>
#include <memo/tools/explanation.hpp>

#include <cstddef>
#include <tuple>
#include <typeinfo>
#include <utility>

namespace memo::detail {

/// Adds the parts that all calls of a function share.
void explain_function(explanation& parts, function_identity const& identity);

/// Adds an argument.
///
/// words           of the argument; null: not in the key
void explain_argument(explanation& parts, std::type_info const& type, word_stream* words);

/// Adds the key.
///
/// words           of the scope, the arguments and the state
void explain_key(explanation& parts, word_stream& words);

template <bool InKey, class T> void explain_argument(explanation& parts, T const& value) {
    if constexpr (InKey) {
        word_stream words;
        encode_all(words, value);
        explain_argument(parts, typeid(T), &words);
    } else {
        explain_argument(parts, typeid(T), nullptr);
    }
}

/// Explains one call. Computes the key again, as gathered_key() does.
///
/// parts           empty; becomes the explanation
/// InKey           the indices of the parameters that are in the key
/// state           the digest of the state by memo::keyed_by, one key128; otherwise nothing
///
/// Complexity:     some us; encodes each argument twice
/// Throws:         as the computation of the key
template <std::size_t... InKey, class... Args, class... State>
void explain_call(explanation& parts, function_identity const& identity,
                  std::index_sequence<InKey...>, std::tuple<Args const&...> const& args,
                  State const&... state) {
    explain_function(parts, identity);
    constexpr auto is_in_key = [](std::size_t i) { return (false || ... || (InKey == i)); };
    [&]<std::size_t... Place>(std::index_sequence<Place...>) {
        (explain_argument<is_in_key(Place)>(parts, std::get<Place>(args)), ...);
    }
    (std::index_sequence_for<Args...>{});
    ((parts.current_state = state), ...);
    word_stream words;
    words.put(identity.scope.low);
    words.put(identity.scope.high);
    encode_all(words, std::get<InKey>(args)..., state...);
    explain_key(parts, words);
}

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "explain_call.ipp"
#endif
