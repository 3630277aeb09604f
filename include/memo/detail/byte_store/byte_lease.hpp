// SPDX-License-Identifier: BSL-1.0
#pragma once

// The right to compute one key, among the processes that share a store of bytes: a lock beside the record
// that ends by itself.

#include <memo/byte_store.hpp>
#include <memo/detail/byte_store/byte_scope.hpp>
#include <memo/detail/byte_store/item_name.hpp>
#include <memo/detail/record/sample_id.hpp>
#include <memo/detail/system/cancellation.hpp>
#include <memo/key128.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <utility>

namespace memo::detail {

/// Held from a successful take() until its end. Who holds it for longer than its TTL loses it to another,
/// and then takes nothing away from that one.
///
/// Thread safety:  none
template <class Store> class byte_lease {
  public:
    byte_lease() = default; ///< Never held.
    byte_lease(std::shared_ptr<shared_byte_store<Store>> shared, byte_scope& scope, key128 key)
        : shared_(std::move(shared)),
          scope_(&scope),
          key_(key),
          owner_(to_string(key128{random_word(), random_word()})) {}
    byte_lease(byte_lease&& other) noexcept
        : shared_(std::move(other.shared_)),
          scope_(other.scope_),
          key_(other.key_),
          owner_(std::move(other.owner_)),
          name_(std::move(other.name_)),
          holder_(std::exchange(other.holder_, 0)) {}
    byte_lease& operator=(byte_lease&&) = delete;
    ~byte_lease() {
        if (holder_ == ::getpid()) { // a child does not end what its parent holds
            not_cancelled const whole;
            try {
                static_cast<void>(shared_->ask(*scope_, false, "unlock", key_, [&](Store& store) {
                    store.unlock(name_, owner_);
                    return true;
                }));
            } catch (std::exception const&) { // the lease ends by itself
            }
        }
    }

    /// Whether it is held now; nothing if that could not be found out. Throws nothing of the store's.
    [[nodiscard]] std::optional<bool> take() {
        auto const taken = shared_->ask(*scope_, false, "lock", key_, [&](Store& store) {
            name_ = scope_->lease_name_of(key_, scope_->generation(store)).text();
            return store.try_lock(name_, owner_, shared_->settings.lease);
        });
        if (taken.value_or(false)) {
            holder_ = ::getpid();
        }
        return taken;
    }

  private:
    std::shared_ptr<shared_byte_store<Store>> shared_;
    byte_scope* scope_ = nullptr;
    key128 key_{};
    std::string owner_;
    std::string name_;
    pid_t holder_ = 0; ///< 0: nobody
};

} // namespace memo::detail
