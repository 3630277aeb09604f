// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/key/name_registry.hpp>
#include <memo/detail/key/scope_digest.hpp>
#include <memo/detail/text.hpp>
#include <memo/error.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace memo::detail {

MEMO_DEFINITION function_identity::function_identity() = default;
MEMO_DEFINITION function_identity::function_identity(function_identity&& other) noexcept = default;
MEMO_DEFINITION function_identity::~function_identity() = default;

MEMO_DEFINITION std::string function_identity::title() const {
    if (name.empty()) {
        return readable(callable.c_str());
    }
    return version.empty() ? name : joined({name, " (", version, ")"});
}

/// The code identity of a callable: by address for a function, by type for anything else; for a
/// std::function also by the type of its target.
MEMO_DEFINITION code_identity identity_of_callable(callable_code const& callable) {
    code_identity code =
        identity_of(callable.function == nullptr ? callable.anchor : callable.function);
    if (callable.target != nullptr) {
        code.target = callable.target->name();
    }
    return code;
}

/// The claimant of a name.
MEMO_DEFINITION claimant claimant_of(callable_code const& callable, code_identity const& code) {
    claimant who;
    who.type = callable.type.name();
    who.target = code.target;
    who.module = code.module;
    who.offset = code.offset;
    who.one_in_all_modules =
        callable.function == nullptr && is_one_in_all_modules(callable.type) &&
        (callable.target == nullptr || is_one_in_all_modules(*callable.target));
    return who;
}

MEMO_DEFINITION key128 digest_of_text(std::string_view text) {
    word_stream stream;
    stream.put_text(text);
    return stream.digest();
}

MEMO_DEFINITION void put_texts(word_stream& stream, std::vector<std::string> const& texts) {
    stream.put(texts.size());
    for (std::string const& text : texts) {
        stream.put_text(text);
    }
}

/// The digest of an identity without the state: the claim of the name, because callables with different
/// states may share a name.
MEMO_DEFINITION key128 digest_without_state(function_identity const& identity) {
    bool const has_version = !identity.version.empty();
    word_stream stream;
    stream.put(key_format);
    stream.put_text(identity.hash_prefix);
    stream.put_text(identity.name);
    stream.put_text(identity.version);
    stream.put(has_version ? 1 : 0);
    if (!has_version) {
        code_identity const& code = identity.code;
        put_texts(stream, code.all_modules);
        stream.put_text(code.module);
        stream.put(code.offset);
        if (!code.target.empty()) {
            stream.put_text(code.target);
        }
    }
    put_texts(stream, identity.parameters);
    stream.put_text(identity.result);
    stream.put_text(identity.record);
    return stream.digest();
}

MEMO_DEFINITION function_identity identify(callable_code const& callable,
                                           function_name const& function, bool persistent,
                                           signature_names const& types, key128 state) {
    bool const has_version = !function.version.empty();
    if (function.name.empty() && has_version) {
        throw error(errc::configuration,
                    joined({"memoize: .version = \"", printable(function.version),
                            "\" without .name; a version belongs to a name. Give .name too"}));
    }
    function_identity identity;
    identity.name = function.name;
    identity.version = function.version;
    identity.hash_prefix = function.hash_prefix;
    identity.code = identity_of_callable(callable);
    if (persistent && !has_version && !identity.code.survives_process()) {
        throw error(errc::identity, "memoize: a loaded module has no build-id, so this backend "
                                    "could serve values of an older build. "
                                    "Link with -Wl,--build-id (the CMake target memo::memo does), "
                                    "or give .name and .version");
    }
    for (char const* const parameter : types.parameters) {
        identity.parameters.emplace_back(parameter == nullptr ? "" : parameter);
    }
    identity.result = types.result;
    identity.record = types.record;
    identity.state = state;
    identity.callable = callable.type.name();

    key128 const claim = digest_without_state(identity);
    word_stream with_state;
    with_state.put(claim.low);
    with_state.put(claim.high);
    with_state.put(state.low);
    with_state.put(state.high);
    identity.scope = with_state.digest();
    if (has_version) {
        process_wide<name_registry>().claim(claim, identity.name,
                                            claimant_of(callable, identity.code));
    }
    return identity;
}

} // namespace memo::detail
