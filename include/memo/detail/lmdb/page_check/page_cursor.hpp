// SPDX-License-Identifier: BSL-1.0
#pragma once

// A snapshot in, its entries one after the other out, with no page believed: LMDB's own cursors go
// where a damaged page sends them. Keys must ascend over all pages, the separators of branches among
// them, so whatever the pages say the walk ends, and a search finds what the walk finds.

#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/lmdb/page_check/page_view.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

namespace memo::detail {

/// The walk over one tree of pages.
class page_cursor {
  public:
    using search = page_view::search;

    page_cursor(page_view const& pages, page_view::roots const& trees) noexcept
        : pages_(pages), trees_(trees) {}

    /// The first entry whose key is not less; the very first one for an empty key.
    [[nodiscard]] search seek(bytes_view from, key_and_value& entry) noexcept {
        depth_ = 0;
        if (trees_.records.root == page_view::none) {
            return search::missing;
        }
        has_key_before_ = !from.empty();
        may_equal_ = true;
        if (has_key_before_) {
            keep_key(from);
        }
        if (!enter(trees_.records.root)) {
            return search::invalid;
        }
        while (page().is_branch) {
            if (!go_to(from)) {
                return search::invalid;
            }
            auto const child = page_view::node_of(page(), index());
            if (!child || !enter(child->child)) {
                return search::invalid;
            }
        }
        return go_to(from) ? arrive(entry) : search::invalid;
    }

    /// The entry behind the one that was found last.
    [[nodiscard]] search next(key_and_value& entry) noexcept {
        ++index();
        return arrive(entry);
    }

  private:
    struct level {
        page_view::tree_page page;
        std::size_t index = 0; ///< of the node
    };

    [[nodiscard]] page_view::tree_page const& page() const noexcept {
        return way_[depth_ - 1].page;
    }
    [[nodiscard]] std::size_t& index() noexcept { return way_[depth_ - 1].index; }

    // A page without entries is none of LMDB's, and a tree of them might take for ever.
    [[nodiscard]] bool enter(std::uint64_t number) noexcept {
        auto const entered = pages_.page_of(number, trees_.pages);
        if (depth_ == way_.size() || !entered || entered->count == 0) {
            return false;
        }
        way_[depth_++] = {*entered, 0};
        return true;
    }

    // In a branch to the child to go on with, in a leaf to the first key that is not less.
    [[nodiscard]] bool go_to(bytes_view key) noexcept {
        std::size_t low = page().is_branch ? 1 : 0; // the key of a branch's first node is not used
        std::size_t high = key.empty() ? low : page().count;
        while (low < high) {
            std::size_t const middle = (low + high) / 2;
            auto const node = page_view::node_of(page(), middle);
            if (!node) {
                return false;
            }
            int const order = page_view::compare(node->key, key);
            bool const behind = page().is_branch ? order > 0 : order >= 0;
            (behind ? high : low) = behind ? middle : middle + 1;
        }
        index() = page().is_branch ? low - 1 : low;
        return true;
    }

    // Whether this is the next key of the walk, an entry's or a separator's.
    [[nodiscard]] bool ascends(bytes_view key) noexcept {
        if (key.size() > before_.size()) {
            return false; // LMDB has no such keys
        }
        int const order = has_key_before_ ? page_view::compare(key, key_before()) : 1;
        keep_key(key);
        return order > 0 || (order == 0 && may_equal_);
    }

    [[nodiscard]] bytes_view key_before() const noexcept {
        return bytes_view(before_).first(size_before_);
    }
    void keep_key(bytes_view key) noexcept {
        size_before_ = (std::min)(key.size(), before_.size());
        std::memcpy(before_.data(), key.data(), size_before_);
        has_key_before_ = true;
    }

    // To the entry at the place that was reached, over the ends of pages.
    [[nodiscard]] search arrive(key_and_value& entry) noexcept {
        while (index() >= page().count) {
            if (--depth_ == 0) {
                return search::missing;
            }
            ++index();
        }
        while (page().is_branch) {
            auto const child = page_view::node_of(page(), index());
            if (!child) {
                return search::invalid;
            }
            if (index() != 0) {
                may_equal_ = false;
                if (!ascends(child->key)) {
                    return search::invalid;
                }
                may_equal_ = true; // it may be the first key of its page
            }
            if (!enter(child->child)) {
                return search::invalid;
            }
        }
        auto const node = page_view::node_of(page(), index());
        if (!node || !ascends(node->key)) {
            return search::invalid;
        }
        may_equal_ = false;
        entry.key = key_before();
        return pages_.value_of(page(), *node, trees_.pages, entry.value);
    }

    static constexpr std::size_t longest_key = 511; // LMDB's own bound

    page_view const& pages_;
    page_view::roots const trees_;
    std::array<level, page_view::deepest> way_{};
    std::size_t depth_ = 0;
    std::array<std::byte, longest_key> before_{}; ///< a copy of the key before
    std::size_t size_before_ = 0;
    bool has_key_before_ = false;
    bool may_equal_ = true;
};

/// The entries of a snapshot or of a write transaction as it began, in ascending order. A key is a copy,
/// good until the next one is asked for; a value lies in the file, where writers that do not know of the
/// snapshot may write over it: what was read of it counts once the snapshot is known to hold.
///
/// Throws:         disk_error; says_damaged(its code) if a page on the way is none
class disk_cursor {
  public:
    /// trees           nothing: pages that are left to LMDB
    disk_cursor(MDB_txn* txn, page_view const& pages,
                std::optional<page_view::roots> const& trees) {
        if (trees) {
            walk_.emplace(pages, *trees);
        } else {
            theirs_ = open_cursor(txn);
        }
    }

    /// The first entry whose key is not less; the very first one for an empty key.
    [[nodiscard]] std::optional<key_and_value> seek(bytes_view from = {}) {
        if (!walk_) {
            return step(theirs_.get(), from.empty() ? MDB_FIRST : MDB_SET_RANGE, from);
        }
        key_and_value entry{};
        return told(walk_->seek(from, entry), entry);
    }

    /// The entry behind the one that was found last, which is no longer to be used.
    [[nodiscard]] std::optional<key_and_value> next() {
        if (!walk_) {
            return step(theirs_.get(), MDB_NEXT);
        }
        key_and_value entry{};
        return told(walk_->next(entry), entry);
    }

  private:
    static std::optional<key_and_value> told(page_view::search outcome,
                                             key_and_value const& entry) {
        if (outcome == page_view::search::invalid) {
            lmdb_failed("scan", MDB_CORRUPTED);
        }
        return outcome == page_view::search::found ? std::optional(entry) : std::nullopt;
    }

    std::optional<page_cursor> walk_;
    lmdb_cursor theirs_;
};

} // namespace memo::detail
