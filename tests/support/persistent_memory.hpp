// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/backends/memory.hpp>

namespace memo_test {

/// Keeps records in memory and says that they outlive the process, so that identities must be told
/// apart across builds.
class persistent_memory {
  public:
    static constexpr bool persistent = true;
    static constexpr bool stores = true;

    template <class Record>
    [[nodiscard]] memo::memory::partition_type<Record> partition(memo::key128 scope) const {
        return store_.partition<Record>(scope);
    }
    [[nodiscard]] memo::backend_statistics stats() const { return store_.stats(); }

  private:
    memo::memory store_;
};

} // namespace memo_test
