// SPDX-License-Identifier: BSL-1.0
#pragma once

// LMDB's data format 1, as 64-bit little-endian machines write it. A file is a sequence of pages.
// Pages 0 and 1 each contain a meta; commits overwrite them alternately. All other pages are
// branches or leaves of the two trees, overflow pages of values, or free.
//
// Offsets use __builtin_offsetof, because offsetof is a macro that a program may have undefined.
//
// Source: LMDB 0.9.24, mdb.c: MDB_page, MDB_node, MDB_db, MDB_meta and their flags.

#include <cstddef>
#include <cstdint>

namespace memo::detail::page_format {

inline constexpr std::uint32_t magic = 0xbeefc0de;
inline constexpr std::uint32_t version = 1;

/// Bytes of a page that page_view reads. LMDB uses the page size of the machine that created the
/// file.
inline constexpr std::size_t page_size = 4096;
inline constexpr std::uint64_t first_tree_page = 2;         ///< after the metas
inline constexpr std::uint64_t no_page = ~std::uint64_t{0}; ///< root of an empty tree: P_INVALID
inline constexpr std::size_t max_depth = 32;                ///< of a tree: CURSOR_STACK
inline constexpr std::size_t max_key_size = 511;            ///< bytes: MDB_MAXKEYSIZE

/// The header of each page: MDB_page. The offsets of the nodes follow, 2 bytes each, up to `lower`;
/// the nodes fill the page from `upper` to its end.
struct page_header {
    std::uint64_t number;
    std::uint16_t unused;
    std::uint16_t flags;
    std::uint16_t lower; ///< bytes from the start of the page
    std::uint16_t upper; ///< bytes from the start of the page
};
static_assert(sizeof(page_header) == 16);

/// The offset of the number of a value's overflow pages, 4 bytes. The first of these pages has it
/// in place of `lower` and `upper`.
inline constexpr std::size_t overflow_count = __builtin_offsetof(page_header, lower);

inline constexpr std::uint16_t branch_page = 1;   ///< P_BRANCH
inline constexpr std::uint16_t leaf_page = 2;     ///< P_LEAF
inline constexpr std::uint16_t overflow_page = 4; ///< P_OVERFLOW
inline constexpr std::uint16_t meta_page = 8;     ///< P_META

/// The header of each node: MDB_node, as one word. The key follows, and in a leaf the value or the
/// 8-byte number of its first overflow page. Nodes have even sizes.
struct node_header {
    std::uint64_t word = 0;

    [[nodiscard]] static constexpr node_header of_branch(std::uint64_t child,
                                                         std::size_t key_size) {
        return {child | std::uint64_t{key_size} << 48U};
    }
    [[nodiscard]] static constexpr node_header of_leaf(std::uint32_t value_size,
                                                       std::uint16_t flags, std::size_t key_size) {
        return {value_size | std::uint64_t{flags} << 32U | std::uint64_t{key_size} << 48U};
    }
    /// Of a branch: the number of a page, 48 bits.
    [[nodiscard]] constexpr std::uint64_t child() const { return word & 0xffff'ffff'ffffU; }
    /// Of a leaf: bytes.
    [[nodiscard]] constexpr std::uint32_t value_size() const {
        return static_cast<std::uint32_t>(word);
    }
    /// Of a leaf.
    [[nodiscard]] constexpr unsigned flags() const {
        return static_cast<unsigned>(word >> 32U) & 0xffffU;
    }
    [[nodiscard]] constexpr std::size_t key_size() const { return word >> 48U; } ///< bytes
};
static_assert(sizeof(node_header) == 8);

inline constexpr unsigned overflow_node = 1; ///< the value lies in overflow pages: F_BIGDATA

/// The description of a tree in a meta: MDB_db.
struct database {
    std::uint32_t page_size; ///< bytes; only in the tree of free pages
    std::uint16_t flags;
    std::uint16_t depth; ///< levels of pages
    std::uint64_t branch_pages;
    std::uint64_t leaf_pages;
    std::uint64_t overflow_pages;
    std::uint64_t entries;
    std::uint64_t root; ///< number of a page, or no_page
};
static_assert(sizeof(database) == 48);

inline constexpr std::uint16_t integer_keys =
    8; ///< flags of the tree of free pages: MDB_INTEGERKEY

/// The content of pages 0 and 1, after their header: MDB_meta. Transaction n writes page n % 2.
///
/// The keys of free_pages are transactions, 8 bytes each. A value lists the pages that its
/// transaction freed: their count, then their numbers in descending order, 8 bytes each.
struct meta {
    std::uint32_t magic;
    std::uint32_t version;
    std::uint64_t address;
    std::uint64_t map_size; ///< bytes
    database free_pages;
    database records;
    std::uint64_t last_page;   ///< in use
    std::uint64_t transaction; ///< the writer
};
static_assert(sizeof(meta) == 136);

/// The size of a page header of LMDB 1.0, whose meta begins with the same fields.
/// Source: LMDB 1.0 (branch mdb.master3), mdb.c: MDB_page, MDB_meta.
inline constexpr std::size_t next_page_header_size = 24;

} // namespace memo::detail::page_format
