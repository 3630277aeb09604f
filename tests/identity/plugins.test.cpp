// SPDX-License-Identifier: BSL-1.0

// Two plugins that see each other's symbols. PLUGIN_A and PLUGIN_B are their paths.

#include "support/plugin.hpp"

#include <catch2/catch.hpp>

#include "site.hpp"
#include "tell_apart.hpp"

namespace {

class plugin : memo_test::plugin {
  public:
    using memo_test::plugin::plugin;

    void inline_sites(memo::memory const& shared, std::vector<identity::site>& all) const {
        symbol<sites_function>("plugin_inline_sites")(shared, all);
    }
    void static_sites(memo::memory const& shared, std::vector<identity::site>& all) const {
        symbol<sites_function>("plugin_static_sites")(shared, all);
    }
    void claims_functor(std::string const& name) const {
        symbol<void(std::string const&)>("plugin_claims_functor")(name);
    }
    void claims_pointer(std::string const& name) const {
        symbol<void(std::string const&)>("plugin_claims_pointer")(name);
    }

  private:
    using sites_function = void(memo::memory const&, std::vector<identity::site>&);
};

struct both {
    plugin a{PLUGIN_A};
    plugin b{PLUGIN_B};
};

} // namespace

TEST_CASE_METHOD(both, "functions of equal name in two plugins have keys of their own") {
    // The loader may bind the second plugin's calls of an inline function to the first one's, so
    // values say nothing.
    memo::memory const shared;
    std::vector<identity::site> all;
    a.inline_sites(shared, all);
    b.inline_sites(shared, all);
    REQUIRE(all.size() == 6);
    identity::keys_differ(all);
}

TEST_CASE_METHOD(both, "static functions of equal name in two plugins have different keys") {
    memo::memory const shared;
    std::vector<identity::site> all;
    a.static_sites(shared, all);
    b.static_sites(shared, all);
    REQUIRE(all.size() == 4);
    identity::tell_apart(all);
}

TEST_CASE_METHOD(both, "a functor in two plugins may have one name") {
    a.claims_functor("functor");
    CHECK_NOTHROW(b.claims_functor("functor"));
}

TEST_CASE_METHOD(both, "one name for two pointers of two plugins is refused") {
    a.claims_pointer("pointer");
    CHECK_NOTHROW(a.claims_pointer("pointer"));
    CHECK_THROWS_AS(b.claims_pointer("pointer"), memo::error);
}
