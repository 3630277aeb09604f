// SPDX-License-Identifier: BSL-1.0
#pragma once

// Which function this is, in; the scope digest that begins each of its keys, out. Made once, when a
// function is wrapped.

#include <memo/error.hpp>
#include <memo/key/archive.hpp>
#include <memo/key/callable.hpp>
#include <memo/key/identity.hpp>
#include <memo/key/key128.hpp>
#include <memo/key/registry.hpp>

#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
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

/// The types that a key stands for: parameters that are in the key, the result, and the kind of
/// record kept.
struct signature_names {
    std::vector<std::string_view> parameters;
    std::string_view result;
    std::string_view record;
};

template <class F> void const* code_address(F const& callable) {
    if constexpr (is_function_pointer<F>) {
        return reinterpret_cast<void const*>(callable);
    } else {
        return nullptr;
    }
}

/// Where the code of a callable is anchored: a function pointer by its target, everything else by
/// its type.
template <class F, class Signature>
[[gnu::visibility("hidden")]] code_identity identity_of_callable(F const& callable) {
    if constexpr (is_function_pointer<F>) {
        return identity_of(code_address(callable));
    } else {
        return identity_of(&anchor<F, Signature>::tag);
    }
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
    }
    encode_all(stream, types.parameters, types.result, types.record);
    key128 const claim = stream.digest();

    word_stream with_state;
    encode_all(with_state, claim.low, claim.high, state.low, state.high);
    return {claim, with_state.digest()};
}

/// Names a callable.
///
/// persistent      whether the backend outlives the process
/// Throws:         memo::error: configuration for a version without name, identity where nothing
///                 tells one build from the next, name_conflict where the name is another
///                 callable's
template <class F, class Signature>
[[nodiscard, gnu::visibility("hidden")]] key128
scope_of(F const& callable, function_name const& function, bool persistent,
         signature_names const& types, key128 state) {
    if (function.name.empty() && !function.version.empty()) {
        throw error(errc::configuration, "memoize: .version = \"" + function.version +
                                             "\" without .name; a version says which edition of a "
                                             "named function this is. Give .name too");
    }
    code_identity const code = identity_of_callable<F, Signature>(callable);
    bool const named = !function.version.empty();
    if (persistent && !named && !code.survives_process()) {
        throw error(errc::identity, "memoize: a loaded module has no build-id, so this backend "
                                    "could serve values of an older build. "
                                    "Link with -Wl,--build-id (the CMake target memo::memo does), "
                                    "or give .name and .version");
    }
    scope_digest const digest = digest_scope(function, code, types, state);
    if (named) {
        name_registry::instance().claim(digest.claim, function.name,
                                        {typeid(F).name(), readable(typeid(F)), code.module,
                                         code.offset, is_function_pointer<F>});
    }
    return digest.scope;
}

} // namespace memo::detail
