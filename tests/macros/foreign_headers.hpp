// SPDX-License-Identifier: BSL-1.0
#pragma once

// All headers of others that memo's headers include. One that memo begins to include is added here: with
// the macros of foreign_macros.hpp in force, the compiler would find faults in it that are none of memo's.

#include <cereal/access.hpp>
#include <cereal/cereal.hpp>

#include <bits/stdc++.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#if __has_include(<Eigen/Core>)
#include <Eigen/Core>
#endif
#if __has_include(<lmdb.h>)
#include <lmdb.h>
#endif
#if __has_include(<libmemcached/memcached.h>)
#include <libmemcached/memcached.h>
#endif
#if __has_include(<nlohmann/json.hpp>)
#include <nlohmann/json.hpp>
#endif

#include "c_headers.hpp"
