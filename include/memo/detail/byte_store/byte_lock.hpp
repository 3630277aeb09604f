// SPDX-License-Identifier: BSL-1.0
#pragma once

// The lock behind a lease, in a store of bytes with try_lock.

#include <memo/byte_store.hpp>
#include <memo/detail/byte_store/byte_scope.hpp>
#include <memo/detail/byte_store/shared_byte_store.hpp>
#include <memo/detail/record/sample_id.hpp>
#include <memo/key128.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace memo::detail {

/// The lock of one key, for one owner. It throws nothing of the store's.
///
/// Thread safety:  none
template <class Store> class byte_lock {
  public:
    byte_lock() = default;
    byte_lock(std::shared_ptr<shared_byte_store<Store>> shared, byte_scope& scope, key128 key)
        : shared_(std::move(shared)),
          scope_(&scope),
          key_(key),
          owner_(to_string(key128{random_word(), random_word()})) {}

    [[nodiscard]] std::optional<bool> try_lock() {
        return shared_->ask(*scope_, false, "lock", key_, [&](Store& store) {
            name_ = scope_->names.lease(key_, scope_->generation(store)).text();
            return store.try_lock(name_, owner_, shared_->settings.lease);
        });
    }

    void unlock() {
        static_cast<void>(shared_->ask(*scope_, false, "unlock", key_, [&](Store& store) {
            store.unlock(name_, owner_);
            return true;
        }));
    }

  private:
    std::shared_ptr<shared_byte_store<Store>> shared_;
    byte_scope* scope_ = nullptr;
    key128 key_{};
    std::string owner_;
    std::string name_; ///< of the item that try_lock() has asked for
};

} // namespace memo::detail
