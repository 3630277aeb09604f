// SPDX-License-Identifier: BSL-1.0
#pragma once

// The pages that a write will touch, looked at before it does: the way from the root to the key's
// leaf, and before a removal the neighbours that it may be merged with, must look like pages, or LMDB
// would copy what lies behind them (docs/decisions/0021-sound-pages.md).

#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/lmdb/page_check/page_view.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace memo::detail {

class page_validator : public page_view {
  public:
    /// What a write does to a tree. A search and an insertion see no page beside the way to the leaf; a
    /// removal merges pages, or moves nodes between them.
    /// Source: LMDB 0.9, mdb.c: mdb_cursor_put(), mdb_page_split(), mdb_rebalance().
    enum class change : std::uint8_t { insert, remove };

    /// Whether the pages from a root to a key's leaf look like pages, before a removal their neighbours,
    /// too, and are as many as the tree says: LMDB counts on that when the tree loses a level.
    [[nodiscard]] bool path_is_valid(tree const& of, bytes_view key, std::uint64_t pages,
                                     change how) const noexcept {
        if (of.root == none) {
            return of.depth == 0;
        }
        std::uint64_t next = of.root;
        for (int depth = 1; depth <= deepest; ++depth) {
            auto const page = valid_page(next, pages);
            if (!page) {
                return false;
            }
            if (!page->is_branch) {
                return depth == static_cast<int>(of.depth) && value_is_valid(*page, key, pages);
            }
            std::size_t const child = child_for(*page, key);
            std::size_t const beside = how == change::remove ? 1 : 0;
            std::size_t const last = (std::min)(child + beside, page->count - 1);
            for (std::size_t i = child - (std::min)(child, beside); i <= last; ++i) {
                auto const node = node_of(*page, i);
                if (!node || (i != child && !valid_page(node->child, pages))) {
                    return false;
                }
                if (i == child) {
                    next = node->child;
                }
            }
        }
        return false;
    }

    /// Whether the lists of free pages that a write takes from and adds to are lists.
    [[nodiscard]] bool free_lists_are_valid(tree const& of, std::uint64_t pages) const noexcept {
        std::array<std::byte, 8> first{};
        std::array<std::byte, 8> last{};
        last.fill(std::byte{0xff});
        bool const is_one_page = of.depth <= 1; // both ways are the same
        if (!path_is_valid(of, last, pages, change::remove) ||
            (!is_one_page && !path_is_valid(of, first, pages, change::remove))) {
            return false;
        }
        if (of.root == none) {
            return true;
        }
        auto page = page_of(of.root, pages);
        while (page && page->is_branch) {
            auto const first_child = node_of(*page, 0);
            page = first_child ? page_of(first_child->child, pages) : std::nullopt;
        }
        for (std::size_t index = 0; page && index < page->count; ++index) {
            auto const node = node_of(*page, index);
            bytes_view list;
            if (!node || value_of(*page, *node, pages, list) != search::found || list.size() < 8 ||
                number<std::uint64_t>(list.data()) > list.size() / 8 - 1 ||
                !descends(list.data(), max_looked_at, pages)) {
                return false;
            }
        }
        return page.has_value();
    }

  private:
    /// How many numbers of a list are looked at: those that a write takes first are at its end.
    static constexpr std::uint64_t max_looked_at = 512;

    /// Whether the last numbers of a list of free pages are numbers of pages, the largest first. One
    /// that stands there twice would be given out twice, and LMDB ends the process then.
    [[nodiscard]] static bool descends(std::byte const* list, std::uint64_t most,
                                       std::uint64_t pages) noexcept {
        auto const count = number<std::uint64_t>(list);
        std::uint64_t above = pages;
        for (std::uint64_t i = count - (std::min)(count, most) + 1; i <= count; ++i) {
            auto const page = number<std::uint64_t>(list + 8 * i);
            if (page >= above || page < 2) {
                return false;
            }
            above = page;
        }
        return true;
    }

    /// Nothing if what it says of its nodes does not add up.
    [[nodiscard]] std::optional<tree_page> valid_page(std::uint64_t number_of,
                                                      std::uint64_t pages) const noexcept {
        auto const page = page_of(number_of, pages);
        if (!page) {
            return std::nullopt;
        }
        // Nodes fill the page from `upper` on without a gap, so their sizes must add up: what LMDB
        // moves within the page then stays within it.
        std::size_t sum = 0;
        for (std::size_t index = 0; index < page->count; ++index) {
            auto const node = node_of(*page, index);
            if (!node) {
                return std::nullopt;
            }
            if (node->offset < page->upper || node->offset % 2 != 0) {
                return std::nullopt;
            }
            std::size_t size = node_header + node->key.size();
            if (!page->is_branch) {
                if (node->flags > in_own_pages) {
                    return std::nullopt; // flags that this database has no use for
                }
                size += node->flags == in_own_pages ? sizeof(std::uint64_t) : node->size;
            }
            size += size % 2;
            if (node->offset + size > page_size) {
                return std::nullopt;
            }
            sum += size;
        }
        return sum == page_size - page->upper ? page : std::nullopt;
    }

    [[nodiscard]] bool value_is_valid(tree_page const& leaf_page, bytes_view key,
                                      std::uint64_t pages) const noexcept {
        for (std::size_t index = 0; index < leaf_page.count; ++index) {
            auto const node = node_of(leaf_page, index);
            bytes_view ignored;
            // A value within the page was counted with the page's nodes.
            if (!node || (node->flags == in_own_pages && node->key.size() == key.size() &&
                          compare(node->key, key) == 0 &&
                          value_of(leaf_page, *node, pages, ignored) != search::found)) {
                return false;
            }
        }
        return true;
    }

    /// The child with which LMDB's search for the key goes on, whatever order the keys have.
    /// Source: LMDB 0.9, mdb.c: mdb_node_search().
    [[nodiscard]] static std::size_t child_for(tree_page const& branch_page,
                                               bytes_view key) noexcept {
        std::size_t low = 1; // the first one's key is not used
        std::size_t high = branch_page.count;
        while (low < high) {
            std::size_t const middle = (low + high - 1) / 2;
            auto const node = node_of(branch_page, middle);
            int const order = node ? compare(node->key, key) : 1;
            if (order == 0) {
                return middle;
            }
            (order > 0 ? high : low) = order > 0 ? middle : middle + 1;
        }
        return low - 1;
    }
};

} // namespace memo::detail
