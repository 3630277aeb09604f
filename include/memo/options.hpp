// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a user may say about one memoized function, beside the function itself.

#include <chrono>
#include <functional>
#include <string>

namespace memo {

/// What happens when a backend fails: count it and go on without the cache, or throw `memo::error`.
enum class on_error_policy { degrade, strict };

using enum on_error_policy;

/// The options of memoize, for designated initializers: `{.name = "knn5", .version = "2"}`.
///
/// R               the function's result type
template <class R> struct options {
    // Every member has an initializer of its own, or -Wextra would warn at each `{.name = …}` of a
    // user.

    /// Names the function for people and, with `version`, for every program that knows the name.
    std::string name{};
    /// With `name`, replaces the code's own identity: the entries survive a rebuild, and a change
    /// of the function must be said by a new version. Without `name` it is refused.
    std::string version{};
    /// Keeps experiments apart that share a backend: part of every key.
    std::string hash_prefix{};
    /// Results that took less time than this are not stored. 0: all are.
    std::chrono::nanoseconds time_threshold{0};
    /// How long a stored result is served. 0: for ever.
    std::chrono::nanoseconds ttl{0};
    /// One evaluation for all callers that ask for one key at the same time.
    bool single_flight = true;
    on_error_policy on_error = on_error_policy::degrade;
    /// If given, only the results that it accepts are stored.
    std::function<bool(R const&)> store_if{};
};

} // namespace memo
