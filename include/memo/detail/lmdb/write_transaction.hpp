// SPDX-License-Identifier: BSL-1.0
#pragma once

// Writes to an environment, by one thread of one process at a time.
//
// A write transaction takes write.lock before LMDB's robust mutex: a process that is killed while
// others wait for that mutex can leave one of them blocked forever
// (docs/decisions/0020-disk-write-lock.md). With write.lock no process waits for LMDB's mutexes,
// and the kernel releases the lock of a dead owner. The other operations that take these mutexes,
// registering a reader and checking for dead readers, take write.lock, too.

#include <memo/detail/lmdb/disk_cursor.hpp>
#include <memo/detail/lmdb/environment.hpp>
#include <memo/detail/lmdb/environment_files.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/lmdb/page_check/page_accounting.hpp>
#include <memo/detail/lmdb/page_check/page_validator.hpp>
#include <memo/detail/lmdb/page_check/page_view.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/error.hpp>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <fcntl.h>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace memo::detail {

/// Throws:         disk_error from every member; is_damage(its code) if a page that the write
///                 touches is invalid
class write_transaction {
  public:
    /// max_wait        for other threads and processes
    write_transaction(disk_environment& environment, std::chrono::nanoseconds max_wait)
        : write_transaction(unchecked{}, environment, max_wait) {
        require_last_commit();
        check_pages();
    }
    write_transaction(write_transaction const&) = delete;
    write_transaction& operator=(write_transaction const&) = delete;

    /// Discards all changes that were not committed.
    ~write_transaction() {
        if (environment_.is_closed()) { // in a child of the process that began the transaction
            static_cast<void>(txn_.release());
            static_cast<void>(thread_lock_.release());
            return;
        }
        environment_.writer_.store({}, std::memory_order_relaxed);
        txn_.reset();
        process_lock_.reset();
        start_writeback();
    }

    [[nodiscard]] disk_environment const& environment() const noexcept { return environment_; }

    /// The bytes at a place, until the next change.
    [[nodiscard]] std::optional<bytes_view> find(bytes_view place) const {
        require_valid_path(place, page_validator::change::insert);
        return detail::find(txn_.get(), place);
    }

    /// Stores a record at a place, or replaces the record there.
    void insert(bytes_view place, bytes_view record) const {
        require_valid_path(place, page_validator::change::insert);
        detail::insert(txn_.get(), place, record);
    }

    /// Erases the record at a place. False if there is none.
    bool remove(bytes_view place) const { // NOLINT(modernize-use-nodiscard)
        require_valid_path(place, page_validator::change::remove);
        return detail::remove(txn_.get(), place);
    }

    /// The size of all records, changes included.
    [[nodiscard]] database_size size() const { return size_of_database(txn_.get()); }

    /// All entries at the begin of the write.
    [[nodiscard]] disk_cursor entries() const {
        return {txn_.get(), environment_.pages_, snapshot_};
    }

    void commit() {
        environment_.require_not_forked();
        detail::commit(std::move(txn_));
        if (++environment_.writes_ % writes_per_reader_check == 0) {
            int dead = 0;
            mdb_reader_check(env(), &dead);
        }
    }

  private:
    struct unchecked {};
    static constexpr std::uint64_t writes_per_reader_check = 4096;
    static constexpr std::int64_t seconds_between_writebacks = 5;

    // Delegated to, so that the destructor runs if the public constructor throws.
    write_transaction(unchecked /*tag*/, disk_environment& environment,
                      std::chrono::nanoseconds max_wait)
        : environment_(environment), thread_lock_(environment.mutex_, std::defer_lock) {
        if (environment.this_thread_writes()) {
            throw error(
                errc::backend,
                "disk put: a merge or a serialize() stores a record while its own record is "
                "stored; store the other record before");
        }
        bool const may_wait = environment.waits_.lets_pass(max_wait);
        try {
            lock(may_wait ? max_wait : std::chrono::nanoseconds(0));
        } catch (disk_error const& failure) {
            if (failure.code() == ETIMEDOUT) {
                environment.waits_.failed(true);
            }
            throw;
        }
        environment.waits_.succeeded();
        txn_ = begin(env(), 0);
        open_records(txn_.get());
        environment.writer_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    }

    void lock(std::chrono::nanoseconds max_wait) {
        if (!thread_lock_.try_lock()) {
            auto const begin = std::chrono::steady_clock::now();
            if (!thread_lock_.try_lock_for(max_wait)) {
                environment_.throw_timeout();
            }
            // The previous thread may have waited for another process in vain.
            max_wait = environment_.waits_.is_open()
                           ? std::chrono::nanoseconds(0)
                           : max_wait - (std::chrono::steady_clock::now() - begin);
        }
        environment_.require_open();
        environment_.require_current("put");
        mark_dirty_once(max_wait);
        yield_once_per_tick();
        process_lock_.emplace(environment_.files_.writes, max_wait);
        if (!process_lock_->is_held()) {
            environment_.throw_timeout();
        }
    }

    void yield_once_per_tick() {
        std::int64_t const now = coarse_ticks();
        if (environment_.last_yield_ != now) {
            environment_.last_yield_ = now;
            write_lock::yield_to_waiting(environment_.files_.writes);
        }
    }

    [[nodiscard]] MDB_env* env() const noexcept { return environment_.files_.environment.get(); }

    /// LMDB takes the transaction number from lock.mdb, and its first pages from the data. With a
    /// removed lock.mdb it would overwrite later commits of other processes.
    void require_last_commit() const {
        MDB_envinfo last{};
        lmdb_check("put", mdb_env_info(env(), &last));
        if (mdb_txn_id(txn_.get()) != last.me_last_txnid + 1) {
            bool const has_lock_file =
                identity_of_file(environment_.directory().path("v1/lock.mdb")) ==
                environment_.files_.lock_identity;
            throw_lmdb_error("put", has_lock_file ? MDB_CORRUPTED : MDB_BAD_RSLOT);
        }
    }

    void check_pages() {
        if (!environment_.map_.is_mapped()) {
            return;
        }
        page_view const& pages = environment_.pages_;
        snapshot_ = pages.snapshot_to_write();
        if (!snapshot_ || !page_validator(pages).free_lists_are_valid(snapshot_->free_pages,
                                                                      snapshot_->page_count)) {
            throw_lmdb_error("put", MDB_CORRUPTED);
        }
        if (!environment_.pages_counted_) {
            if (!page_accounting(pages, *snapshot_).has_single_uses()) {
                throw_lmdb_error("put", MDB_CORRUPTED);
            }
            environment_.pages_counted_ = true;
        }
    }

    void require_valid_path(bytes_view place, page_validator::change kind) const {
        environment_.require_not_forked();
        if (snapshot_ &&
            !page_validator(environment_.pages_)
                 .path_is_valid(snapshot_->records, place, snapshot_->page_count, kind)) {
            throw_lmdb_error("put", MDB_CORRUPTED);
        }
    }

    void mark_dirty_once(std::chrono::nanoseconds max_wait) {
        if (!environment_.dirty_ && !environment_.durable()) {
            mark_dirty(environment_.options_, max_wait);
            environment_.dirty_ = true;
        }
    }

    // Starts the kernel's writeback of the commits, so that a power cut loses little. Does not
    // wait.
    void start_writeback() noexcept {
        std::int64_t const now = coarse_seconds();
        if (environment_.durable() || now - environment_.last_sync_ < seconds_between_writebacks) {
            return;
        }
        environment_.last_sync_ = now;
        int const descriptor = environment_.files_.environment.get_deleter().descriptors.data();
        ::sync_file_range(descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
    }

    interruption_guard const interruption_guard_{};
    disk_environment& environment_;
    std::unique_lock<std::timed_mutex> thread_lock_;
    std::optional<write_lock> process_lock_;
    lmdb_transaction txn_;
    std::optional<page_snapshot>
        snapshot_; ///< at the begin of the write; nothing: LMDB reads the pages
};

/// Runs change(write_transaction const&) and commits its changes; discards them if anything throws.
///
/// max_wait        for other threads and processes
template <class Change>
auto transact(disk_environment& environment, std::chrono::nanoseconds max_wait,
              Change const& change) {
    write_transaction transaction(environment, max_wait);
    auto result = change(std::as_const(transaction));
    transaction.commit();
    return result;
}

} // namespace memo::detail
