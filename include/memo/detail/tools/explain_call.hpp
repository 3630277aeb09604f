// SPDX-License-Identifier: BSL-1.0
#pragma once

// Makes the explanation of one call's key, from the function's identity and the call's arguments.

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

/// What is the same for all calls of a function.
inline explanation explain_function(function_identity const& identity) {
    explanation told;
    told.scope = identity.scope;
    told.name = identity.name;
    told.version = identity.version;
    told.hash_prefix = identity.hash_prefix;
    told.build_id = hexadecimal(identity.code.module);
    told.offset = identity.code.offset;
    told.modules = identity.code.all_modules.size();
    told.all_modules = digest_of(identity.code.all_modules);
    for (auto const& type : identity.types.parameters) {
        told.parameters.push_back(type.empty() ? "" : readable(type.c_str()));
    }
    told.result = readable(identity.types.result.data());
    told.record = identity.types.record;
    told.state = identity.state;
    return told;
}

template <bool Kept, class T>
explanation::argument explain_argument(std::size_t place, T const& value) {
    explanation::argument told{place, readable(typeid(T)), std::nullopt, 0};
    if constexpr (Kept) {
        word_stream stream;
        encode_all(stream, value);
        told.count = stream.position();
        told.words = stream.digest();
    }
    return told;
}

/// Explains one call. The key is made anew, the way gathered_key() makes it.
///
/// Kept            the places of the parameters that are in the key
/// current         what keyed_by gave for this call: one key128, or nothing
///
/// Complexity:     some us, and each argument is encoded twice
/// Throws:         what the key throws
template <std::size_t... Kept, class... Args, class... Current>
explanation explain_call(function_identity const& identity, std::index_sequence<Kept...>,
                         std::tuple<Args const&...> const& args, Current const&... current) {
    explanation told = explain_function(identity);
    constexpr auto in_key = [](std::size_t place) { return (false || ... || (Kept == place)); };
    [&]<std::size_t... Index>(std::index_sequence<Index...>) {
        (told.arguments.push_back(explain_argument<in_key(Index)>(Index, std::get<Index>(args))),
         ...);
    }
    (std::index_sequence_for<Args...>{});
    ((told.current_state = current), ...);
    word_stream stream;
    stream.put(identity.scope.low);
    stream.put(identity.scope.high);
    encode_all(stream, std::get<Kept>(args)..., current...);
    told.words = stream.position();
    told.key = stream.digest();
    return told;
}

} // namespace memo::detail
