// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/key/name_registry.hpp>
#include <memo/detail/key/words.hpp>
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
    return type == other.type && target == other.target &&
           (same_code || (!same_module && one_in_all_modules));
}

MEMO_DEFINITION std::string claimant::readable() const {
    return joined({detail::readable(type.c_str()), target.empty() ? "" : " of ",
                   target.empty() ? "" : detail::readable(target.c_str())});
}

MEMO_DEFINITION void name_registry::claim(key128 claim, std::string const& name,
                                          claimant const& who) {
    word_stream words;
    for (std::string const* text : {&who.type, &who.target, &who.module}) {
        words.put_text(*text);
    }
    words.put(who.offset);
    key128 const identity = words.digest();
    std::scoped_lock const lock(mutex_);
    claimed* first = claims_.find(claim);
    if (first == nullptr) {
        claimant const* known = claimants_.find(identity);
        if (known == nullptr) {
            known = &claimants_.add(identity, who);
        }
        claims_.add(claim).by = known;
    } else if (!first->by->same_function(who)) {
        std::string const one = first->by->readable();
        std::string const other = who.readable();
        throw error(errc::name_conflict,
                    joined({"memoize \"", printable(name),
                            "\": two different callables claim this name and version: ", one,
                            " and ", one == other ? "another one of this type" : other,
                            // NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one text
                            "; they would serve each other's values. Give one of them another name "
                            "or version"}));
    }
}

} // namespace memo::detail
