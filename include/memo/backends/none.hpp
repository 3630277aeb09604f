// SPDX-License-Identifier: BSL-1.0
#pragma once

// The backend that keeps nothing: caching off, the rest of the program unchanged.

#include <memo/backends/backend.hpp>

namespace memo {

/// Stores nothing. Every call runs the function and is counted as a miss.
class none {
  public:
    static constexpr bool persistent = false;
    static constexpr bool remembers = false;

    template <class Record> struct partition_type {
        [[nodiscard]] std::optional<remembered<Record>> get(key128) const { return std::nullopt; }
        void put(key128, Record const&, storing) const {}
        template <class Merge> Record update(key128, Merge const& merge, storing) const {
            return merge(nullptr);
        }
        [[nodiscard]] bool erase(key128) const { return false; }
        void clear() const {}
        [[nodiscard]] static backend_statistics stats() { return {}; }
    };

    template <class Record> [[nodiscard]] partition_type<Record> partition(key128) const {
        return {};
    }
    [[nodiscard]] static backend_statistics stats() { return {}; }
};

} // namespace memo
