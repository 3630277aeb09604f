// SPDX-License-Identifier: BSL-1.0
#pragma once

// Reads of one snapshot of an environment.
//
// LMDB's writers do not overwrite what a registered reader sees. But a reader cannot know that it is still
// registered: its process may have lost the lock that keeps it so (POSIX drops that when the process closes
// any descriptor of lock.mdb), lock.mdb may have been removed, or may not be writable by this user. So a
// value is used only as a checked copy, or once the snapshot is known to have been intact while it was read
// (docs/decisions/0054-reads-from-the-map.md).

#include <memo/detail/lmdb/disk_cursor.hpp>
#include <memo/detail/lmdb/environment.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/lmdb/page_check/page_view.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace memo::detail {

/// How often a read is repeated while writers overwrite what it reads.
inline constexpr int max_attempts = 16;

[[noreturn]] inline void written_over(char const* verb) {
    throw disk_error(std::string("disk ") + verb +
                         ": the data was written over each time that it was read; this reader is "
                         "not registered in v1/lock.mdb, which others removed or locked anew, or "
                         "which this user may not write",
                     EAGAIN);
}

/// A snapshot, for as long as this lives. No code of a user may run meanwhile.
class read_transaction {
  public:
    explicit read_transaction(disk_environment& environment)
        : environment_(environment), txn_(environment.readers_.take()) {
        if (txn_ == nullptr) [[unlikely]] {
            txn_ = new_reader();
            if (txn_ == nullptr) {
                snapshot_ = begin_unregistered();
                return;
            }
        } else {
            require_current();
            renew();
        }
        // After two commits behind the snapshot its meta is overwritten.
        bool const has_pages = environment.map_.is_mapped();
        for (int attempt = 0; has_pages && attempt < max_attempts; ++attempt) {
            snapshot_ = environment.pages_.snapshot_of(mdb_txn_id(txn_));
            if (snapshot_) [[likely]] {
                return;
            }
            mdb_txn_reset(txn_);
            renew();
        }
        if (has_pages) [[unlikely]] {
            // The last commit of the lock file is none of the data's: other processes use another lock
            // file by now.
            environment.readers_.drop(txn_);
            lmdb_failed("get", MDB_BAD_RSLOT);
        }
    }
    read_transaction(read_transaction const&) = delete;
    read_transaction& operator=(read_transaction const&) = delete;
    ~read_transaction() {
        if (txn_ != nullptr) [[likely]] {
            mdb_txn_reset(txn_);
            environment_.readers_.give_back(txn_);
        } else {
            environment_.readers_.leave();
        }
    }

    /// The size of all records.
    [[nodiscard]] database_size size() const {
        return snapshot_ ? size_or_throw(environment_.pages_.size_of(*snapshot_))
                         : size_of_database(txn_);
    }

    /// Whether all bytes read so far are of this snapshot. Always true where LMDB reads the pages.
    [[nodiscard]] bool is_intact() const {
        return !snapshot_ || environment_.pages_.is_intact(*snapshot_) || is_registered();
    }

    /// Looks up a record, and sets `value` to its bytes in the file.
    ///
    /// Throws:         disk_error
    [[nodiscard]] lookup_status find(bytes_view place, bytes_view& value) const {
        if (snapshot_) [[likely]] {
            return environment_.pages_.find(*snapshot_, place, value);
        }
        auto const bytes = detail::find(txn_, place);
        value = bytes.value_or(bytes_view());
        return bytes ? lookup_status::found : lookup_status::absent;
    }

    /// All entries, for as long as this lives.
    [[nodiscard]] disk_cursor entries() const { return {txn_, environment_.pages_, snapshot_}; }

  private:
    static constexpr std::chrono::nanoseconds max_reader_wait = std::chrono::seconds(10);

    // Before lock.mdb is read.
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

    /// Whether LMDB's reader table, as writers see it, has a reader of this snapshot. Slow. A new table
    /// never lists a reader of the table before.
    [[nodiscard]] bool is_registered() const {
        return has_reader_of(environment_.files_.environment.get(), snapshot_->transaction) &&
               identity_of_file(environment_.directory().path("v1/lock.mdb")) ==
                   environment_.files_.lock_identity;
    }

    /// A registered reader; null if it would have to wait for a place or all are taken, and this process
    /// reads without one as well.
    [[nodiscard]] MDB_txn* new_reader() const {
        disk_environment& environment = environment_;
        if (environment.this_thread_writes()) {
            lmdb_transaction txn = begin(environment.files_.environment.get(), MDB_RDONLY);
            environment.readers_.add();
            return txn.release();
        }
        bool const must = !environment.has_pages_;
        std::chrono::nanoseconds const max_wait =
            must ? max_reader_wait : std::chrono::nanoseconds(0);
        auto const null_or_throw = [&]() -> MDB_txn* {
            if (must) {
                environment.timed_out();
            }
            return nullptr;
        };
        undisturbed const whole;
        std::unique_lock lock(environment.mutex_, std::defer_lock);
        if (!lock.try_lock() && (!must || !lock.try_lock_for(max_wait))) {
            return null_or_throw();
        }
        environment.require_open();
        environment.require_current("get");
        write_right const right(environment.files_.writes, max_wait);
        if (!right.is_held()) {
            return null_or_throw();
        }
        lmdb_transaction txn;
        try {
            txn = begin_reader();
        } catch (disk_error const& failure) {
            if (must || failure.code() != MDB_READERS_FULL) {
                throw;
            }
            return nullptr;
        }
        open_records(txn.get());
        environment.readers_.add();
        return txn.release();
    }

    // All processes share one reader table. If it is full, the places of this process's idle readers and of
    // dead processes are freed.
    [[nodiscard]] lmdb_transaction begin_reader() const {
        MDB_env* const env = environment_.files_.environment.get();
        try {
            return begin(env, MDB_RDONLY);
        } catch (disk_error const& failure) {
            if (failure.code() != MDB_READERS_FULL) {
                throw;
            }
        }
        environment_.readers_.drop_idle();
        int dead = 0;
        mdb_reader_check(env, &dead);
        return begin(env, MDB_RDONLY);
    }

    /// The snapshot of a reader that is not registered. It is counted until it leaves.
    [[nodiscard]] std::optional<page_snapshot> begin_unregistered() const {
        environment_.readers_.add();
        try {
            if (environment_.is_ending_.load()) {
                disk_environment::reopen_first();
            }
            environment_.require_current("get");
            if (auto snapshot = environment_.pages_.latest_snapshot()) {
                return snapshot;
            }
            lmdb_failed("get", EAGAIN);
        } catch (
            ...) { // no memory for the paths of the files, too: end() waits for counted readers
            environment_.readers_.leave();
            throw;
        }
    }

    disk_environment& environment_;
    MDB_txn* txn_;                          ///< null: not registered
    std::optional<page_snapshot> snapshot_; ///< nothing: LMDB reads the pages
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

/// What copy_place() found.
enum class stored_bytes : std::uint8_t {
    none,
    whole,
    refused, ///< by the check, in an intact snapshot
};

/// Copying more bytes than these costs more than the proof that no copy was needed.
inline constexpr std::size_t many_bytes = std::size_t{256} << 10U;

/// Copies the bytes of a place, and checks the copy: check(bytes).
///
/// use_in_place    given many bytes in the file, returns whether they passed the same check and were
///                 decoded. If the snapshot is intact afterwards that counts, and `copy` is empty; else
///                 the caller discards it
/// Throws:         disk_error; says_damaged(its code) if a page on the way is not valid
template <class Check, class UseInPlace>
stored_bytes copy_place(disk_environment& environment, bytes_view place, bytes_copy& copy,
                        Check const& check, UseInPlace const& use_in_place) {
    for (int attempt = 0; attempt < max_attempts; ++attempt) {
        read_transaction const snapshot(environment);
        bytes_view value;
        lookup_status const status = snapshot.find(place, value);
        if (status == lookup_status::found) [[likely]] {
            if (value.size() >= many_bytes && use_in_place(value) && snapshot.is_intact()) {
                copy.clear();
                return stored_bytes::whole;
            }
            copy.assign(value);
            if (check(copy.get())) [[likely]] {
                return stored_bytes::whole;
            }
        }
        if (snapshot.is_intact()) {
            if (status == lookup_status::corrupt) {
                lmdb_failed("get", MDB_CORRUPTED);
            }
            return status == lookup_status::found ? stored_bytes::refused : stored_bytes::none;
        }
    }
    written_over("get");
}

/// Returns what body(read_transaction const&) returns of a snapshot that was intact until it returned.
///
/// body            may run more than once; the results of other runs are discarded
/// Throws:         disk_error, and what body throws
template <class Body> auto read_snapshot(disk_environment& environment, Body const& body) {
    for (int attempt = 0; attempt < max_attempts; ++attempt) {
        read_transaction const snapshot(environment);
        try {
            auto result = body(snapshot);
            if (snapshot.is_intact()) {
                return result;
            }
        } catch (disk_error const&) {
            if (snapshot.is_intact()) {
                throw;
            }
        }
    }
    written_over("scan");
}

} // namespace memo::detail
