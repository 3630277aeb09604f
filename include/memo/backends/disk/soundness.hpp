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
#include <cstring>

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
        std::uint64_t page = of.root;
        for (int depth = 1; depth <= deepest; ++depth) {
            if (!is_sound(page, pages)) {
                return false;
            }
            if (flags_of(page) == leaf) {
                return depth == static_cast<int>(of.depth) && value_is_sound(page, key, pages);
            }
            std::size_t const child = child_for(page, key);
            std::size_t const last = count_of(page) - 1;
            std::size_t const from = child == 0 ? 0 : child - 1;
            for (std::size_t i = from; i <= (std::min)(child + 1, last); ++i) {
                if (i != child && !is_sound(child_of(page, i), pages)) {
                    return false;
                }
            }
            page = child_of(page, child);
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
        std::uint64_t page = of.root;
        while (flags_of(page) == branch) {
            page = child_of(page, 0);
        }
        for (std::size_t node = 0; node < count_of(page); ++node) {
            std::byte const* const it = node_of(page, node);
            std::size_t const size = number<std::uint32_t>(it);
            std::byte const* list = it + node_header + number<std::uint16_t>(it + 6);
            if (number<std::uint16_t>(it + 4) == in_own_pages) {
                auto const own = number<std::uint64_t>(list);
                if (!is_overflow(own, size, pages)) {
                    return false;
                }
                list = at(own) + page_header;
            }
            if (size < 8 || number<std::uint64_t>(list) > size / 8 - 1 ||
                !descends(list, most_looked_at, pages)) {
                return false;
            }
        }
        return true;
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

    [[nodiscard]] bool is_sound(std::uint64_t page, std::uint64_t pages) const noexcept {
        if (!looks_like_page(page, pages)) {
            return false;
        }
        bool const is_branch = flags_of(page) == branch;
        std::size_t const upper = number<std::uint16_t>(at(page) + 14);
        // Nodes fill the page from `upper` on without a gap, so their sizes must add up: what LMDB
        // moves within the page then stays within it.
        std::size_t sum = 0;
        for (std::size_t node = 0; node < count_of(page); ++node) {
            std::size_t const offset = offset_of(page, node);
            if (offset < upper || offset + node_header > page_size || offset % 2 != 0) {
                return false;
            }
            std::byte const* const it = at(page) + offset;
            std::size_t size = node_header + number<std::uint16_t>(it + 6);
            if (!is_branch) {
                unsigned const kind = number<std::uint16_t>(it + 4);
                if (kind > in_own_pages) {
                    return false; // flags that this database has no use for
                }
                size += kind == in_own_pages ? sizeof(std::uint64_t) : number<std::uint32_t>(it);
            }
            size += size % 2;
            if (offset + size > page_size) {
                return false;
            }
            sum += size;
        }
        return sum == page_size - upper;
    }

    [[nodiscard]] bool value_is_sound(std::uint64_t page, bytes_view key,
                                      std::uint64_t pages) const noexcept {
        for (std::size_t node = 0; node < count_of(page); ++node) {
            std::byte const* const it = node_of(page, node);
            std::size_t const size = number<std::uint16_t>(it + 6);
            if (number<std::uint16_t>(it + 4) == in_own_pages && size == key.size() &&
                std::memcmp(it + node_header, key.data(), size) == 0) {
                return is_overflow(number<std::uint64_t>(it + node_header + size),
                                   number<std::uint32_t>(it), pages);
            }
        }
        return true;
    }

    /// Where a search for the key goes on: the last child whose first key is not greater.
    [[nodiscard]] std::size_t child_for(std::uint64_t page, bytes_view key) const noexcept {
        std::size_t chosen = 0;
        for (std::size_t node = 1; node < count_of(page);
             ++node) { // the first one's key is not used
            if (compare(node_of(page, node), key) > 0) {
                break;
            }
            chosen = node;
        }
        return chosen;
    }
};

} // namespace memo::detail
