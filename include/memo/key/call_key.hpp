// SPDX-License-Identifier: BSL-1.0
#pragma once

// The scope digest of a function and the arguments of a call in, the call's `key128` out.
//
// The scope is hashed as the first two words of the stream and never used as the seed: small
// related seeds of XXH3 gave two calls one key in all 128 bits (docs/decisions/0002-guard-word.md).

#include <memo/key/archive.hpp>
#include <memo/key/head.hpp>
#include <memo/key/key128.hpp>
#include <memo/key/unfinished_key.hpp>
#include <memo/key/words.hpp>

#include <cstdint>
#include <vector>

namespace memo::detail {

template <class... Args>
[[gnu::noinline]] key128 gathered_key(key128 scope, std::vector<std::uint64_t>* witness,
                                      Args const&... args) {
    word_stream stream(witness);
    stream.put(scope.low);
    stream.put(scope.high);
    encode_all(stream, args...);
    return stream.digest();
}

/// The key of a call.
///
/// Complexity:     linear in the bytes of the arguments; no allocation but for unordered containers
///                 and cereal classes
/// Thread safety:  safe while nobody changes the arguments
/// Throws:         what a serialize() throws; memo::error for an argument that would be sliced
template <class... Args>
[[nodiscard]] unfinished_key call_key(stream_head const& head, Args const&... args) {
    // A type that cannot be encoded was refused where the function was wrapped.
    if constexpr ((true && ... && encodable<Args>)) {
        constexpr std::size_t words = sum_of_words({words_of<Args>...});
        if constexpr (words <= stream_head::most_words) {
            fixed_words<words> rest;
            (detail::encode(rest, args), ...);
            return head.digest(rest.words());
        } else if constexpr (words < guarded_words - scope_words) {
            fixed_words<scope_words + words> stream;
            stream.put(head.scope().low);
            stream.put(head.scope().high);
            (detail::encode(stream, args), ...);
            return unfinished_key(stream.digest());
        } else {
            return unfinished_key(gathered_key(head.scope(), nullptr, args...));
        }
    } else {
        return {};
    }
}

} // namespace memo::detail
