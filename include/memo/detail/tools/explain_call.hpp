// SPDX-License-Identifier: BSL-1.0
#pragma once

// Computes the explanation of one call's key from the function's identity and the call's arguments.

#include <memo/detail/key/archive.hpp>
#include <memo/detail/key/scope_digest.hpp>
#include <memo/detail/key/words.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/key128.hpp>
#include <memo/tools/explanation.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <tuple>
#include <typeinfo>
#include <utility>

namespace memo::detail {

/// The arguments of one call without their types.
struct explained_arguments {
    struct argument {
        std::type_info const& type;
        bool is_in_key;
    };

    /// The place of all arguments in the key together, with the current state.
    static constexpr std::size_t whole_key = ~std::size_t{0};

    std::span<argument const> each;
    void const* context;
    /// Encodes the argument at a place.
    void (*encode)(void const* context, std::size_t place, word_stream& stream);
};

/// Explains one call. Computes the key again, as gathered_key() does.
///
/// parts           empty; becomes the explanation
/// state           the digest of the state by memo::keyed_by; otherwise null
/// Complexity:     some us; encodes each argument twice
/// Throws:         as the computation of the key
void explain(explanation& parts, function_identity const& identity,
             explained_arguments const& arguments, key128 const* state);

/// The same for typed arguments.
///
/// InKey           the indices of the parameters that are in the key
/// state           one key128, or nothing
template <std::size_t... InKey, class... Args, class... State>
void explain_call(explanation& parts, function_identity const& identity,
                  std::index_sequence<InKey...>, std::tuple<Args const&...> const& args,
                  State const&... state) {
    key128 const* current_state = nullptr;
    ((current_state = &state), ...);
    auto const encode = [&](std::size_t place, word_stream& stream) {
        if (place == explained_arguments::whole_key) {
            encode_all(stream, std::get<InKey>(args)..., state...);
        }
        (static_cast<void>(place == InKey && (encode_all(stream, std::get<InKey>(args)), true)),
         ...);
    };
    constexpr auto is_in_key = [](std::size_t i) { return (false || ... || (InKey == i)); };
    [&]<std::size_t... Place>(std::index_sequence<Place...>) {
        std::array<explained_arguments::argument, sizeof...(Args)> const each{
            {{typeid(Args), is_in_key(Place)}...}};
        explain(parts, identity,
                {each, &encode,
                 [](void const* context, std::size_t place, word_stream& stream) {
                     (*static_cast<decltype(encode)*>(context))(place, stream);
                 }},
                current_state);
    }
    (std::index_sequence_for<Args...>{});
}

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "explain_call.ipp"
#endif
