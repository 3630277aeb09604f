// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/text.hpp>
#include <memo/detail/tools/explain_call.hpp>

namespace memo::detail {

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
        parts.parameters.push_back(type.empty() ? "" : readable(type.c_str()));
    }
    parts.result = readable(identity.result.c_str());
    parts.record = identity.record;
    parts.state = identity.state;
}

MEMO_DEFINITION void explain_argument(explanation& parts, std::type_info const& type,
                                      word_stream* words) {
    std::size_t const place = parts.arguments.size();
    auto& argument = parts.arguments.emplace_back();
    argument.place = place;
    argument.type = readable(type.name());
    if (words != nullptr) {
        argument.count = words->position();
        argument.words = words->digest();
    }
}

MEMO_DEFINITION void explain_key(explanation& parts, word_stream& words) {
    parts.words = words.position();
    parts.key = words.digest();
}

} // namespace memo::detail
