// SPDX-License-Identifier: BSL-1.0
#pragma once

// Iterates over the records of a snapshot in ascending order, and checks every page: LMDB's cursors
// follow damaged pages. All keys must ascend, including the separators in branches. So the
// iteration ends for any damage, and visits only records that page_view::find() finds.

#include <memo/detail/lmdb/page_check/entry_view.hpp>
#include <memo/detail/lmdb/page_check/page_format.hpp>
#include <memo/detail/lmdb/page_check/page_view.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace memo::detail {

/// The key of an entry is a copy that is valid until the next call; the value lies in the file.
class page_cursor {
  public:
    page_cursor(page_view const& pages, page_snapshot const& snapshot) noexcept
        : pages_(pages), snapshot_(snapshot) {}

    /// Moves to the first entry whose key is not less; an empty key is less than all keys.
    [[nodiscard]] lookup_status seek(bytes_view key, key_and_value& entry) noexcept {
        depth_ = 0;
        if (snapshot_.records.root == page_format::no_page) {
            return lookup_status::absent;
        }
        has_previous_key_ = !key.empty();
        may_equal_ = true;
        if (has_previous_key_) {
            set_previous_key(key);
        }
        if (!enter(snapshot_.records.root)) {
            return lookup_status::corrupt;
        }
        while (page().is_branch) {
            if (!search_page(key)) {
                return lookup_status::corrupt;
            }
            auto const child = page_view::node_at(page(), index());
            if (!child || !enter(child->header.child())) {
                return lookup_status::corrupt;
            }
        }
        return search_page(key) ? read_entry(entry) : lookup_status::corrupt;
    }

    /// Moves to the next entry. Precondition: the last call found one.
    [[nodiscard]] lookup_status next(key_and_value& entry) noexcept {
        ++index();
        return read_entry(entry);
    }

  private:
    struct level {
        tree_page page;
        std::size_t index = 0; ///< of the node
    };

    [[nodiscard]] tree_page const& page() const noexcept { return path_[depth_ - 1].page; }
    [[nodiscard]] std::size_t& index() noexcept { return path_[depth_ - 1].index; }

    // Refuses pages without nodes: LMDB writes none, and a tree of them would make the iteration
    // endless.
    [[nodiscard]] bool enter(std::uint64_t number) noexcept {
        auto const page = pages_.page_at(number, snapshot_.page_count);
        if (depth_ == path_.size() || !page || page->count == 0) {
            return false;
        }
        path_[depth_++] = {*page, 0};
        return true;
    }

    // Sets the index: in a branch to the child for the key, in a leaf to the first key that is not
    // less.
    [[nodiscard]] bool search_page(bytes_view key) noexcept {
        std::size_t low = page_view::first_key(page());
        std::size_t high = key.empty() ? low : page().count;
        while (low < high) {
            std::size_t const middle = (low + high) / 2;
            auto const node = page_view::node_at(page(), middle);
            if (!node) {
                return false;
            }
            int const order = page_view::compare(node->key, key);
            bool const is_after = page().is_branch ? order > 0 : order >= 0;
            (is_after ? high : low) = is_after ? middle : middle + 1;
        }
        index() = page().is_branch ? low - 1 : low;
        return true;
    }

    // Whether the key of an entry or a separator is greater than the previous one. Replaces the
    // previous one.
    [[nodiscard]] bool advance_to(bytes_view key) noexcept {
        if (key.size() > page_format::max_key_size) {
            return false;
        }
        int const order = has_previous_key_ ? page_view::compare(key, previous_key()) : 1;
        set_previous_key(key);
        return order > 0 || (order == 0 && may_equal_);
    }

    [[nodiscard]] bytes_view previous_key() const noexcept {
        return bytes_view(previous_key_).first(previous_key_size_);
    }
    void set_previous_key(bytes_view key) noexcept {
        previous_key_size_ = (std::min)(key.size(), previous_key_.size());
        std::memcpy(previous_key_.data(), key.data(), previous_key_size_);
        has_previous_key_ = true;
    }

    // Reads the entry at the current position or, at the end of a leaf, the first one after it.
    [[nodiscard]] lookup_status read_entry(key_and_value& entry) noexcept {
        while (index() >= page().count) {
            if (--depth_ == 0) {
                return lookup_status::absent;
            }
            ++index();
        }
        while (page().is_branch) {
            auto const child = page_view::node_at(page(), index());
            if (!child) {
                return lookup_status::corrupt;
            }
            if (index() != 0) {
                may_equal_ = false;
                if (!advance_to(child->key)) {
                    return lookup_status::corrupt;
                }
                may_equal_ = true; // the first key below may equal the separator
            }
            if (!enter(child->header.child())) {
                return lookup_status::corrupt;
            }
        }
        auto const node = page_view::node_at(page(), index());
        if (!node || !advance_to(node->key)) {
            return lookup_status::corrupt;
        }
        may_equal_ = false;
        entry.key = previous_key();
        return pages_.value_of(page(), *node, snapshot_.page_count, entry.value);
    }

    page_view const& pages_;
    page_snapshot const snapshot_;
    std::array<level, page_format::max_depth> path_{}; ///< from the root
    std::size_t depth_ = 0;
    std::array<std::byte, page_format::max_key_size> previous_key_{};
    std::size_t previous_key_size_ = 0;
    bool has_previous_key_ = false;
    bool may_equal_ = true; ///< whether the next key may equal the previous one
};

} // namespace memo::detail
