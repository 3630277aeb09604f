// SPDX-License-Identifier: BSL-1.0
#pragma once

// The pages that a put will touch, looked at before it does: the way from the root to the key's leaf,
// and the neighbours that it may be merged with, must look like pages, or LMDB would copy what lies
// behind them (docs/decisions/0021-sound-pages.md).

#include <memo/backends/disk/lmdb.hpp>
#include <memo/backends/disk/pages.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace memo::detail {

class sound_pages : public page_view {
  public:
    /// Whether the pages from a root to a key's leaf, and their neighbours, look like pages, and are as
    /// many as the tree says: LMDB counts on that when the tree loses a level.
    [[nodiscard]] bool way_is_sound(tree const& of, bytes_view key,
                                    std::uint64_t pages) const noexcept {
        if (of.root == none) {
            return of.depth == 0;
        }
        std::uint64_t next = of.root;
        for (int depth = 1; depth <= deepest; ++depth) {
            auto const page = sound_page(next, pages);
            if (!page) {
                return false;
            }
            if (!page->is_branch) {
                return depth == static_cast<int>(of.depth) && value_is_sound(*page, key, pages);
            }
            std::size_t const child = child_for(*page, key);
            std::size_t const last = page->count - 1;
            std::size_t const from = child == 0 ? 0 : child - 1;
            for (std::size_t i = from; i <= (std::min)(child + 1, last); ++i) {
                auto const node = node_of(*page, i);
                if (!node || (i != child && !sound_page(child_of(*node), pages))) {
                    return false;
                }
                if (i == child) {
                    next = child_of(*node);
                }
            }
        }
        return false;
    }

    /// Whether the lists of free pages that a write takes from and adds to are lists.
    [[nodiscard]] bool free_pages_are_sound(tree const& of, std::uint64_t pages) const noexcept {
        std::array<std::byte, 8> first{};
        std::array<std::byte, 8> last{};
        last.fill(std::byte{0xff});
        if (!way_is_sound(of, first, pages) || !way_is_sound(of, last, pages)) {
            return false;
        }
        if (of.root == none) {
            return true;
        }
        auto page = page_of(of.root, pages);
        while (page && page->is_branch) {
            auto const first_child = node_of(*page, 0);
            page = first_child ? page_of(child_of(*first_child), pages) : std::nullopt;
        }
        for (std::size_t index = 0; page && index < page->count; ++index) {
            auto const node = node_of(*page, index);
            bytes_view list;
            if (!node || value_of(*page, *node, pages, list) != search::found || list.size() < 8 ||
                number<std::uint64_t>(list.data()) > list.size() / 8 - 1 ||
                !descends(list.data(), most_looked_at, pages)) {
                return false;
            }
        }
        return page.has_value();
    }

  private:
    /// How many numbers of a list are looked at: those that a write takes first are at its end.
    static constexpr std::uint64_t most_looked_at = 512;

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
    [[nodiscard]] std::optional<tree_page> sound_page(std::uint64_t number_of,
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
            auto const offset = static_cast<std::size_t>(node->head - page->bytes);
            if (offset < page->upper || offset % 2 != 0) {
                return std::nullopt;
            }
            std::size_t size = node_header + node->key.size();
            if (!page->is_branch) {
                unsigned const kind = number<std::uint16_t>(node->head + 4);
                if (kind > in_own_pages) {
                    return std::nullopt; // flags that this database has no use for
                }
                size += kind == in_own_pages ? sizeof(std::uint64_t)
                                             : number<std::uint32_t>(node->head);
            }
            size += size % 2;
            if (offset + size > page_size) {
                return std::nullopt;
            }
            sum += size;
        }
        return sum == page_size - page->upper ? page : std::nullopt;
    }

    [[nodiscard]] bool value_is_sound(tree_page const& leaf_page, bytes_view key,
                                      std::uint64_t pages) const noexcept {
        for (std::size_t index = 0; index < leaf_page.count; ++index) {
            auto const node = node_of(leaf_page, index);
            bytes_view ignored;
            if (!node || (node->key.size() == key.size() && compare(node->key, key) == 0 &&
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
