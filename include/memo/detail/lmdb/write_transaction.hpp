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
#include <memo/detail/lmdb/put_queue.hpp>
#include <memo/detail/system/cancellation.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/error.hpp>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace memo::detail {

/// The turn of one thread of this process to write.
class write_turn {
  public:
    /// Takes the turn if no other thread has it.
    ///
    /// max_wait        for other threads and processes; 0: does not wait
    /// Throws:         memo::error within a write of the calling thread
    write_turn(disk_environment& environment, std::chrono::nanoseconds max_wait)
        : environment_(environment),
          lock_(environment.mutex_, std::defer_lock),
          may_wait_(max_wait.count() != 0) {
        if (environment.this_thread_writes()) {
            throw error(
                errc::backend,
                "disk put: a merge or a serialize() stores a record while its own record is "
                "stored; store the other record before");
        }
        if (may_wait_ && environment.waits_.lets_pass(max_wait)) {
            max_wait_ = max_wait;
        }
        lock_.try_lock();
    }

    [[nodiscard]] disk_environment& environment() const noexcept { return environment_; }
    [[nodiscard]] bool is_taken() const noexcept { return lock_.owns_lock(); }
    /// For the lock of other processes.
    [[nodiscard]] std::chrono::nanoseconds max_wait() const noexcept { return max_wait_; }

    /// Blocks until no other thread has the turn, and takes it.
    ///
    /// Throws:         disk_error (ETIMEDOUT)
    void wait() {
        if (!is_taken() && !wait_by([&] { return lock_.try_lock_for(max_wait_); })) {
            time_out();
        }
    }

    /// Takes the turn, unless has_ended() returns true before. False after max_wait.
    template <class HasEnded> [[nodiscard]] bool wait_unless(HasEnded const& has_ended) {
        return wait_by([&] {
            return poll_for_lock([&] { return has_ended() || lock_.try_lock(); }, max_wait_);
        });
    }

    [[noreturn]] void time_out() const {
        note_timeout();
        environment_.throw_timeout();
    }

    /// Makes later writes fail without a wait. No effect for a caller that does not wait: that another
    /// one writes at this moment does not mean that it makes no progress.
    void note_timeout() const {
        if (may_wait_) {
            environment_.waits_.failed(true);
        }
    }

    /// In a child of the process that took it.
    void abandon() noexcept { static_cast<void>(lock_.release()); }

  private:
    template <class Lock> bool wait_by(Lock const& lock) {
        auto const begin = std::chrono::steady_clock::now();
        bool const succeeded = lock();
        // The previous thread may have waited for another process in vain.
        max_wait_ = environment_.waits_.is_open()
                        ? std::chrono::nanoseconds(0)
                        : max_wait_ - (std::chrono::steady_clock::now() - begin);
        return succeeded;
    }

    disk_environment& environment_;
    std::unique_lock<std::timed_mutex> lock_;
    bool may_wait_;
    std::chrono::nanoseconds max_wait_{0};
};

/// Throws:         disk_error from every member; is_damage(its code) if a page that the write
///                 touches is invalid
class write_transaction {
  public:
    /// Waits for the turn if it is not taken.
    explicit write_transaction(write_turn turn) : write_transaction(unchecked{}, std::move(turn)) {
        require_last_commit();
        check_pages();
    }
    write_transaction(write_transaction const&) = delete;
    write_transaction& operator=(write_transaction const&) = delete;

    /// Discards all changes that were not committed.
    ~write_transaction() {
        if (environment_.is_closed()) { // in a child of the process that began the transaction
            static_cast<void>(txn_.release());
            turn_.abandon();
            return;
        }
        environment_.writer_.store({}, std::memory_order_relaxed);
        txn_.reset();
        process_lock_.reset();
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

    // Delegated to, so that the destructor runs if the public constructor throws.
    write_transaction(unchecked /*tag*/, write_turn turn)
        : environment_(turn.environment()), turn_(std::move(turn)) {
        turn_.wait();
        try {
            lock();
        } catch (disk_error const& failure) {
            if (failure.code() == ETIMEDOUT) {
                turn_.note_timeout();
            }
            throw;
        }
        environment_.waits_.succeeded();
        txn_ = begin(env(), 0);
        open_records(txn_.get());
        environment_.writer_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    }

    void lock() {
        environment_.require_open();
        environment_.require_current("put");
        mark_dirty_once();
        yield_once_per_tick();
        process_lock_.emplace(environment_.files_.writes, turn_.max_wait());
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
        if (!snapshot_ ||
            !validator_.free_lists_are_valid(snapshot_->free_pages, snapshot_->page_count)) {
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
            !validator_.path_is_valid(snapshot_->records, place, snapshot_->page_count, kind)) {
            throw_lmdb_error("put", MDB_CORRUPTED);
        }
    }

    void mark_dirty_once() {
        if (!environment_.dirty_ && !environment_.durable()) {
            mark_dirty(environment_.options_, turn_.max_wait());
            environment_.dirty_ = true;
        }
    }

    interruption_guard const interruption_guard_{};
    disk_environment& environment_;
    write_turn turn_;
    std::optional<write_lock> process_lock_;
    lmdb_transaction txn_;
    page_validator validator_{environment_.pages_};
    std::optional<page_snapshot>
        snapshot_; ///< at the begin of the write; nothing: LMDB reads the pages
};

/// Runs change(write_transaction const&) and commits its changes; discards them if anything throws.
///
/// max_wait        for other threads and processes
template <class Change>
auto transact(disk_environment& environment, std::chrono::nanoseconds max_wait,
              Change const& change) {
    write_transaction transaction(write_turn(environment, max_wait));
    auto result = change(std::as_const(transaction));
    transaction.commit();
    return result;
}

/// Blocks until another thread has ended the put, or this one has the turn: then `waiting`.
///
/// Throws:         disk_error (ETIMEDOUT)
[[gnu::noinline]] inline waiting_put::state wait_in_queue(write_turn& turn,
                                                          put_change const& change) {
    interruption_guard const guard;
    put_queue& queue = turn.environment().puts();
    waiting_put put(change);
    queue.push(put);
    auto const has_ended = [&] { return put.has_ended(); };
    bool const in_time = turn.wait_unless(has_ended);
    if (!queue.withdraw(put)) { // a writer took it, and waits for nobody
        poll_for_lock(has_ended, (std::chrono::nanoseconds::max)());
    } else if (!in_time) {
        turn.time_out();
    }
    return put.outcome();
}

/// Runs the change of a put and commits it, with the puts of threads that wait meanwhile. While
/// another thread writes, leaves the put to it.
///
/// Returns:        whether the put was stored; nothing if a transaction of several puts failed,
///                 perhaps because of another put: then the caller puts alone
/// Throws:         disk_error; exceptions of the change
inline std::optional<bool> put_together(disk_environment& environment,
                                        std::chrono::nanoseconds max_wait,
                                        put_change const& change) {
    write_turn turn(environment, max_wait);
    if (!turn.is_taken()) {
        auto const outcome = wait_in_queue(turn, change);
        if (outcome == waiting_put::state::failed) {
            return std::nullopt;
        }
        if (outcome != waiting_put::state::waiting) {
            return outcome == waiting_put::state::stored;
        }
    }
    write_transaction transaction(std::move(turn));
    bool const is_stored = change(transaction);
    if (environment.puts().size() == 0) [[likely]] {
        transaction.commit();
        return is_stored;
    }
    put_batch others(environment.puts());
    try {
        others.run(transaction);
        transaction.commit();
    } catch (thread_cancelled const&) {
        throw;
    } catch (...) {
        if (environment.is_closed()) { // in a child of the process
            others.abandon();
        }
        return std::nullopt;
    }
    others.committed();
    return is_stored;
}

} // namespace memo::detail
