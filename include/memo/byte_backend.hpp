// SPDX-License-Identifier: BSL-1.0
#pragma once

// A backend from any store of bytes that has the three functions of memo/byte_store.hpp.

#include <memo/detail/system/compiler.hpp>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Weffc++"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuseless-cast" // types of other systems need the casts
#endif

#include <memo/backend.hpp>
#include <memo/byte_store.hpp>
#include <memo/detail/byte_store/byte_partition.hpp>
#include <memo/detail/byte_store/shared_byte_store.hpp>
#include <memo/detail/record/kind.hpp>
#include <memo/fingerprint.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace memo {

/// Stores records in a user's store of bytes. It adds the names of items, the frame around every record and
/// all its checks, times to live, counters, and, if the store has the optional functions, averaged functions
/// (exchange), batches (load_many) and leases among processes (try_lock).
///
/// An exception of the store is a miss, and three in a row open a circuit breaker. Bytes that were not
/// stored for the key of this function are a miss, and count as corrupt. clear() takes effect in other
/// processes within a second. Copies share the store and the counters.
///
/// Thread safety:  safe, because the store's functions are
template <byte_store Store> class byte_backend {
    using shared_type = detail::shared_byte_store<Store>;

  public:
    using settings = byte_backend_settings;

    static constexpr bool persistent = true;
    static constexpr bool stores = true;

    byte_backend() requires std::default_initializable<Store>
        : byte_backend(std::make_shared<Store>()) {}
    explicit byte_backend(Store store, settings chosen = {}) requires std::move_constructible<Store>
        : byte_backend(std::make_shared<Store>(std::move(store)), std::move(chosen)) {}
    /// Throws:         configuration, for invalid settings
    explicit byte_backend(std::shared_ptr<Store> store, settings chosen = {})
        : shared_(std::make_shared<shared_type>(std::move(store), std::move(chosen))) {}
    // A move is a copy, so that a moved-from object is still a backend.
    byte_backend(byte_backend const&) = default;
    byte_backend& operator=(byte_backend const&) = default;
    ~byte_backend() = default;

    /// The entries of one function.
    template <class Record> using partition_type = detail::byte_partition<Store, Record>;

    template <class Record>
    [[nodiscard]] partition_type<Record>
    partition(key128 scope, on_error_policy on_error = on_error_policy::degrade) const {
        static_assert(
            exchanging_byte_store<Store> || !detail::is_merged(detail::kind_of_record<Record>),
            "memo: an averaged function merges its samples, and this byte store cannot replace "
            "bytes atomically. Give it load_versioned(name) and exchange(name, token, bytes, ttl), "
            "see memo/byte_store.hpp");
        return {shared_, scope, on_error};
    }

    /// Of the store and the name space, if the store has an identity; else of this object and its copies.
    [[nodiscard]] key128 identity() const {
        if constexpr (identified_byte_store<Store>) {
            key128 const store = shared_->store().identity();
            return fingerprint(std::string_view("byte_backend"), store.low, store.high,
                               shared_->settings.name_space);
        } else {
            return {reinterpret_cast<std::uintptr_t>(shared_.get()), 1};
        }
    }

    /// Counters of all functions of this object and its copies. `entries` and `bytes` are 0.
    [[nodiscard]] backend_statistics stats() const { return shared_->stats(); }

    [[nodiscard]] Store& store() const noexcept { return shared_->store(); }

  private:
    std::shared_ptr<shared_type> shared_;
};

} // namespace memo

#pragma GCC diagnostic pop
