// SPDX-License-Identifier: BSL-1.0
#pragma once

// Records on memcached's servers, over any wire.

#include <memo/backend.hpp>
#include <memo/backends/memcached_settings.hpp>
#include <memo/detail/memcached/failures.hpp>
#include <memo/detail/memcached/memcached_partition.hpp>
#include <memo/detail/memcached/servers.hpp>
#include <memo/fingerprint.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

namespace memo::detail {

/// Stores records on memcached's servers. All processes and machines with the same servers and name space
/// share them. See memo::memcached.
template <class Connection> class basic_memcached {
    using store_type = memcached_store<Connection>;

  public:
    using settings = memcached_settings;

    static constexpr bool persistent = true;
    static constexpr bool stores = true;

    basic_memcached() : basic_memcached(settings{}) {}

    /// Resolves host names, once and for all, and connects to nothing yet.
    ///
    /// Throws:         configuration, for invalid settings
    explicit basic_memcached(settings chosen)
        : store_(std::make_shared<store_type>(std::move(chosen))) {}
    // A move is a copy, so that a moved-from object is still a backend.
    basic_memcached(basic_memcached const&) = default;
    basic_memcached& operator=(basic_memcached const&) = default;
    ~basic_memcached() = default;

    /// The entries of one function.
    template <class Record> using partition_type = memcached_partition<Connection, Record>;

    template <class Record>
    [[nodiscard]] partition_type<Record>
    partition(key128 scope, on_error_policy on_error = on_error_policy::degrade) const {
        return {store_, scope, on_error};
    }

    /// Of the servers and the name space.
    [[nodiscard]] key128 identity() const {
        auto servers = store_->settings.servers;
        std::ranges::sort(servers);
        return fingerprint(std::string_view("memcached"), servers, store_->settings.name_space);
    }

    /// Counters of all functions of this object and its copies.
    [[nodiscard]] backend_statistics stats() const {
        backend_statistics sum;
        store_->for_each_scope([&](auto const& scope) { add_to(sum, scope.counters); });
        return sum;
    }

    /// Counters of the connections to the servers.
    [[nodiscard]] memcached_statistics wire() const {
        memcached_statistics sum;
        store_->for_each_scope([&](auto const& scope) { add_to(sum, scope.counters); });
        return sum;
    }

  private:
    std::shared_ptr<store_type> store_;
};

} // namespace memo::detail
