// SPDX-License-Identifier: BSL-1.0

// Two units of one program: their names, types, lines and columns are equal, their code is not.

#include <catch2/catch.hpp>

#include "site.hpp"
#include "tell_apart.hpp"

using identity::tell_apart;

namespace identity {
namespace unit_a {
std::vector<site> sites(memo::memory const& shared);
std::vector<site> pointer_sites(memo::memory const& shared);
site header_site(memo::memory const& shared);
void claim(std::string const& name);
} // namespace unit_a
namespace unit_b {
std::vector<site> sites(memo::memory const& shared);
std::vector<site> pointer_sites(memo::memory const& shared);
site header_site(memo::memory const& shared);
void claim(std::string const& name);
} // namespace unit_b
} // namespace identity

namespace {

int f(int x) {
    return x + 1;
}
int g(int x) {
    return x + 2;
}

} // namespace

TEST_CASE("functions of equal shape in two units have different keys") {
    memo::memory const shared;
    auto all = identity::unit_a::sites(shared);
    for (auto& site : identity::unit_b::sites(shared)) {
        all.push_back(std::move(site));
    }
    tell_apart(all);
}

TEST_CASE("pointers to functions of equal name in two units have different keys") {
    memo::memory const shared;
    auto all = identity::unit_a::pointer_sites(shared);
    for (auto& site : identity::unit_b::pointer_sites(shared)) {
        all.push_back(std::move(site));
    }
    tell_apart(all);
}

TEST_CASE("a lambda of an inline function is one function in all units") {
    memo::memory const shared;
    auto const a = identity::unit_a::header_site(shared);
    auto const b = identity::unit_b::header_site(shared);
    CHECK(a.key == b.key);
    CHECK(a.remembered == a.computed);
    CHECK(b.remembered == b.computed);
    CHECK(shared.stats().entries == 1);
}

TEST_CASE("one name for two functors of equal type name is refused") {
    identity::unit_a::claim("functor");
    CHECK_NOTHROW(identity::unit_a::claim("functor"));
    try {
        identity::unit_b::claim("functor");
        FAIL("a name was given twice");
    } catch (memo::error const& refused) {
        CHECK(refused.code() == memo::errc::name_conflict);
    }
}

TEST_CASE("pointers of equal type, and fn of equal type, have different keys") {
    memo::memory const shared;
    tell_apart({identity::visit("&f", &f, shared), identity::visit("&g", &g, shared)});
    tell_apart({identity::visit("fn<&f>", memo::fn<&f>(), shared),
                identity::visit("fn<&g>", memo::fn<&g>(), shared)});
}

TEST_CASE("a function is the same function wherever it is wrapped") {
    auto const once = memo::memoize<memo::memory>(&f);
    auto const again = memo::memoize<memo::memory>(&f);
    CHECK(once.key(1) == again.key(1));
    CHECK(memo::memoize<memo::memory>(memo::fn<&f>()).key(1) ==
          memo::memoize<memo::memory>(memo::fn<&f>()).key(1));
}
