// SPDX-License-Identifier: BSL-1.0
#pragma once

// Checks that every page of the data file has one use: as part of one tree, of one value, or as a
// free page. A damaged root number may lead to the tree of an earlier commit: its pages are valid,
// but some are free by now or have another use, and LMDB would overwrite pages in use
// (docs/decisions/0021-sound-pages.md, 0063-page-checks.md). Each process runs this check before
// its first write.
//
// Source: LMDB 0.9, mdb.c: mdb_freelist_save(): the key T lists the pages that transaction T freed.

#include <memo/detail/lmdb/page_check/entry_view.hpp>
#include <memo/detail/lmdb/page_check/page_format.hpp>
#include <memo/detail/lmdb/page_check/page_view.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace memo::detail {

/// Counts the pages of the last commit. Precondition: the caller is the only writer.
class page_accounting {
  public:
    page_accounting(page_view const& pages, page_snapshot const& snapshot)
        : pages_(pages),
          snapshot_(snapshot),
          free_pages_size_(pages.free_pages_size(snapshot)),
          records_size_(pages.records_size(snapshot)),
          is_used_(snapshot.page_count) {}

    /// Whether no page has two uses, and the lists of free pages belong to this commit.
    ///
    /// Complexity:     reads all lists of free pages, at most 8192 branches of records, and at most
    ///                 8192 leaves if there are overflow pages; skips branches or leaves beyond
    ///                 that number
    [[nodiscard]] bool has_single_uses() {
        return add_size(records_size_) && add_size(free_pages_size_) &&
               use(0, page_format::first_tree_page) && use_records() && use_free_pages() &&
               count_ <= snapshot_.page_count;
    }

  private:
    static constexpr std::uint64_t max_pages_read = 8192;

    // Adds the stated size of a tree; false if the file has fewer pages. The numbers are unchecked.
    [[nodiscard]] bool add_size(tree_size const& size) {
        count_ += size.branches + size.leaves + size.overflow;
        return (std::max)({size.branches, size.leaves, size.overflow}) <= snapshot_.page_count;
    }

    // Marks pages as used; false if the file does not have them, or they are already used.
    [[nodiscard]] bool use(std::uint64_t first, std::uint64_t count) {
        if (first >= snapshot_.page_count || count > snapshot_.page_count - first) {
            return false;
        }
        for (std::uint64_t page = first; page < first + count; ++page) {
            if (is_used_[page]) {
                return false;
            }
            is_used_[page] = true;
        }
        return true;
    }

    // Marks the branches and leaves of a tree as used, and returns the leaves.
    [[nodiscard]] std::optional<std::vector<std::uint64_t>> use_tree(page_tree const& tree) {
        std::vector<std::uint64_t> level;
        if (tree.root != page_format::no_page) {
            level.push_back(tree.root);
        }
        for (unsigned depth = tree.depth;; --depth) {
            std::vector<std::uint64_t> children;
            for (std::uint64_t const page : level) {
                if (!use(page, 1) || (depth > 1 && !add_children(page, children))) {
                    return std::nullopt;
                }
            }
            if (depth <= 1) {
                return level;
            }
            level = std::move(children);
        }
    }

    [[nodiscard]] bool add_children(std::uint64_t branch, std::vector<std::uint64_t>& to) const {
        auto const page = pages_.page_at(branch, snapshot_.page_count);
        if (!page || !page->is_branch) {
            return false;
        }
        for (std::size_t index = 0; index < page->count; ++index) {
            auto const node = page_view::node_at(*page, index);
            if (!node) {
                return false;
            }
            to.push_back(node->header.child());
        }
        return true;
    }

    // Marks the overflow pages of a leaf as used, and calls is_valid(key, value) for each entry.
    template <class IsValid>
    [[nodiscard]] bool use_values(std::uint64_t leaf, IsValid const& is_valid) {
        auto const page = pages_.page_at(leaf, snapshot_.page_count);
        if (!page || page->is_branch) {
            return false;
        }
        for (std::size_t index = 0; index < page->count; ++index) {
            auto const node = page_view::node_at(*page, index);
            bytes_view value;
            if (!node || pages_.value_of(*page, *node, snapshot_.page_count, value) !=
                             lookup_status::found) {
                return false;
            }
            std::uint64_t const first = pages_.page_with(value.data());
            if (first != leaf && !use(first, page_view::overflow_pages_for(value.size()))) {
                return false;
            }
            if (!is_valid(node->key, value)) {
                return false;
            }
        }
        return true;
    }

    [[nodiscard]] bool use_records() {
        if (records_size_.branches > max_pages_read) {
            return true;
        }
        auto const leaves = use_tree(snapshot_.records);
        if (!leaves) {
            return false;
        }
        if (records_size_.overflow == 0 || leaves->size() > max_pages_read) {
            return true;
        }
        return std::ranges::all_of(*leaves, [&](std::uint64_t leaf) {
            return use_values(leaf, [](bytes_view, bytes_view) { return true; });
        });
    }

    [[nodiscard]] bool use_free_pages() {
        auto const leaves = use_tree(snapshot_.free_pages);
        if (!leaves) {
            return false;
        }
        std::uint64_t last = 0;
        for (std::uint64_t const leaf : *leaves) {
            if (!use_values(leaf, [&](bytes_view freed_by, bytes_view list) {
                    return use_list(list) && is_later(freed_by, last);
                })) {
                return false;
            }
        }
        return leaves->empty() || last == snapshot_.transaction || may_have_freed_nothing();
    }

    [[nodiscard]] bool use_list(bytes_view list) {
        constexpr std::size_t word = sizeof(std::uint64_t);
        if (list.size() < word) {
            return false;
        }
        auto const count = page_view::number<std::uint64_t>(list.data());
        if (count > list.size() / word - 1) {
            return false;
        }
        count_ += count;
        for (std::uint64_t i = 1; i <= count; ++i) {
            if (!use(page_view::number<std::uint64_t>(list.data() + i * word), 1)) {
                return false;
            }
        }
        return true;
    }

    // Whether the transaction of a list follows `last`, which it replaces.
    [[nodiscard]] static bool is_later(bytes_view key, std::uint64_t& last) noexcept {
        if (key.size() != sizeof(std::uint64_t)) {
            return false;
        }
        auto const freed_by = page_view::number<std::uint64_t>(key.data());
        return freed_by > std::exchange(last, freed_by);
    }

    // Each commit frees the previous root, unless the tree was empty.
    [[nodiscard]] bool may_have_freed_nothing() const noexcept {
        auto const previous = pages_.snapshot_of(snapshot_.transaction - 1);
        return !previous || previous->records.root == page_format::no_page;
    }

    page_view const& pages_;
    page_snapshot const snapshot_;
    tree_size const free_pages_size_;
    tree_size const records_size_;
    std::vector<bool> is_used_;
    std::uint64_t count_ = page_format::first_tree_page; ///< pages in use
};

} // namespace memo::detail
