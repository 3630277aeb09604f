// SPDX-License-Identifier: BSL-1.0
#pragma once

// The pages of the data file, with nothing believed. LMDB believes its pages: one flipped bit in a
// page's header, in its table of nodes or in a child's number sends it behind the page, and the process
// ends by a signal (docs/decisions/0021-sound-pages.md). So a hit is found by a search of our own, with
// LMDB's snapshot, and many records by a walk of our own (cursor.hpp). What is written is checked by
// soundness.hpp.
//
// Source: LMDB 0.9, mdb.c: MDB_page, MDB_node, MDB_meta, MDB_db; data format 1.

#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/lmdb/lmdb.hpp>

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
            identity_ = identity_of_descriptor(descriptor).value_or(file_identity{});
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

    /// The trees that were committed last, for who reads without a transaction. Nothing if others commit
    /// faster than this looks.
    [[nodiscard]] std::optional<roots> latest() const noexcept {
        for (int attempt = 0; attempt < 16 && has(1); ++attempt) {
            if (auto found = roots_of((std::max)(transaction_of(0), transaction_of(1)))) {
                return found;
            }
        }
        return std::nullopt;
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

    /// Whether no page of a snapshot was written over since roots_of() gave its trees: what its transaction
    /// T has in use is freed by T + 1 at the earliest and written over by T + 3, and before that T + 2
    /// takes the place of what says where T's trees are.
    ///
    /// Source: LMDB 0.9, mdb.c: mdb_page_alloc(), mdb_find_oldest().
    [[nodiscard]] bool are_intact(roots const& trees) const noexcept {
        std::atomic_thread_fence(std::memory_order_acquire); // what was copied was read before this
        return roots_of(trees.transaction).has_value();
    }

    /// Nobody may be writing.
    [[nodiscard]] sizes sizes_of(roots const& trees) const noexcept {
        std::byte const* const meta = at(trees.transaction % 2) + page_header;
        return {size_at(meta + 24), size_at(meta + 72)};
    }

    /// What all records take. Of the trees' time if these are intact afterwards.
    ///
    /// Throws:         disk_error; says_damaged(its code) if it cannot be
    [[nodiscard]] database_size size_of(roots const& trees) const {
        std::byte const* const database = at(trees.transaction % 2) + page_header + 72;
        tree_size const size = size_at(database);
        return checked_size({number<std::uint64_t>(database + 32),
                             (size.branches + size.leaves + size.in_own_pages) * page_size},
                            size.leaves, page_size);
    }

    enum class search : std::uint8_t { found, missing, invalid };

    /// Looks for a key, and believes no page. Takes less time than LMDB, which believes all.
    [[nodiscard]] search find(roots const& trees, bytes_view key,
                              bytes_view& value) const noexcept {
        std::uint64_t next = trees.records.root;
        if (next == none) {
            return search::missing;
        }
        for (int depth = 0; depth < deepest; ++depth) {
            auto const page = page_of(next, trees.pages);
            if (!page) {
                return search::invalid;
            }
            std::size_t low =
                page->is_branch ? 1 : 0; // the key of a branch's first node is not used
            std::size_t high = page->count;
            while (low < high) {
                std::size_t const middle = (low + high) / 2;
                auto const entry = node_of(*page, middle);
                if (!entry) {
                    return search::invalid;
                }
                int const order = compare(entry->key, key);
                if (order == 0 && !page->is_branch) {
                    return value_of(*page, *entry, trees.pages, value);
                }
                (order > 0 ? high : low) = order > 0 ? middle : middle + 1;
            }
            if (!page->is_branch) {
                return search::missing;
            }
            auto const child = node_of(*page, low - 1);
            if (!child) {
                return search::invalid;
            }
            next = child->child;
        }
        return search::invalid;
    }

    static constexpr std::size_t page_size = 4096;

  protected:
    friend class page_cursor;
    friend class page_accounting;

    static constexpr std::size_t page_header = 16;
    static constexpr std::size_t node_header = 8;
    static constexpr unsigned branch = 1;
    static constexpr unsigned leaf = 2;
    static constexpr unsigned overflow = 4;
    static constexpr unsigned in_own_pages = 1; ///< flag of a node

    static constexpr int deepest = 32; // LMDB's own bound

    /// Reads a number once. Who writes to the file may change it at any time, so what was checked must
    /// not be read from there again when it is used, as a compiler otherwise might.
    template <class T> [[nodiscard]] static T number(std::byte const* at) noexcept {
        T value;
        std::memcpy(&value, at, sizeof value);
        asm("" : "+r"(value)); // NOLINT(hicpp-no-assembler): a value of unknown origin from here on
        return value;
    }

    [[nodiscard]] std::byte const* at(std::uint64_t page) const noexcept {
        return base_ + page * page_size;
    }

    /// A page of a tree, as its head was when it was checked. Whatever is written to the file since,
    /// no node of it is looked for behind the page.
    struct tree_page {
        std::byte const* bytes = nullptr;
        bool is_branch = false;
        std::size_t count = 0; ///< of its nodes
        std::size_t upper = 0; ///< where they begin
    };
    /// A node of a page, as its head was when it was read; its key ends within the page.
    struct tree_node {
        std::size_t offset;  ///< of its head in the page
        std::uint64_t child; ///< of a branch: the number of a page
        std::uint32_t size;  ///< of a leaf: bytes of its value
        unsigned flags;      ///< of a leaf
        bytes_view key;
    };

    /// Nothing if it does not look like a page of a tree.
    [[nodiscard]] std::optional<tree_page> page_of(std::uint64_t page,
                                                   std::uint64_t pages) const noexcept {
        if (page < 2 || page >= pages || !has(page)) {
            return std::nullopt;
        }
        std::byte const* const bytes = at(page);
        unsigned const flags = number<std::uint16_t>(bytes + 10);
        std::size_t const lower = number<std::uint16_t>(bytes + 12);
        std::size_t const upper = number<std::uint16_t>(bytes + 14);
        if (number<std::uint64_t>(bytes) != page || (flags != branch && flags != leaf) ||
            lower % 2 != 0 || lower > upper || upper > page_size ||
            lower < page_header + (flags == branch ? 2 : 0)) {
            return std::nullopt;
        }
        return tree_page{bytes, flags == branch, (lower - page_header) / 2, upper};
    }

    /// Nothing if it does not lie within its page.
    [[nodiscard]] static std::optional<tree_node> node_of(tree_page const& in,
                                                          std::size_t index) noexcept {
        std::size_t const offset = number<std::uint16_t>(in.bytes + page_header + 2 * index);
        if (offset + node_header > page_size) {
            return std::nullopt;
        }
        std::byte const* const bytes = in.bytes + offset;
        auto const head = number<std::uint64_t>(bytes);
        std::size_t const key_size = head >> 48U;
        if (offset + node_header + key_size > page_size) {
            return std::nullopt;
        }
        return tree_node{offset,
                         head & 0xffff'ffff'ffffU,
                         static_cast<std::uint32_t>(head),
                         static_cast<unsigned>(head >> 32U) & 0xffffU,
                         {bytes + node_header, key_size}};
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
        if (::fstat(descriptor_, &now) != 0 ||
            file_identity{now.st_dev, now.st_ino} != identity_) { // closed by the program
            return false;
        }
        size_.store(static_cast<std::size_t>(now.st_size), std::memory_order_relaxed);
        return end <= static_cast<std::size_t>(now.st_size);
    }

    [[nodiscard]] static int compare(bytes_view one, bytes_view other) noexcept {
        int const order =
            std::memcmp(one.data(), other.data(), (std::min)(one.size(), other.size()));
        return order != 0 ? order : static_cast<int>(one.size()) - static_cast<int>(other.size());
    }

    [[nodiscard]] search value_of(tree_page const& in, tree_node const& of, std::uint64_t pages,
                                  bytes_view& value) const noexcept {
        std::byte const* const content = of.key.data() + of.key.size();
        auto const room = static_cast<std::size_t>(in.bytes + page_size - content);
        if (of.flags == 0) {
            value = {content, of.size};
            return of.size <= room ? search::found : search::invalid;
        }
        if (room < sizeof(std::uint64_t)) {
            return search::invalid;
        }
        auto const own = number<std::uint64_t>(content);
        if (!is_overflow(own, of.size, pages)) {
            return search::invalid;
        }
        value = {at(own) + page_header, of.size};
        return search::found;
    }

    /// How many pages of its own a value takes.
    [[nodiscard]] static std::uint64_t pages_for(std::size_t size) noexcept {
        return (page_header + size + page_size - 1) / page_size;
    }

    /// A value in pages of its own: they are freed by what the first of them says.
    [[nodiscard]] bool is_overflow(std::uint64_t first, std::size_t size,
                                   std::uint64_t pages) const noexcept {
        std::uint64_t const count = pages_for(size);
        return first >= 2 && first < pages && count <= pages - first && has(first + count - 1) &&
               number<std::uint64_t>(at(first)) == first &&
               number<std::uint16_t>(at(first) + 10) == overflow &&
               number<std::uint32_t>(at(first) + 12) == count;
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
    file_identity identity_;
};

} // namespace memo::detail
