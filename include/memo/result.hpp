// SPDX-License-Identifier: BSL-1.0
#pragma once

// What became of one of many calls.

#include <exception>
#include <utility>
#include <variant>

namespace memo {

/// The value of one call, or what the call threw.
///
/// Thread safety:  as T; `value` may be asked for what was thrown by several threads at once
template <class T> class result {
  public:
    explicit result(T value) : kept_(std::in_place_index<0>, std::move(value)) {}
    /// thrown          not null
    explicit result(std::exception_ptr thrown) : kept_(std::in_place_index<1>, thrown) {}

    [[nodiscard]] bool has_value() const noexcept { return kept_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    /// Throws:         what the call threw, if it did
    [[nodiscard]] T const& value() const& {
        rethrow();
        return *std::get_if<0>(&kept_);
    }
    [[nodiscard]] T&& value() && {
        rethrow();
        return std::move(*std::get_if<0>(&kept_));
    }

    /// What the call threw; null if it gave a value.
    [[nodiscard]] std::exception_ptr error() const noexcept {
        auto const* const failed = std::get_if<1>(&kept_);
        return failed != nullptr ? failed->thrown : nullptr;
    }

  private:
    /// Copied when it is moved, so that a result that was moved from has its exception yet.
    struct failure {
        explicit failure(std::exception_ptr what) noexcept : thrown(std::move(what)) {}
        failure(failure const&) = default;
        failure& operator=(failure const&) = default;
        ~failure() = default;

        std::exception_ptr thrown;
    };

    void rethrow() const {
        if (auto const* const failed = std::get_if<1>(&kept_)) {
            std::rethrow_exception(failed->thrown);
        }
    }

    std::variant<T, failure> kept_;
};

} // namespace memo
