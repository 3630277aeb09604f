// SPDX-License-Identifier: BSL-1.0
#pragma once

// The contract of a store of bytes, which memo::byte_backend makes a whole backend of: three functions,
// and what a store may have in addition. Nothing is inherited.

#include <memo/key128.hpp>
#include <memo/options.hpp>
#include <memo/time_span.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace memo {

/// Stores bytes under names, in any place that processes can share.
///
/// load(name)              std::optional<std::vector<std::byte>>: the bytes, or nothing
/// store(name, bytes, ttl) bool: replaces the bytes of a name; false if the store refuses these. ttl in
///                         ns, 0 for ever; a store that cannot expire may ignore it
/// erase(name)             bool: whether the name had bytes
///
/// A name is 1 to 160 printable ASCII bytes without spaces. A store need not check what it returns:
/// the bytes may be damaged, cut or another program's.
///
/// Thread safety:  every function may be called from any thread at any time
/// Throws:         anything, when the store cannot be asked; never because a name has no bytes
template <class S>
concept byte_store = requires(S& store, std::string_view name, std::span<std::byte const> bytes,
                              std::chrono::nanoseconds ttl) {
    { store.load(name) } -> std::convertible_to<std::optional<std::vector<std::byte>>>;
    { store.store(name, bytes, ttl) } -> std::same_as<bool>;
    { store.erase(name) } -> std::same_as<bool>;
};

/// Bytes, and the token of this version of them.
template <class Token> struct versioned_bytes {
    std::vector<std::byte> bytes;
    Token token;
};

/// The token type of a store with load_versioned.
template <class S>
using token_of = decltype(std::declval<S&>()
                              .load_versioned(std::string_view())
                              ->token); // NOLINT(*-optional-access)

/// A store that replaces bytes only if nobody else has: averaged functions need it.
///
/// load_versioned(name)    std::optional<versioned_bytes<Token>>, with a Token of the store's choice
/// exchange(name, token, bytes, ttl)   bool. token: std::optional<Token>. Stores the bytes and returns
///                         true if the version of this token is still stored, or, without a token, if
///                         nothing is. Returns false and changes nothing otherwise. Throws where the
///                         answer is lost: the bytes may be stored then, and are not offered again
template <class S>
concept exchanging_byte_store = byte_store<S> &&
    requires(S& store, std::string_view name, std::span<std::byte const> bytes,
             std::chrono::nanoseconds ttl) {
    {
        store.load_versioned(name)
        } -> std::convertible_to<std::optional<versioned_bytes<token_of<S>>>>;
    { store.exchange(name, std::optional<token_of<S>>(), bytes, ttl) } -> std::same_as<bool>;
};

/// A store that loads many names in one go.
///
/// load_many(names)        one optional of bytes for each name, in their order
template <class S>
concept batching_byte_store = byte_store<S> &&
    requires(S& store, std::span<std::string const> names) {
    {
        store.load_many(names)
        } -> std::convertible_to<std::vector<std::optional<std::vector<std::byte>>>>;
};

/// A store with locks that end by themselves: one of all processes computes a key.
///
/// try_lock(name, owner, ttl)  bool: whether the lock was free and is the owner's now, for at most ttl
/// unlock(name, owner)     frees the lock if it is still this owner's
///
/// An owner is a random word of 32 bytes: no two locks have the same.
template <class S>
concept locking_byte_store = byte_store<S> &&
    requires(S& store, std::string_view name, std::string_view owner,
             std::chrono::nanoseconds ttl) {
    { store.try_lock(name, owner, ttl) } -> std::same_as<bool>;
    store.unlock(name, owner);
};

/// A store that names itself: two stores of equal identity hold the same bytes.
template <class S>
concept identified_byte_store = requires(S const& store) {
    { store.identity() } -> std::same_as<key128>;
};

/// The settings of memo::byte_backend, for designated initializers.
struct byte_backend_settings {
    /// Keeps users of one store apart: 1 to 64 letters, digits, dots, hyphens, underscores.
    std::string name_space = "memo";
    /// The longest that anything is stored. 0: as long as the function's own ttl says.
    time_span ttl{};
    /// For how long the one who computes a record keeps all other processes from computing it; they
    /// wait for it. Longer than computing takes, 29 days at most. 0: nobody waits. Needs try_lock.
    time_span lease{};
    /// How long one update tries again while others are quicker: 29 days at most.
    time_span max_update_time = std::chrono::seconds(2);
    /// Records of more bytes are not offered to the store.
    std::size_t max_value_bytes = (std::numeric_limits<std::size_t>::max)();
    /// strict: operations throw `memo::error`, as they do for functions with `on_error = strict`.
    on_error_policy on_error = on_error_policy::degrade;
    /// The time of day, for tests. Empty: the system's.
    std::function<std::chrono::system_clock::time_point()> clock{};
};

} // namespace memo
