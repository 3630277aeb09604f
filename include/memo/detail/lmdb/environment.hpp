// SPDX-License-Identifier: BSL-1.0
#pragma once

// The data of one directory, open in this process: who may write, and write transactions.
//
// Why a write transaction has a lock of ours around LMDB's: a process that is killed while others wait
// for a robust mutex can leave one of them asleep for ever (docs/decisions/0020-disk-write-lock.md).
// With the lock nobody ever waits for LMDB's mutexes, and the kernel gives a dead owner's lock to the
// next. Whatever else takes those mutexes, a registered reader when it begins and the check for dead
// readers, takes it too.
//
// An owner that is alive may not go on, so no wait is without bound, and who only looks does not wait: see
// docs/decisions/0056-bounded-locks.md.
//
// What is open is never replaced here. When it is over, by a fork, by closed descriptors or because LMDB
// gave up, the store gets another environment.
//
// Order of locks: open.lock, then write.lock; mutex_ before both.

#include <memo/detail/breaker.hpp>
#include <memo/detail/lmdb/disk_directory.hpp>
#include <memo/detail/lmdb/environment_files.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/lmdb/page_check/page_accounting.hpp>
#include <memo/detail/lmdb/page_check/page_cursor.hpp>
#include <memo/detail/lmdb/page_check/page_validator.hpp>
#include <memo/detail/lmdb/readers.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/error.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace memo::detail {

class disk_environment;

/// A write under way.
struct disk_write {
    disk_environment const& environment; ///< in which it is
    MDB_txn* txn;
};

class disk_environment {
  public:
    /// Opens what is there, or begins anew. Under open.lock.
    ///
    /// Throws:         disk_error; says_damaged(its code) where the data cannot be used
    explicit disk_environment(disk_opening how) : how_(std::move(how)), files_(open_files(how_)) {
        mark_first_open(files_, how_);
        show_pages();
    }
    disk_environment(disk_environment const&) = delete;
    disk_environment& operator=(disk_environment const&) = delete;

    /// Closes, and says that all is on the disk if nobody else has it open. Under open.lock.
    ~disk_environment() {
        undisturbed const whole;
        if (is_over()) {
            return;
        }
        readers_.drain();
        try {
            if (!how_.read_only && files_.are_ours()) { // who wrote may have left before
                mark_clean(files_, how_);
            }
        } catch (std::exception const&) { // an error, or no memory: the next one finds it dirty
        }
    }

    /// Whether nothing can be done in it any more: another one is to be opened.
    [[nodiscard]] bool is_over() const noexcept { return is_over_.load(std::memory_order_acquire); }

    /// Ends what can do no more, whose descriptors were closed, or whose directory was removed. Returns
    /// when it is over: nobody reads in it and nothing of it is open.
    ///
    /// Throws:         disk_error within a write of the calling thread
    void end() {
        if (!is_over() && this_thread_writes()) {
            throw disk_error("disk put: what was found by a serialize() within a put is to be "
                             "opened anew by the next call",
                             EDEADLK);
        }
        undisturbed const whole;
        std::scoped_lock const lock(mutex_);
        end_alone();
    }

    /// Whether the descriptors lead to what was opened.
    [[nodiscard]] bool has_its_files() const noexcept {
        return files_.environment.get_deleter().descriptors.are_ours();
    }

    [[nodiscard]] disk_directory const& directory() const noexcept { return how_.directory; }
    [[nodiscard]] file_identity identity() const noexcept { return files_.identity; }
    [[nodiscard]] bool read_only() const noexcept { return how_.read_only; }
    [[nodiscard]] bool durable() const noexcept { return how_.durable; }
    /// Bytes of address space, and the most that the file can have.
    [[nodiscard]] std::uint64_t map() const noexcept { return how_.map; }
    /// Null where nothing is written, and when it is over.
    [[nodiscard]] std::shared_ptr<file> flights() {
        std::scoped_lock const lock(flights_mutex_);
        return files_.flights;
    }

    /// When the files were looked at last. Another tick means that they were since.
    [[nodiscard]] std::int64_t tick() const noexcept {
        return last_look_.load(std::memory_order_relaxed);
    }

    class look; ///< a snapshot: look.hpp

    /// Runs change(disk_write) and commits what it did; nothing of it stays if anything throws.
    ///
    /// most            how long it waits for other processes
    template <class Change> auto write(std::chrono::nanoseconds most, Change change) {
        turn mine(*this, most);
        require_own_turn(mine.txn());
        look_at_pages();
        auto result = change(disk_write{*this, mine.txn()});
        mine.commit();
        if (++writes_ % writes_per_check == 0) {
            int dead = 0;
            mdb_reader_check(files_.environment.get(), &dead);
        }
        return result;
    }

    /// Before a write to a place, within write().
    ///
    /// Throws:         disk_error; says_damaged(its code) if a page on the way is none
    void require_valid_path(bytes_view place, page_validator::change how) const {
        require_not_forked();
        if (roots_ && !pages_.path_is_valid(roots_->records, place, roots_->pages, how)) {
            lmdb_failed("put", MDB_CORRUPTED);
        }
    }

    /// All entries as the write under way found them, whatever it did since. Within write().
    [[nodiscard]] disk_cursor entries(MDB_txn* txn) const { return {txn, pages_, roots_}; }

    /// In a child after fork(), where no other thread is. What this process has open is its parent's: the
    /// locks belong to both, and a thread that is not here may have been changing anything.
    void end_in_child() noexcept {
        if (mutex_.try_lock()) { // nobody was in a write
            mutex_.unlock();
            files_.environment.reset();
        } else {
            std::construct_at(&mutex_);
            static_cast<void>(files_.environment.release());
        }
        files_.users.close();
        files_.writes.close();
        if (files_.flights) {
            files_.flights->close(); // who evaluates here has it yet
        }
        readers_.abandon();
        writer_.store({}, std::memory_order_relaxed);
        is_over_.store(true, std::memory_order_release);
    }

  private:
    static constexpr std::uint64_t writes_per_check = 4096;
    static constexpr std::int64_t seconds_between_syncs = 5;

    /// A write transaction, and the right to it of one thread of one process.
    class turn {
      public:
        turn(disk_environment& environment, std::chrono::nanoseconds most)
            : environment_(environment), lock_(environment.mutex_, std::defer_lock) {
            if (environment.this_thread_writes()) {
                throw error(errc::backend,
                            "disk put: a merge or a serialize() stores a record while its own "
                            "record is stored; compute it before");
            }
            bool const lets_wait = environment.waits_.lets_pass(most);
            most = lets_wait ? most : std::chrono::nanoseconds(0);
            try {
                take(most);
            } catch (disk_error const& failure) {
                if (failure.code() == ETIMEDOUT) {
                    environment.waits_.failed(true);
                }
                throw;
            }
            environment.waits_.succeeded();
            txn_ = begin(environment.files_.environment.get(), 0);
            open_records(txn_.get());
            environment.writer_.store(std::this_thread::get_id(), std::memory_order_relaxed);
        }
        turn(turn const&) = delete;
        turn& operator=(turn const&) = delete;
        ~turn() {
            if (environment_.is_over()) { // this is a child of who began it
                static_cast<void>(txn_.release());
                static_cast<void>(lock_.release());
                return;
            }
            environment_.writer_.store({}, std::memory_order_relaxed);
            txn_.reset();
            right_.reset();
            environment_.hand_over();
        }

        [[nodiscard]] MDB_txn* txn() const noexcept { return txn_.get(); }
        void commit() {
            environment_.require_not_forked();
            detail::commit(std::move(txn_));
        }

      private:
        void take(std::chrono::nanoseconds most) {
            if (!lock_.try_lock()) {
                auto const begin = std::chrono::steady_clock::now();
                if (!lock_.try_lock_for(most)) {
                    environment_.timed_out();
                }
                // Whoever had it may have waited in vain.
                most = environment_.waits_.is_open()
                           ? std::chrono::nanoseconds(0)
                           : most - (std::chrono::steady_clock::now() - begin);
            }
            environment_.require_open();
            environment_.require_current("put");
            environment_.say_dirty(most);
            right_.emplace(environment_.files_.writes, most);
            if (!right_->is_held()) {
                environment_.timed_out();
            }
        }

        undisturbed const whole_{};
        disk_environment& environment_;
        std::unique_lock<std::timed_mutex> lock_;
        std::optional<write_right> right_;
        lmdb_transaction txn_;
    };

    [[nodiscard]] bool this_thread_writes() const noexcept {
        return writer_.load(std::memory_order_relaxed) == std::this_thread::get_id();
    }

    // With mutex_.
    void end_alone() {
        if (is_over()) {
            return;
        }
        is_ending_.store(true);
        if (files_.are_ours()) {
            readers_.drain();
            pages_.forget();
        } // else it stays mapped, and who reads in it may go on
        files_.environment.reset();
        files_.unlock();
        files_.writes.close();
        files_.users.close();
        {
            std::scoped_lock const lock(flights_mutex_);
            files_.flights.reset(); // who has such a right keeps the file open
        }
        is_over_.store(true, std::memory_order_release);
    }

    // With mutex_.
    void require_open() {
        if (!is_over() && !files_.may_write()) {
            end_alone();
        }
        if (is_over()) {
            reopen_first();
        }
    }

    [[noreturn]] static void reopen_first() {
        throw disk_error("disk: what was open is to be opened anew", ESTALE);
    }

    /// Whether writers know of a reader of this snapshot, and so leave alone what it has. Slow. Who is listed
    /// now was so all the time: a table that is begun anew does not list it again.
    [[nodiscard]] bool is_registered(std::size_t transaction) const {
        return has_reader_of(files_.environment.get(), transaction) &&
               identity_of_file(directory().path("v1/lock.mdb")) == files_.lock_identity;
    }

    void require_not_forked() const {
        if (is_over()) {
            throw disk_error("disk put: this process was forked while it stored a record", ESTALE);
        }
    }

    [[noreturn]] void timed_out() const {
        lock_timed_out("put", how_.directory.path("v1/write.lock"));
    }

    /// A registered reader; null if it would have to wait for one, or all places are taken, and what is
    /// read is known to hold without it.
    MDB_txn* new_reader() {
        if (this_thread_writes()) {
            lmdb_transaction txn = begin(files_.environment.get(), MDB_RDONLY);
            readers_.add();
            return txn.release();
        }
        bool const must = !has_pages_;
        std::chrono::nanoseconds const most = must ? max_reader_wait : std::chrono::nanoseconds(0);
        auto const do_without = [&]() -> MDB_txn* {
            if (must) {
                timed_out();
            }
            return nullptr;
        };
        undisturbed const whole;
        std::unique_lock lock(mutex_, std::defer_lock);
        if (!lock.try_lock() && (!must || !lock.try_lock_for(most))) {
            return do_without();
        }
        require_open();
        require_current("get");
        write_right const mine(files_.writes, most);
        if (!mine.is_held()) {
            return do_without();
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
        readers_.add();
        return txn.release();
    }

    // All processes share the places of readers: before there is none, those that are idle here and those
    // of dead processes are given back.
    lmdb_transaction begin_reader() {
        try {
            return begin(files_.environment.get(), MDB_RDONLY);
        } catch (disk_error const& failure) {
            if (failure.code() != MDB_READERS_FULL) {
                throw;
            }
        }
        readers_.drop_idle();
        int dead = 0;
        mdb_reader_check(files_.environment.get(), &dead);
        return begin(files_.environment.get(), MDB_RDONLY);
    }

    /// Looks at the files each time that the coarse clock went on, before they are used: whether the path
    /// leads to them, and whether they are as long as they were. A page of a mapping behind the end of
    /// its file is a SIGBUS. Of who has a reader or the mutex.
    ///
    /// Throws:         disk_error; says_stale(its code) for other files, says_damaged for a cut one
    void require_current(char const* verb) {
        std::int64_t const now = coarse_ticks();
        if (last_look_.load(std::memory_order_relaxed) != now) [[unlikely]] {
            look_at_files(verb);
            last_look_.store(now, std::memory_order_relaxed);
        }
    }

    [[gnu::noinline]] void look_at_files(char const* verb) {
        std::string const lock_file = directory().path("v1/lock.mdb");
        auto const lock = length_of_file(lock_file);
        bool const has_lock = files_.lock_identity.has_value();
        if (has_lock &&
            (lock.is_gone || (lock.identity && lock.identity != files_.lock_identity))) {
            lmdb_failed(verb, ESTALE);
        }
        if (has_lock && lock.identity && lock.bytes < files_.lock_bytes) {
            // LMDB touches it when it is closed, too. What it said is lost, so others get a new one.
            if (::truncate(lock_file.c_str(), static_cast<off_t>(files_.lock_bytes)) != 0 &&
                errno != ENOENT) { // else another thread was here
                file_failed(verb, lock_file, errno);
            }
            ::unlink(lock_file.c_str());
            lmdb_failed(verb, ESTALE);
        }
        std::uint64_t const before = data_bytes_.load(std::memory_order_relaxed);
        auto const data = length_of_file(directory().data_file());
        if (data.is_gone || (data.identity && data.identity != files_.identity)) {
            lmdb_failed(verb, ESTALE);
        }
        if (data.identity && data.bytes < before) { // it only grows
            lmdb_failed(verb, MDB_CORRUPTED);
        }
        data_bytes_.store(data.bytes, std::memory_order_relaxed);
    }

    /// The trees for a reader that is not registered. It is counted until it leaves.
    [[nodiscard]] std::optional<page_view::roots> begin_unregistered() {
        readers_.add();
        try {
            if (is_ending_.load()) {
                reopen_first();
            }
            require_current("get");
            if (auto found = pages_.latest()) {
                return found;
            }
            lmdb_failed("get", EAGAIN);
        } catch (...) { // no memory for the paths of the files, too: end() waits for who is counted
            readers_.leave();
            throw;
        }
    }

    // Pages of another size than usual are left to LMDB.
    void show_pages() {
        MDB_stat told{};
        mdb_filehandle_t descriptor = -1;
        lmdb_check("open", mdb_env_stat(files_.environment.get(), &told));
        lmdb_check("open", mdb_env_get_fd(files_.environment.get(), &descriptor));
        if (told.ms_psize == page_view::page_size) {
            pages_.show(descriptor, how_.map);
            if (!pages_.shows()) {
                refuse_addresses(how_.map);
            }
            has_pages_ = true;
        }
    }

    /// LMDB takes the number of a transaction from the lock file, and what it begins with from the data. Who
    /// has a lock file that was removed meanwhile would write over what others committed since.
    void require_own_turn(MDB_txn* txn) const {
        MDB_envinfo last{};
        lmdb_check("put", mdb_env_info(files_.environment.get(), &last));
        if (mdb_txn_id(txn) != last.me_last_txnid + 1) {
            bool const is_own =
                identity_of_file(directory().path("v1/lock.mdb")) == files_.lock_identity;
            lmdb_failed("put", is_own ? MDB_CORRUPTED : MDB_BAD_RSLOT);
        }
    }

    void look_at_pages() {
        if (!pages_.shows()) {
            return;
        }
        roots_ = pages_.newest();
        if (!roots_ || !pages_.free_lists_are_valid(roots_->free_pages, roots_->pages)) {
            lmdb_failed("put", MDB_CORRUPTED);
        }
        if (!pages_counted_) {
            if (!page_accounting(pages_, *roots_).are_single()) {
                lmdb_failed("put", MDB_CORRUPTED);
            }
            pages_counted_ = true;
        }
    }

    void say_dirty(std::chrono::nanoseconds most) {
        if (!dirty_ && !how_.durable) {
            mark_dirty(how_, most);
            dirty_ = true;
        }
    }

    // Lets the disk begin with what was written, so that a power cut finds most of it there. Does not
    // wait for it.
    void hand_over() noexcept {
        std::int64_t const now = coarse_seconds();
        if (how_.durable || now - last_sync_ < seconds_between_syncs) {
            return;
        }
        last_sync_ = now;
        mdb_filehandle_t descriptor = -1;
        if (mdb_env_get_fd(files_.environment.get(), &descriptor) == MDB_SUCCESS) {
            ::sync_file_range(descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
        }
    }

    static constexpr std::chrono::nanoseconds max_reader_wait = std::chrono::seconds(10);

    disk_opening const how_;
    std::timed_mutex mutex_;
    breaker waits_;       ///< for other processes that write
    mutex flights_mutex_; ///< of files_.flights
    disk_files files_;
    disk_readers readers_;
    page_validator pages_;
    std::optional<page_view::roots> roots_; ///< as the write under way found them
    bool has_pages_ = false;                ///< whether pages_ shows them until the end
    bool pages_counted_ = false;
    bool dirty_ = false;
    std::uint64_t writes_ = 0;
    std::int64_t last_sync_ = coarse_seconds();
    std::atomic<bool> is_ending_{false}; ///< nobody begins to read any more
    std::atomic<bool> is_over_{false};
    std::atomic<std::thread::id> writer_{};
    std::atomic<std::int64_t> last_look_{0};
    std::atomic<std::uint64_t> data_bytes_{0}; ///< when its file was looked at last
};

/// The bytes at a place, within a write.
[[nodiscard]] inline std::optional<bytes_view> find_record(disk_write const& write,
                                                           bytes_view place) {
    write.environment.require_valid_path(place, page_validator::change::insert);
    return find(write.txn, place);
}

/// Puts a record at a place, within a write, and replaces what is there.
inline void insert_record(disk_write const& write, bytes_view place, bytes_view record) {
    write.environment.require_valid_path(place, page_validator::change::insert);
    insert(write.txn, place, record);
}

/// Drops the record at a place, within a write. False if there is none.
inline bool remove_record(disk_write const& write, bytes_view place) {
    write.environment.require_valid_path(place, page_validator::change::remove);
    return remove(write.txn, place);
}

} // namespace memo::detail
