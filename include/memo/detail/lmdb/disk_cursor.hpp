// SPDX-License-Identifier: BSL-1.0
#pragma once

// The entries of a snapshot, or of a write transaction as it began, in ascending order.

#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/lmdb/page_check/page_cursor.hpp>
#include <memo/detail/lmdb/page_check/page_view.hpp>

#include <optional>

namespace memo::detail {

/// An entry's key is a copy, valid until the next entry is asked for. Its value lies in the file, where
/// writers that do not see the reader may overwrite it: what was read of it counts once the snapshot is
/// known to be intact.
///
/// Throws:         disk_error; says_damaged(its code) if a page on the way is not valid
class disk_cursor {
  public:
    /// snapshot        nothing: LMDB's cursor walks
    disk_cursor(MDB_txn* txn, page_view const& pages,
                std::optional<page_snapshot> const& snapshot) {
        if (snapshot) {
            checked_.emplace(pages, *snapshot);
        } else {
            unchecked_ = open_cursor(txn);
        }
    }

    /// Moves to the first entry whose key is not less; to the first of all for an empty key.
    [[nodiscard]] std::optional<key_and_value> seek(bytes_view key = {}) {
        if (!checked_) {
            return step(unchecked_.get(), key.empty() ? MDB_FIRST : MDB_SET_RANGE, key);
        }
        key_and_value entry{};
        return entry_or_throw(checked_->seek(key, entry), entry);
    }

    /// Moves to the entry behind the one that was found last.
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
            lmdb_failed("scan", MDB_CORRUPTED);
        }
        return status == lookup_status::found ? std::optional(entry) : std::nullopt;
    }

    std::optional<page_cursor> checked_;
    lmdb_cursor unchecked_;
};

} // namespace memo::detail
