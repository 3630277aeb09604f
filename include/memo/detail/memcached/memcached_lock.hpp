// SPDX-License-Identifier: BSL-1.0
#pragma once

// The lock behind a lease, on a memcached server: an item beside the record with a random token as its
// value, by add and CAS, which every server has. Defined in memcached_lock.ipp, for who knows the connection.

#include <memo/key128.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

namespace memo::detail {

class memcached_scope;
template <class Connection> class memcached_store;

/// The lock of one key, for one owner.
///
/// Thread safety:  none
template <class Connection> class memcached_lock {
  public:
    memcached_lock() = default;
    memcached_lock(std::shared_ptr<memcached_store<Connection>> store, memcached_scope& scope,
                   key128 key);

    [[nodiscard]] std::optional<bool> try_lock();

    /// Replaces the item by an expired one if it is still the owner's: a plain erase could hit another's.
    void unlock() const;

  private:
    std::shared_ptr<memcached_store<Connection>> store_;
    memcached_scope* scope_ = nullptr;
    key128 key_{};
    std::array<std::uint64_t, 2> token_{}; ///< random, of the owner
    std::uint64_t cas_token_ = 0;          ///< of the item; 0: unknown
};

} // namespace memo::detail
