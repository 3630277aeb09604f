// SPDX-License-Identifier: BSL-1.0
#pragma once

// What goes wrong in this library, as one exception type with a code. A failure of the wrapped
// function is never turned into a `memo::error`: it reaches the caller as it was thrown.

#include <stdexcept>
#include <string>
#include <string_view>

namespace memo {

/// What kind of trouble a `memo::error` reports.
enum class errc {
    configuration, ///< options or a backend's settings contradict each other
    identity,      ///< nothing identifies the callable well enough for this backend
    name_conflict, ///< two different callables claim one name and version
    recursion,     ///< a call needs its own result, in one thread or in a circle of threads
    sample,        ///< a result of an averaged function cannot be averaged with the others
    argument,      ///< an argument's value cannot be turned into a key, or copied for a claim
    miss,    ///< nothing is stored for a call, and `on_miss = fail` forbids to run the function
    backend, ///< the backend failed and `on_error = strict` asked to hear of it
};

/// The one exception that this library throws.
///
/// Text: `memo: <what was done>: <what happened>; <what to do>`. Never a value or an argument of
/// the user.
class error : public std::runtime_error {
  public:
    error(errc code, std::string const& what)
        : std::runtime_error(std::string(prefix) + what), code_(code) {}

    [[nodiscard]] errc code() const noexcept { return code_; }

    /// The text without its prefix, for the text of another error. That of this class, whatever a
    /// derived class makes of what().
    [[nodiscard]] std::string_view message() const noexcept {
        return std::string_view(std::runtime_error::what()).substr(prefix.size());
    }

  private:
    static constexpr std::string_view prefix = "memo: ";

    errc code_;
};

} // namespace memo
