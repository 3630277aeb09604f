// SPDX-License-Identifier: BSL-1.0
#pragma once

// memo::memory, the backend that stores typed records in the process, without serialization.

#include <memo/detail/system/compiler.hpp>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Weffc++"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuseless-cast" // types of other systems need the casts
#endif

#include <memo/backend.hpp>
#include <memo/backends/memory_settings.hpp>
#include <memo/detail/memory/memory_partition.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/key128.hpp>

#include <cstdint>
#include <memory>

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

    memory();
    explicit memory(settings chosen);
    memory(memory const&) = default;
    memory& operator=(memory const&) = default;
    ~memory() = default;

    template <class Record> using partition_type = detail::memory_partition<Record>;

    /// Throws:         memo::error (configuration) in a module that was built with another ABI than the
    ///                 module that created the store; std::bad_alloc
    template <class Record> [[nodiscard]] partition_type<Record> partition(key128 scope) const {
        detail::require_same_reclaimer(*store_);
        return {store_, scope};
    }

    /// Unique among the live stores of the process.
    [[nodiscard]] key128 identity() const noexcept {
        return {reinterpret_cast<std::uintptr_t>(store_.get()), 0x6d656d6f7279}; // "memory"
    }

    /// The sums over all functions that share this store.
    [[nodiscard]] backend_statistics stats() const;

  private:
    std::shared_ptr<detail::memory_store> store_;
};

} // namespace memo

#if !defined(MEMO_COMPILED)
#include "memory.ipp"
#endif

#pragma GCC diagnostic pop
