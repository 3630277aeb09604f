// SPDX-License-Identifier: BSL-1.0
#pragma once

// A function and the arguments of one call in; something that can be run, again and again, and that can
// say what it is, out.

#include <memo/replicate.hpp>

#include <tuple>
#include <utility>

namespace memo::detail {

/// Function        a memoized function, or a reference to one that lives longer
/// Args            what the call has of its arguments: references to them, or what held.hpp keeps
///
/// Thread safety:  none
template <class Function, class... Args> class call {
  public:
    template <class... Given>
    explicit call(Function function, Given&&... given)
        : function_(static_cast<Function&&>(function)), args_(std::forward<Given>(given)...) {}

    /// Runs the function. It may move from its arguments.
    decltype(auto) operator()(replicate const& which) {
        try {
            return std::apply([&](auto&... each) { return function_.draw(which, each...); }, args_);
        } catch (...) {
            threw_ = true;
            throw;
        }
    }

    /// Whether the function threw.
    [[nodiscard]] bool threw() const noexcept { return threw_; }

    /// Whether the function has this state, which is in the call's key.
    template <class State> [[nodiscard]] bool has_state(State const& state) const {
        return function_.has_state(state);
    }

    [[nodiscard]] auto explain() {
        return std::apply([&](auto&... each) { return function_.explained(each...); }, args_);
    }

  private:
    Function function_;
    std::tuple<Args...> args_;
    bool threw_ = false;
};

} // namespace memo::detail
