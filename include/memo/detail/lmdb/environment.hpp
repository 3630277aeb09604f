// SPDX-License-Identifier: BSL-1.0
#pragma once

// The open data of one directory in this process. read_transaction.hpp reads it,
// write_transaction.hpp writes it.
//
// An environment never opens its files again. After a fork, closed descriptors or an error from
// which LMDB does not recover, it is closed, and the store opens another environment.
//
// Lock order: mutex_, then open.lock, then write.lock. All waits are bounded, because a live owner
// may be stopped: docs/decisions/0056-bounded-locks.md.

#include <memo/detail/breaker.hpp>
#include <memo/detail/lmdb/disk_directory.hpp>
#include <memo/detail/lmdb/environment_files.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/lmdb/mapped_file.hpp>
#include <memo/detail/lmdb/page_check/page_format.hpp>
#include <memo/detail/lmdb/page_check/page_view.hpp>
#include <memo/detail/lmdb/put_queue.hpp>
#include <memo/detail/lmdb/reader_pool.hpp>
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
    /// Opens the data, or creates it. Callers hold open.lock.
    ///
    /// Throws:         disk_error; is_damage(its code) if the data is unusable
    explicit disk_environment(environment_options options)
        : options_(std::move(options)), files_(open_files(options_)) {
        clean_before_durable(files_, options_);
        map_pages();
        map_.set_known_length(length_of_file(directory().data_file()).bytes);
    }
    disk_environment(disk_environment const&) = delete;
    disk_environment& operator=(disk_environment const&) = delete;

    /// Closes the data, and marks it clean if no other process has it open. Callers hold open.lock.
    ~disk_environment() {
        interruption_guard const guard;
        if (is_closed()) {
            return;
        }
        readers_.drain();
        try {
            if (!options_.read_only && files_.are_valid()) { // even if only other processes wrote
                mark_clean(files_, options_);
            }
        } catch (std::exception const&) { // an error, or no memory: the data stays dirty
        }
    }

    /// Whether the environment is closed, and the store must open another one.
    [[nodiscard]] bool is_closed() const noexcept {
        return is_closed_.load(std::memory_order_acquire);
    }

    /// Closes an environment after its descriptors were closed, its directory was removed, or LMDB
    /// failed. Blocks until no thread reads in it.
    ///
    /// Throws:         disk_error within a write of the calling thread
    void close() {
        if (!is_closed() && this_thread_writes()) {
            throw disk_error(
                "disk put: a serialize() within a put found the data removed or damaged; "
                "the next call opens it again",
                EDEADLK);
        }
        interruption_guard const guard;
        std::scoped_lock const lock(mutex_);
        close_locked();
    }

    /// Whether LMDB's descriptors still refer to the opened files.
    [[nodiscard]] bool has_valid_files() const noexcept {
        return files_.environment.get_deleter().descriptors.are_valid();
    }

    [[nodiscard]] disk_directory const& directory() const noexcept { return options_.directory; }
    [[nodiscard]] file_identity identity() const noexcept { return files_.identity; }
    [[nodiscard]] bool read_only() const noexcept { return options_.read_only; }
    [[nodiscard]] bool durable() const noexcept { return options_.durable; }
    /// Bytes of address space, the maximal size of the file.
    [[nodiscard]] std::uint64_t map_size() const noexcept { return options_.map_size; }
    /// The puts of threads that wait for their turn.
    [[nodiscard]] put_queue& puts() noexcept { return puts_; }
    /// flight.lock; null if the environment is read-only or closed.
    [[nodiscard]] std::shared_ptr<file> flights() {
        std::scoped_lock const lock(flights_mutex_);
        return files_.flights;
    }

    /// The time of the last check of the files, by the coarse clock.
    [[nodiscard]] std::int64_t tick() const noexcept {
        return last_check_.load(std::memory_order_relaxed);
    }

    /// The reason for misses of absent keys of a scope: the result of the first call of find() in
    /// this process, because the scope's name may be stored afterwards.
    template <class Find> [[nodiscard]] miss_reason reason_of_absence(key128 scope, Find find) {
        {
            std::scoped_lock const lock(absences_mutex_);
            if (auto const entry = absences_.find(scope); entry != absences_.end()) {
                return entry->second;
            }
        }
        miss_reason const found = find(); // may wait
        std::scoped_lock const lock(absences_mutex_);
        return absences_.try_emplace(scope, found).first->second;
    }

    /// Called in a child after fork(), which has only this thread. The parent shares the open files
    /// and their locks, and its other threads may have been changing this object.
    void close_in_child() noexcept {
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
            files_.flights->close(); // an evaluation in flight still refers to it
        }
        readers_.abandon();
        writer_.store({}, std::memory_order_relaxed);
        is_closed_.store(true, std::memory_order_release);
    }

  private:
    friend class read_transaction;
    friend class write_transaction;
    friend class write_turn;

    [[nodiscard]] bool this_thread_writes() const noexcept {
        return writer_.load(std::memory_order_relaxed) == std::this_thread::get_id();
    }

    // Callers hold mutex_.
    void close_locked() {
        if (is_closed()) {
            return;
        }
        is_closing_.store(true);
        if (files_.are_valid()) {
            readers_.drain();
            map_.unmap();
        } // else it stays mapped for its readers
        files_.environment.reset();
        files_.unlock();
        files_.writes.close();
        files_.users.close();
        {
            std::scoped_lock const lock(flights_mutex_);
            files_.flights.reset(); // a flight that is in use keeps the file open
        }
        is_closed_.store(true, std::memory_order_release);
    }

    // Callers hold mutex_.
    void require_open() {
        if (!is_closed() && !files_.may_write()) {
            close_locked();
        }
        if (is_closed()) {
            throw_closed();
        }
    }

    [[noreturn]] static void throw_closed() {
        throw disk_error("disk: the data was closed; the next call opens it again", ESTALE);
    }

    void require_not_forked() const {
        if (is_closed()) {
            throw disk_error("disk put: this process was forked while it stored a record", ESTALE);
        }
    }

    [[noreturn]] void throw_timeout() const {
        throw_lock_timeout("put", options_.directory.path("v1/write.lock"));
    }

    /// Checks, once per tick of the coarse clock, that the path still leads to the open files, and
    /// that they were not truncated: a read beyond the end of a mapped file raises SIGBUS. Callers
    /// hold a reader or mutex_.
    ///
    /// Throws:         disk_error; needs_reopening(its code) for other files, is_damage for
    ///                 truncated ones
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
            throw_lmdb_error(verb, ESTALE);
        }
        if (has_lock && lock.identity && lock.bytes < files_.lock_bytes) {
            remove_truncated_lock_file(verb, lock_file);
            throw_lmdb_error(verb, ESTALE);
        }
        // Read before the file's length, because the file may grow meanwhile.
        std::size_t const known_length = map_.known_length();
        auto const data = length_of_file(directory().data_file());
        if (data.is_gone || (data.identity && data.identity != files_.identity)) {
            throw_lmdb_error(verb, ESTALE);
        }
        if (data.identity && data.bytes < known_length) { // LMDB only grows it
            throw_lmdb_error(verb, MDB_CORRUPTED);
        }
        map_.set_known_length(data.bytes);
    }

    /// Removes a truncated lock.mdb, whose content is lost, so that other processes create a new
    /// one. Holds open.lock: another process may have removed the file, and the path may lead to
    /// the new one. The wait is short, because a process that closes the data waits for readers.
    [[gnu::cold]] void remove_truncated_lock_file(char const* verb,
                                                  std::string const& lock_file) const {
        interruption_guard const guard;
        directory_lock const lock(directory(), std::chrono::seconds(1));
        if (identity_of_file(lock_file) != files_.lock_identity) {
            return;
        }
        // Restores the length first: LMDB accesses the file on closing.
        if (::truncate(lock_file.c_str(), static_cast<off_t>(files_.lock_bytes)) != 0) {
            throw_file_error(verb, lock_file, errno);
        }
        ::unlink(lock_file.c_str());
    }

    // Only LMDB reads pages of another size.
    void map_pages() {
        MDB_stat stat{};
        lmdb_check("open", mdb_env_stat(files_.environment.get(), &stat));
        if (stat.ms_psize == page_format::page_size) {
            if (!map_.map(files_.environment.get_deleter().descriptors.data(), options_.map_size)) {
                throw_no_address_space(options_.map_size);
            }
            has_pages_ = true;
        }
    }

    environment_options const options_;
    std::timed_mutex mutex_;
    put_queue puts_;
    breaker waits_;       ///< for writers of other processes
    mutex flights_mutex_; ///< guards files_.flights
    disk_files files_;
    reader_pool readers_;
    mapped_file map_;
    page_view pages_{map_};
    bool has_pages_ = false; ///< whether map_ is mapped until close()
    bool pages_counted_ = false;
    bool dirty_ = false;
    std::uint64_t writes_ = 0;
    std::int64_t last_yield_ = 0;         ///< by the coarse clock
    std::atomic<bool> is_closing_{false}; ///< no new reader may begin
    std::atomic<bool> is_closed_{false};
    std::atomic<std::thread::id> writer_{};
    std::atomic<std::int64_t> last_check_{0};
    mutex absences_mutex_; ///< guards absences_
    std::unordered_map<key128, miss_reason> absences_;
};

} // namespace memo::detail
