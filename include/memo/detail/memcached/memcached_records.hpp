// SPDX-License-Identifier: BSL-1.0
#pragma once

// One function's records on memcached's servers, as frames: what memcached_partition does with them that
// depends on no type of record. A failed lookup is a miss, a failed store stores nothing, and both are
// counted. Defined in memcached_records.ipp, for who knows the connection.

#include <memo/backend.hpp>
#include <memo/backends/memcached_settings.hpp>
#include <memo/detail/byte_store/byte_counters.hpp>
#include <memo/detail/byte_store/item_codec.hpp>
#include <memo/detail/byte_store/lease.hpp>
#include <memo/detail/function_ref.hpp>
#include <memo/detail/memcached/memcached_lock.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>
#include <memo/outcome.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

namespace memo::detail {

enum class wire_code;

/// Thread safety:  safe
template <class Connection> class memcached_records {
    using store_type = memcached_store<Connection>;

  public:
    using lease_type = lease<memcached_lock<Connection>>;

    memcached_records(std::shared_ptr<store_type> store, key128 scope, on_error_policy on_error);

    [[nodiscard]] memcached_settings const& settings() const noexcept;
    [[nodiscard]] byte_counters& counters() const noexcept;

    /// Decodes bytes, which are unchecked, and empty if the item is not memo's. May be called twice; the last
    /// call counts.
    using decode_frame = function_ref<void(std::span<std::byte const>)>;
    /// The item to store; nothing if it is too large, which is counted.
    using encode_item = function_ref<std::optional<encoded_item>()>;

    /// Returns nothing after decode() of the item, else the reason of the miss.
    ///
    /// counts          whether damage is counted
    [[nodiscard]] std::optional<miss_reason> look_up(key128 key, bool counts,
                                                     decode_frame decode) const;

    /// The same for many keys: those of one server together, 64 at a time.
    ///
    /// decode          decode(i, bytes) for keys[i]
    /// fail            fail(i) if the server did not answer for keys[i]
    void look_up_all(std::span<key128 const> keys,
                     function_ref<void(std::size_t, std::span<std::byte const>)> decode,
                     function_ref<void(std::size_t)> fail) const;

    bool put(key128 key, encode_item encode) const;

    /// Replaces an item atomically, again after each concurrent update. False if it was not stored.
    ///
    /// decode          called with the old item, if there is one, before each call of compose
    bool update(key128 key, decode_frame decode, encode_item compose) const;

    [[nodiscard]] bool erase(key128 key) const;
    void clear() const;
    [[nodiscard]] backend_statistics stats() const;

    /// Waits while another process holds the lease of this key, until a valid record is stored or the lease is
    /// free, and takes it then.
    [[nodiscard]] lease_type lead(key128 key,
                                  function_ref<bool(std::span<std::byte const>)> is_valid) const;

    [[nodiscard]] std::optional<lease_type> try_lead(key128 key) const;

  private:
    template <class Operation>
    [[nodiscard]] bool ask(char const* verb, key128 key, Operation const& operation) const;
    template <class Decode, class Fail>
    void look_up_batches(std::size_t server, std::span<key128 const> keys,
                         std::span<std::size_t const> places, Decode const& decode,
                         Fail const& fail) const;
    [[nodiscard]] bool may_lease(key128 key) const;
    void skip(char const* verb, key128 key) const;
    void failed(char const* verb, key128 key, wire_code code) const;

    std::shared_ptr<store_type> store_;
    memcached_scope* scope_;
    key128 digest_;
    on_error_policy on_error_;
};

} // namespace memo::detail
