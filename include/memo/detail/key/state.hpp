// SPDX-License-Identifier: BSL-1.0
#pragma once

// The digest of a callable's state. Captures, members and bound arguments outside the key would produce stale
// values, so memo refuses a callable with state until the user declares that state.

#include <memo/detail/key/archive.hpp>
#include <memo/key128.hpp>

#include <concepts>
#include <functional>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace memo::detail {

/// The digest of values with their types, so that the int 1 and the long 1 differ.
template <class... Ts> [[nodiscard]] key128 typed_digest(Ts const&... values) {
    word_stream stream;
    stream.put(sizeof...(Ts)); // without it a value could imitate the type name of the next one
    (detail::encode(stream, std::string_view(typeid(Ts).name())), ...);
    if constexpr ((true && ... && encodable<Ts>)) {
        encode_all(stream, values...);
    } else {
        (require_encodable<Ts>(), ...);
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

/// A callable with declared state: `function` is called, `fixed` is in the scope, `current()` in every key.
template <class F, class StateFn = void> struct stated {
    using function_type = F;
    F function;
    key128 fixed;
    StateFn state;

    static constexpr bool asks_at_each_call = true;
    [[nodiscard]] key128 current() const { return typed_digest(state()); }
};

template <class F> struct stated<F, void> {
    using function_type = F;
    F function;
    key128 fixed;

    static constexpr bool asks_at_each_call = false;
};

// By reference: for a callable passed by value, g++ 12 at -O1 assumes that the wrapper cannot reach its captures,
// and treats the caller's variables that it modifies as constant.
template <class F> [[nodiscard]] stated<F> with_state(keyed_callable<F>&& callable) {
    return {std::move(callable.function), callable.state};
}
template <class F, class StateFn>
[[nodiscard]] stated<F, StateFn> with_state(keyed_by_callable<F, StateFn>&& callable) {
    return {std::move(callable.function), {}, std::move(callable.state)};
}
template <class F> [[nodiscard]] stated<F> with_state(stateless_callable<F>&& callable) {
    return {std::move(callable.function), {}};
}

// requirements.hpp refuses all other callables.
template <class F> [[nodiscard]] stated<F> with_state(F&& callable) {
    key128 fixed;
    if constexpr (cereal_class<F> && !std::is_empty_v<F>) {
        fixed = typed_digest(callable);
    }
    return {std::forward<F>(callable), fixed};
}

} // namespace memo::detail
