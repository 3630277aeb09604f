// SPDX-License-Identifier: BSL-1.0
#pragma once

// Records on memcached's servers, over any wire. Defined in basic_memcached.ipp, for who knows the connection.

#include <memo/backend.hpp>
#include <memo/backends/memcached_settings.hpp>
#include <memo/detail/memcached/memcached_partition.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>

#include <memory>

namespace memo::detail {

class meta_connection; // wire/meta.hpp

/// Stores records on memcached's servers. All processes and machines with the same servers and name space
/// share them. See memo::memcached.
template <class Connection> class basic_memcached {
    using store_type = memcached_store<Connection>;

  public:
    using settings = memcached_settings;

    static constexpr bool persistent = true;
    static constexpr bool stores = true;

    basic_memcached();

    /// Resolves host names, once and for all, and connects to nothing yet.
    ///
    /// Throws:         configuration, for invalid settings
    explicit basic_memcached(settings chosen);
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
    [[nodiscard]] key128 identity() const;

    /// Counters of all functions of this object and its copies.
    [[nodiscard]] backend_statistics stats() const;

    /// Counters of the connections to the servers.
    [[nodiscard]] memcached_statistics wire() const;

  private:
    std::shared_ptr<store_type> store_;
};

} // namespace memo::detail
