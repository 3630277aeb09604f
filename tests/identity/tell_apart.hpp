// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <catch2/catch.hpp>

#include "site.hpp"

namespace identity {

/// Checks that no two sites share a key.
inline void keys_differ(std::vector<site> const& sites) {
    for (auto const& one : sites) {
        for (auto const& other : sites) {
            if (&one != &other) {
                INFO(one.what << " and " << other.what);
                CHECK(one.key != other.key);
            }
        }
    }
}

/// Checks that no two sites share a key, and that each got its own value back.
inline void tell_apart(std::vector<site> const& sites) {
    keys_differ(sites);
    for (auto const& one : sites) {
        INFO(one.what);
        CHECK(one.remembered == one.computed);
    }
}

} // namespace identity
