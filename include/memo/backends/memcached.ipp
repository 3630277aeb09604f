// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/backends/memcached.hpp>
#include <memo/detail/memcached/basic_memcached.ipp>
#include <memo/detail/memcached/wire/meta.hpp>
