// SPDX-License-Identifier: BSL-1.0
#pragma once

// memo::memory, the backend that stores typed records in the process, without serialization.

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

/// Stores records in memory until the last copy of the backend is destroyed, including the functions'
/// copies.
///
/// Copies share one store and its bounds; functions never share entries. A move is a copy. Unbounded
/// unless `max_entries` or `max_bytes` is set.
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

    /// Throws:         memo::error (configuration) in a module that was built with another ABI than the
    ///                 module that created the store; std::bad_alloc
    template <class Record> [[nodiscard]] partition_type<Record> partition(key128 scope) const {
        store_->require_same(detail::process_wide<detail::reclaimer>());
        return {store_, scope};
    }

    /// Unique among the live stores of the process.
    [[nodiscard]] key128 identity() const noexcept {
        return {reinterpret_cast<std::uintptr_t>(store_.get()), 0x6d656d6f7279}; // "memory"
    }

    /// The sums over all functions that share this store.
    [[nodiscard]] backend_statistics stats() const { return store_->stats(); }

  private:
    std::shared_ptr<detail::memory_store> store_;
};

} // namespace memo
