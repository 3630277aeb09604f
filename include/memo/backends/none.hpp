// SPDX-License-Identifier: BSL-1.0
#pragma once

// memo::none, the backend that stores nothing, to run a program without a cache.

#include <memo/detail/system/compiler.hpp>

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
