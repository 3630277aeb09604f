// SPDX-License-Identifier: BSL-1.0
#pragma once

// Iterates over the entries of a snapshot, or over those at the begin of a write, in ascending
// order.

#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/lmdb/page_check/page_cursor.hpp>
#include <memo/detail/lmdb/page_check/page_view.hpp>

#include <optional>

namespace memo::detail {

/// The key of an entry is a copy that is valid until the next call. The value lies in the file,
/// where writers may overwrite it if the reader is not registered: check afterwards that the
/// snapshot is intact.
///
/// Throws:         disk_error; is_damage(its code) if a page on the path is invalid
class disk_cursor {
  public:
    /// snapshot        nothing: uses LMDB's cursor, which does not check pages
    disk_cursor(MDB_txn* txn, page_view const& pages,
                std::optional<page_snapshot> const& snapshot) {
        if (snapshot) {
            checked_.emplace(pages, *snapshot);
        } else {
            unchecked_ = open_cursor(txn);
        }
    }

    /// Moves to the first entry whose key is not less; an empty key is less than all keys.
    [[nodiscard]] std::optional<key_and_value> seek(bytes_view key = {}) {
        if (!checked_) {
            return step(unchecked_.get(), key.empty() ? MDB_FIRST : MDB_SET_RANGE, key);
        }
        key_and_value entry{};
        return entry_or_throw(checked_->seek(key, entry), entry);
    }

    /// Moves to the next entry. Precondition: the last call found one.
    [[nodiscard]] std::optional<key_and_value> next() {
        if (!checked_) {
            return step(unchecked_.get(), MDB_NEXT);
        }
        key_and_value entry{};
        return entry_or_throw(checked_->next(entry), entry);
    }

  private:
    static std::optional<key_and_value> entry_or_throw(lookup_status status,
                                                       key_and_value const& entry) {
        if (status == lookup_status::corrupt) {
            throw_lmdb_error("scan", MDB_CORRUPTED);
        }
        return status == lookup_status::found ? std::optional(entry) : std::nullopt;
    }

    std::optional<page_cursor> checked_;
    lmdb_cursor unchecked_;
};

} // namespace memo::detail
