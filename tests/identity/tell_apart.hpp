// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <catch2/catch.hpp>

#include "site.hpp"

namespace identity {

/// Checks that no two sites share a key, and that each got its own value back.
inline void tell_apart(std::vector<site> const& sites) {
    for (auto const& one : sites) {
        INFO(one.what);
        CHECK(one.remembered == one.computed);
        for (auto const& other : sites) {
            if (&one != &other) {
                INFO("and " << other.what);
                CHECK(one.key != other.key);
            }
        }
    }
}

} // namespace identity
