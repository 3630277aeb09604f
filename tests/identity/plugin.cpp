// SPDX-License-Identifier: BSL-1.0

// One of two plugins: their names are equal and visible to each other, CONSTANT and so the code is
// not.

#include "site.hpp"

inline int inline_function(int x) {
    return x * CONSTANT + 1;
}

inline auto lambda_of_an_inline_function() {
    return [](int x) { return x * CONSTANT + 2; };
}

struct functor {
    int operator()(int x) const { return x * CONSTANT + 3; }
};

static int static_function(int x) {
    return x * CONSTANT + 4;
}

extern "C" void plugin_inline_sites(memo::memory const& shared,
                                    std::vector<identity::site>& sites) {
    sites.push_back(identity::visit("fn<inline function>", memo::fn<&inline_function>(), shared));
    sites.push_back(identity::visit("lambda", lambda_of_an_inline_function(), shared));
    sites.push_back(identity::visit("functor", functor(), shared));
}

extern "C" void plugin_static_sites(memo::memory const& shared,
                                    std::vector<identity::site>& sites) {
    sites.push_back(identity::visit("fn<static function>", memo::fn<&static_function>(), shared));
    sites.push_back(identity::visit("static function", &static_function, shared));
}

extern "C" void plugin_claims_functor(std::string const& name) {
    static_cast<void>(memo::memoize<memo::memory>(functor(), {.name = name, .version = "1"}));
}

extern "C" void plugin_claims_pointer(std::string const& name) {
    static_cast<void>(
        memo::memoize<memo::memory>(&static_function, {.name = name, .version = "1"}));
}
