// SPDX-License-Identifier: BSL-1.0
#pragma once

// A function and the arguments of one call in; something that can be run, again and again, and that can
// say what it is, out.

#include <memo/replicate.hpp>

#include <tuple>
#include <type_traits>
#include <utility>

namespace memo::detail {

/// An argument that is kept for later: a copy, but of what the function may write to.
template <class T>
using held_argument = std::conditional_t<std::is_lvalue_reference_v<T> &&
                                             !std::is_const_v<std::remove_reference_t<T>>,
                                         T, std::remove_cvref_t<T>>;

/// Function        a memoized function, or a reference to one that lives longer
/// Args            what the call has of its arguments: references to them, or copies
///
/// Thread safety:  none
template <class Function, class... Args> class call {
  public:
    template <class... Given>
    explicit call(Function function, Given&&... given)
        : function_(static_cast<Function&&>(function)), args_(std::forward<Given>(given)...) {}

    /// Runs the function. It may move from its arguments.
    decltype(auto) operator()(replicate const& which) {
        return std::apply([&](auto&... each) { return function_.draw(which, each...); }, args_);
    }

    [[nodiscard]] auto explain() const {
        return std::apply([&](auto const&... each) { return function_.explained(each...); }, args_);
    }

  private:
    Function function_;
    std::tuple<Args...> args_;
};

} // namespace memo::detail
