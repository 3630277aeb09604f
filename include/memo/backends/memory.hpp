// SPDX-License-Identifier: BSL-1.0
#pragma once

// A backend that keeps records in the process.

#include <memo/detail/system/compiler.hpp>

#include <memo/backend.hpp>
#include <memo/backends/memory_settings.hpp>
#include <memo/detail/memory/memory_partition.hpp>
#include <memo/detail/memory/memory_store.hpp>
#include <memo/detail/memory/reclaim.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/key128.hpp>

#include <cstdint>
#include <memory>
#include <utility>

namespace memo {

/// Keeps records in memory, for as long as the backend or a function that uses it lives.
///
/// Copies share one store, and so do the functions that were given copies: one budget, but never
/// each other's entries. A move is a copy. Unbounded unless `max_entries` or `max_bytes` is set.
///
/// Thread safety:  safe; hits take no lock
class memory {
  public:
    using settings = memory_settings;

    static constexpr bool persistent = false;
    static constexpr bool stores = true;

    memory() : memory(settings{}) {}
    explicit memory(settings chosen)
        // NOLINTNEXTLINE(modernize-make-shared): that costs a compiler three times as much
        : store_(new detail::memory_store(std::move(chosen))) {}
    memory(memory const&) = default;
    memory& operator=(memory const&) = default;
    ~memory() = default;

    template <class Record> using partition_type = detail::memory_partition<Record>;

    /// Throws:         memo::error (configuration) in a module that was built in another way than the
    ///                 one that made the store; std::bad_alloc
    template <class Record> [[nodiscard]] partition_type<Record> partition(key128 scope) const {
        store_->require_same(detail::process_wide<detail::reclaimer>());
        return {store_, scope};
    }

    /// The store's, while it lives.
    [[nodiscard]] key128 identity() const noexcept {
        return {reinterpret_cast<std::uintptr_t>(store_.get()), 0x6d656d6f7279}; // "memory"
    }

    /// What all functions that share this store have in it.
    [[nodiscard]] backend_statistics stats() const { return store_->stats(); }

  private:
    std::shared_ptr<detail::memory_store> store_;
};

} // namespace memo
