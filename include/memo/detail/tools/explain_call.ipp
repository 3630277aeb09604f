// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/text.hpp>
#include <memo/detail/tools/explain_call.hpp>

#include <cstddef>

namespace memo::detail {

/// Adds the parts that all calls of a function share.
MEMO_DEFINITION void explain_function(explanation& parts, function_identity const& identity) {
    parts.scope = identity.scope;
    parts.name = identity.name;
    parts.version = identity.version;
    parts.hash_prefix = identity.hash_prefix;
    parts.build_id = hexadecimal(identity.code.module);
    parts.offset = identity.code.offset;
    parts.modules = identity.code.all_modules.size();
    word_stream modules;
    put_texts(modules, identity.code.all_modules);
    parts.all_modules = modules.digest();
    for (auto const& type : identity.parameters) {
        parts.parameters.push_back(type);
    }
    parts.result = identity.result;
    parts.record = identity.record;
    parts.state = identity.state;
}

MEMO_DEFINITION void explain(explanation& parts, function_identity const& identity,
                             explained_arguments const& arguments, key128 const* state) {
    explain_function(parts, identity);
    for (std::size_t place = 0; place < arguments.each.size(); ++place) {
        auto& argument = parts.arguments.emplace_back();
        argument.place = place;
        argument.type = readable(arguments.each[place].type.name());
        if (arguments.each[place].is_in_key) {
            word_stream words;
            arguments.encode(arguments.context, place, words);
            argument.count = words.position();
            argument.words = words.digest();
        }
    }
    if (state != nullptr) {
        parts.current_state = *state;
    }
    word_stream words;
    words.put(identity.scope.low);
    words.put(identity.scope.high);
    arguments.encode(arguments.context, explained_arguments::whole_key, words);
    parts.words = words.position();
    parts.key = words.digest();
}

} // namespace memo::detail
