// SPDX-License-Identifier: BSL-1.0
#pragma once

// Which function this is, in; the scope digest that begins each of its keys, and what it is made of,
// out. Made once, when a function is wrapped.

#include <memo/detail/key/archive.hpp>
#include <memo/detail/key/identity.hpp>
#include <memo/detail/key/name_registry.hpp>
#include <memo/detail/key/signature.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/detail/text.hpp>
#include <memo/error.hpp>
#include <memo/key128.hpp>

#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace memo::detail {

/// The format of keys. A change of any stream is a change of this number.
inline constexpr std::uint64_t key_format = 1;

/// What the user said the function is called; see memo::options.
struct function_name {
    std::string const& name;
    std::string const& version;
    std::string const& hash_prefix;
};

/// The types that a key stands for: parameters, the result, and the kind of record kept.
struct signature_names {
    /// Without a name where one is not in the key: which ones are left is part of the function's
    /// identity, as two functions of three numbers may ignore one each.
    std::vector<std::string> parameters;
    std::string_view result;
    std::string_view record;
};

/// Which function this is: what its scope digest is made of, and the digest.
struct function_identity {
    std::string name; ///< this and the next two as the user said them
    std::string version;
    std::string hash_prefix;
    code_identity code;    ///< in the digest where there is no version
    signature_names types; ///< names as std::type_info has them, each with a zero behind it
    key128 state;          ///< fixed when the function was wrapped
    key128 scope;
    std::string callable; ///< its type, mangled

    /// What the function is called in a report.
    [[nodiscard]] std::string title() const {
        if (name.empty()) {
            return readable(callable.c_str());
        }
        return version.empty() ? name : name + " (" + version + ')';
    }
};

/// The function that a pointer points to, or a pointer in a std::function; null for all else.
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

/// Where the code of a callable is anchored: a function by its address, everything else by its type;
/// a std::function by the type of its target, too.
template <class F, class Signature>
[[gnu::visibility("hidden")]] code_identity identity_of_callable(F const& callable) {
    void const* const function = code_address(callable);
    code_identity code = identity_of(function == nullptr ? &anchor<F, Signature>::tag : function);
    if constexpr (is_std_function<F>) {
        code.target = callable.target_type().name();
    }
    return code;
}

/// Who claims a name.
template <class F> claimant claimant_of(F const& callable, code_identity const& code) {
    claimant who{typeid(F).name() + code.target, readable(typeid(F)), code.module, code.offset,
                 code_address(callable) == nullptr && is_one_in_all_modules(typeid(F))};
    if constexpr (is_std_function<F>) {
        who.readable += " of " + readable(callable.target_type());
        who.one_in_all_modules =
            who.one_in_all_modules && is_one_in_all_modules(callable.target_type());
    }
    return who;
}

/// The scope digest. `claim` leaves out the state: it is what a name stands for.
struct scope_digest {
    key128 claim;
    key128 scope;
};

inline scope_digest digest_scope(function_name const& function, code_identity const& code,
                                 signature_names const& types, key128 state) {
    bool const named = !function.version.empty();
    word_stream stream;
    stream.put(key_format);
    encode_all(stream, function.hash_prefix, function.name, function.version);
    stream.put(named ? 1 : 0);
    if (!named) {
        encode_all(stream, code.all_modules, code.module, code.offset);
        if (!code.target.empty()) {
            encode_all(stream, code.target);
        }
    }
    encode_all(stream, types.parameters, types.result, types.record);
    key128 const claim = stream.digest();

    word_stream with_state;
    encode_all(with_state, claim.low, claim.high, state.low, state.high);
    return {claim, with_state.digest()};
}

/// Identifies a callable.
///
/// persistent      whether the backend outlives the process
/// Throws:         memo::error: configuration for a version without name, identity where nothing
///                 tells one build from the next, name_conflict where the name is another
///                 callable's
template <class F, class Signature>
[[nodiscard, gnu::visibility("hidden")]] function_identity
identify(F const& callable, function_name const& function, bool persistent, signature_names types,
         key128 state) {
    static_cast<void>(state_of_process()); // pins the module that has the callable's code
    if (function.name.empty() && !function.version.empty()) {
        throw error(errc::configuration, "memoize: .version = \"" + printable(function.version) +
                                             "\" without .name; a version says which edition of a "
                                             "named function this is. Give .name too");
    }
    code_identity code = identity_of_callable<F, Signature>(callable);
    bool const named = !function.version.empty();
    if (persistent && !named && !code.survives_process()) {
        throw error(errc::identity, "memoize: a loaded module has no build-id, so this backend "
                                    "could serve values of an older build. "
                                    "Link with -Wl,--build-id (the CMake target memo::memo does), "
                                    "or give .name and .version");
    }
    scope_digest const digest = digest_scope(function, code, types, state);
    if (named) {
        process_wide<name_registry>().claim(digest.claim, function.name,
                                            claimant_of(callable, code));
    }
    return {function.name,   function.version, function.hash_prefix,
            std::move(code), std::move(types), state,
            digest.scope,    typeid(F).name()};
}

} // namespace memo::detail
