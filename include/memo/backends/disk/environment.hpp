// SPDX-License-Identifier: BSL-1.0
#pragma once

// The data of one directory, open in this process: who may write, and write transactions.
//
// Why a write transaction has a lock of ours around LMDB's: a process that is killed while others wait
// for a robust mutex can leave one of them asleep for ever (docs/decisions/0020-disk-write-lock.md).
// With the lock nobody ever waits for LMDB's mutexes, and the kernel gives a dead owner's lock to the
// next. Whatever else takes those mutexes, the first look of a thread and the check for dead readers,
// takes it too.
//
// Order of locks: mutex_, then open.lock, then write.lock.

#include <memo/backends/disk/cursor.hpp>
#include <memo/backends/disk/directory.hpp>
#include <memo/backends/disk/file.hpp>
#include <memo/backends/disk/lmdb.hpp>
#include <memo/backends/disk/opening.hpp>
#include <memo/backends/disk/readers.hpp>
#include <memo/backends/disk/soundness.hpp>
#include <memo/backends/disk/uses.hpp>
#include <memo/error.hpp>
#include <memo/fork.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unistd.h>
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
        settle_first(files_, how_);
        show_files();
    }
    disk_environment(disk_environment const&) = delete;
    disk_environment& operator=(disk_environment const&) = delete;

    /// Closes, and says that all is on the disk if nobody else has it open. Not under open.lock.
    ~disk_environment() {
        undisturbed const whole;
        if (!stale_) {
            readers_.drain();
            try {
                if (!how_.read_only) { // who wrote may have left while others had it open
                    settle(files_, how_);
                }
            } catch (error const&) { // the next one finds it dirty
            }
        }
    }

    [[nodiscard]] disk_directory const& directory() const noexcept { return how_.directory; }
    [[nodiscard]] file_identity identity() const noexcept { return files_.identity; }
    [[nodiscard]] bool read_only() const noexcept { return how_.read_only; }
    [[nodiscard]] bool durable() const noexcept { return how_.durable; }
    /// Bytes of address space, and the most that the file can have.
    [[nodiscard]] std::uint64_t map() const noexcept { return how_.map; }
    /// Nothing where nobody computes what others wait for.
    [[nodiscard]] std::shared_ptr<file> flights() const {
        std::scoped_lock const lock(flights_mutex_);
        return flights_;
    }

    /// How often the files were opened anew.
    [[nodiscard]] std::uint64_t generation() const noexcept {
        return generation_.load(std::memory_order_acquire);
    }
    /// When the files were looked at last. Another tick means that they were since.
    [[nodiscard]] std::int64_t tick() const noexcept {
        return last_look_.load(std::memory_order_relaxed);
    }

    class look; ///< a snapshot: look.hpp

    /// Runs change(disk_write) and commits what it did; nothing of it stays if anything throws.
    template <class Change> auto write(Change change) {
        turn const mine(*this);
        lmdb_transaction txn = begin(files_.environment.get(), 0);
        open_records(txn.get());
        require_own_turn(txn.get());
        look_at_pages();
        auto result = change(disk_write{*this, txn.get()});
        commit(std::move(txn));
        if (++writes_ % writes_per_check == 0) {
            int dead = 0;
            mdb_reader_check(files_.environment.get(), &dead);
        }
        return result;
    }

    /// Before a write to a place, within write().
    ///
    /// Throws:         disk_error; says_damaged(its code) if a page on the way is none
    void require_sound(bytes_view place) const {
        if (roots_ && !pages_.way_is_sound(roots_->records, place, roots_->pages)) {
            lmdb_failed("put", MDB_CORRUPTED);
        }
    }

    /// All entries as the write under way found them, whatever it did since. Within write().
    [[nodiscard]] disk_cursor entries(MDB_txn* txn) const { return {txn, pages_, roots_}; }

    /// Opens what the path leads to now, in the place of what was open in a generation. Waits for the
    /// snapshots that are held. One thread at a time.
    ///
    /// open            given how it was opened, which it may change; gives what is open now
    /// Throws:         what open throws; then it is opened by who uses it next
    template <class Open> void reopen(std::uint64_t generation, Open const& open) {
        if (this_thread_writes()) {
            throw disk_error("disk put: what was found damaged by a serialize() within a put is "
                             "opened anew by the next call",
                             EDEADLK);
        }
        std::scoped_lock const lock(mutex_);
        if (generation_.load(std::memory_order_relaxed) != generation) {
            return; // another thread was here
        }
        if (!stale_) {
            readers_.drain();
            stale_ = true;
        }
        refresh([&] { return open(how_); });
    }

    // Around fork(): no thread of this process is inside of a write, so no lock of ours is held by
    // the file descriptions that the child shares, and the child's copy of the mutex is free.
    void before_fork() { mutex_.lock(); }
    void after_fork_in_parent() noexcept { mutex_.unlock(); }
    void after_fork_in_child() noexcept {
        files_.users.close();
        files_.writes.close();
        if (flights_) {
            flights_->close();
        }
        readers_.abandon();
        stale_ = true;
        mutex_.unlock();
    }

  private:
    static constexpr std::uint64_t writes_per_check = 4096;
    static constexpr std::int64_t seconds_between_syncs = 5;

    /// The right to write, of one thread of one process.
    class turn {
      public:
        explicit turn(disk_environment& environment)
            : environment_(environment),
              lock_(environment.lock_in_process()),
              right_(environment.lock_among_processes()) {
            environment.writer_.store(std::this_thread::get_id(), std::memory_order_relaxed);
        }
        turn(turn const&) = delete;
        turn& operator=(turn const&) = delete;
        ~turn() {
            environment_.writer_.store({}, std::memory_order_relaxed);
            right_.reset();
            environment_.hand_over();
        }

      private:
        undisturbed const whole_{};
        disk_environment& environment_;
        std::unique_lock<std::mutex> lock_;
        std::optional<write_right> right_;
    };

    [[nodiscard]] bool this_thread_writes() const noexcept {
        return writer_.load(std::memory_order_relaxed) == std::this_thread::get_id();
    }

    [[nodiscard]] std::unique_lock<std::mutex> lock_in_process() {
        if (this_thread_writes()) {
            throw error(errc::backend, "disk put: a merge or a serialize() stores a record while "
                                       "its own record is stored; compute it before");
        }
        std::unique_lock lock(mutex_);
        refresh();
        require_current("put");
        say_dirty();
        return lock;
    }

    [[nodiscard]] std::optional<write_right> lock_among_processes() {
        return std::optional<write_right>(std::in_place, files_.writes);
    }

    /// Whether writers know of a reader of this snapshot, and so leave alone what it has. Slow. Who is listed
    /// now was so all the time: a table that is begun anew does not list it again.
    [[nodiscard]] bool is_registered(std::size_t transaction) const {
        return has_reader_of(files_.environment.get(), transaction) &&
               identity_of_file(directory().path("v1/lock.mdb")) == files_.lock_identity;
    }

    MDB_txn* new_reader() {
        lmdb_transaction txn;
        if (this_thread_writes()) {
            txn = begin(files_.environment.get(), MDB_RDONLY);
        } else {
            undisturbed const whole;
            std::scoped_lock const lock(mutex_);
            refresh();
            require_current("get");
            write_right const mine(files_.writes);
            txn = begin_reader();
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
            if (::truncate(lock_file.c_str(), static_cast<off_t>(files_.lock_bytes)) != 0) {
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

    // Pages of another size than usual are left to LMDB.
    void show_files() {
        {
            std::scoped_lock const lock(flights_mutex_);
            flights_ = std::move(files_.flights);
        }
        MDB_stat told{};
        mdb_filehandle_t descriptor = -1;
        lmdb_check("open", mdb_env_stat(files_.environment.get(), &told));
        lmdb_check("open", mdb_env_get_fd(files_.environment.get(), &descriptor));
        if (told.ms_psize == page_view::page_size) {
            pages_.show(descriptor, how_.map);
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
        if (!roots_ || !pages_.free_pages_are_sound(roots_->free_pages, roots_->pages)) {
            lmdb_failed("put", MDB_CORRUPTED);
        }
        if (!pages_counted_) {
            if (!page_uses(pages_, *roots_).are_single()) {
                lmdb_failed("put", MDB_CORRUPTED);
            }
            pages_counted_ = true;
        }
    }

    // After a fork, or where files were to be opened anew and were not.
    void refresh() {
        refresh([&] { return open_files(how_); });
    }
    template <class Open> void refresh(Open const& open) {
        if (stale_) {
            pages_.forget();
            files_ =
                {}; // before the same file is opened again: closing it later would end its locks
            files_ = open();
            show_files();
            data_bytes_ = 0;
            last_look_ = 0;
            pages_counted_ = false;
            dirty_ = false; // nobody was kept from settling meanwhile
            stale_ = false;
            generation_.fetch_add(1, std::memory_order_release);
        }
    }

    void say_dirty() {
        if (!dirty_ && !how_.durable) {
            mark_dirty(how_);
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

    disk_opening how_;
    std::mutex mutex_;
    disk_files files_;
    mutable mutex flights_mutex_;
    std::shared_ptr<file> flights_;
    disk_readers readers_;
    sound_pages pages_;
    std::optional<page_view::roots> roots_; ///< as the write under way found them
    bool pages_counted_ = false;
    bool stale_ = false;
    bool dirty_ = false;
    std::uint64_t writes_ = 0;
    std::int64_t last_sync_ = coarse_seconds();
    std::atomic<std::thread::id> writer_{};
    std::atomic<std::int64_t> last_look_{0};
    std::atomic<std::uint64_t> data_bytes_{0}; ///< when its file was looked at last
    std::atomic<std::uint64_t> generation_{0};
};

/// The bytes at a place, within a write.
[[nodiscard]] inline std::optional<bytes_view> find_record(disk_write const& write,
                                                           bytes_view place) {
    write.environment.require_sound(place);
    return find(write.txn, place);
}

/// Puts a record at a place, within a write, and replaces what is there.
inline void insert_record(disk_write const& write, bytes_view place, bytes_view record) {
    write.environment.require_sound(place);
    insert(write.txn, place, record);
}

/// Drops the record at a place, within a write. False if there is none.
inline bool remove_record(disk_write const& write, bytes_view place) {
    write.environment.require_sound(place);
    return remove(write.txn, place);
}

} // namespace memo::detail
