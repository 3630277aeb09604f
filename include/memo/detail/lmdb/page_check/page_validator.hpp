// SPDX-License-Identifier: BSL-1.0
#pragma once

// Checks the pages that a write will touch: the path from the root to the key's leaf, and for a
// removal also the neighbours that LMDB may merge. LMDB would copy bytes from beyond a damaged page
// (docs/decisions/0021-sound-pages.md).

#include <memo/detail/lmdb/page_check/entry_view.hpp>
#include <memo/detail/lmdb/page_check/page_format.hpp>
#include <memo/detail/lmdb/page_check/page_view.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace memo::detail {

/// The checks of one write, which checks a branch once: all paths of its records share the root.
///
/// Thread safety:  none
class page_validator {
  public:
    explicit page_validator(page_view const& pages) noexcept : pages_(pages) {}

    /// The kind of a write. A search or an insertion reads only the path to the leaf; a removal
    /// also merges pages, or moves nodes between them.
    /// Source: LMDB 0.9, mdb.c: mdb_cursor_put(), mdb_page_split(), mdb_rebalance().
    enum class change : std::uint8_t { insert, remove };

    /// Whether all pages from a root to a key's leaf are valid, for a removal also their
    /// neighbours, and the path has the depth of the tree: LMDB relies on that when the tree loses
    /// a level.
    [[nodiscard]] bool path_is_valid(page_tree const& tree, bytes_view key,
                                     std::uint64_t page_count, change kind) const noexcept {
        if (tree.root == page_format::no_page) {
            return tree.depth == 0;
        }
        std::uint64_t next = tree.root;
        for (std::size_t depth = 1; depth <= page_format::max_depth; ++depth) {
            auto const page = valid_page(next, page_count);
            if (!page) {
                return false;
            }
            if (!page->is_branch) {
                return depth == tree.depth && value_is_valid(*page, key, page_count);
            }
            std::size_t const child = child_for(*page, key);
            std::size_t const neighbours = kind == change::remove ? 1 : 0; // on each side
            std::size_t const last = (std::min)(child + neighbours, page->count - 1);
            for (std::size_t i = child - (std::min)(child, neighbours); i <= last; ++i) {
                auto const node = page_view::node_at(*page, i);
                if (!node || (i != child && !valid_page(node->header.child(), page_count))) {
                    return false;
                }
                if (i == child) {
                    next = node->header.child();
                }
            }
        }
        return false;
    }

    /// Whether the lists of free pages that a write changes are valid.
    [[nodiscard]] bool free_lists_are_valid(page_tree const& tree,
                                            std::uint64_t page_count) const noexcept {
        std::array<std::byte, 8> first{};
        std::array<std::byte, 8> last{};
        last.fill(std::byte{0xff});
        bool const is_one_page = tree.depth <= 1; // both paths are the same
        if (!path_is_valid(tree, last, page_count, change::remove) ||
            (!is_one_page && !path_is_valid(tree, first, page_count, change::remove))) {
            return false;
        }
        if (tree.root == page_format::no_page) {
            return true;
        }
        auto page = pages_.page_at(tree.root, page_count);
        while (page && page->is_branch) {
            auto const child = page_view::node_at(*page, 0);
            page = child ? pages_.page_at(child->header.child(), page_count) : std::nullopt;
        }
        for (std::size_t index = 0; page && index < page->count; ++index) {
            auto const node = page_view::node_at(*page, index);
            bytes_view list;
            if (!node || pages_.value_of(*page, *node, page_count, list) != lookup_status::found ||
                !list_is_valid(list, page_count)) {
                return false;
            }
        }
        return page.has_value();
    }

  private:
    /// The number of checked elements of a list. A write uses its last elements first.
    static constexpr std::uint64_t max_checked = 512;

    /// Whether a list contains as many page numbers as it counts, and the last ones descend. LMDB
    /// would allocate a repeated page twice, and then abort the process.
    [[nodiscard]] static bool list_is_valid(bytes_view list, std::uint64_t page_count) noexcept {
        constexpr std::size_t word = sizeof(std::uint64_t);
        if (list.size() < word) {
            return false;
        }
        auto const count = page_view::number<std::uint64_t>(list.data());
        if (count > list.size() / word - 1) {
            return false;
        }
        std::uint64_t previous = page_count;
        for (std::uint64_t i = count - (std::min)(count, max_checked) + 1; i <= count; ++i) {
            auto const page = page_view::number<std::uint64_t>(list.data() + word * i);
            if (page >= previous || page < page_format::first_tree_page) {
                return false;
            }
            previous = page;
        }
        return true;
    }

    /// A page whose nodes fill it from `upper` to its end without gaps, so that LMDB moves only
    /// bytes of this page; else nothing.
    [[nodiscard]] std::optional<tree_page> valid_page(std::uint64_t number,
                                                      std::uint64_t page_count) const noexcept {
        auto const page = pages_.page_at(number, page_count);
        std::uint64_t& valid_branch = valid_branches_[number % valid_branches_.size()];
        if (!page || valid_branch == number) {
            return page;
        }
        std::size_t sum = 0;
        for (std::size_t index = 0; index < page->count; ++index) {
            auto const node = page_view::node_at(*page, index);
            if (!node || node->offset < page->upper || node->offset % 2 != 0) {
                return std::nullopt;
            }
            std::size_t size = sizeof(page_format::node_header) + node->key.size();
            if (!page->is_branch) {
                unsigned const flags = node->header.flags();
                if (flags > page_format::overflow_node) { // memo uses no other flags
                    return std::nullopt;
                }
                size += flags == page_format::overflow_node ? sizeof(std::uint64_t)
                                                            : node->header.value_size();
            }
            size += size % 2;
            if (node->offset + size > page_format::page_size) {
                return std::nullopt;
            }
            sum += size;
        }
        if (sum != page_format::page_size - page->upper) {
            return std::nullopt;
        }
        if (page->is_branch) {
            valid_branch = number;
        }
        return page;
    }

    /// Whether the overflow pages of the key's value are valid. valid_page() has checked values
    /// within the leaf.
    [[nodiscard]] bool value_is_valid(tree_page const& leaf, bytes_view key,
                                      std::uint64_t page_count) const noexcept {
        for (std::size_t index = 0; index < leaf.count; ++index) {
            auto const node = page_view::node_at(leaf, index);
            bytes_view ignored;
            if (!node ||
                (node->header.flags() == page_format::overflow_node &&
                 node->key.size() == key.size() && page_view::compare(node->key, key) == 0 &&
                 pages_.value_of(leaf, *node, page_count, ignored) != lookup_status::found)) {
                return false;
            }
        }
        return true;
    }

    /// The child that LMDB's search visits, even if the keys are not in order.
    /// Source: LMDB 0.9, mdb.c: mdb_node_search().
    [[nodiscard]] static std::size_t child_for(tree_page const& branch, bytes_view key) noexcept {
        std::size_t low = page_view::first_key(branch);
        std::size_t high = branch.count;
        while (low < high) {
            std::size_t const middle = (low + high - 1) / 2;
            auto const node = page_view::node_at(branch, middle);
            int const order = node ? page_view::compare(node->key, key) : 1;
            if (order == 0) {
                return middle;
            }
            (order > 0 ? high : low) = order > 0 ? middle : middle + 1;
        }
        return low - 1;
    }

    page_view const& pages_;
    mutable std::array<std::uint64_t, 64> valid_branches_{}; ///< page numbers; 0: none
};

} // namespace memo::detail
