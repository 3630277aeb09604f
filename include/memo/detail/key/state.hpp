// SPDX-License-Identifier: BSL-1.0
#pragma once

// The digest of a callable's state. Captures, members and bound arguments outside the key would produce stale
// values, so memo refuses a callable with state until the user declares that state.

#include <memo/detail/key/archive.hpp>
#include <memo/detail/key/type_name.hpp>
#include <memo/key128.hpp>

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

namespace memo::detail {

/// The digest of values with their types, so that the int 1 and the long 1 differ.
template <class... Ts> [[nodiscard]] key128 typed_digest(Ts const&... values) {
    word_stream stream;
    stream.put(sizeof...(Ts)); // otherwise a value could have the words of the next type's name
    (detail::encode(stream, std::string_view(type_name<Ts>())), ...);
    if constexpr ((true && ... && encodable<Ts>)) { // otherwise the caller refuses one of them
        encode_all(stream, values...);
    }
    return stream.digest();
}

template <class F> struct keyed_callable {
    F function;
    key128 state;
};
template <class F, class StateFn> struct keyed_by_callable {
    F function;
    StateFn state;
};
template <class F> struct stateless_callable { F function; };

/// A callable and its declared state. The scope contains `fixed_state`; every key contains current_state().
template <class F, class StateFn = void> struct callable_with_state {
    F function;
    key128 fixed_state;
    StateFn state;

    static constexpr bool has_current_state = true;
    [[nodiscard]] key128 current_state() const { return typed_digest(state()); }
};

template <class F> struct callable_with_state<F, void> {
    F function;
    key128 fixed_state;

    static constexpr bool has_current_state = false;
};

// By reference: for a callable passed by value, g++ 12 at -O1 assumes that the wrapper cannot reach its
// captures, and treats the caller's variables that it modifies as constant.
template <class F> [[nodiscard]] callable_with_state<F> with_state(keyed_callable<F>&& callable) {
    return {std::move(callable.function), callable.state};
}
template <class F, class StateFn>
[[nodiscard]] callable_with_state<F, StateFn> with_state(keyed_by_callable<F, StateFn>&& callable) {
    return {std::move(callable.function), {}, std::move(callable.state)};
}
template <class F>
[[nodiscard]] callable_with_state<F> with_state(stateless_callable<F>&& callable) {
    return {std::move(callable.function), {}};
}

// A callable without state, or with a serialize(); requirements.hpp refuses all others.
template <class F> [[nodiscard]] callable_with_state<F> with_state(F&& callable) {
    key128 state;
    if constexpr (cereal_class<F> && !std::is_empty_v<F>) {
        state = typed_digest(callable);
    }
    return {std::forward<F>(callable), state};
}

} // namespace memo::detail
