// SPDX-License-Identifier: BSL-1.0
#pragma once

// The pages of the data file, with nothing believed. LMDB believes its pages: one flipped bit in a
// page's header, in its table of nodes or in a child's number sends it behind the page, and the process
// ends by a signal (docs/decisions/0021-sound-pages.md). So a hit is found by a search of our own, with
// LMDB's snapshot, and many records by a walk of our own (cursor.hpp). What is written is checked by
// soundness.hpp.
//
// Source: LMDB 0.9, mdb.c: MDB_page, MDB_node, MDB_meta, MDB_db; data format 1.

#include <memo/backends/disk/file.hpp>
#include <memo/backends/disk/lmdb.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <sys/mman.h>
#include <utility>

namespace memo::detail {

/// A view of the data file by the side of LMDB's own.
class page_view {
  public:
    page_view() = default;
    page_view(page_view const&) = delete;
    page_view& operator=(page_view const&) = delete;
    ~page_view() { unmap(); }

    /// Before another file is shown. Nobody may be looking.
    void forget() noexcept {
        unmap();
        size_ = 0;
    }

    /// Shows a file, up to so many bytes that it may grow to. Shows nothing if it cannot.
    void show(int descriptor, std::size_t most) noexcept {
        forget();
        void* const memory = ::mmap(nullptr, most, PROT_READ, MAP_SHARED, descriptor, 0);
        if (memory != MAP_FAILED) { // NOLINT(cppcoreguidelines-pro-type-cstyle-cast): its macro
            base_ = static_cast<std::byte const*>(memory);
            mapped_ = most;
            descriptor_ = descriptor;
        }
    }

    [[nodiscard]] bool shows() const noexcept { return mapped_ != 0; }

    static constexpr std::uint64_t none = ~std::uint64_t{0};
    /// A tree of pages.
    struct tree {
        std::uint64_t root = none; ///< none: it is empty
        unsigned depth = 0;        ///< levels of pages, the root's among them
    };
    /// The trees as they were committed.
    struct roots {
        tree free_pages;
        tree records;
        std::uint64_t pages = 0;       ///< how many the file has in use
        std::uint64_t transaction = 0; ///< that committed them
    };
    /// How many pages a tree has, as its commit says.
    struct tree_size {
        std::uint64_t branches = 0;
        std::uint64_t leaves = 0;
        std::uint64_t in_own_pages = 0; ///< of values
    };
    struct sizes {
        tree_size free_pages;
        tree_size records;
    };

    /// What a write begins with. Nobody may be writing.
    [[nodiscard]] std::optional<roots> newest() const noexcept {
        if (!has(0) || !has(1)) {
            return std::nullopt;
        }
        std::uint64_t const even = transaction_of(0);
        std::uint64_t const odd = transaction_of(1);
        auto const found = roots_of((std::max)(even, odd));
        auto const before = roots_of((std::min)(even, odd));
        // The file never has fewer pages than before: new ones would be written over old ones.
        bool const grew = found && before && found->pages >= before->pages;
        return grew ? found : std::nullopt;
    }

    /// The trees that a transaction sees; nothing if that was two commits ago. Where what says so is
    /// damaged they are such that no page of them is sound.
    [[nodiscard]] std::optional<roots> roots_of(std::uint64_t transaction) const noexcept {
        if (!has(1) || transaction_of(transaction % 2) != transaction) {
            return std::nullopt;
        }
        std::byte const* const meta = at(transaction % 2) + page_header;
        // Another kind of tree would send LMDB where there is nothing.
        bool const sound = number<std::uint32_t>(meta) == 0xbeefc0de &&
                           number<std::uint32_t>(meta + 4) == 1 &&
                           number<std::uint16_t>(meta + 24 + 4) == MDB_INTEGERKEY &&
                           number<std::uint16_t>(meta + 72 + 4) == 0;
        roots const found = sound ? roots{tree_at(meta + 24), tree_at(meta + 72),
                                          number<std::uint64_t>(meta + 120) + 1, transaction}
                                  : roots{{0, 0}, {0, 0}, 0, transaction};
        std::atomic_thread_fence(std::memory_order_acquire);
        // The next but one commit may have begun to write here.
        return transaction_of(transaction % 2) == transaction ? std::optional(found) : std::nullopt;
    }

    /// Nobody may be writing.
    [[nodiscard]] sizes sizes_of(roots const& trees) const noexcept {
        std::byte const* const meta = at(trees.transaction % 2) + page_header;
        return {size_at(meta + 24), size_at(meta + 72)};
    }

    enum class search : std::uint8_t { found, missing, unsound };

    /// Looks for a key, and believes no page. Takes less time than LMDB, which believes all.
    [[nodiscard]] search find(roots const& trees, bytes_view key,
                              bytes_view& value) const noexcept {
        std::uint64_t page = trees.records.root;
        if (page == none) {
            return search::missing;
        }
        for (int depth = 0; depth < deepest; ++depth) {
            if (!looks_like_page(page, trees.pages)) {
                return search::unsound;
            }
            bool const is_branch = flags_of(page) == branch;
            std::size_t low = is_branch ? 1 : 0; // the key of a branch's first node is not used
            std::size_t high = count_of(page);
            while (low < high) {
                std::size_t const middle = (low + high) / 2;
                if (!has_key_within(page, middle)) {
                    return search::unsound;
                }
                int const order = compare(node_of(page, middle), key);
                if (order == 0 && !is_branch) {
                    return value_of(page, middle, trees.pages, value);
                }
                (order > 0 ? high : low) = order > 0 ? middle : middle + 1;
            }
            if (!is_branch) {
                return search::missing;
            }
            if (!has_key_within(page, low - 1)) {
                return search::unsound;
            }
            page = child_of(page, low - 1);
        }
        return search::unsound;
    }

    static constexpr std::size_t page_size = 4096;

  protected:
    friend class page_cursor;
    friend class page_uses;

    static constexpr std::size_t page_header = 16;
    static constexpr std::size_t node_header = 8;
    static constexpr unsigned branch = 1;
    static constexpr unsigned leaf = 2;
    static constexpr unsigned overflow = 4;
    static constexpr unsigned in_own_pages = 1; ///< flag of a node

    static constexpr int deepest = 32; // LMDB's own bound

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

    [[nodiscard]] static tree tree_at(std::byte const* database) noexcept {
        return {number<std::uint64_t>(database + 40), number<std::uint16_t>(database + 6)};
    }

    [[nodiscard]] static tree_size size_at(std::byte const* database) noexcept {
        return {number<std::uint64_t>(database + 8), number<std::uint64_t>(database + 16),
                number<std::uint64_t>(database + 24)};
    }

    [[nodiscard]] std::uint64_t transaction_of(std::uint64_t page) const noexcept {
        return number<std::uint64_t>(at(page) + page_header + 128);
    }

    /// Whether the file reaches to the end of a page. It grows while it is looked at.
    [[nodiscard]] bool has(std::uint64_t page) const noexcept {
        if (page >= mapped_ / page_size) {
            return false;
        }
        std::size_t const end = (static_cast<std::size_t>(page) + 1) * page_size;
        if (end <= size_.load(std::memory_order_relaxed)) [[likely]] {
            return true;
        }
        struct stat now {};
        if (::fstat(descriptor_, &now) != 0) {
            return false;
        }
        size_.store(static_cast<std::size_t>(now.st_size), std::memory_order_relaxed);
        return end <= static_cast<std::size_t>(now.st_size);
    }

    [[nodiscard]] bool looks_like_page(std::uint64_t page, std::uint64_t pages) const noexcept {
        if (page < 2 || page >= pages || !has(page) || number<std::uint64_t>(at(page)) != page) {
            return false;
        }
        unsigned const flags = flags_of(page);
        std::size_t const lower = number<std::uint16_t>(at(page) + 12);
        std::size_t const upper = number<std::uint16_t>(at(page) + 14);
        return (flags == branch || flags == leaf) && lower % 2 == 0 && lower <= upper &&
               upper <= page_size && lower >= page_header + (flags == branch ? 2 : 0);
    }

    [[nodiscard]] bool has_key_within(std::uint64_t page, std::size_t node) const noexcept {
        std::size_t const offset = offset_of(page, node);
        return offset + node_header <= page_size &&
               offset + node_header + number<std::uint16_t>(at(page) + offset + 6) <= page_size;
    }

    [[nodiscard]] static int compare(std::byte const* node, bytes_view key) noexcept {
        std::size_t const size = number<std::uint16_t>(node + 6);
        int const order = std::memcmp(node + node_header, key.data(), (std::min)(size, key.size()));
        return order != 0 ? order : static_cast<int>(size) - static_cast<int>(key.size());
    }

    [[nodiscard]] search value_of(std::uint64_t page, std::size_t node, std::uint64_t pages,
                                  bytes_view& value) const noexcept {
        std::byte const* const it = node_of(page, node);
        std::size_t const size = number<std::uint32_t>(it);
        std::byte const* const content = it + node_header + number<std::uint16_t>(it + 6);
        auto const room = at(page) + page_size - content; // negative if it is being written over
        if (number<std::uint16_t>(it + 4) == 0) {
            value = {content, size};
            return std::cmp_less_equal(size, room) ? search::found : search::unsound;
        }
        if (std::cmp_less(room, sizeof(std::uint64_t))) {
            return search::unsound;
        }
        auto const own = number<std::uint64_t>(content);
        if (!is_overflow(own, size, pages)) {
            return search::unsound;
        }
        value = {at(own) + page_header, size};
        return search::found;
    }

    /// How many pages of its own a value takes.
    [[nodiscard]] static std::uint64_t pages_for(std::size_t size) noexcept {
        return (page_header + size + page_size - 1) / page_size;
    }

    /// A value in pages of its own: they are freed by what the first of them says.
    [[nodiscard]] bool is_overflow(std::uint64_t page, std::size_t size,
                                   std::uint64_t pages) const noexcept {
        std::uint64_t const count = pages_for(size);
        return page >= 2 && page < pages && count <= pages - page && has(page + count - 1) &&
               number<std::uint64_t>(at(page)) == page && flags_of(page) == overflow &&
               number<std::uint32_t>(at(page) + 12) == count;
    }

  private:
    void unmap() noexcept {
        if (mapped_ != 0) {
            // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): munmap(2) takes void*
            ::munmap(const_cast<std::byte*>(base_), mapped_);
        }
        mapped_ = 0;
    }

    std::byte const* base_ = nullptr;
    mutable std::atomic<std::size_t> size_{0}; ///< of the file, or less
    std::size_t mapped_ = 0;
    int descriptor_ = -1;
};

} // namespace memo::detail
