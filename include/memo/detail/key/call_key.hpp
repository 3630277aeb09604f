// SPDX-License-Identifier: BSL-1.0
#pragma once

// Computes the key of a call from the function's scope digest and the arguments.
//
// The scope is the first two words of the stream, never the seed: related small seeds of XXH3 produced equal
// keys in all 128 bits (docs/decisions/0002-guard-word.md).

#include <memo/detail/key/archive.hpp>
#include <memo/detail/key/midstate.hpp>
#include <memo/detail/key/unfinalized_key.hpp>
#include <memo/detail/key/words.hpp>
#include <memo/key128.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace memo::detail {

template <class... Args>
[[gnu::noinline]] key128 gathered_key(key128 scope, std::vector<std::uint64_t>* key_material,
                                      Args const&... args) {
    word_stream stream(key_material);
    stream.put(scope.low);
    stream.put(scope.high);
    encode_all(stream, args...);
    return stream.digest();
}

// Index sets, strings and vectors of numbers are encoded as a count and bytes. If they are short, their words
// are counted first, and the stream has a fixed length, as that of numbers. If all are long, each is encoded
// as a count and a digest, and the stream has a fixed length too.

template <class T> [[nodiscard]] std::size_t words_in([[maybe_unused]] T const& value) noexcept {
    if constexpr (counted_bytes<T>) {
        return 1 + words_for(encoder<T>::bytes_in(value));
    } else {
        return words_of<T>;
    }
}

template <class T> [[nodiscard]] bool is_long([[maybe_unused]] T const& value) noexcept {
    if constexpr (counted_bytes<T>) {
        return encoder<T>::bytes_in(value) >= long_bytes;
    } else {
        return true;
    }
}

template <class Stream, class... Args>
[[nodiscard]] unfinalized_key key_by(hash_midstate const& midstate, Args const&... args) {
    Stream rest;
    (detail::encode(rest, args), ...);
    return midstate.digest(rest.words());
}

template <class... Args>
[[nodiscard]] unfinalized_key counted_key(hash_midstate const& midstate, Args const&... args) {
    constexpr std::size_t min_words =
        (std::size_t{0} + ... + (counted_bytes<Args> ? 1 : words_of<Args>));
    if constexpr (min_words + 4 <= hash_midstate::max_words) {
        switch ((std::size_t{0} + ... + words_in(args)) - min_words) {
        case 0:
            return key_by<fixed_words<min_words>>(midstate, args...);
        case 1:
            return key_by<fixed_words<min_words + 1>>(midstate, args...);
        case 2:
            return key_by<fixed_words<min_words + 2>>(midstate, args...);
        case 3:
            return key_by<fixed_words<min_words + 3>>(midstate, args...);
        case 4:
            return key_by<fixed_words<min_words + 4>>(midstate, args...);
        default:
            break;
        }
    }
    constexpr std::size_t digests =
        (std::size_t{0} + ... + (counted_bytes<Args> ? 3 : words_of<Args>));
    if constexpr (digests <= hash_midstate::max_words) {
        if ((true && ... && is_long(args))) {
            return key_by<fixed_digests<digests>>(midstate, args...);
        }
    }
    return unfinalized_key(gathered_key(midstate.scope(), nullptr, args...));
}

/// The key of a call.
///
/// Complexity:     linear in the bytes of the arguments; allocates only for unordered containers and
///                 cereal classes
/// Thread safety:  safe while no thread changes the arguments
/// Throws:         exceptions of a serialize(); memo::error for an argument that would be sliced
template <class... Args>
[[nodiscard]] unfinalized_key call_key(hash_midstate const& midstate, Args const&... args) {
    // memoize() refuses types that cannot be encoded.
    if constexpr ((true && ... && encodable<Args>)) {
        constexpr std::size_t words = sum_of_words({words_of<Args>...});
        if constexpr (words <= hash_midstate::max_words) {
            fixed_words<words> rest;
            (detail::encode(rest, args), ...);
            return midstate.digest(rest.words());
        } else if constexpr (words < guarded_words - scope_words) {
            fixed_words<scope_words + words> stream;
            stream.put(midstate.scope().low);
            stream.put(midstate.scope().high);
            (detail::encode(stream, args), ...);
            return unfinalized_key(stream.digest());
        } else if constexpr (words == varying &&
                             (true && ... && (counted_bytes<Args> || words_of<Args> != varying))) {
            return counted_key(midstate, args...);
        } else {
            return unfinalized_key(gathered_key(midstate.scope(), nullptr, args...));
        }
    } else {
        return {};
    }
}

} // namespace memo::detail
