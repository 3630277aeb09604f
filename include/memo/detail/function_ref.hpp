// SPDX-License-Identifier: BSL-1.0
#pragma once

// A reference to a callable, as std::function_ref of C++26. Unlike std::function it never allocates.

#include <concepts>

namespace memo::detail {

template <class Signature> class function_ref;

template <class R, class... Args> class function_ref<R(Args...)> {
  public:
    /// callable        held by reference: it must outlive this object
    template <std::invocable<Args...> Callable>
    // NOLINTNEXTLINE(google-explicit-constructor): an argument of a function
    function_ref(Callable const& callable) noexcept
        : callable_(&callable), call_([](void const* object, Args... arguments) -> R {
              return (*static_cast<Callable const*>(object))(arguments...);
          }) {}

    R operator()(Args... arguments) const { return call_(callable_, arguments...); }

  private:
    void const* callable_;
    R (*call_)(void const*, Args...);
};

} // namespace memo::detail
