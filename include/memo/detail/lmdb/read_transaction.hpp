// SPDX-License-Identifier: BSL-1.0
#pragma once

// A snapshot of an environment: what lies at a place in it, and all that lies in it.
//
// LMDB's writers leave alone what a registered reader sees. That a reader is registered cannot be known:
// its process may have lost the lock that says so (POSIX drops it when the process closes any
// descriptor of lock.mdb), lock.mdb may have been removed, or may not be written by this user. So what
// is used is a copy that was checked, or was read from a snapshot that is known to hold after it was
// read (docs/decisions/0054-reads-from-the-map.md).

#include <memo/detail/lmdb/environment.hpp>
#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/lmdb/page_check/page_cursor.hpp>
#include <memo/detail/lmdb/page_check/page_view.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>

namespace memo::detail {

/// How often something is read anew that writers wrote over while it was read.
inline constexpr int max_attempts = 16;

[[noreturn]] inline void written_over(char const* verb) {
    throw disk_error(std::string("disk ") + verb +
                         ": the data was written over each time that it was read; this reader is "
                         "not registered in v1/lock.mdb, which others removed or locked anew, or "
                         "which this user may not write",
                     EAGAIN);
}

/// A snapshot, for as long as this lives. No code of a user may run meanwhile.
class disk_environment::look {
  public:
    using search = page_view::search;

    explicit look(disk_environment& environment)
        : environment_(environment), txn_(environment.readers_.take()) {
        if (txn_ == nullptr) [[unlikely]] {
            txn_ = environment.new_reader();
            if (txn_ == nullptr) {
                trees_ = environment.begin_unregistered();
                return;
            }
        } else {
            require_current();
            renew();
        }
        // Two commits between the snapshot and a look at its roots, and they are written over.
        page_view const& pages = environment.pages_;
        for (int attempt = 0; pages.shows() && attempt < max_attempts; ++attempt) {
            trees_ = pages.roots_of(mdb_txn_id(txn_));
            if (trees_) [[likely]] {
                return;
            }
            mdb_txn_reset(txn_);
            renew();
        }
        if (pages.shows()) [[unlikely]] {
            // The lock file says that the last commit is one that the data does not have: others have
            // another lock file by now.
            environment.readers_.drop(txn_);
            lmdb_failed("get", MDB_BAD_RSLOT);
        }
    }
    look(look const&) = delete;
    look& operator=(look const&) = delete;
    ~look() {
        if (txn_ != nullptr) [[likely]] {
            mdb_txn_reset(txn_);
            environment_.readers_.give_back(txn_);
        } else {
            environment_.readers_.leave();
        }
    }

    /// What all records take.
    [[nodiscard]] database_size size() const {
        return trees_ ? environment_.pages_.size_of(*trees_) : size_of_database(txn_);
    }

    /// Whether all that was read so far is of this snapshot. True for pages that are left to LMDB, where
    /// nobody can tell.
    [[nodiscard]] bool holds() const {
        return !trees_ || environment_.pages_.are_intact(*trees_) ||
               environment_.is_registered(trees_->transaction);
    }

    /// Where the bytes of a place lie.
    ///
    /// Throws:         disk_error
    [[nodiscard]] search find(bytes_view place, bytes_view& value) const {
        if (trees_) [[likely]] {
            return environment_.pages_.find(*trees_, place, value);
        }
        auto const found = detail::find(txn_, place);
        value = found.value_or(bytes_view());
        return found ? search::found : search::missing;
    }

    /// All entries, for as long as this lives.
    [[nodiscard]] disk_cursor entries() const { return {txn_, environment_.pages_, trees_}; }

  private:
    // Before the lock file is touched.
    void require_current() {
        try {
            environment_.require_current("get");
        } catch (...) { // stale, or no memory for the paths of the files
            environment_.readers_.give_back(txn_);
            throw;
        }
    }

    void renew() {
        if (int const code = mdb_txn_renew(txn_); code != MDB_SUCCESS) [[unlikely]] {
            environment_.readers_.drop(txn_);
            lmdb_failed("get", code);
        }
    }

    disk_environment& environment_;
    MDB_txn* txn_;                          ///< null: not registered
    std::optional<page_view::roots> trees_; ///< nothing: pages that are left to LMDB
};

/// A copy of some bytes. Few of them take no allocation.
class bytes_copy {
  public:
    bytes_copy() noexcept {} // NOLINT(*-member-init,*-use-equals-default): its room is not zeroed
    bytes_copy(bytes_copy const&) = delete;
    bytes_copy& operator=(bytes_copy const&) = delete;
    ~bytes_copy() = default;

    void assign(bytes_view bytes) {
        if (bytes.size() > few_.size() && bytes.size() > room_) {
            many_ = std::make_unique_for_overwrite<std::byte[]>(bytes.size());
            room_ = bytes.size();
        }
        std::byte* const to = bytes.size() > few_.size() ? many_.get() : few_.data();
        std::memcpy(to, bytes.data(), bytes.size());
        copy_ = {to, bytes.size()};
    }
    void clear() noexcept { copy_ = {}; }
    [[nodiscard]] bytes_view get() const noexcept { return copy_; }

  private:
    std::array<std::byte, 1024> few_;
    std::unique_ptr<std::byte[]> many_;
    std::size_t room_ = 0;
    bytes_view copy_;
};

/// What is stored at a place.
enum class stored_bytes : std::uint8_t {
    none,
    whole,
    refused, ///< by the check, and nobody wrote over them meanwhile
};

/// From here on a second pass over the bytes costs more than the proof that none was needed.
inline constexpr std::size_t many_bytes = std::size_t{256} << 10U;

/// Copies the bytes of a place, and checks the copy: check(bytes).
///
/// use_in_place    given many bytes where they lie, says whether they passed the same check and what it
///                 was to make of them is made. Where the snapshot held until then, that counts and `copy`
///                 is empty; else it is void
/// Throws:         disk_error; says_damaged(its code) if a page on the way is none
template <class Check, class UseInPlace>
stored_bytes copy_place(disk_environment& environment, bytes_view place, bytes_copy& copy,
                        Check const& check, UseInPlace const& use_in_place) {
    using search = page_view::search;
    for (int attempt = 0; attempt < max_attempts; ++attempt) {
        disk_environment::look const look(environment);
        bytes_view value;
        search const outcome = look.find(place, value);
        if (outcome == search::found) [[likely]] {
            if (value.size() >= many_bytes && use_in_place(value) && look.holds()) {
                copy.clear();
                return stored_bytes::whole;
            }
            copy.assign(value);
            if (check(copy.get())) [[likely]] {
                return stored_bytes::whole;
            }
        }
        if (look.holds()) {
            if (outcome == search::invalid) {
                lmdb_failed("get", MDB_CORRUPTED);
            }
            return outcome == search::found ? stored_bytes::refused : stored_bytes::none;
        }
    }
    written_over("get");
}

/// What body(look) gives, of a snapshot that held until it was done.
///
/// body            may run more than once, and what it gave before counts for nothing
/// Throws:         disk_error, and what body throws
template <class Body> auto read_snapshot(disk_environment& environment, Body const& body) {
    for (int attempt = 0; attempt < max_attempts; ++attempt) {
        disk_environment::look const look(environment);
        try {
            auto result = body(look);
            if (look.holds()) {
                return result;
            }
        } catch (disk_error const&) {
            if (look.holds()) {
                throw;
            }
        }
    }
    written_over("scan");
}

} // namespace memo::detail
