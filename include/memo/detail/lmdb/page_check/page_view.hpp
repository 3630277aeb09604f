// SPDX-License-Identifier: BSL-1.0
#pragma once

// Reads LMDB's pages and checks every number in them. LMDB trusts its pages: one flipped bit in a
// page header, in a table of nodes or in the number of a child makes it read beyond the page, and a
// signal ends the process (docs/decisions/0021-sound-pages.md). So this library has its own lookup
// and its own cursor (page_cursor.hpp) for snapshots of LMDB. page_validator.hpp checks pages
// before LMDB writes to them.

#include <memo/detail/lmdb/page_check/entry_view.hpp>
#include <memo/detail/lmdb/page_check/page_format.hpp>
#include <memo/detail/lmdb/page_check/page_source.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

namespace memo::detail {

/// A tree of pages.
struct page_tree {
    std::uint64_t root = page_format::no_page;
    unsigned depth = 0; ///< levels of pages
};

/// The trees that a transaction committed.
struct page_snapshot {
    page_tree free_pages;
    page_tree records;
    std::uint64_t page_count = 0; ///< of the file, at the time of the transaction
    std::uint64_t transaction = 0;
};

/// A branch or a leaf with copies of its checked header fields: concurrent writes to the file
/// cannot make a reader leave the page.
struct tree_page {
    std::byte const* bytes = nullptr;
    bool is_branch = false;
    std::size_t count = 0; ///< of nodes
    std::size_t upper = 0; ///< offset of the first node
};

/// A node with a copy of its header; the key lies within the page.
struct tree_node {
    std::size_t offset; ///< of the header in the page
    page_format::node_header header;
    bytes_view key;
};

enum class lookup_status : std::uint8_t {
    found,
    absent,
    corrupt, ///< a page on the path is invalid
};

class page_view {
  public:
    explicit page_view(page_source const& source) noexcept : source_(source) {}

    /// The snapshot of a transaction; nothing if another one overwrote its meta. A damaged meta
    /// yields a snapshot without valid pages.
    [[nodiscard]] std::optional<page_snapshot>
    snapshot_of(std::uint64_t transaction) const noexcept {
        using page_format::meta;
        if (!source_.has(1) || transaction_in(transaction % 2) != transaction) {
            return std::nullopt;
        }
        std::byte const* const at = meta_at(transaction % 2);
        std::byte const* const first_tree = at + __builtin_offsetof(meta, free_pages);
        std::byte const* const second_tree = at + __builtin_offsetof(meta, records);
        // With the flags of another kind of tree LMDB would read nodes that do not exist.
        bool const is_valid =
            number<std::uint32_t>(at + __builtin_offsetof(meta, magic)) == page_format::magic &&
            number<std::uint32_t>(at + __builtin_offsetof(meta, version)) == page_format::version &&
            number<std::uint16_t>(first_tree + __builtin_offsetof(page_format::database, flags)) ==
                page_format::integer_keys &&
            number<std::uint16_t>(second_tree + __builtin_offsetof(page_format::database, flags)) ==
                0;
        page_snapshot const snapshot =
            is_valid
                ? page_snapshot{tree_at(first_tree), tree_at(second_tree),
                                number<std::uint64_t>(at + __builtin_offsetof(meta, last_page)) + 1,
                                transaction}
                : page_snapshot{{0, 0}, {0, 0}, 0, transaction};
        std::atomic_thread_fence(std::memory_order_acquire);
        // The commit after the next one overwrites this meta.
        return transaction_in(transaction % 2) == transaction ? std::optional(snapshot)
                                                              : std::nullopt;
    }

    /// The last committed snapshot, for a reader without a transaction. Nothing if other processes
    /// commit faster than this function reads.
    [[nodiscard]] std::optional<page_snapshot> latest_snapshot() const noexcept {
        for (int attempt = 0; attempt < 16 && source_.has(1); ++attempt) {
            if (auto snapshot = snapshot_of((std::max)(transaction_in(0), transaction_in(1)))) {
                return snapshot;
            }
        }
        return std::nullopt;
    }

    /// The snapshot at the begin of a write; nothing if the metas contradict each other.
    /// Precondition: the caller is the only writer.
    [[nodiscard]] std::optional<page_snapshot> snapshot_to_write() const noexcept {
        if (!source_.has(1)) {
            return std::nullopt;
        }
        std::uint64_t const even = transaction_in(0);
        std::uint64_t const odd = transaction_in(1);
        auto const last = snapshot_of((std::max)(even, odd));
        auto const previous = snapshot_of((std::min)(even, odd));
        // Page counts only grow. With a smaller count LMDB would overwrite pages in use.
        bool const is_valid = last && previous && last->page_count >= previous->page_count &&
                              last->page_count <= source_.max_pages();
        return is_valid ? last : std::nullopt;
    }

    /// Whether no page of a snapshot was overwritten since snapshot_of() returned it. Transaction T
    /// + 1 is the first that may free pages of snapshot T, and T + 3 the first that may overwrite
    /// them; before that, T + 2 overwrites the meta of T.
    ///
    /// Source: LMDB 0.9, mdb.c: mdb_page_alloc(), mdb_find_oldest().
    [[nodiscard]] bool is_intact(page_snapshot const& snapshot) const noexcept {
        std::atomic_thread_fence(std::memory_order_acquire); // the caller's reads come first
        return snapshot_of(snapshot.transaction).has_value();
    }

    /// The unchecked sizes of both trees in the meta. Precondition: the caller is the only writer.
    [[nodiscard]] tree_size free_pages_size(page_snapshot const& snapshot) const noexcept {
        return size_at(database_at(snapshot, __builtin_offsetof(page_format::meta, free_pages)));
    }
    [[nodiscard]] tree_size records_size(page_snapshot const& snapshot) const noexcept {
        return size_at(database_at(snapshot, __builtin_offsetof(page_format::meta, records)));
    }

    /// The size of all records, valid if the snapshot is intact afterwards. Nothing if it is
    /// impossible.
    [[nodiscard]] std::optional<database_size>
    size_of(page_snapshot const& snapshot) const noexcept {
        std::byte const* const tree =
            database_at(snapshot, __builtin_offsetof(page_format::meta, records));
        return valid_size(
            number<std::uint64_t>(tree + __builtin_offsetof(page_format::database, entries)),
            size_at(tree), page_format::page_size);
    }

    /// Looks up a record, and sets `value` to its bytes in the file. Faster than mdb_get().
    [[nodiscard]] lookup_status find(page_snapshot const& snapshot, bytes_view key,
                                     bytes_view& value) const noexcept {
        std::uint64_t next = snapshot.records.root;
        if (next == page_format::no_page) {
            return lookup_status::absent;
        }
        for (std::size_t depth = 0; depth < page_format::max_depth; ++depth) {
            auto const page = page_at(next, snapshot.page_count);
            if (!page) {
                return lookup_status::corrupt;
            }
            std::size_t low = first_key(*page);
            std::size_t high = page->count;
            for (unsigned step = 0; low < high; ++step) {
                if (step % steps_ahead == 0) {
                    prefetch_steps(*page, low, high);
                }
                std::size_t const middle = (low + high) / 2;
                auto const entry = node_at(*page, middle);
                if (!entry) {
                    return lookup_status::corrupt;
                }
                int const order = compare(entry->key, key);
                if (order == 0 && !page->is_branch) {
                    return value_of(*page, *entry, snapshot.page_count, value);
                }
                (order > 0 ? high : low) = order > 0 ? middle : middle + 1;
            }
            if (!page->is_branch) {
                return lookup_status::absent;
            }
            auto const child = node_at(*page, low - 1);
            if (!child) {
                return lookup_status::corrupt;
            }
            next = child->header.child();
        }
        return lookup_status::corrupt;
    }

    /// A branch or a leaf; nothing if its header is invalid.
    [[nodiscard]] std::optional<tree_page> page_at(std::uint64_t page,
                                                   std::uint64_t page_count) const noexcept {
        using page_format::page_header;
        if (page < page_format::first_tree_page || page >= page_count || !source_.has(page)) {
            return std::nullopt;
        }
        std::byte const* const bytes = source_.at(page);
        unsigned const flags =
            number<std::uint16_t>(bytes + __builtin_offsetof(page_header, flags));
        std::size_t const lower =
            number<std::uint16_t>(bytes + __builtin_offsetof(page_header, lower));
        std::size_t const upper =
            number<std::uint16_t>(bytes + __builtin_offsetof(page_header, upper));
        bool const is_branch = flags == page_format::branch_page;
        if (number<std::uint64_t>(bytes + __builtin_offsetof(page_header, number)) != page ||
            (!is_branch && flags != page_format::leaf_page) || lower % 2 != 0 || lower > upper ||
            upper > page_format::page_size ||
            lower < sizeof(page_header) + (is_branch ? node_offset_size : 0)) {
            return std::nullopt;
        }
        return tree_page{bytes, is_branch, (lower - sizeof(page_header)) / node_offset_size, upper};
    }

    /// A node of a page; nothing if its header or key crosses the end of the page.
    [[nodiscard]] static std::optional<tree_node> node_at(tree_page const& page,
                                                          std::size_t index) noexcept {
        using page_format::node_header;
        std::size_t const offset = node_offset(page, index);
        if (offset + sizeof(node_header) > page_format::page_size) {
            return std::nullopt;
        }
        std::byte const* const bytes = page.bytes + offset;
        node_header const header{number<std::uint64_t>(bytes)};
        if (offset + sizeof(node_header) + header.key_size() > page_format::page_size) {
            return std::nullopt;
        }
        return tree_node{offset, header, {bytes + sizeof(node_header), header.key_size()}};
    }

    /// The index of a page's first node that has a key: that of a branch's first node is not used.
    [[nodiscard]] static std::size_t first_key(tree_page const& page) noexcept {
        return page.is_branch ? 1 : 0;
    }

    /// Sets `value` to the bytes of a leaf's node: found or corrupt.
    [[nodiscard]] lookup_status value_of(tree_page const& page, tree_node const& node,
                                         std::uint64_t page_count,
                                         bytes_view& value) const noexcept {
        std::byte const* const content = node.key.data() + node.key.size();
        auto const room = static_cast<std::size_t>(page.bytes + page_format::page_size - content);
        std::size_t const size = node.header.value_size();
        if (node.header.flags() == 0) {
            value = {content, size};
            return size <= room ? lookup_status::found : lookup_status::corrupt;
        }
        if (room < sizeof(std::uint64_t)) {
            return lookup_status::corrupt;
        }
        auto const first = number<std::uint64_t>(content);
        if (!is_overflow(first, size, page_count)) {
            return lookup_status::corrupt;
        }
        value = {source_.at(first) + sizeof(page_format::page_header), size};
        return lookup_status::found;
    }

    /// The number of overflow pages of a value.
    [[nodiscard]] static std::uint64_t overflow_pages_for(std::size_t value_size) noexcept {
        return (sizeof(page_format::page_header) + value_size + page_format::page_size - 1) /
               page_format::page_size;
    }

    /// The page that contains a byte.
    [[nodiscard]] std::uint64_t page_with(std::byte const* byte) const noexcept {
        return static_cast<std::uint64_t>(byte - source_.at(0)) / page_format::page_size;
    }

    /// Reads a number exactly once. Another process may write to the file at any time, so the
    /// compiler must not read a number again after its check.
    template <class T> [[nodiscard]] static T number(std::byte const* at) noexcept {
        T value;
        std::memcpy(&value, at, sizeof value);
        asm("" : "+r"(value)); // NOLINT(hicpp-no-assembler): hides the origin of the value
        return value;
    }

    /// Compares keys: negative, 0 or positive.
    [[nodiscard]] static int compare(bytes_view one, bytes_view other) noexcept {
        if (one.size() >= sizeof(std::uint64_t) && other.size() >= sizeof(std::uint64_t)) {
            std::uint64_t const first = big_endian(one);
            std::uint64_t const second = big_endian(other);
            if (first != second) [[likely]] {
                return first < second ? -1 : 1;
            }
        }
        int const order =
            std::memcmp(one.data(), other.data(), (std::min)(one.size(), other.size()));
        return order != 0 ? order : static_cast<int>(one.size()) - static_cast<int>(other.size());
    }

  private:
    static constexpr std::size_t node_offset_size = 2; // bytes
    static constexpr unsigned steps_ahead = 3;

    // The first 8 bytes as a number that compares as they do.
    [[nodiscard]] static std::uint64_t big_endian(bytes_view key) noexcept {
        return __builtin_bswap64(number<std::uint64_t>(key.data())); // little-endian machines only
    }

    // Fetches the nodes that the next steps of a binary search may compare, all at once: one after the
    // other, each would wait for the memory.
    static void prefetch_steps(tree_page const& page, std::size_t low, std::size_t high,
                               unsigned steps = steps_ahead) noexcept {
        if (steps == 0 || low >= high) {
            return;
        }
        std::size_t const middle = (low + high) / 2;
        __builtin_prefetch(page.bytes + node_offset(page, middle));
        prefetch_steps(page, low, middle, steps - 1);
        prefetch_steps(page, middle + 1, high, steps - 1);
    }

    [[nodiscard]] static std::size_t node_offset(tree_page const& page,
                                                 std::size_t index) noexcept {
        return number<std::uint16_t>(page.bytes + sizeof(page_format::page_header) +
                                     node_offset_size * index);
    }

    [[nodiscard]] std::byte const* meta_at(std::uint64_t page) const noexcept {
        return source_.at(page) + sizeof(page_format::page_header);
    }
    [[nodiscard]] std::byte const* database_at(page_snapshot const& snapshot,
                                               std::size_t offset) const noexcept {
        return meta_at(snapshot.transaction % 2) + offset;
    }
    [[nodiscard]] std::uint64_t transaction_in(std::uint64_t page) const noexcept {
        return number<std::uint64_t>(meta_at(page) +
                                     __builtin_offsetof(page_format::meta, transaction));
    }

    [[nodiscard]] static page_tree tree_at(std::byte const* database) noexcept {
        return {number<std::uint64_t>(database + __builtin_offsetof(page_format::database, root)),
                number<std::uint16_t>(database + __builtin_offsetof(page_format::database, depth))};
    }
    [[nodiscard]] static tree_size size_at(std::byte const* database) noexcept {
        return {
            number<std::uint64_t>(database +
                                  __builtin_offsetof(page_format::database, branch_pages)),
            number<std::uint64_t>(database + __builtin_offsetof(page_format::database, leaf_pages)),
            number<std::uint64_t>(database +
                                  __builtin_offsetof(page_format::database, overflow_pages))};
    }

    /// Whether a value's overflow pages lie within the file, and their number is the one in the
    /// header of the first page: LMDB frees that many.
    [[nodiscard]] bool is_overflow(std::uint64_t first, std::size_t value_size,
                                   std::uint64_t page_count) const noexcept {
        using page_format::page_header;
        std::uint64_t const count = overflow_pages_for(value_size);
        return first >= page_format::first_tree_page && first < page_count &&
               count <= page_count - first && source_.has(first + count - 1) &&
               number<std::uint64_t>(source_.at(first) + __builtin_offsetof(page_header, number)) ==
                   first &&
               number<std::uint16_t>(source_.at(first) + __builtin_offsetof(page_header, flags)) ==
                   page_format::overflow_page &&
               number<std::uint32_t>(source_.at(first) + page_format::overflow_count) == count;
    }

    page_source const& source_;
};

} // namespace memo::detail
