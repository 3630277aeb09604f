// SPDX-License-Identifier: BSL-1.0
#pragma once

// memo::none, the backend that stores nothing, to run a program without a cache.

#include <memo/detail/system/compiler.hpp>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Weffc++"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuseless-cast" // types of other systems need the casts
#endif

#include <memo/backend.hpp>

#include <optional>

namespace memo {

/// Stores nothing. Every call is a miss and runs the function.
class none {
  public:
    static constexpr bool persistent = false;
    static constexpr bool stores = false;

    template <class Record> struct partition_type {
        [[nodiscard]] lookup_result<Record> get(key128) const { return {}; }
        bool put(key128, Record const&, put_options) const { return false; }
        template <class Merge>
        std::optional<Record> update(key128, Merge const&, put_options) const {
            return std::nullopt;
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

#pragma GCC diagnostic pop
