// SPDX-License-Identifier: BSL-1.0
#pragma once

// The sentences that refuse a program at compile time. Checks elsewhere find a mistake without an error of
// the compiler, and then instantiate refuse() alone, so that its sentence is the first error and the last.

#include <type_traits>

namespace memo::detail {

/// The default of a template parameter that must be named.
struct unnamed_result {};

/// What is wrong with a callable, its result, a parameter, a policy or a backend.
enum class mistake {
    none,

    not_a_callable,
    memoized_again,
    std_function,
    member_function_pointer,
    functor_inherits_serialize,
    undeclared_state,
    state_with_parameters,
    unknown_parameters,
    not_invocable,
    call_not_const,
    result_not_convertible,

    unknown_policy,
    averaged_and_verified,
    ignored_beyond_last,
    not_a_number,
    replicate_without_averaged,
    argument_not_copyable,

    void_result,
    result_of_eigen_expression,
    result_is_view,
    result_holds_view,
    result_is_future,
    result_is_unique_ptr,
    result_not_copyable,
    result_not_assignable,

    writable_span,
    written_reference,

    key_of_pointer,
    key_of_long_double,
    key_by_base,
    key_by_several,
    key_compares_by_state,
    key_of_callable,
    key_of_any,
    key_of_stream,
    key_of_eigen_matrix,
    key_of_eigen_expression,
    key_of_unknown,

    duration_without_unit,

    not_a_backend,
    backend_constants,
    backend_partition,
    backend_stats,
    backend_not_copyable,
    partition_get,
    partition_put,
    partition_update,
    partition_erase,
    partition_clear,
    partition_stats,
};

// A template, because clang explains a comparison in three more lines.
template <mistake Found, mistake Refused> inline constexpr bool is_not = Found != Refused;

/// Culprit         the type of which the sentence speaks; the compiler prints it
// consteval, because g++ instantiates other functions after all else, and their errors are the last.
template <mistake Found, class Culprit = void> consteval void refuse() {
    using enum mistake;
    static_assert(is_not<Found, not_a_callable>,
                  "memo: the first argument of memoize is no callable. Pass a function, a lambda "
                  "without captures, memo::fn<&f>{}, or a functor");
    static_assert(is_not<Found, memoized_again>,
                  "memo: this function is memoized already. Call it as it is; for two stores, "
                  "memoize the function itself with memo::tiered<Near, Far>");
    static_assert(is_not<Found, std_function>,
                  "memo: std::function hides its target, so the cache cannot tell two targets "
                  "apart. Pass the lambda or function itself, or memo::keyed(f, values...)");
    static_assert(is_not<Found, member_function_pointer>,
                  "memo: a pointer to a member function does not identify the function. Wrap "
                  "memo::fn<&Class::member>{}; the object is then its first argument");
    static_assert(is_not<Found, functor_inherits_serialize>,
                  "memo: the functor inherits its serialize(), so the members of the functor "
                  "itself would not be part of the cache key. Write a serialize() in the functor "
                  "itself that names cereal::base_class<B>(this) and these members, or name its "
                  "state: memo::keyed(f, memo::fingerprint(...))");
    static_assert(
        is_not<Found, undeclared_state>,
        "memo: the callable carries state (captures, members or bound arguments) that is not part "
        "of the cache key; a change of that state would return stale values. Say what identifies "
        "it: memo::keyed(f, memo::fingerprint(...)), or give the functor a cereal serialize(), or "
        "memo::ignore_state(f) if the state never changes the result");
    static_assert(is_not<Found, state_with_parameters>,
                  "memo: the second argument of keyed_by() returns the state and runs at every "
                  "call. Pass a function without parameters that is const and returns a value to "
                  "hash");
    static_assert(is_not<Found, unknown_parameters>,
                  "memo: the call operator is generic or overloaded, so the parameter types are "
                  "not known. Name them: memoize<Backend, memo::signature<R(P...)>>(f)");
    static_assert(is_not<Found, not_invocable>, "memo: the callable cannot be called with the "
                                                "parameters that memo::signature<R(P...)> names");
    static_assert(
        is_not<Found, call_not_const>,
        "memo: the call operator is not const, so calls could change each other's results. Make it "
        "const, or say memo::ignore_state(f) if that never changes the result");
    static_assert(is_not<Found, result_not_convertible>,
                  "memo: the callable's result does not convert to the one that "
                  "memo::signature<R(P...)> names");

    static_assert(
        is_not<Found, unknown_policy>,
        "memo: memoize<Backend, Policies...> takes memo::signature<R(P...)>, memo::ignore<I...>, "
        "memo::averaged and memo::verify_full as policies, and no other type");
    static_assert(is_not<Found, averaged_and_verified>,
                  "memo: memo::verify_full stores the arguments with one exact result; remove it "
                  "from an averaged function");
    static_assert(is_not<Found, ignored_beyond_last>,
                  "memo: memo::ignore<I...> names a parameter that the function does not have; "
                  "they are counted from 0");
    static_assert(is_not<Found, not_a_number>, "memo: the result of an averaged function must be a "
                                               "number, or a std::vector or std::array of numbers");
    static_assert(is_not<Found, replicate_without_averaged>,
                  "memo: the function takes a memo::replicate, which numbers the samples of a "
                  "mean. Add the policy memo::averaged, or remove the parameter");
    static_assert(is_not<Found, argument_not_copyable>,
                  "memo: an averaged function runs several times with the same arguments, so each "
                  "must be copyable. Take this one by const reference");

    static_assert(is_not<Found, void_result>, "memo: the function returns void, so there is no "
                                              "result to cache. Return the value that it computes");
    static_assert(is_not<Found, result_of_eigen_expression>,
                  "memo: the result is an Eigen expression, which refers to operands that are gone "
                  "when it is read. Name the matrix as the return type: -> Eigen::VectorXd");
    static_assert(is_not<Found, result_is_view>,
                  "memo: the result is a pointer or a view to memory that the cache does not own. "
                  "Return the value itself, a std::string, a std::vector or a std::shared_ptr");
    static_assert(is_not<Found, result_holds_view>,
                  "memo: the result holds a view or a reference to memory that the cache does not "
                  "own. Let it hold values: a std::string, a std::vector");
    static_assert(
        is_not<Found, result_is_future>,
        "memo: the result is a future, whose value only one caller can take. Memoize the function "
        "that computes the value, and start the memoized one: std::async(memoized, x)");
    static_assert(is_not<Found, result_is_unique_ptr>,
                  "memo: the result is a std::unique_ptr, which only one caller can own. Return "
                  "the value itself, or a std::shared_ptr<T const>, whose copies share it");
    static_assert(is_not<Found, result_not_copyable>,
                  "memo: the result cannot be copied, and every caller gets a copy. Return a "
                  "std::shared_ptr<T const>, whose copies share the value");
    static_assert(is_not<Found, result_not_assignable>,
                  "memo: the result cannot be assigned, as it has a const member or a reference. "
                  "Return a class without them, or a std::shared_ptr<T const>");

    static_assert(is_not<Found, writable_span>,
                  "memo: a parameter is a std::span of elements that are not const, and a hit "
                  "would not write to them as the function does. Take a std::span<T const> and "
                  "return the computed values, or exclude it from the key with memo::ignore<I>");
    static_assert(is_not<Found, written_reference>,
                  "memo: a parameter is taken by non-const reference, and a hit would not write to "
                  "it as the function does. Take it by value or const reference and return the "
                  "computed value, or exclude it from the key with memo::ignore<I>");

    static_assert(is_not<Found, key_of_pointer>,
                  "memo: a raw pointer would be keyed by its address, or not at all. Take the "
                  "pointee by value or reference, a std::span, a std::string_view or a smart "
                  "pointer, or exclude it from the key with memo::ignore<I>");
    static_assert(is_not<Found, key_of_long_double>,
                  "memo: long double has padding and differs between machines. Take a double, or "
                  "exclude the parameter from the key with memo::ignore<I>");
    static_assert(is_not<Found, key_by_base>,
                  "memo: this class inherits the function by which cereal saves or loads it, and "
                  "that function omits the members of the class itself. Write a serialize() in the "
                  "class itself that names cereal::base_class<B>(this) and these members");
    static_assert(
        is_not<Found, key_by_several>,
        "memo: cereal finds several functions that save this class, perhaps one for a base, and "
        "uses none. Choose the class's own by CEREAL_SPECIALIZE_FOR_ALL_ARCHIVES(T, "
        "cereal::specialization::member_serialize)");
    static_assert(
        is_not<Found, key_compares_by_state>,
        "memo: the container's comparator, hash or equality has a state (a std::function, a "
        "pointer, members), which no key would contain although the function can use it. Take a "
        "container whose comparator, hash and equality have no state, such as std::less, or "
        "exclude the parameter from the key with memo::ignore<I>");
    static_assert(is_not<Found, key_of_callable>,
                  "memo: a std::function hides its target, so it cannot be part of a cache key. "
                  "Take a value that names the target, such as an enum, or exclude the parameter "
                  "from the key with memo::ignore<I>");
    static_assert(is_not<Found, key_of_any>,
                  "memo: std::any hides the type of its value, so it cannot be part of a cache "
                  "key. Take a std::variant of the possible types, or exclude the parameter from "
                  "the key with memo::ignore<I>");
    static_assert(is_not<Found, key_of_stream>,
                  "memo: a stream cannot be part of a cache key. Take the text or the numbers that "
                  "it contains, or exclude the parameter from the key with memo::ignore<I>");
    static_assert(is_not<Found, key_of_eigen_matrix>,
                  "memo: an Eigen matrix becomes part of a cache key with #include "
                  "<memo/types/eigen.hpp>, before the call of memoize");
    static_assert(is_not<Found, key_of_eigen_expression>,
                  "memo: an Eigen expression, Ref or Map cannot be part of a cache key. Take the "
                  "matrix that owns the coefficients, such as Eigen::MatrixXd const&, with "
                  "#include <memo/types/eigen.hpp>");
    static_assert(is_not<Found, key_of_unknown>,
                  "memo: this type cannot be turned into a cache key. Give it a cereal serialize() "
                  "or save() of its own, or give its members one by one: memo::fingerprint(data.x, "
                  "data.y); include the cereal/types header that it needs, or exclude the "
                  "parameter from the key with memo::ignore<I>");

    static_assert(is_not<Found, duration_without_unit>,
                  "memo: a duration needs a unit: 300ms instead of 0.3, after `using namespace "
                  "std::chrono_literals`");

    static_assert(
        is_not<Found, not_a_backend>,
        "memo: the first template argument of memoize is not a backend. Name memo::memory, "
        "memo::disk or another one, or a class with the members of memo::backend_of");
    static_assert(
        is_not<Found, backend_constants>,
        "memo: the first template argument of memoize is not a backend: it lacks the constants "
        "`persistent` and `stores`, both static constexpr bool; see memo::backend_of");
    static_assert(
        is_not<Found, backend_partition>,
        "memo: the first template argument of memoize is not a backend: it lacks the const member "
        "function template partition<Record>(memo::key128); see memo::backend_of");
    static_assert(is_not<Found, backend_stats>,
                  "memo: the first template argument of memoize is not a backend: it lacks the "
                  "const member function stats(), which returns memo::backend_statistics");
    static_assert(is_not<Found, backend_not_copyable>,
                  "memo: the first template argument of memoize is not a backend: it cannot be "
                  "copied and assigned. Let it hold its store by std::shared_ptr");
    static_assert(is_not<Found, partition_get>,
                  "memo: the partition of this backend lacks get(key) const, which returns a "
                  "memo::lookup_result<Record>; see memo::partition_of");
    static_assert(is_not<Found, partition_put>,
                  "memo: the partition of this backend lacks put(key, record, memo::put_options) "
                  "const, which returns bool; see memo::partition_of");
    static_assert(is_not<Found, partition_update>,
                  "memo: the partition of this backend lacks update(key, merge, memo::put_options) "
                  "const, which returns std::optional<Record>; see memo::partition_of");
    static_assert(is_not<Found, partition_erase>,
                  "memo: the partition of this backend lacks erase(key) const, which returns bool; "
                  "see memo::partition_of");
    static_assert(is_not<Found, partition_clear>,
                  "memo: the partition of this backend lacks clear() const, which returns void; "
                  "see memo::partition_of");
    static_assert(is_not<Found, partition_stats>,
                  "memo: the partition of this backend lacks stats() const, which returns "
                  "memo::backend_statistics; see memo::partition_of");
}

} // namespace memo::detail
