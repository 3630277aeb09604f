// SPDX-License-Identifier: BSL-1.0

// One of two plugins of which nothing is visible but what they say. What is not in claims.hpp has equal
// names in both, and other code: CONSTANT is not equal.

#include "claims.hpp"

namespace {

struct functor {
    int operator()(int x) const { return x * CONSTANT; }
};

int function(int x) {
    return x + CONSTANT;
}

} // namespace

namespace claims {

static int in_a_namespace(int x) {
    return x - CONSTANT;
}

} // namespace claims

extern "C" [[gnu::visibility("default")]] bool plugin_claims(std::string const& what) {
    if (what == "lambda") {
        return claims::claim([](int x) { return x * CONSTANT + 1; }, what);
    }
    if (what == "functor") {
        return claims::claim(functor(), what);
    }
    if (what == "fn<function>") {
        return claims::claim(memo::fn<&function>(), what);
    }
    if (what == "fn<static function>") {
        return claims::claim(memo::fn<&claims::in_a_namespace>(), what);
    }
    if (what == "local class") {
        struct local {
            int operator()(int x) const { return x * CONSTANT + 2; }
        };
        return claims::claim(local(), what);
    }
    if (what == "std::function") {
        std::function<int(int)> const target([](int x) { return x * CONSTANT + 3; });
        return claims::claim(memo::keyed(target, 1), what);
    }
    if (what == "fn<inline function>") {
        return claims::claim(memo::fn<&claims::doubled>(), what);
    }
    return claims::claim(claims::lambda_of_an_inline_function(), what);
}

extern "C" [[gnu::visibility("default")]] int plugin_call(memo::memory const& store,
                                                          int (*run)(int), int x) {
    auto const f = memo::memoize<memo::memory>(memo::ignore_state(claims::observed{run}),
                                               {.name = "observed", .version = "1"}, store);
    return f(x);
}

extern "C" [[gnu::visibility("default")]] void plugin_forgets(memo::memory const& store, int x) {
    auto const f = memo::memoize<memo::memory>(memo::ignore_state(claims::observed{nullptr}),
                                               {.name = "observed", .version = "1"}, store);
    f.forget(x);
}
