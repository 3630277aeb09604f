// SPDX-License-Identifier: BSL-1.0
#pragma once

// The result of one call of a batch.

#include <exception>
#include <utility>
#include <variant>

namespace memo {

/// The value of one call, or the exception that it threw.
///
/// Thread safety:  as T; several threads may call `value` to rethrow at once
template <class T> class result {
  public:
    explicit result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    /// thrown          not null
    explicit result(std::exception_ptr thrown) : state_(std::in_place_index<1>, thrown) {}

    [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    /// Throws:         the exception of the call, if it threw one
    [[nodiscard]] T const& value() const& {
        rethrow();
        return *std::get_if<0>(&state_);
    }
    [[nodiscard]] T&& value() && {
        rethrow();
        return std::move(*std::get_if<0>(&state_));
    }

    /// The exception of the call; null if it returned a value.
    [[nodiscard]] std::exception_ptr error() const noexcept {
        auto const* const failed = std::get_if<1>(&state_);
        return failed != nullptr ? failed->exception : nullptr;
    }

  private:
    /// Not movable, only copyable: a moved-from result still has its exception.
    struct failure {
        explicit failure(std::exception_ptr thrown) noexcept : exception(std::move(thrown)) {}
        failure(failure const&) = default;
        failure& operator=(failure const&) = default;
        ~failure() = default;

        std::exception_ptr exception;
    };

    void rethrow() const {
        if (auto const* const failed = std::get_if<1>(&state_)) {
            std::rethrow_exception(failed->exception);
        }
    }

    std::variant<T, failure> state_;
};

} // namespace memo
