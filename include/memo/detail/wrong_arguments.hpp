// SPDX-License-Identifier: BSL-1.0
#pragma once

// Refuses calls of a memoized function with other arguments than its parameters, and a memo::function of another
// signature.

#include <type_traits>

namespace memo::detail {

/// A base of memo::memoized and memo::function. Its name is the sentence that g++ prints for such a call.
///
/// A call with arguments that operator() does not take finds the conversion to a function pointer that takes
/// anything, and this one is deleted. So std::is_invocable is still false for such arguments, and `operator()` has no
/// overload, by which std::function and others deduce the signature.
struct a_call_needs_an_argument_of_the_right_type_for_each_parameter_even_with_a_default {
    using call_of_anything = void (*)(...);
    operator call_of_anything() const = delete
#if defined(__cpp_deleted_function) // the reason is C++26, and clang knows it before
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wc++26-extensions"
        ("memo: a call needs an argument of the right type for each parameter; default arguments "
         "are no part of a function's type, so pass these too")
#pragma GCC diagnostic pop
#endif
        ;
};

// g++ prints the types of the parameters of a deleted constructor, clang its reason.

/// The second parameter of the constructor of memo::function that takes all else.
struct memo_function_holds_a_memoized_function_of_the_same_signature {};

template <class F, class Signature>
concept memoized_as = requires {
    requires std::is_same_v<typename F::signature_type, Signature>;
};

/// The second parameter of the constructor of memo::index_set that takes other ranges.
struct index_set_takes_unsigned_indices_such_as_std_size_t {};

} // namespace memo::detail
