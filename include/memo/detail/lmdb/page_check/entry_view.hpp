// SPDX-License-Identifier: BSL-1.0
#pragma once

// Views of entries and sizes of databases, which both LMDB and page_view return.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace memo::detail {

using bytes_view = std::span<std::byte const>;

struct key_and_value {
    bytes_view key;
    bytes_view value;
};

/// The size of a database.
struct database_size {
    std::size_t entries;
    std::size_t bytes; ///< of the pages in use
};

/// The numbers of a tree's pages, by kind.
struct tree_size {
    std::uint64_t branches = 0;
    std::uint64_t leaves = 0;
    std::uint64_t overflow = 0; ///< of values
};

/// The size of a database; nothing if the entries do not fit into the leaves.
[[nodiscard]] inline std::optional<database_size>
valid_size(std::uint64_t entries, tree_size const& pages, std::size_t page_size) noexcept {
    constexpr std::size_t min_entry = 11; // bytes: its offset, its header, a key
    if (entries > pages.leaves * (page_size / min_entry)) {
        return std::nullopt;
    }
    return database_size{entries, (pages.branches + pages.leaves + pages.overflow) * page_size};
}

} // namespace memo::detail
