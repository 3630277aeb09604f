// SPDX-License-Identifier: BSL-1.0
#pragma once

// Overloads of memoize for calls that no proper overload accepts: each refuses one kind of mistake by a sentence.
//
// They lose against the proper overloads, because their first parameter is worse: it takes the callable by a
// user-defined conversion, or by an ellipsis.
//
// An ellipsis takes what no type can: overloaded names, and braces with a name that memo does not know. g++ refuses to
// pass these before it reads a static_assert, so the overload is deleted, and its result type is the sentence; clang
// does not print the result type, and reads the static_assert first.

#include <memo/detail/wrap/policy_traits.hpp>
#include <memo/detail/wrap/requirements.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>
#include <memo/policies.hpp>

#include <concepts>
#include <cstdlib>
#include <optional>
#include <string>
#include <type_traits>

namespace memo::detail {

/// Anything, so that a refused expression causes no further error.
struct anything {
    template <class T> operator T() const { std::abort(); }
    anything operator*() const { return {}; }
    template <class Index> anything operator[](Index const&) const { return {}; }
    template <class Stream> friend Stream& operator<<(Stream& stream, anything) { return stream; }
};

/// What memoize returns after a refusal, so that uses of it cause no further error.
///
/// Signature       of the function; void: unknown
template <class Signature = void> class refused {
  public:
    template <class... A> anything operator()(A&&...) const { return {}; }
    template <class... A> anything outcome(A&&...) const { return {}; }
    template <class... A> anything estimate(A&&...) const { return {}; }
    template <class... A> anything refine(A&&...) const { return {}; }
    template <class... A> anything try_claim(A&&...) const { return {}; }
    template <class... A> anything many(A&&...) const { return {}; }
    template <class... A> anything lookup(A&&...) const { return {}; }
    template <class... A> bool contains(A&&...) const { return false; }
    template <class... A> bool forget(A&&...) const { return false; }
    template <class... A> key128 key(A&&...) const { return {}; }
    template <class... A> anything explain(A&&...) const { return {}; }
    void clear() const {}
    void reset_stats() const {}
    anything stats() const { return {}; }
    anything backend() const { return {}; }
};

template <class R, class... P> class refused<signature<R(P...)>> : public refused<> {
  public:
    R operator()(P...) const { std::abort(); }
    std::optional<R> lookup(P...) const { std::abort(); }
    key128 key(P...) const { return {}; }
};

template <> class refused<unknown_signature> : public refused<> {};

namespace wrong_calls {

template <class> inline constexpr bool never = false;

/// A callable of any type.
struct any_callable {
    template <class F> any_callable(F const&) {}
};

/// Converts from everything, even from an overloaded name.
struct overloaded_name {
    overloaded_name(...) {} // NOLINT(modernize-use-equals-default): takes all
};

struct only_averaged;
struct only_policy;
struct only_backend;

/// Value           the type of an option, or why this name is none
/// T               the type of the value in a call
template <class Value, class T> consteval bool accepts() {
    constexpr bool is_text = std::is_same_v<Value, std::string>;
    constexpr bool is_duration =
        std::is_same_v<Value, storing_threshold> || std::is_same_v<Value, time_span>;
    static_assert(!is_text || std::is_convertible_v<T const&, Value>,
                  "memo: name, version and hash_prefix are texts: .version = \"1\"");
    static_assert(!is_duration || std::is_convertible_v<T const&, Value>,
                  "memo: time_threshold and ttl are durations, such as 300ms, after `using "
                  "namespace std::chrono_literals`");
    static_assert(!std::is_same_v<Value, bool> || std::is_same_v<T, bool>,
                  "memo: single_flight is true or false");
    static_assert(!std::is_same_v<Value, double> || std::is_arithmetic_v<T>,
                  "memo: this option is a number: .rtol_stderr = 0.05");
    static_assert(!std::is_same_v<Value, interval_kind> || std::is_same_v<T, interval_kind> ||
                      std::is_same_v<T, betting_t>,
                  "memo: .interval is memo::student, memo::empirical_bernstein or memo::betting");
    static_assert(!std::is_enum_v<Value> || std::is_same_v<Value, interval_kind> ||
                      std::is_same_v<T, Value>,
                  "memo: this option is one of memo's enumerators: .on_error = memo::strict, "
                  ".on_miss = memo::fail, .repeat = memo::until_settled, .on_nan = memo::count");
    static_assert(!std::is_same_v<Value, only_averaged>,
                  "memo: this is an option of averaged functions. Add the policy "
                  "memo::averaged: memoize<Backend, memo::averaged>(f, {...})");
    static_assert(!std::is_same_v<Value, only_policy>,
                  "memo: this is a policy: memoize<Backend, memo::averaged>(f) for "
                  "allow_repeated_evaluations, memo::ignore<I...> for ignore_args");
    static_assert(!std::is_same_v<Value, only_backend>,
                  "memo: this is a setting of a backend, not an option. Pass it to the backend, "
                  "the third argument: memoize<memo::disk>(f, {.name = \"f\", .version = \"1\"}, "
                  "memo::disk({.directory = \"cache\"}))");
    return true;
}

/// An option, if the call names it. Refuses values of other types than Value; an overload with these options is the
/// best one only if some option is refused.
template <class Value> struct option {
    option() = default;
    // In noexcept, because the compiler reads it at the call, and a body after all else.
    template <class T, class... More>
    option(T const&, More const&...) noexcept(accepts<Value, T>()) {}
};

template <bool Averaged, class Value>
using averaged_option = option<std::conditional_t<Averaged, Value, only_averaged>>;

/// Every name of an option, in the order of memo::averaged_options, and names of other things after them.
template <bool Averaged> struct any_options {
    option<std::string> name{};
    option<std::string> version{};
    option<std::string> hash_prefix{};
    option<storing_threshold> time_threshold{};
    option<time_span> ttl{};
    option<bool> single_flight{};
    option<on_error_policy> on_error{};
    option<on_miss_policy> on_miss{};
    averaged_option<Averaged, double> rtol_stderr{};
    averaged_option<Averaged, double> atol_stderr{};
    averaged_option<Averaged, double> min_repetitions{};
    averaged_option<Averaged, double> max_repetitions{};
    averaged_option<Averaged, double> confidence{};
    std::conditional_t<Averaged, std::optional<sample_range>, option<only_averaged>> range{};
    averaged_option<Averaged, interval_kind> interval{};
    averaged_option<Averaged, double> decides{};
    averaged_option<Averaged, repeat_policy> repeat{};
    averaged_option<Averaged, on_nan_policy> on_nan{};
    option<double> audit{};
    option<only_policy> ignore_args{};
    option<only_policy> allow_repeated_evaluations{};
    option<only_backend> directory{};
    option<only_backend> servers{};
    option<only_backend> name_space{};
    option<only_backend> max_entries{};
    option<only_backend> max_bytes{};
    option<only_backend> max_age{};
    option<only_backend> read_only{};
    option<only_backend> timeout{};
};

/// Names of settings, of any backend.
struct any_settings {
    any_callable directory = 0;
    any_callable servers = 0;
    any_callable name_space = 0;
    any_callable max_entries = 0;
    any_callable max_bytes = 0;
    any_callable max_age = 0;
    any_callable read_only = 0;
};

/// The type of a third argument that is right: the mistake is in the options.
template <class T, class Backend>
inline constexpr bool is_backend = std::is_same_v<T, Backend> ||
                                   (std::is_void_v<Backend> && has_backend_constants<T>);

template <class... Policies>
using options_with = any_options<(false || ... || std::is_same_v<Policies, averaged>)>;

// Not defined: an option is refused.
template <class Backend = void, class... Policies>
refused<> memoize(any_callable, options_with<Policies...>);
template <class Backend = void, class... Policies, class T>
    requires(is_backend<T, Backend>)
refused<> memoize(any_callable, options_with<Policies...>, T const&);

template <class Backend = void, class... Policies>
auto memoize(any_callable, options_with<Policies...>, any_settings) {
    static_assert(never<Backend>,
                  "memo: the third argument is a backend, and these are settings of "
                  "one. Write its type: memo::disk({.directory = \"cache\"})");
    return refused<>();
}

template <class Backend = void, class... Policies, class T>
    requires(!is_backend<T, Backend>)
auto memoize(any_callable, options_with<Policies...>, T const&) {
    static_assert(never<T>, "memo: the third argument is the backend, an object of the type that "
                            "memoize<Backend> names: memoize<memo::disk>(f, {}, "
                            "memo::disk({.directory = \"cache\"}))");
    return refused<>();
}

template <class Backend = void, class... Policies, class T> auto memoize(any_callable, T const&) {
    static_assert(never<T>,
                  "memo: the second argument is a list of options in braces, {} for none, "
                  "and the third one is the backend: memoize<Backend>(f, {.name = \"f\"}, "
                  "backend)");
    return refused<>();
}

template <class Backend = void, class... Policies> auto memoize() {
    static_assert(never<Backend>, "memo: memoize needs a callable: memoize<Backend>(f)");
    return refused<>();
}

struct name_one_function_of_an_overloaded_name_by_a_lambda_that_calls_it;
struct an_option_has_an_unknown_name_or_stands_in_another_order_than_in_memo_options;

#if defined(__clang__)

template <class Backend = void, class... Policies, class F = overloaded_name>
    requires std::same_as<F, overloaded_name>
auto memoize(F const&, ...) {
    static_assert(never<F>,
                  "memo: this name is overloaded or a template, so it does not say which "
                  "function to memoize. Name one by a lambda that calls it: [](double x) { "
                  "return f(x); }");
    return refused<>();
}

template <class Backend = void, class... Policies> auto memoize(any_callable, ...) {
    static_assert(never<Backend>,
                  "memo: an option has an unknown name, or a value of another type, "
                  "or stands in another order than in memo::options");
    return refused<>();
}

#else

template <class Backend = void, class... Policies, class F = overloaded_name>
    requires(std::same_as<F, overloaded_name>)
name_one_function_of_an_overloaded_name_by_a_lambda_that_calls_it memoize(F const&, ...)
= delete;

template <class Backend = void, class... Policies>
an_option_has_an_unknown_name_or_stands_in_another_order_than_in_memo_options memoize(any_callable,
                                                                                      ...) = delete;

#endif

} // namespace wrong_calls
} // namespace memo::detail
