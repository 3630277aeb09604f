// SPDX-License-Identifier: BSL-1.0
#pragma once

// Reads of one snapshot of an environment.
//
// LMDB's writers do not overwrite pages of a registered reader. But a reader cannot know that it is
// still registered: its process may have lost the POSIX lock behind the registration (closing any
// descriptor of lock.mdb releases it), lock.mdb may have been removed, or this user may not write
// it. So a value is used only as a checked copy, or after a check that the snapshot is intact
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

/// The maximal number of attempts to read while writers overwrite the snapshot.
inline constexpr int max_attempts = 16;

[[noreturn]] inline void throw_overwritten(char const* verb) {
    throw disk_error(
        std::string("disk ") + verb +
            ": writers overwrote the data during each attempt to read it, because this "
            "reader is not registered in v1/lock.mdb; let this user write that file, "
            "and do not remove it while the cache is in use",
        EAGAIN);
}

/// A snapshot during the lifetime of this object. No user code may run meanwhile.
class read_transaction {
  public:
    explicit read_transaction(disk_environment& environment)
        : environment_(environment), txn_(environment.readers_.acquire()) {
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
        // The second commit after the snapshot overwrites its meta.
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
            // The lock file does not belong to the data any more: other processes use another one.
            environment.readers_.end(txn_);
            throw_lmdb_error("get", MDB_BAD_RSLOT);
        }
    }
    read_transaction(read_transaction const&) = delete;
    read_transaction& operator=(read_transaction const&) = delete;
    ~read_transaction() {
        if (txn_ != nullptr) [[likely]] {
            mdb_txn_reset(txn_);
            environment_.readers_.release(txn_);
        } else {
            environment_.readers_.remove();
        }
    }

    /// The size of all records.
    [[nodiscard]] database_size size() const {
        return snapshot_ ? size_or_throw(environment_.pages_.size_of(*snapshot_))
                         : size_of_database(txn_);
    }

    /// Whether all bytes that were read so far belong to this snapshot. Always true if LMDB reads
    /// the pages.
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

    /// All entries, valid during the lifetime of this object.
    [[nodiscard]] disk_cursor entries() const { return {txn_, environment_.pages_, snapshot_}; }

  private:
    static constexpr std::chrono::nanoseconds max_reader_wait = std::chrono::seconds(10);

    // Called before lock.mdb is accessed.
    void require_current() {
        try {
            environment_.require_current("get");
        } catch (...) { // other files, or no memory
            environment_.readers_.release(txn_);
            throw;
        }
    }

    void renew() {
        if (int const code = mdb_txn_renew(txn_); code != MDB_SUCCESS) [[unlikely]] {
            environment_.readers_.end(txn_);
            throw_lmdb_error("get", code);
        }
    }

    /// Whether LMDB's current reader table has a reader of this snapshot. Slow. Compares the file,
    /// too: a new table does not contain the readers of a removed one.
    [[nodiscard]] bool is_registered() const {
        return has_reader_of(environment_.files_.environment.get(), snapshot_->transaction) &&
               identity_of_file(environment_.directory().path("v1/lock.mdb")) ==
                   environment_.files_.lock_identity;
    }

    /// A registered reader. Null if registration would block or the table is full, unless LMDB must
    /// read the pages.
    [[nodiscard]] MDB_txn* new_reader() const {
        disk_environment& environment = environment_;
        if (environment.this_thread_writes()) {
            lmdb_transaction txn = begin(environment.files_.environment.get(), MDB_RDONLY);
            environment.readers_.add();
            return txn.release();
        }
        bool const is_required = !environment.has_pages_;
        std::chrono::nanoseconds const max_wait =
            is_required ? max_reader_wait : std::chrono::nanoseconds(0);
        auto const null_or_throw = [&]() -> MDB_txn* {
            if (is_required) {
                environment.throw_timeout();
            }
            return nullptr;
        };
        interruption_guard const guard;
        std::unique_lock lock(environment.mutex_, std::defer_lock);
        if (!lock.try_lock() && (!is_required || !lock.try_lock_for(max_wait))) {
            return null_or_throw();
        }
        environment.require_open();
        environment.require_current("get");
        write_lock const write_lock(environment.files_.writes, max_wait);
        if (!write_lock.is_held()) {
            return null_or_throw();
        }
        lmdb_transaction txn;
        try {
            txn = begin_reader();
        } catch (disk_error const& failure) {
            if (is_required || failure.code() != MDB_READERS_FULL) {
                throw;
            }
            return nullptr;
        }
        open_records(txn.get());
        environment.readers_.add();
        return txn.release();
    }

    // All processes share one reader table. If it is full, this frees the entries of this process's
    // idle readers and of dead processes.
    [[nodiscard]] lmdb_transaction begin_reader() const {
        MDB_env* const env = environment_.files_.environment.get();
        try {
            return begin(env, MDB_RDONLY);
        } catch (disk_error const& failure) {
            if (failure.code() != MDB_READERS_FULL) {
                throw;
            }
        }
        environment_.readers_.end_idle();
        int dead = 0;
        mdb_reader_check(env, &dead);
        return begin(env, MDB_RDONLY);
    }

    /// The snapshot of an unregistered reader, which readers_ counts.
    [[nodiscard]] std::optional<page_snapshot> begin_unregistered() const {
        environment_.readers_.add();
        try {
            if (environment_.is_closing_.load()) {
                disk_environment::throw_closed();
            }
            environment_.require_current("get");
            if (auto snapshot = environment_.pages_.latest_snapshot()) {
                return snapshot;
            }
            throw_lmdb_error("get", EAGAIN);
        } catch (...) { // also without memory: close() waits for counted readers
            environment_.readers_.remove();
            throw;
        }
    }

    disk_environment& environment_;
    MDB_txn* txn_;                          ///< null: not registered
    std::optional<page_snapshot> snapshot_; ///< nothing: LMDB reads the pages
};

/// A copy of bytes. Up to 1 KiB needs no allocation.
class byte_buffer {
  public:
    // NOLINTNEXTLINE(*-member-init,*-use-equals-default): leaves the buffer uninitialized
    byte_buffer() noexcept {}
    byte_buffer(byte_buffer const&) = delete;
    byte_buffer& operator=(byte_buffer const&) = delete;
    ~byte_buffer() = default;

    void assign(bytes_view bytes) {
        if (bytes.size() > inline_buffer_.size() && bytes.size() > capacity_) {
            heap_buffer_ = std::make_unique_for_overwrite<std::byte[]>(bytes.size());
            capacity_ = bytes.size();
        }
        std::byte* const to =
            bytes.size() > inline_buffer_.size() ? heap_buffer_.get() : inline_buffer_.data();
        std::memcpy(to, bytes.data(), bytes.size());
        copy_ = {to, bytes.size()};
    }
    void clear() noexcept { copy_ = {}; }
    [[nodiscard]] bytes_view get() const noexcept { return copy_; }

  private:
    std::array<std::byte, 1024> inline_buffer_;
    std::unique_ptr<std::byte[]> heap_buffer_;
    std::size_t capacity_ = 0;
    bytes_view copy_;
};

/// The result of copy_place().
enum class stored_bytes : std::uint8_t {
    absent,
    valid,
    refused, ///< by the check, in an intact snapshot
};

/// From this size on, a copy is slower than the check that the snapshot is intact.
inline constexpr std::size_t min_in_place_bytes = std::size_t{256} << 10U;

/// Copies the bytes of a place, and checks the copy: check(bytes).
///
/// use_in_place    takes large bytes in the file; returns whether they passed the same check and
///                 were decoded. The result is valid, and `copy` empty, if the snapshot is intact
///                 afterwards
/// Throws:         disk_error; is_damage(its code) if a page on the path is invalid
template <class Check, class UseInPlace>
stored_bytes copy_place(disk_environment& environment, bytes_view place, byte_buffer& copy,
                        Check const& check, UseInPlace const& use_in_place) {
    for (int attempt = 0; attempt < max_attempts; ++attempt) {
        read_transaction const snapshot(environment);
        bytes_view value;
        lookup_status const status = snapshot.find(place, value);
        if (status == lookup_status::found) [[likely]] {
            if (value.size() >= min_in_place_bytes && use_in_place(value) && snapshot.is_intact()) {
                copy.clear();
                return stored_bytes::valid;
            }
            copy.assign(value);
            if (check(copy.get())) [[likely]] {
                return stored_bytes::valid;
            }
        }
        if (snapshot.is_intact()) {
            if (status == lookup_status::corrupt) {
                throw_lmdb_error("get", MDB_CORRUPTED);
            }
            return status == lookup_status::found ? stored_bytes::refused : stored_bytes::absent;
        }
    }
    throw_overwritten("get");
}

/// Returns the result of body(read_transaction const&) for a snapshot that was intact until it
/// returned.
///
/// body            may run several times; the last result is returned
/// Throws:         disk_error, and exceptions of body
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
    throw_overwritten("scan");
}

} // namespace memo::detail
