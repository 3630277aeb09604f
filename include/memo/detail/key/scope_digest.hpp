// SPDX-License-Identifier: BSL-1.0
#pragma once

// The identity of a function and its scope digest, with which each of its keys begins. Computed once, when
// memoize() wraps the function.

#include <memo/detail/key/identity.hpp>
#include <memo/detail/key/signature.hpp>
#include <memo/detail/key/words.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/key128.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

namespace memo::detail {

/// The format of keys. Any change of key material needs a new number.
inline constexpr std::uint64_t key_format = 1;

/// The names of a function in memo::options.
struct function_name {
    std::string const& name;
    std::string const& version;
    std::string const& hash_prefix;
};

/// The types of a function, by type_name(), and the kind of its record.
struct signature_names {
    /// Null for a parameter outside the key. The positions are part of the identity: two functions of
    /// three numbers may ignore different ones.
    std::span<char const* const> parameters;
    char const* result;
    std::string_view record;
};

/// A callable without its type.
struct callable_code {
    std::type_info const& type;
    std::type_info const* target; ///< the type of a std::function's target; otherwise null
    void const* function;         ///< the target of a function pointer; otherwise null
    void const* anchor;           ///< see identity.hpp
};

/// The identity of a function: the parts of its scope digest, and the digest.
struct function_identity {
    function_identity();
    function_identity(function_identity&& other) noexcept;
    function_identity& operator=(function_identity&& other) = delete;
    ~function_identity();

    std::string name; ///< this and the next two from the options
    std::string version;
    std::string hash_prefix;
    code_identity code;                  ///< in the digest if there is no version
    std::vector<std::string> parameters; ///< types; empty for a parameter outside the key
    std::string result;                  ///< its type
    std::string record;                  ///< kind of the record
    key128 state;                        ///< of memo::keyed; zero without
    key128 scope;
    std::string callable; ///< its type, mangled

    /// The name of the function in reports.
    [[nodiscard]] std::string title() const;
};

/// The target of a function pointer, or of one in a std::function; otherwise null.
template <class F> void const* code_address(F const& callable) {
    if constexpr (is_function_pointer<F>) {
        return reinterpret_cast<void const*>(callable);
    } else if constexpr (is_std_function<F>) {
        auto const* const pointer = callable.template target<function_pointer_in<F>>();
        return pointer == nullptr ? nullptr : reinterpret_cast<void const*>(*pointer);
    } else {
        return nullptr;
    }
}

[[nodiscard]] key128 digest_of_text(std::string_view text);

/// Adds texts to a stream, with the words that they have as an argument.
void put_texts(word_stream& stream, std::vector<std::string> const& texts);

/// Identifies a callable.
///
/// persistent      whether the backend outlives the process
/// Throws:         memo::error: configuration for a version without a name; identity if nothing
///                 distinguishes this build from the next; name_conflict if another callable has
///                 the name
[[nodiscard]] function_identity identify(callable_code const& callable,
                                         function_name const& function, bool persistent,
                                         signature_names const& types, key128 state);

template <class F, class Signature>
[[nodiscard, gnu::visibility("hidden")]] function_identity
identify(F const& callable, function_name const& function, bool persistent,
         signature_names const& types, key128 state) {
    static_cast<void>(state_of_process()); // pins the module that contains the callable's code
    std::type_info const* target = nullptr;
    if constexpr (is_std_function<F>) {
        target = &callable.target_type();
    }
    return identify({typeid(F), target, code_address(callable), &anchor<F, Signature>::tag},
                    function, persistent, types, state);
}

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "scope_digest.ipp"
#endif
