// SPDX-License-Identifier: BSL-1.0
#pragma once

// A snapshot of an environment: what lies at a place in it, and all that lies in it.

#include <memo/backends/disk/cursor.hpp>
#include <memo/backends/disk/environment.hpp>
#include <memo/backends/disk/lmdb.hpp>
#include <memo/backends/disk/pages.hpp>

#include <cstddef>
#include <optional>
#include <vector>

namespace memo::detail {

/// A snapshot, for as long as this lives. No code of a user may run meanwhile.
class disk_environment::look {
  public:
    explicit look(disk_environment& environment)
        : environment_(environment), txn_(environment.readers_.take()) {
        if (txn_ == nullptr) [[unlikely]] {
            txn_ = environment.new_reader();
        } else {
            renew();
        }
        // Two commits between the snapshot and a look at its roots, and they are written over.
        page_view const& pages = environment.pages_;
        for (int attempt = 0; pages.shows() && attempt < 16; ++attempt) {
            trees_ = pages.roots_of(mdb_txn_id(txn_));
            if (trees_) [[likely]] {
                return;
            }
            mdb_txn_reset(txn_);
            renew();
        }
    }
    look(look const&) = delete;
    look& operator=(look const&) = delete;
    ~look() {
        mdb_txn_reset(txn_);
        environment_.readers_.give_back(txn_);
    }
    [[nodiscard]] MDB_txn* txn() const noexcept { return txn_; }

    /// Whether what was found stays as it was, for as long as this lives.
    [[nodiscard]] bool is_heeded() const noexcept { return environment_.files_.heeded; }
    /// Whether what was found so far is of this snapshot although writers do not heed it. True for
    /// pages that are left to LMDB, where nobody can tell.
    [[nodiscard]] bool holds() const noexcept {
        page_view const& pages = environment_.pages_;
        return !pages.shows() || (trees_ && still_hold(pages, *trees_));
    }

    /// Where the bytes of a place lie, for as long as this lives.
    ///
    /// Throws:         disk_error; says_damaged(its code) if a page on the way is none
    [[nodiscard]] std::optional<bytes_view> find(bytes_view place) const {
        if (!trees_) [[unlikely]] {
            return detail::find(txn_, place);
        }
        bytes_view value;
        switch (environment_.pages_.find(*trees_, place, value)) {
        case page_view::search::found:
            return value;
        case page_view::search::missing:
            return std::nullopt;
        case page_view::search::unsound:
            break;
        }
        lmdb_failed("get", MDB_CORRUPTED);
    }

    /// All entries, for as long as this lives.
    [[nodiscard]] disk_cursor entries() const {
        return {txn_, environment_.pages_, trees_, is_heeded()};
    }

  private:
    void renew() {
        if (int const code = mdb_txn_renew(txn_); code != MDB_SUCCESS) [[unlikely]] {
            environment_.readers_.drop(txn_);
            lmdb_failed("get", code);
        }
    }

    disk_environment& environment_;
    MDB_txn* txn_;
    std::optional<page_view::roots> trees_;
};

/// Visits the bytes of a place. False if there are none. Writers that do not heed the snapshot may write
/// over what it has: then the bytes are a copy, which is of one time, or its checksum says that it is
/// not.
///
/// visit           given a bytes_view; must not run code of a user
/// Throws:         disk_error; says_damaged(its code) if a page on the way is none
template <class Visit>
bool visit_place(disk_environment& environment, bytes_view place, Visit const& visit) {
    constexpr int attempts = 16;
    std::vector<std::byte> copy;
    for (int attempt = 1; attempt <= attempts; ++attempt) {
        disk_environment::look const look(environment);
        if (look.is_heeded()) [[likely]] {
            auto const found = look.find(place);
            if (found) {
                visit(*found);
            }
            return found.has_value();
        }
        if (!look.holds()) {
            continue; // LMDB would search without trees of ours, and believe every page
        }
        std::optional<bytes_view> found;
        try {
            found = look.find(place);
        } catch (disk_error const&) {
            if (look.holds()) {
                throw;
            }
            continue;
        }
        if (found) {
            copy.assign(found->begin(), found->end());
        }
        if (look.holds() || attempt == attempts) {
            if (found) {
                visit(copy);
            }
            return found.has_value();
        }
    }
    return false;
}

} // namespace memo::detail
