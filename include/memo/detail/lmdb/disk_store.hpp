// SPDX-License-Identifier: BSL-1.0
#pragma once

// The store of one disk backend: the current environment, the counters of each function, and the
// recovery from damaged, removed or full data.

#include <memo/backend.hpp>
#include <memo/backends/disk_settings.hpp>
#include <memo/detail/breaker.hpp>
#include <memo/detail/lmdb/access_clock.hpp>
#include <memo/detail/lmdb/check_disk_settings.hpp>
#include <memo/detail/lmdb/disk_directory.hpp>
#include <memo/detail/lmdb/disk_eviction.hpp>
#include <memo/detail/lmdb/entry.hpp>
#include <memo/detail/lmdb/environment.hpp>
#include <memo/detail/lmdb/environment_registry.hpp>
#include <memo/detail/lmdb/function_names.hpp>
#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/lmdb/read_transaction.hpp>
#include <memo/detail/lmdb/write_transaction.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/error.hpp>
#include <memo/key128.hpp>
#include <memo/outcome.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace memo::detail {

/// A function of the store: its scope, its name and the counters of this process.
struct disk_function {
    explicit disk_function(key128 function_scope) : scope(function_scope) {}

    key128 const scope;
    std::atomic<std::uint64_t> evictions{0};
    std::atomic<std::uint64_t> expirations{0};
    std::atomic<std::uint64_t> corrupt{0};
    std::atomic<std::uint64_t> too_large{0};
    std::atomic<std::uint64_t> timeouts{0};
    std::atomic<std::uint64_t> errors{0}; ///< of stats(); other errors are thrown
    std::atomic<bool> is_named{true};     ///< false: the name must be stored with the next record
    std::string name;                     ///< set before is_named becomes false, as is version
    std::string version;
    std::atomic<miss_reason> absence{miss_reason::absent}; ///< the reason for misses of absent keys
};

class disk_store {
  public:
    /// If another process keeps the directory locked, the store begins without data, and opens it
    /// later.
    ///
    /// Throws:         memo::error (configuration) for an unusable directory; disk_error
    explicit disk_store(disk_settings settings)
        : settings_(with_path(validated(std::move(settings)))),
          directory_(open_directory(settings_)) {
        try {
            static_cast<void>(current());
        } catch (disk_error const& failure) {
            if (failure.code() != ETIMEDOUT) {
                throw;
            }
        }
        if (settings_.max_bytes != 0 && !settings_.read_only) {
            clock_.open(directory_);
        }
    }

    disk_store(disk_store const&) = delete;
    disk_store& operator=(disk_store const&) = delete;

    [[nodiscard]] disk_directory const& directory() const noexcept { return directory_; }

    /// The current environment. Opens one if there is none, such as in a child after fork().
    ///
    /// Throws:         memo::error; disk_error (ETIMEDOUT) if another process keeps the data locked
    [[nodiscard]] disk_environment& current() {
        disk_environment* const opened = current_.load(std::memory_order_acquire);
        if (opened == nullptr || opened->is_closed()) [[unlikely]] {
            return reopen(opened);
        }
        return *opened;
    }

    /// The current environment; null if there is none.
    [[nodiscard]] disk_environment* try_current() const noexcept {
        disk_environment* const opened = current_.load(std::memory_order_acquire);
        return opened != nullptr && !opened->is_closed() ? opened : nullptr;
    }
    [[nodiscard]] bool read_only() const noexcept { return settings_.read_only; }
    [[nodiscard]] std::chrono::nanoseconds max_wait() const { return settings_.max_wait; }
    [[nodiscard]] unix_time now() const { return settings_.clock(); }

    /// The function of a scope, shared by all of its wrappers.
    [[nodiscard]] disk_function& open(key128 scope) {
        std::scoped_lock const lock(mutex_);
        auto& function = by_scope_[scope];
        if (!function) {
            function = std::make_unique<disk_function>(scope);
        }
        return *function;
    }

    /// Sets the name of a function, which is stored with its next record.
    void describe(key128 scope, std::string const& name, std::string const& version) {
        if (name.empty()) {
            return;
        }
        disk_function& function = open(scope);
        miss_reason const absence = reason_of_absence(scope, name);
        std::scoped_lock const lock(mutex_);
        if (function.name.empty()) {
            function.name = name;
            function.version = version;
            function.absence = absence;
            function.is_named = false;
        }
    }

    /// Copies the frame of a key, if it is valid and of this type. An invalid frame counts as
    /// corrupt.
    ///
    /// header          set to the header of a valid frame
    /// is_use          false: the lookup counts neither as a use, for eviction, nor as corrupt
    /// decode          decodes a large frame in the file after its check; returns whether it
    ///                 succeeded. Runs no user code. Its result is valid if `frame` is empty
    ///                 afterwards
    template <class Decode>
    [[nodiscard]] stored_bytes read(disk_function& function, key128 key, std::uint32_t type,
                                    frame_header& header, byte_buffer& frame, Decode const& decode,
                                    bool is_use) {
        record_place const place = place_of(function.scope, key);
        auto const check = [&](bytes_view bytes) {
            auto const valid = check_frame(bytes, function.scope, key, type);
            if (valid) {
                header = *valid;
            }
            return valid.has_value();
        };
        auto const check_and_decode = [&](bytes_view bytes) {
            return check(bytes) && decode(bytes);
        };
        std::int64_t tick = 0;
        auto const outcome = retry_after_recovery(&function, [&](disk_environment& environment) {
            auto const status = copy_place(environment, place, frame, check, check_and_decode);
            tick = environment.tick();
            return status;
        });
        if (outcome == stored_bytes::refused && is_use) {
            function.corrupt.fetch_add(1, std::memory_order_relaxed);
        }
        if (outcome == stored_bytes::valid && is_use) {
            clock_.touch(key, tick);
        }
        return outcome;
    }

    /// Returns the result of body(read_transaction const&), see read_snapshot(). If the data is
    /// damaged, runs it again on new data.
    template <class Body> auto inspect(Body const& body) {
        return retry_after_recovery(nullptr, [&](disk_environment& environment) {
            return read_snapshot(environment, body);
        });
    }

    /// Runs change(write_transaction const&) atomically, and again after a recovery.
    ///
    /// function        counts the timeouts; may be null
    /// waits           false: fails immediately while another process writes
    template <class Change>
    auto write(Change const& change, disk_function* function = nullptr, bool waits = true) {
        std::chrono::nanoseconds const max_wait =
            waits ? max_lock_wait(settings_) : std::chrono::nanoseconds(0);
        return retry_after_recovery(function, [&](disk_environment& environment) {
            return transact(environment, max_wait, change);
        });
    }

    /// Like write(), for a change that stores one small record and runs no code of the user but a
    /// validity: another thread may run it, in one transaction with other puts.
    bool put(put_change const& change, disk_function& function) {
        std::chrono::nanoseconds const max_wait = max_lock_wait(settings_);
        return retry_after_recovery(&function, [&](disk_environment& environment) {
            if (auto const stored = put_together(environment, max_wait, change)) {
                return *stored;
            }
            store_names_again();
            return transact(environment, max_wait, change);
        });
    }

    /// Adds the entries and bytes of size() to the counters, or counts an error if it fails.
    template <class Size>
    [[nodiscard]] static backend_statistics
    with_size(backend_statistics counters, std::atomic<std::uint64_t>& errors, Size const& size) {
        try {
            backend_statistics const sizes = size();
            counters.entries = sizes.entries;
            counters.bytes = sizes.bytes;
        } catch (disk_error const&) {
            errors.fetch_add(1, std::memory_order_relaxed);
            counters.errors += 1;
        }
        return counters;
    }
    [[nodiscard]] std::atomic<std::uint64_t>& errors() noexcept { return errors_; }

    /// The remaining TTL of a record, by `ttl` and `.max_age`; 0: unlimited; nothing: it has
    /// expired.
    [[nodiscard]] std::optional<std::chrono::nanoseconds>
    remaining_ttl(frame_header const& header) const {
        using std::chrono::nanoseconds;
        using std::chrono::seconds;
        if (header.expires == 0 && settings_.max_age.is_zero()) [[likely]] {
            return nanoseconds(0); // reads no clock
        }
        unix_time const time = now();
        if (header.expired(time)) {
            return std::nullopt;
        }
        nanoseconds const by_age =
            saturated_sum(seconds(header.created) - time.time_since_epoch(), settings_.max_age);
        nanoseconds const by_ttl = nanoseconds(header.expires) - time.time_since_epoch();
        nanoseconds const remaining = settings_.max_age.is_zero() ? by_ttl
                                      : header.expires == 0       ? by_age
                                                                  : (std::min)(by_ttl, by_age);
        return remaining.count() > 0 ? std::optional(remaining) : std::nullopt;
    }
    [[nodiscard]] bool is_expired(frame_header const& header) const {
        return !remaining_ttl(header);
    }

    /// Inserts a frame within a write, and evicts to respect the bound. False if the frame is too
    /// large.
    ///
    /// time            of the put, for the expiry of records that may be evicted
    [[nodiscard]] bool insert_frame(write_transaction const& write, disk_function& function,
                                    key128 key, bytes_view frame, unix_time time) {
        disk_limits const limits = limits_of(write.environment().map_size(), time);
        if (frame.size() > limits.max_bytes / 2) {
            function.too_large.fetch_add(1, std::memory_order_relaxed);
            return false;
        }
        record_place const place = place_of(function.scope, key);
        write.insert(place, frame);
        if (!function.is_named) {
            insert_name(write, function, time);
        }
        clock_.touch(key, write.environment().tick());
        enforce_bound(write, frame.size(), clock_, limits, [&](key128 scope) {
            open(scope).evictions.fetch_add(1, std::memory_order_relaxed);
        });
        return true;
    }

    [[nodiscard]] static backend_statistics counters(disk_function const& function) {
        backend_statistics sum;
        sum.evictions = function.evictions;
        sum.expirations = function.expirations;
        sum.corrupt = function.corrupt;
        sum.too_large = function.too_large;
        sum.timeouts = function.timeouts;
        sum.errors = function.errors;
        return sum;
    }

    [[nodiscard]] backend_statistics total_counters() const {
        backend_statistics sum;
        sum.errors = errors_;
        sum.corrupt = corrupt_;
        std::scoped_lock const lock(mutex_);
        for (auto const& [scope, function] : by_scope_) {
            sum += counters(*function);
        }
        return sum;
    }

  private:
    /// The settings with an absolute path, so that reopen() opens the same directory after a change
    /// of the working directory or the environment.
    static disk_settings with_path(disk_settings settings) {
        settings.directory = disk_directory::path_of(settings);
        return settings;
    }

    static disk_directory open_directory(disk_settings const& settings) {
        interruption_guard const guard;
        return disk_directory(settings);
    }

    [[nodiscard]] std::uint32_t oldest_created(unix_time time) const {
        if (settings_.max_age.is_zero()) {
            return 0;
        }
        std::chrono::nanoseconds const age = settings_.max_age;
        return seconds_since_1970(
            std::chrono::floor<std::chrono::seconds>(saturated_sum(time, -age)) +
            std::chrono::seconds(1));
    }

    // Bounded by the map, too: LMDB cannot even erase a record in a full map.
    [[nodiscard]] disk_limits limits_of(std::uint64_t map_size, unix_time time) const {
        std::uint64_t const room = map_size / 16 * 15;
        std::uint64_t const bound =
            settings_.max_bytes == 0 ? room : (std::min)(settings_.max_bytes, room);
        return {bound, oldest_created(time), time};
    }

    /// `absent` if the data cannot be read: the first lookup recovers from that, or reports it.
    miss_reason reason_of_absence(key128 scope, std::string const& name) {
        try {
            disk_environment& environment = current();
            return environment.reason_of_absence(scope, [&] {
                return read_snapshot(environment, [&](read_transaction const& snapshot) {
                    return detail::reason_of_absence(snapshot, scope, name);
                });
            });
        } catch (error const&) {
            return miss_reason::absent;
        }
    }

    static void insert_name(write_transaction const& write, disk_function& function,
                            unix_time time) {
        auto const frame = name_frame(function.scope, {function.name, function.version}, time);
        if (!frame.empty()) {
            name_place const place = name_place_of(function.scope);
            write.insert(place, frame);
        }
        function.is_named = true;
    }

    // The failed write, or the lost data, may have contained names.
    void store_names_again() {
        std::scoped_lock const lock(mutex_);
        for (auto const& [scope, function] : by_scope_) {
            function->is_named = function->name.empty();
        }
    }

    /// Runs step(environment), and once more if it failed and recover() succeeded.
    ///
    /// function        counts timeouts and damaged data; may be null
    template <class Step>
    auto retry_after_recovery(disk_function* function, Step const& step)
        -> decltype(step(current())) {
        try {
            disk_environment& environment = current();
            try {
                return step(environment);
            } catch (disk_error const& failure) {
                if (!recover(environment, failure)) {
                    throw;
                }
                if (is_damage(failure.code())) {
                    (function != nullptr ? function->corrupt : corrupt_) += 1;
                }
            }
            return step(current());
        } catch (disk_error const& failure) {
            if (failure.code() == ETIMEDOUT && function != nullptr) {
                function->timeouts.fetch_add(1, std::memory_order_relaxed);
            }
            throw;
        }
    }

    /// Returns operation(max_wait), where max_wait bounds the wait for a process that opens or
    /// closes the data. It is 0 while the breaker is open.
    template <class Operation> auto with_bounded_wait(Operation const& operation) {
        std::chrono::nanoseconds const max_wait = max_lock_wait(settings_);
        try {
            auto result =
                operation(opening_.lets_pass(max_wait) ? max_wait : std::chrono::nanoseconds(0));
            opening_.succeeded();
            return result;
        } catch (disk_error const& failure) {
            if (failure.code() == ETIMEDOUT) {
                opening_.failed(true);
            }
            throw;
        }
    }

    /// Opens the data again, and sets it aside if it is damaged. False if this cannot cure the
    /// failure.
    bool recover(disk_environment& environment, disk_error const& failure) {
        store_names_again();
        if (environment.is_closed() || needs_reopening(failure.code()) ||
            !environment.has_valid_files()) {
            // Before the check for damage: the bytes may be those of other files.
            static_cast<void>(reopen(&environment));
            return true;
        }
        if (is_damage(failure.code()) && !settings_.read_only) {
            with_bounded_wait([&](std::chrono::nanoseconds max_wait) {
                disk_registry::set_aside(environment, settings_, max_wait);
                return true;
            });
            static_cast<void>(reopen(&environment));
            return true;
        }
        return false;
    }

    // The old environment stays in memory, closed: another thread may be about to use it.
    disk_environment& reopen(disk_environment* old) {
        if (old != nullptr) {
            old->close();
        }
        auto opened = with_bounded_wait([&](std::chrono::nanoseconds max_wait) {
            return process_wide<disk_registry>().acquire(settings_, max_wait, corrupt_);
        });
        {
            std::scoped_lock const lock(mutex_);
            if (current_.load(std::memory_order_relaxed) == old) { // no other thread was faster
                environments_.push_back(std::move(opened));
                current_.store(environments_.back().get(), std::memory_order_release);
            }
        }
        store_names_again();
        return *current_.load(std::memory_order_acquire);
    }

    disk_settings const settings_;
    disk_directory const directory_;
    std::atomic<std::uint64_t> errors_{0};  ///< of stats() over all functions
    std::atomic<std::uint64_t> corrupt_{0}; ///< damage found outside of functions, or while opening
    disk_clock clock_;                      ///< open only if the cache is bounded
    breaker opening_;                       ///< for processes that open or close the data
    std::atomic<disk_environment*> current_{
        nullptr};         ///< release in reopen() pairs with the acquire loads
    mutable mutex mutex_; ///< guards the members below; no waits under it
    std::vector<std::shared_ptr<disk_environment>> environments_;
    std::unordered_map<key128, std::unique_ptr<disk_function>> by_scope_;
};

} // namespace memo::detail
