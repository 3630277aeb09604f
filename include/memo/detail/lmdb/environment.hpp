// SPDX-License-Identifier: BSL-1.0
#pragma once

// The data of one directory, open in this process, and the end of it. It is read by read_transaction.hpp and
// written by write_transaction.hpp.
//
// An environment never opens its files again. Once it is over, by a fork, by closed descriptors or by an
// error that LMDB does not recover from, the store opens another environment.
//
// Order of locks: mutex_, then open.lock, then write.lock. No wait is without bound, as an owner that is
// alive may be stopped: docs/decisions/0056-bounded-locks.md.

#include <memo/detail/breaker.hpp>
#include <memo/detail/lmdb/disk_directory.hpp>
#include <memo/detail/lmdb/environment_files.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/lmdb/mapped_file.hpp>
#include <memo/detail/lmdb/page_check/page_format.hpp>
#include <memo/detail/lmdb/page_check/page_view.hpp>
#include <memo/detail/lmdb/readers.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/error.hpp>
#include <memo/key128.hpp>
#include <memo/outcome.hpp>

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
#include <unordered_map>
#include <utility>

namespace memo::detail {

class disk_environment {
  public:
    /// Opens the data, or creates it. Under open.lock.
    ///
    /// Throws:         disk_error; says_damaged(its code) where the data cannot be used
    explicit disk_environment(disk_opening how) : how_(std::move(how)), files_(open_files(how_)) {
        mark_first_open(files_, how_);
        map_pages();
    }
    disk_environment(disk_environment const&) = delete;
    disk_environment& operator=(disk_environment const&) = delete;

    /// Closes the data, and marks it clean if no other process has it open. Under open.lock.
    ~disk_environment() {
        undisturbed const whole;
        if (is_over()) {
            return;
        }
        readers_.drain();
        try {
            if (!how_.read_only && files_.are_ours()) { // the writer may have been another process
                mark_clean(files_, how_);
            }
        } catch (std::exception const&) { // an error, or no memory: the data stays dirty
        }
    }

    /// Whether it is closed, and another one is to be opened.
    [[nodiscard]] bool is_over() const noexcept { return is_over_.load(std::memory_order_acquire); }

    /// Closes an environment whose descriptors were closed, whose directory was removed, or that LMDB made
    /// unusable. Blocks until no thread reads in it.
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
        end_locked();
    }

    /// Whether the descriptors are still those of the opened files.
    [[nodiscard]] bool has_its_files() const noexcept {
        return files_.environment.get_deleter().descriptors.are_ours();
    }

    [[nodiscard]] disk_directory const& directory() const noexcept { return how_.directory; }
    [[nodiscard]] file_identity identity() const noexcept { return files_.identity; }
    [[nodiscard]] bool read_only() const noexcept { return how_.read_only; }
    [[nodiscard]] bool durable() const noexcept { return how_.durable; }
    /// Bytes of address space, which the file cannot outgrow.
    [[nodiscard]] std::uint64_t map() const noexcept { return how_.map; }
    /// Null where nothing is written, and when it is over.
    [[nodiscard]] std::shared_ptr<file> flights() {
        std::scoped_lock const lock(flights_mutex_);
        return files_.flights;
    }

    /// When the files were checked last, in ticks of the coarse clock.
    [[nodiscard]] std::int64_t tick() const noexcept {
        return last_check_.load(std::memory_order_relaxed);
    }

    /// Why a lookup of a scope finds nothing: what find() returned for the first of this process's handles,
    /// as the scope's name may be stored since.
    template <class Find> [[nodiscard]] miss_reason reason_of_absence(key128 scope, Find find) {
        {
            std::scoped_lock const lock(absences_mutex_);
            if (auto const known = absences_.find(scope); known != absences_.end()) {
                return known->second;
            }
        }
        miss_reason const found = find(); // may wait
        std::scoped_lock const lock(absences_mutex_);
        return absences_.try_emplace(scope, found).first->second;
    }

    /// In a child after fork(), which has only this thread. The open files and their locks are the
    /// parent's, too, and another thread of it may have been changing anything here.
    void end_in_child() noexcept {
        if (mutex_.try_lock()) { // no thread was writing
            mutex_.unlock();
            files_.environment.reset();
        } else {
            std::construct_at(&mutex_);
            static_cast<void>(files_.environment.release());
        }
        files_.users.close();
        files_.writes.close();
        if (files_.flights) {
            files_.flights->close(); // a running evaluation still refers to it
        }
        readers_.abandon();
        writer_.store({}, std::memory_order_relaxed);
        is_over_.store(true, std::memory_order_release);
    }

  private:
    friend class read_transaction;
    friend class write_transaction;

    [[nodiscard]] bool this_thread_writes() const noexcept {
        return writer_.load(std::memory_order_relaxed) == std::this_thread::get_id();
    }

    // With mutex_.
    void end_locked() {
        if (is_over()) {
            return;
        }
        is_ending_.store(true);
        if (files_.are_ours()) {
            readers_.drain();
            map_.unmap();
        } // else it stays mapped, and its readers go on
        files_.environment.reset();
        files_.unlock();
        files_.writes.close();
        files_.users.close();
        {
            std::scoped_lock const lock(flights_mutex_);
            files_.flights.reset(); // a held flight keeps the file open
        }
        is_over_.store(true, std::memory_order_release);
    }

    // With mutex_.
    void require_open() {
        if (!is_over() && !files_.may_write()) {
            end_locked();
        }
        if (is_over()) {
            reopen_first();
        }
    }

    [[noreturn]] static void reopen_first() {
        throw disk_error("disk: the data was closed and is to be opened again", ESTALE);
    }

    void require_not_forked() const {
        if (is_over()) {
            throw disk_error("disk put: this process was forked while it stored a record", ESTALE);
        }
    }

    [[noreturn]] void timed_out() const {
        lock_timed_out("put", how_.directory.path("v1/write.lock"));
    }

    /// Checks the files before they are used, once in each tick of the coarse clock: whether the path
    /// still leads to them, and that they were not cut. A read behind the end of a mapped file is a
    /// SIGBUS. The caller holds a reader or mutex_.
    ///
    /// Throws:         disk_error; says_stuck(its code) for other files, says_damaged for a cut one
    void require_current(char const* verb) {
        std::int64_t const now = coarse_ticks();
        if (last_check_.load(std::memory_order_relaxed) != now) [[unlikely]] {
            check_files(verb);
            last_check_.store(now, std::memory_order_relaxed);
        }
    }

    [[gnu::noinline]] void check_files(char const* verb) {
        std::string const lock_file = directory().path("v1/lock.mdb");
        auto const lock = length_of_file(lock_file);
        bool const has_lock = files_.lock_identity.has_value();
        if (has_lock &&
            (lock.is_gone || (lock.identity && lock.identity != files_.lock_identity))) {
            lmdb_failed(verb, ESTALE);
        }
        if (has_lock && lock.identity && lock.bytes < files_.lock_bytes) {
            remove_cut_lock_file(verb, lock_file);
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

    /// Its content is lost, so others get a new file. Under open.lock: another process may have removed it, and
    /// the path may lead to the new one. Readers wait little, as who closes the data waits for them.
    [[gnu::cold]] void remove_cut_lock_file(char const* verb, std::string const& lock_file) const {
        undisturbed const whole;
        directory_lock const alone(directory(), std::chrono::seconds(1));
        if (identity_of_file(lock_file) != files_.lock_identity) {
            return;
        }
        // LMDB accesses it when it is closed, too.
        if (::truncate(lock_file.c_str(), static_cast<off_t>(files_.lock_bytes)) != 0) {
            file_failed(verb, lock_file, errno);
        }
        ::unlink(lock_file.c_str());
    }

    // LMDB alone reads pages of another size.
    void map_pages() {
        MDB_stat stat{};
        mdb_filehandle_t descriptor = -1;
        lmdb_check("open", mdb_env_stat(files_.environment.get(), &stat));
        lmdb_check("open", mdb_env_get_fd(files_.environment.get(), &descriptor));
        if (stat.ms_psize == page_format::page_size) {
            if (!map_.map(descriptor, how_.map)) {
                refuse_addresses(how_.map);
            }
            has_pages_ = true;
        }
    }

    disk_opening const how_;
    std::timed_mutex mutex_;
    breaker waits_;       ///< for other processes that write
    mutex flights_mutex_; ///< of files_.flights
    disk_files files_;
    disk_readers readers_;
    mapped_file map_;
    page_view pages_{map_};
    bool has_pages_ = false; ///< whether map_ is mapped until the end
    bool pages_counted_ = false;
    bool dirty_ = false;
    std::uint64_t writes_ = 0;
    std::int64_t last_sync_ = coarse_seconds();
    std::atomic<bool> is_ending_{false}; ///< no thread begins to read any more
    std::atomic<bool> is_over_{false};
    std::atomic<std::thread::id> writer_{};
    std::atomic<std::int64_t> last_check_{0};
    std::atomic<std::uint64_t> data_bytes_{0}; ///< of its file at that check
    mutex absences_mutex_;                     ///< of absences_
    std::unordered_map<key128, miss_reason> absences_;
};

} // namespace memo::detail
