// SPDX-License-Identifier: BSL-1.0
#pragma once

// The contract of a store of bytes, from which memo::byte_backend makes a backend: three functions, and
// optional ones. There is no base class.

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
/// store(name, bytes, ttl) bool: replaces the bytes of a name; false if the store refuses them. ttl in ns,
///                         0: no limit; a store without expiry may ignore it
/// erase(name)             bool: whether the name had bytes
///
/// A name is 1 to 160 printable ASCII bytes without spaces. A store need not check the bytes that it
/// returns: they may be damaged, truncated or another program's.
///
/// Thread safety:  every function may be called from any thread at any time
/// Throws:         anything, when the store fails; nothing for a name without bytes
template <class S>
concept byte_store = requires(S& store, std::string_view name, std::span<std::byte const> bytes,
                              std::chrono::nanoseconds ttl) {
    { store.load(name) } -> std::convertible_to<std::optional<std::vector<std::byte>>>;
    { store.store(name, bytes, ttl) } -> std::same_as<bool>;
    { store.erase(name) } -> std::same_as<bool>;
};

/// Bytes and the token of their version.
template <class Token> struct versioned_bytes {
    std::vector<std::byte> bytes;
    Token token;
};

/// The token type of a store with load_versioned.
template <class S>
using token_of = decltype(std::declval<S&>()
                              .load_versioned(std::string_view())
                              ->token); // NOLINT(*-optional-access)

/// A store with compare-and-swap, which averaged functions need.
///
/// load_versioned(name)    std::optional<versioned_bytes<Token>>, with a Token of the store's choice
/// exchange(name, token, bytes, ttl)   bool. token: std::optional<Token>. Stores the bytes and returns
///                         true if the version of this token is still stored, or, without a token, if
///                         nothing is. Otherwise changes nothing and returns false. Throws if the
///                         response is lost: the bytes may be stored then, and memo does not repeat it
template <class S>
concept exchanging_byte_store = byte_store<S> &&
    requires(S& store, std::string_view name, std::span<std::byte const> bytes,
             std::chrono::nanoseconds ttl) {
    {
        store.load_versioned(name)
        } -> std::convertible_to<std::optional<versioned_bytes<token_of<S>>>>;
    { store.exchange(name, std::optional<token_of<S>>(), bytes, ttl) } -> std::same_as<bool>;
};

/// A store that loads many names in one operation.
///
/// load_many(names)        one optional of bytes for each name, in the order of the names
template <class S>
concept batching_byte_store = byte_store<S> &&
    requires(S& store, std::span<std::string const> names) {
    {
        store.load_many(names)
        } -> std::convertible_to<std::vector<std::optional<std::vector<std::byte>>>>;
};

/// A store with locks that expire, so that only one process computes a key.
///
/// try_lock(name, owner, ttl)  bool: whether the lock was free and is the owner's now, for at most ttl
/// unlock(name, owner)     releases the lock if it is still the owner's
///
/// An owner is a random word of 32 bytes, unique to the lock.
template <class S>
concept locking_byte_store = byte_store<S> &&
    requires(S& store, std::string_view name, std::string_view owner,
             std::chrono::nanoseconds ttl) {
    { store.try_lock(name, owner, ttl) } -> std::same_as<bool>;
    store.unlock(name, owner);
};

/// A store with an identity: two stores with the same identity hold the same bytes.
template <class S>
concept identified_byte_store = requires(S const& store) {
    { store.identity() } -> std::same_as<key128>;
};

/// The settings of memo::byte_backend, for designated initializers.
struct byte_backend_settings {
    /// Separates users of one store: 1 to 64 letters, digits, dots, hyphens, underscores.
    std::string name_space = "memo";
    /// Upper bound of every TTL. 0: only the function's own ttl applies.
    time_span ttl{};
    /// How long one process may compute a record while all others that share the store wait for it, 29
    /// days at most. Set it above the time of an evaluation. 0: nobody waits. Needs try_lock.
    time_span lease{};
    /// How long an update retries after concurrent updates: 29 days at most.
    time_span max_update_time = std::chrono::seconds(2);
    /// Larger records, in bytes, are not passed to the store.
    std::size_t max_value_bytes = (std::numeric_limits<std::size_t>::max)();
    /// strict: operations throw `memo::error`, as they do for functions with `on_error = strict`.
    on_error_policy on_error = on_error_policy::degrade;
    /// The clock of `ttl`, for tests. Empty: the system's.
    std::function<std::chrono::system_clock::time_point()> clock{};
};

} // namespace memo
