// SPDX-License-Identifier: BSL-1.0
#pragma once

// The pages that a write will touch, looked at before it does. LMDB believes its pages: one flipped bit
// in a page's header or in its table of nodes makes a put copy what lies behind the page, and the
// process ends by a signal (docs/decisions/0021-sound-pages.md). So the way from the root to a key's
// leaf, and the neighbours that it may be merged with, must look like pages. It costs less than a tenth
// of a put.
//
// Source: LMDB 0.9, mdb.c: MDB_page, MDB_node, MDB_meta, MDB_db; data format 1.

#include <memo/backends/disk/file.hpp>
#include <memo/backends/disk/lmdb.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <sys/mman.h>

namespace memo::detail {

/// A view of the data file by the side of LMDB's own.
class page_view {
  public:
    page_view() = default;
    page_view(page_view const&) = delete;
    page_view& operator=(page_view const&) = delete;
    ~page_view() { unmap(); }

    /// Before another file is shown.
    void forget() noexcept { unmap(); }

    /// Shows the file as it is now. False if it cannot be shown.
    [[nodiscard]] bool renew(int descriptor) noexcept {
        struct stat now {};
        if (::fstat(descriptor, &now) != 0 || now.st_size < static_cast<off_t>(2 * page_size)) {
            return false;
        }
        auto const size = static_cast<std::size_t>(now.st_size);
        if (size <= mapped_) {
            size_ = size;
            return true;
        }
        unmap();
        // With room to grow, or each put that does would map anew.
        mapped_ = size + size / 4 + (std::size_t{1} << 24U);
        void* const memory = ::mmap(nullptr, mapped_, PROT_READ, MAP_SHARED, descriptor, 0);
        if (memory == MAP_FAILED) { // NOLINT(cppcoreguidelines-pro-type-cstyle-cast): its macro
            mapped_ = 0;
            return false;
        }
        base_ = static_cast<std::byte const*>(memory);
        size_ = size;
        return true;
    }

    /// The trees as they were committed last.
    struct roots {
        std::uint64_t free_pages = none;
        std::uint64_t records = none;
        std::uint64_t pages = 0; ///< how many the file has in use
    };
    static constexpr std::uint64_t none = ~std::uint64_t{0};

    [[nodiscard]] std::optional<roots> newest() const noexcept {
        std::optional<roots> found;
        std::uint64_t newest = 0;
        for (std::uint64_t page = 0; page < 2; ++page) {
            std::byte const* const at = base_ + page * page_size + page_header;
            if (number<std::uint32_t>(at) != 0xbeefc0de || number<std::uint32_t>(at + 4) != 1) {
                continue;
            }
            auto const transaction = number<std::uint64_t>(at + 128);
            if (!found || transaction > newest) {
                newest = transaction;
                found =
                    roots{number<std::uint64_t>(at + 24 + 40), number<std::uint64_t>(at + 72 + 40),
                          number<std::uint64_t>(at + 120) + 1};
            }
        }
        return found;
    }

    /// Whether the pages from a root to a key's leaf, and their neighbours, look like pages.
    [[nodiscard]] bool way_is_sound(std::uint64_t root, bytes_view key,
                                    std::uint64_t pages) const noexcept {
        constexpr int deepest = 32; // LMDB's own bound
        if (root == none) {
            return true; // an empty tree
        }
        std::uint64_t page = root;
        for (int depth = 0; depth < deepest; ++depth) {
            if (!is_sound(page, pages)) {
                return false;
            }
            if (flags_of(page) == leaf) {
                return value_is_sound(page, key, pages);
            }
            std::size_t const child = child_for(page, key);
            std::size_t const last = count_of(page) - 1;
            std::size_t const from = child == 0 ? 0 : child - 1;
            for (std::size_t i = from; i <= std::min(child + 1, last); ++i) {
                if (i != child && !is_sound(child_of(page, i), pages)) {
                    return false;
                }
            }
            page = child_of(page, child);
        }
        return false;
    }

    /// Whether the lists of free pages that a write takes from and adds to are lists.
    [[nodiscard]] bool free_pages_are_sound(std::uint64_t root,
                                            std::uint64_t pages) const noexcept {
        std::array<std::byte, 8> first{};
        std::array<std::byte, 8> last{};
        last.fill(std::byte{0xff});
        if (!way_is_sound(root, first, pages) || !way_is_sound(root, last, pages)) {
            return false;
        }
        if (root == none) {
            return true;
        }
        std::uint64_t page = root;
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
            if (size < 8 || number<std::uint64_t>(list) > size / 8 - 1) {
                return false;
            }
        }
        return true;
    }

    static constexpr std::size_t page_size = 4096;

  private:
    static constexpr std::size_t page_header = 16;
    static constexpr std::size_t node_header = 8;
    static constexpr unsigned branch = 1;
    static constexpr unsigned leaf = 2;
    static constexpr unsigned overflow = 4;
    static constexpr unsigned in_own_pages = 1; ///< flag of a node

    template <class T> [[nodiscard]] static T number(std::byte const* at) noexcept {
        T value;
        std::memcpy(&value, at, sizeof value);
        return value;
    }

    [[nodiscard]] std::byte const* at(std::uint64_t page) const noexcept {
        return base_ + page * page_size;
    }
    [[nodiscard]] unsigned flags_of(std::uint64_t page) const noexcept {
        return number<std::uint16_t>(at(page) + 10);
    }
    [[nodiscard]] std::size_t count_of(std::uint64_t page) const noexcept {
        return (number<std::uint16_t>(at(page) + 12) - page_header) / 2;
    }
    [[nodiscard]] std::size_t offset_of(std::uint64_t page, std::size_t node) const noexcept {
        return number<std::uint16_t>(at(page) + page_header + 2 * node);
    }
    [[nodiscard]] std::byte const* node_of(std::uint64_t page, std::size_t node) const noexcept {
        return at(page) + offset_of(page, node);
    }
    [[nodiscard]] std::uint64_t child_of(std::uint64_t page, std::size_t node) const noexcept {
        std::byte const* const it = node_of(page, node);
        return number<std::uint32_t>(it) | (std::uint64_t{number<std::uint16_t>(it + 4)} << 32U);
    }

    [[nodiscard]] bool is_sound(std::uint64_t page, std::uint64_t pages) const noexcept {
        if (page < 2 || page >= pages || (page + 1) * page_size > size_ ||
            number<std::uint64_t>(at(page)) != page) {
            return false;
        }
        unsigned const flags = flags_of(page);
        std::size_t const lower = number<std::uint16_t>(at(page) + 12);
        std::size_t const upper = number<std::uint16_t>(at(page) + 14);
        bool const is_branch = flags == branch;
        if ((!is_branch && flags != leaf) || lower < page_header || lower % 2 != 0 ||
            lower > upper || upper > page_size || (is_branch && lower == page_header)) {
            return false;
        }
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

    /// A value in pages of its own: they are freed by what the first of them says.
    [[nodiscard]] bool is_overflow(std::uint64_t page, std::size_t size,
                                   std::uint64_t pages) const noexcept {
        std::uint64_t const count = (page_header + size + page_size - 1) / page_size;
        return page >= 2 && page < pages && count <= pages - page &&
               (page + count) * page_size <= size_ && number<std::uint64_t>(at(page)) == page &&
               flags_of(page) == overflow && number<std::uint32_t>(at(page) + 12) == count;
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
            std::byte const* const it = node_of(page, node);
            std::size_t const size = number<std::uint16_t>(it + 6);
            int const order = std::memcmp(it + node_header, key.data(), std::min(size, key.size()));
            if (order > 0 || (order == 0 && size > key.size())) {
                break;
            }
            chosen = node;
        }
        return chosen;
    }

    void unmap() noexcept {
        if (mapped_ != 0) {
            // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): munmap(2) takes void*
            ::munmap(const_cast<std::byte*>(base_), mapped_);
        }
        mapped_ = 0;
        size_ = 0;
    }

    std::byte const* base_ = nullptr;
    std::size_t size_ = 0;
    std::size_t mapped_ = 0;
};

} // namespace memo::detail
