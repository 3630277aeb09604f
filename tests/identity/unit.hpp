// SPDX-License-Identifier: BSL-1.0

// The text of two units, which define UNIT and CONSTANT: the same names on the same lines,
// different code.

#include "header_lambda.hpp"
#include "site.hpp"

namespace {

auto const anonymous_lambda = [](int x) { return x * CONSTANT + 2; };

struct anonymous_functor {
    int operator()(int x) const { return x * CONSTANT + 3; }
};

int anonymous_function(int x) {
    return x * CONSTANT + 4;
}

} // namespace

static int static_function(int x) {
    return x * CONSTANT + 5;
}
static int other_static_function(int x) {
    return x * CONSTANT + 6;
}

#define IDENTITY_PAIR(first, second)                                                               \
    visit(                                                                                         \
        "first of a macro", [](int x) { return x * CONSTANT + (first); }, shared),                 \
        visit(                                                                                     \
            "second of a macro", [](int x) { return x * CONSTANT + (second); }, shared)

namespace identity::UNIT {

std::vector<site> sites(memo::memory const& shared) {
    return {
        visit("lambda of a static function of a header", lambda_of_a_static_function(), shared),
        visit("lambda in an anonymous namespace", anonymous_lambda, shared),
        visit("functor in an anonymous namespace", anonymous_functor(), shared),
        visit("fn<function in an anonymous namespace>", memo::fn<&anonymous_function>(), shared),
        visit("fn<static function>", memo::fn<&static_function>(), shared),
        visit("fn<another static function>", memo::fn<&other_static_function>(), shared),
        IDENTITY_PAIR(7, 8),
    };
}

std::vector<site> pointer_sites(memo::memory const& shared) {
    return {visit("static function", &static_function, shared),
            visit("another static function", &other_static_function, shared)};
}

site header_site(memo::memory const& shared) {
    return visit("lambda of an inline function", lambda_of_an_inline_function(), shared);
}

void claim(std::string const& name) {
    static_cast<void>(
        memo::memoize<memo::memory>(anonymous_functor(), {.name = name, .version = "1"}));
}

} // namespace identity::UNIT
