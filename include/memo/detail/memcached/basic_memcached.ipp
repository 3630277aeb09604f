// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/memcached/basic_memcached.hpp>
#include <memo/detail/memcached/failures.hpp>
#include <memo/detail/memcached/memcached_records.ipp>
#include <memo/detail/memcached/servers.hpp>
#include <memo/fingerprint.hpp>

#include <algorithm>
#include <string_view>
#include <utility>

namespace memo::detail {

template <class Connection>
basic_memcached<Connection>::basic_memcached() : basic_memcached(settings{}) {}

template <class Connection>
basic_memcached<Connection>::basic_memcached(settings chosen)
    : store_(std::make_shared<store_type>(std::move(chosen))) {}

template <class Connection> key128 basic_memcached<Connection>::identity() const {
    auto servers = store_->settings.servers;
    std::ranges::sort(servers);
    return fingerprint(std::string_view("memcached"), servers, store_->settings.name_space);
}

template <class Connection> backend_statistics basic_memcached<Connection>::stats() const {
    backend_statistics sum;
    store_->for_each_scope([&](auto const& scope) { add_to(sum, scope.counters); });
    return sum;
}

template <class Connection> memcached_statistics basic_memcached<Connection>::wire() const {
    memcached_statistics sum;
    store_->for_each_scope([&](auto const& scope) { add_to(sum, scope.counters); });
    return sum;
}

} // namespace memo::detail
