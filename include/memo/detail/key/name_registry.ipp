// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/key/name_registry.hpp>
#include <memo/detail/text.hpp>
#include <memo/error.hpp>

#include <cstddef>
#include <mutex>
#include <string>

namespace memo::detail {

MEMO_DEFINITION bool is_one_in_all_modules(std::type_info const& type) {
    std::string const name = type.name();
#if defined(__clang__)
    // clang names lambdas without linkage $_0, $_1, and puts an L before the length of a static name. A name
    // does not show whether the function of a local class is inline.
    bool is_static = false;
    char before = '\0'; // outside identifiers, which may contain any letter
    for (std::size_t i = 0; i < name.size();) {
        std::size_t length = 0;
        std::size_t const begin = i;
        for (; i < name.size() && name[i] >= '0' && name[i] <= '9'; ++i) {
            length = 10 * length + static_cast<std::size_t>(name[i] - '0');
        }
        bool const is_identifier = i != begin;
        is_static = is_static || (is_identifier && before == 'L');
        before = is_identifier ? '\0' : name[i];
        i += is_identifier ? length : 1;
    }
    bool const is_local_class = name.front() == 'Z' && name.find("Ul") == std::string::npos;
    return !is_static && !is_local_class && name.find("$_") == std::string::npos &&
           name.find("_GLOBAL__N_") == std::string::npos;
#else
    // g++ compares types without linkage by address.
    struct elsewhere : std::type_info {
        explicit elsewhere(char const* name) : std::type_info(name) {}
    };
    return type == elsewhere(name.c_str());
#endif
}

MEMO_DEFINITION bool claimant::same_function(claimant const& other) const {
    bool const same_code = module == other.module && offset == other.offset;
    bool const same_module = module == other.module && !module.empty();
    return type == other.type && (same_code || (!same_module && one_in_all_modules));
}

MEMO_DEFINITION void name_registry::claim(key128 claim, std::string const& name,
                                          claimant const& who) {
    std::scoped_lock const lock(mutex_);
    auto const found = claims_.find(claim);
    if (found == claims_.end()) {
        claims_.emplace(claim, &interned(who));
    } else if (claimant const& first = *found->second; !first.same_function(who)) {
        throw error(
            errc::name_conflict,
            "memoize \"" + printable(name) +
                "\": two different callables claim this name and version: " + first.readable +
                " and " +
                (first.readable == who.readable ? "another one of this type" : who.readable) +
                "; they would serve each other's values. Give one of them another name "
                "or version");
    }
}

MEMO_DEFINITION claimant const& name_registry::interned(claimant const& who) {
    return claimants_
        .try_emplace(who.type + '\n' + who.module + '\n' + std::to_string(who.offset), who)
        .first->second;
}

} // namespace memo::detail
