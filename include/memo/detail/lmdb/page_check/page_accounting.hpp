// SPDX-License-Identifier: BSL-1.0
#pragma once

// Every page of the data file has one use: it is part of a tree or of a value, or it is free. Damage
// to the few numbers that say where the trees are can lead to a tree of a commit before. Its pages look
// sound, but some are free by now, or in use for something else, and LMDB would write over what is in
// use (docs/decisions/0021-sound-pages.md). So pages are counted before a process writes for the first
// time.
//
// Source: LMDB 0.9, mdb.c: mdb_freelist_save(): what transaction T freed is listed under the key T.

#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/lmdb/page_check/page_view.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace memo::detail {

/// Counts the pages of the last commit. Nobody may be writing.
class page_accounting {
  public:
    page_accounting(page_view const& pages, page_view::roots const& trees)
        : pages_(pages), trees_(trees), sizes_(pages.sizes_of(trees)), used_(trees.pages) {}

    /// Whether no page is seen to have two uses, and the lists of free pages are those of this commit.
    ///
    /// Complexity:     reads all lists of free pages and branches of records, and leaves where values
    ///                 lie in pages of their own; neither where there are more than 8192
    [[nodiscard]] bool are_single() {
        return adds_up(sizes_.records) && adds_up(sizes_.free_pages) && take(0, 2) &&
               take_records() && take_free_pages() && counted_ <= trees_.pages;
    }

  private:
    static constexpr std::uint64_t max_looked_at = 8192;

    // Counts what a tree says that it has. Each number may be anything.
    [[nodiscard]] bool adds_up(page_view::tree_size const& size) {
        counted_ += size.branches + size.leaves + size.in_own_pages;
        return (std::max)({size.branches, size.leaves, size.in_own_pages}) <= trees_.pages;
    }

    // False if they are not the file's, or have another use already.
    [[nodiscard]] bool take(std::uint64_t first, std::uint64_t count) {
        if (first >= trees_.pages || count > trees_.pages - first) {
            return false;
        }
        for (std::uint64_t page = first; page < first + count; ++page) {
            if (used_[page]) {
                return false;
            }
            used_[page] = true;
        }
        return true;
    }

    // Takes a tree's pages, but not those of its values, and gives its leaves.
    [[nodiscard]] std::optional<std::vector<std::uint64_t>> take_tree(page_view::tree const& of) {
        std::vector<std::uint64_t> level;
        if (of.root != page_view::none) {
            level.push_back(of.root);
        }
        for (unsigned depth = of.depth;; --depth) {
            std::vector<std::uint64_t> below;
            for (std::uint64_t const page : level) {
                if (!take(page, 1) || (depth > 1 && !add_children(page, below))) {
                    return std::nullopt;
                }
            }
            if (depth <= 1) {
                return level;
            }
            level = std::move(below);
        }
    }

    [[nodiscard]] bool add_children(std::uint64_t branch, std::vector<std::uint64_t>& to) const {
        auto const page = pages_.page_of(branch, trees_.pages);
        if (!page || !page->is_branch) {
            return false;
        }
        for (std::size_t index = 0; index < page->count; ++index) {
            auto const node = page_view::node_of(*page, index);
            if (!node) {
                return false;
            }
            to.push_back(node->child);
        }
        return true;
    }

    [[nodiscard]] std::uint64_t page_with(std::byte const* byte) const noexcept {
        return static_cast<std::uint64_t>(byte - pages_.at(0)) / page_view::page_size;
    }

    // Visits the entries of a leaf: visit(key, value). Takes the pages of values that have pages of
    // their own.
    template <class Visit> [[nodiscard]] bool take_values(std::uint64_t leaf, Visit const& visit) {
        auto const page = pages_.page_of(leaf, trees_.pages);
        if (!page || page->is_branch) {
            return false;
        }
        for (std::size_t index = 0; index < page->count; ++index) {
            auto const node = page_view::node_of(*page, index);
            bytes_view value;
            if (!node ||
                pages_.value_of(*page, *node, trees_.pages, value) != page_view::search::found) {
                return false;
            }
            std::uint64_t const first = page_with(value.data());
            if (first != leaf && !take(first, page_view::pages_for(value.size()))) {
                return false;
            }
            if (!visit(node->key, value)) {
                return false;
            }
        }
        return true;
    }

    [[nodiscard]] bool take_records() {
        if (sizes_.records.branches > max_looked_at) {
            return true;
        }
        auto const leaves = take_tree(trees_.records);
        if (!leaves) {
            return false;
        }
        if (sizes_.records.in_own_pages == 0 || leaves->size() > max_looked_at) {
            return true;
        }
        return std::ranges::all_of(*leaves, [&](std::uint64_t leaf) {
            return take_values(leaf, [](bytes_view, bytes_view) { return true; });
        });
    }

    [[nodiscard]] bool take_free_pages() {
        auto const leaves = take_tree(trees_.free_pages);
        if (!leaves) {
            return false;
        }
        std::uint64_t newest = 0;
        for (std::uint64_t const leaf : *leaves) {
            if (!take_values(leaf, [&](bytes_view freed_by, bytes_view list) {
                    return take_list(list) && is_later(freed_by, newest);
                })) {
                return false;
            }
        }
        return leaves->empty() || newest == trees_.transaction || may_have_freed_nothing();
    }

    [[nodiscard]] bool take_list(bytes_view list) {
        constexpr std::size_t word = sizeof(std::uint64_t);
        if (list.size() < word) {
            return false;
        }
        auto const count = page_view::number<std::uint64_t>(list.data());
        if (count > list.size() / word - 1) {
            return false;
        }
        counted_ += count;
        for (std::uint64_t i = 1; i <= count; ++i) {
            if (!take(page_view::number<std::uint64_t>(list.data() + i * word), 1)) {
                return false;
            }
        }
        return true;
    }

    // Which transaction freed a list of pages: later ones come later.
    [[nodiscard]] static bool is_later(bytes_view key, std::uint64_t& newest) noexcept {
        if (key.size() != sizeof(std::uint64_t)) {
            return false;
        }
        auto const freed_by = page_view::number<std::uint64_t>(key.data());
        return freed_by > std::exchange(newest, freed_by);
    }

    // Each commit frees the root before it, if there was one.
    [[nodiscard]] bool may_have_freed_nothing() const noexcept {
        auto const before = pages_.roots_of(trees_.transaction - 1);
        return !before || before->records.root == page_view::none;
    }

    page_view const& pages_;
    page_view::roots const trees_;
    page_view::sizes const sizes_;
    std::vector<bool> used_;
    std::uint64_t counted_ = 2; ///< the two pages that say where the trees are
};

} // namespace memo::detail
