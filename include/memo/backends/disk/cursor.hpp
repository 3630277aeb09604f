// SPDX-License-Identifier: BSL-1.0
#pragma once

// A snapshot in, its entries one after the other out, with no page believed: LMDB's own cursors go
// where a damaged page sends them. Keys must ascend over all pages, the separators of branches among
// them, so whatever the pages say the walk ends, and a search finds what the walk finds.

#include <memo/backends/disk/lmdb.hpp>
#include <memo/backends/disk/pages.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace memo::detail {

/// Whether no page of a snapshot was written over since roots_of() gave its trees: what its transaction
/// T has in use is freed by T + 1 at the earliest and written over by T + 3, and before that T + 2 takes
/// the place of what says where T's trees are. For who is not heeded by writers.
///
/// Source: LMDB 0.9, mdb.c: mdb_page_alloc(), mdb_find_oldest().
[[nodiscard]] inline bool still_hold(page_view const& pages,
                                     page_view::roots const& trees) noexcept {
    std::atomic_thread_fence(std::memory_order_acquire); // what was copied was read before this
    return pages.roots_of(trees.transaction).has_value();
}

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
        before_ = from;
        may_equal_ = true;
        if (!enter(trees_.records.root)) {
            return search::unsound;
        }
        while (is_branch()) {
            if (!go_to(from) || !enter(pages_.child_of(page(), node()))) {
                return search::unsound;
            }
        }
        return go_to(from) ? arrive(entry) : search::unsound;
    }

    /// The entry behind the one that was found last.
    [[nodiscard]] search next(key_and_value& entry) noexcept {
        ++node();
        return arrive(entry);
    }

    /// Whether all that was found is of the snapshot, if writers do not heed who walks.
    [[nodiscard]] bool holds() const noexcept { return still_hold(pages_, trees_); }

  private:
    struct level {
        std::uint64_t page = 0;
        std::size_t node = 0;
    };

    [[nodiscard]] std::uint64_t page() const noexcept { return way_[depth_ - 1].page; }
    [[nodiscard]] std::size_t& node() noexcept { return way_[depth_ - 1].node; }
    [[nodiscard]] bool is_branch() const noexcept {
        return pages_.flags_of(page()) == page_view::branch;
    }

    // A page without entries is none of LMDB's, and a tree of them might take for ever.
    [[nodiscard]] bool enter(std::uint64_t page) noexcept {
        if (depth_ == way_.size() || !pages_.looks_like_page(page, trees_.pages) ||
            pages_.count_of(page) == 0) {
            return false;
        }
        way_[depth_++] = {page, 0};
        return true;
    }

    // In a branch to the child to go on with, in a leaf to the first key that is not less.
    [[nodiscard]] bool go_to(bytes_view key) noexcept {
        std::size_t low = is_branch() ? 1 : 0; // the key of a branch's first node is not used
        std::size_t high = key.empty() ? low : pages_.count_of(page());
        while (low < high) {
            std::size_t const middle = (low + high) / 2;
            if (!pages_.has_key_within(page(), middle)) {
                return false;
            }
            int const order = page_view::compare(pages_.node_of(page(), middle), key);
            bool const behind = is_branch() ? order > 0 : order >= 0;
            (behind ? high : low) = behind ? middle : middle + 1;
        }
        node() = is_branch() ? low - 1 : low;
        return pages_.has_key_within(page(), is_branch() ? node() : 0);
    }

    // The next key of the walk, whether an entry's or a separator's.
    [[nodiscard]] bool ascends(bytes_view& key) noexcept {
        if (!pages_.has_key_within(page(), node())) {
            return false;
        }
        std::byte const* const it = pages_.node_of(page(), node());
        int const order = before_.empty() ? 1 : page_view::compare(it, before_);
        key = {it + page_view::node_header, page_view::number<std::uint16_t>(it + 6)};
        before_ = key;
        return order > 0 || (order == 0 && may_equal_);
    }

    // To the entry at the place that was reached, over the ends of pages.
    [[nodiscard]] search arrive(key_and_value& entry) noexcept {
        while (node() >= pages_.count_of(page())) {
            if (--depth_ == 0) {
                return search::missing;
            }
            ++node();
        }
        while (is_branch()) {
            if (node() != 0) {
                bytes_view separator;
                may_equal_ = false;
                if (!ascends(separator)) {
                    return search::unsound;
                }
                may_equal_ = true; // it may be the first key of its page
            } else if (!pages_.has_key_within(page(), 0)) {
                return search::unsound;
            }
            if (!enter(pages_.child_of(page(), node()))) {
                return search::unsound;
            }
        }
        if (!ascends(entry.key)) {
            return search::unsound;
        }
        may_equal_ = false;
        return pages_.value_of(page(), node(), trees_.pages, entry.value);
    }

    page_view const& pages_;
    page_view::roots const trees_;
    std::array<level, page_view::deepest> way_{};
    std::size_t depth_ = 0;
    bytes_view before_; ///< the key before
    bool may_equal_ = true;
};

/// The entries of a snapshot or of a write transaction as it began, in ascending order.
///
/// Throws:         disk_error; says_damaged(its code) if a page on the way is none
class disk_cursor {
  public:
    /// trees           nothing: pages that are left to LMDB
    /// heeded          false: writers may write over what is found, so that copies are given
    disk_cursor(MDB_txn* txn, page_view const& pages, std::optional<page_view::roots> const& trees,
                bool heeded = true)
        : heeded_(heeded) {
        if (trees) {
            walk_.emplace(pages, *trees);
        } else {
            theirs_ = open_cursor(txn);
        }
    }

    /// The first entry whose key is not less; the very first one for an empty key.
    [[nodiscard]] std::optional<key_and_value> seek(bytes_view from = {}) {
        if (!walk_) {
            return kept(step(theirs_.get(), from.empty() ? MDB_FIRST : MDB_SET_RANGE, from));
        }
        key_and_value entry{};
        return told(walk_->seek(from, entry), entry);
    }

    /// The entry behind the one that was found last, which is no longer to be used.
    [[nodiscard]] std::optional<key_and_value> next() {
        if (!walk_) {
            return kept(step(theirs_.get(), MDB_NEXT));
        }
        key_and_value entry{};
        return told(walk_->next(entry), entry);
    }

  private:
    std::optional<key_and_value> told(page_view::search outcome, key_and_value const& entry) {
        if (outcome == page_view::search::unsound) {
            if (!heeded_ && !walk_->holds()) {
                throw disk_error("disk scan: the data was written over while it was read; who may "
                                 "not write v1/lock.mdb can read all of it when nobody writes",
                                 EAGAIN);
            }
            lmdb_failed("scan", MDB_CORRUPTED);
        }
        return outcome == page_view::search::found ? kept(entry) : std::nullopt;
    }

    std::optional<key_and_value> kept(std::optional<key_and_value> const& entry) {
        if (heeded_ || !entry) [[likely]] {
            return entry;
        }
        copy_.assign(entry->key.begin(), entry->key.end());
        copy_.insert(copy_.end(), entry->value.begin(), entry->value.end());
        bytes_view const whole(copy_);
        return key_and_value{whole.first(entry->key.size()), whole.subspan(entry->key.size())};
    }

    bool const heeded_;
    std::optional<page_cursor> walk_;
    lmdb_cursor theirs_;
    std::vector<std::byte> copy_; ///< of the entry that was found last
};

} // namespace memo::detail
