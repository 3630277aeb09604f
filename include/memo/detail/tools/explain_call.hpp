// SPDX-License-Identifier: BSL-1.0
#pragma once

// Computes the explanation of one call's key from the function's identity and the call's arguments.

#include <memo/detail/key/archive.hpp>
#include <memo/detail/key/name_registry.hpp>
#include <memo/detail/key/scope_digest.hpp>
#include <memo/detail/key/words.hpp>
#include <memo/detail/text.hpp>
#include <memo/key128.hpp>
#include <memo/tools/explanation.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <typeinfo>
#include <utility>
#include <vector>

namespace memo::detail {

/// The parts that all calls of a function share.
inline explanation explain_function(function_identity const& identity) {
    explanation parts;
    parts.scope = identity.scope;
    parts.name = identity.name;
    parts.version = identity.version;
    parts.hash_prefix = identity.hash_prefix;
    parts.build_id = hexadecimal(identity.code.module);
    parts.offset = identity.code.offset;
    parts.modules = identity.code.all_modules.size();
    parts.all_modules = digest_of(identity.code.all_modules);
    for (auto const& type : identity.types.parameters) {
        parts.parameters.push_back(type.empty() ? "" : readable(type.c_str()));
    }
    parts.result = readable(identity.types.result.data());
    parts.record = identity.types.record;
    parts.state = identity.state;
    return parts;
}

template <bool InKey, class T>
explanation::argument explain_argument(std::size_t place, T const& value) {
    explanation::argument argument{place, readable(typeid(T)), std::nullopt, 0};
    if constexpr (InKey) {
        word_stream stream;
        encode_all(stream, value);
        argument.count = stream.position();
        argument.words = stream.digest();
    }
    return argument;
}

/// Explains one call. Computes the key again, as gathered_key() does.
///
/// InKey           the indices of the parameters that are in the key
/// state           the digest of the state by memo::keyed_by, one key128; otherwise nothing
///
/// Complexity:     some us; encodes each argument twice
/// Throws:         as the computation of the key
template <std::size_t... InKey, class... Args, class... State>
explanation explain_call(function_identity const& identity, std::index_sequence<InKey...>,
                         std::tuple<Args const&...> const& args, State const&... state) {
    explanation parts = explain_function(identity);
    constexpr auto is_in_key = [](std::size_t i) { return (false || ... || (InKey == i)); };
    [&]<std::size_t... Place>(std::index_sequence<Place...>) {
        (parts.arguments.push_back(
             explain_argument<is_in_key(Place)>(Place, std::get<Place>(args))),
         ...);
    }
    (std::index_sequence_for<Args...>{});
    ((parts.current_state = state), ...);
    word_stream stream;
    stream.put(identity.scope.low);
    stream.put(identity.scope.high);
    encode_all(stream, std::get<InKey>(args)..., state...);
    parts.words = stream.position();
    parts.key = stream.digest();
    return parts;
}

} // namespace memo::detail
