// SPDX-License-Identifier: BSL-1.0
#pragma once

// The identity of a function and its scope digest, with which each of its keys begins. Computed once, when
// memoize() wraps the function.

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

/// The format of keys. Any change of key material needs a new number.
inline constexpr std::uint64_t key_format = 1;

/// The names of a function in memo::options.
struct function_name {
    std::string const& name;
    std::string const& version;
    std::string const& hash_prefix;
};

/// The types of a function: parameters, result, and the kind of its record.
struct signature_names {
    /// Empty for a parameter outside the key. The positions are part of the identity: two functions of
    /// three numbers may ignore different ones.
    std::vector<std::string> parameters;
    std::string_view result;
    std::string_view record;
};

/// The identity of a function: the parts of its scope digest, and the digest.
struct function_identity {
    std::string name; ///< this and the next two from the options
    std::string version;
    std::string hash_prefix;
    code_identity code;    ///< in the digest if there is no version
    signature_names types; ///< names of std::type_info, zero-terminated
    key128 state;          ///< of memo::keyed; zero without
    key128 scope;
    std::string callable; ///< its type, mangled

    /// The name of the function in reports.
    [[nodiscard]] std::string title() const {
        if (name.empty()) {
            return readable(callable.c_str());
        }
        return version.empty() ? name : name + " (" + version + ')';
    }
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

/// The code identity of a callable: by address for a function, by type for anything else; for a
/// std::function also by the type of its target.
template <class F, class Signature>
[[gnu::visibility("hidden")]] code_identity identity_of_callable(F const& callable) {
    void const* const function = code_address(callable);
    code_identity code = identity_of(function == nullptr ? &anchor<F, Signature>::tag : function);
    if constexpr (is_std_function<F>) {
        code.target = callable.target_type().name();
    }
    return code;
}

/// The claimant of a name.
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

/// The scope digest, and the claim of the name: the digest without the state, because callables with
/// different states may share a name.
struct scope_digest {
    key128 claim;
    key128 scope;
};

inline scope_digest digest_scope(function_name const& function, code_identity const& code,
                                 signature_names const& types, key128 state) {
    bool const has_version = !function.version.empty();
    word_stream stream;
    stream.put(key_format);
    encode_all(stream, function.hash_prefix, function.name, function.version);
    stream.put(has_version ? 1 : 0);
    if (!has_version) {
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
/// Throws:         memo::error: configuration for a version without a name; identity if nothing
///                 distinguishes this build from the next; name_conflict if another callable has
///                 the name
template <class F, class Signature>
[[nodiscard, gnu::visibility("hidden")]] function_identity
identify(F const& callable, function_name const& function, bool persistent, signature_names types,
         key128 state) {
    static_cast<void>(state_of_process()); // pins the module that contains the callable's code
    if (function.name.empty() && !function.version.empty()) {
        throw error(errc::configuration, "memoize: .version = \"" + printable(function.version) +
                                             "\" without .name; a version belongs to a name. Give "
                                             ".name too");
    }
    code_identity code = identity_of_callable<F, Signature>(callable);
    bool const has_version = !function.version.empty();
    if (persistent && !has_version && !code.survives_process()) {
        throw error(errc::identity, "memoize: a loaded module has no build-id, so this backend "
                                    "could serve values of an older build. "
                                    "Link with -Wl,--build-id (the CMake target memo::memo does), "
                                    "or give .name and .version");
    }
    scope_digest const digest = digest_scope(function, code, types, state);
    if (has_version) {
        process_wide<name_registry>().claim(digest.claim, function.name,
                                            claimant_of(callable, code));
    }
    return {function.name,   function.version, function.hash_prefix,
            std::move(code), std::move(types), state,
            digest.scope,    typeid(F).name()};
}

} // namespace memo::detail
