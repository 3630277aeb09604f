// SPDX-License-Identifier: BSL-1.0
#pragma once

// The one exception type of this library, with a code. An exception of the wrapped function is never
// translated: the caller gets it untouched.

#include <memo/detail/system/compiled.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

namespace memo {

/// The cause of a `memo::error`.
enum class errc {
    configuration, ///< invalid or contradictory options or settings
    identity,      ///< the callable has no identity that outlives the process
    name_conflict, ///< two different callables claim one name and version
    recursion,     ///< a call needs its own result, in one thread or in a circle of threads
    sample,        ///< a result of an averaged function cannot be averaged with the others
    argument,      ///< an argument's value cannot be a key, or cannot be copied for a claim
    miss,          ///< a miss under `on_miss = fail`
    backend,       ///< the backend failed under `on_error = strict`
};

/// The exception type of this library.
///
/// Text: `memo: <operation>: <what happened>; <what to do>`. It never contains a value or an argument of
/// the user.
class error : public std::runtime_error {
  public:
    error(errc code, std::string const& what);

    [[nodiscard]] errc code() const noexcept { return code_; }

    /// The text without its prefix, for the text of another error. It ignores a derived class's what().
    [[nodiscard]] std::string_view message() const noexcept;

  private:
    static constexpr std::string_view prefix = "memo: ";

    errc code_;
};

} // namespace memo

#if !defined(MEMO_COMPILED)
#include "error.ipp"
#endif
