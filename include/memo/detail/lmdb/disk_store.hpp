// SPDX-License-Identifier: BSL-1.0
#pragma once

// The data of one disk backend: its current environment, the counters of each function, and the recovery from
// damaged, removed or full data.

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

/// A function whose records the store holds: its scope and name, and what happened to the records, as far
/// as this process saw it.
struct disk_function {
    explicit disk_function(key128 of) : scope(of) {}

    key128 const scope;
    std::atomic<std::uint64_t> evictions{0};
    std::atomic<std::uint64_t> expirations{0};
    std::atomic<std::uint64_t> corrupt{0};
    std::atomic<std::uint64_t> too_large{0};
    std::atomic<std::uint64_t> timeouts{0};
    std::atomic<std::uint64_t> errors{0}; ///< of stats(); what else fails is thrown
    std::atomic<bool> named{true};        ///< false: what it is called has to be stored yet
    std::string name;                     ///< these two are set before it is false
    std::string version;
    std::atomic<miss_reason> absence{miss_reason::absent}; ///< why a lookup finds nothing
};

class disk_store {
  public:
    /// A store whose directory is locked by a process that does not go on begins without its data, and
    /// opens it when it can.
    ///
    /// Throws:         memo::error (configuration) for a directory that cannot be used; disk_error
    explicit disk_store(disk_settings settings)
        : settings_(checked(std::move(settings))), directory_(make_directory(settings_)) {
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

    /// Opens the data if it is not open, or not any more, as in a child after fork().
    ///
    /// Throws:         memo::error; disk_error (ETIMEDOUT) where another process does not let go on
    [[nodiscard]] disk_environment& current() {
        disk_environment* const opened = current_.load(std::memory_order_acquire);
        if (opened == nullptr || opened->is_over()) [[unlikely]] {
            return renew(opened);
        }
        return *opened;
    }

    /// Null if the data is not open.
    [[nodiscard]] disk_environment* opened() const noexcept {
        disk_environment* const opened = current_.load(std::memory_order_acquire);
        return opened != nullptr && !opened->is_over() ? opened : nullptr;
    }
    [[nodiscard]] bool read_only() const noexcept { return settings_.read_only; }
    [[nodiscard]] std::chrono::nanoseconds max_wait() const { return settings_.max_wait; }
    [[nodiscard]] unix_time now() const { return settings_.clock(); }

    /// The counters of one function, the same for every wrapper of it.
    [[nodiscard]] disk_function& open(key128 scope) {
        std::scoped_lock const lock(mutex_);
        auto& function = by_scope_[scope];
        if (!function) {
            function = std::make_unique<disk_function>(scope);
        }
        return *function;
    }

    /// Says what a function is called. The name is stored with its next record.
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
            function.named = false;
        }
    }

    /// Copies the frame that is stored for a key, if it is whole and of this type. What is there and is no
    /// such frame is refused and counts as corrupt.
    ///
    /// header          set to that of a frame that is whole
    /// is_use          false: it counts neither as used, for eviction, nor as corrupt
    /// decode          given a large frame that was checked where it lies, for what need not be copied
    ///                 first; false if it makes nothing of it. Runs no code of a user. What it made counts
    ///                 where `frame` is empty
    template <class Decode>
    [[nodiscard]] stored_bytes read(disk_function& function, key128 key, std::uint32_t type,
                                    frame_header& header, bytes_copy& frame, Decode const& decode,
                                    bool is_use) {
        record_place const place = place_of(function.scope, key);
        auto const check = [&](bytes_view bytes) {
            auto const checked = check_frame(bytes, function.scope, key, type);
            if (checked) {
                header = *checked;
            }
            return checked.has_value();
        };
        auto const check_and_decode = [&](bytes_view bytes) {
            return check(bytes) && decode(bytes);
        };
        std::int64_t tick = 0;
        auto const outcome = again_if_recovered(&function, [&](disk_environment& environment) {
            auto const found = copy_place(environment, place, frame, check, check_and_decode);
            tick = environment.tick();
            return found;
        });
        if (outcome == stored_bytes::refused && is_use) {
            function.corrupt.fetch_add(1, std::memory_order_relaxed);
        }
        if (outcome == stored_bytes::whole && is_use) {
            clock_.touch(key, tick);
        }
        return outcome;
    }

    /// Returns what body(read_transaction const&) returns: see read_snapshot(). If the data is damaged, runs
    /// it again on new data.
    template <class Body> auto inspect(Body const& body) {
        return again_if_recovered(nullptr, [&](disk_environment& environment) {
            return read_snapshot(environment, body);
        });
    }

    /// Runs change(write_transaction const&) as one step. It may run twice; the first run is discarded then.
    ///
    /// function        whose timeouts are counted; may be null
    /// waits           false: it fails at once where another process writes
    template <class Change>
    auto write(Change const& change, disk_function* function = nullptr, bool waits = true) {
        std::chrono::nanoseconds const max_wait =
            waits ? max_lock_wait(settings_) : std::chrono::nanoseconds(0);
        return again_if_recovered(function, [&](disk_environment& environment) {
            return transact(environment, max_wait, change);
        });
    }

    /// What happened, with the entries and bytes of size(); without those if they cannot be had, which is
    /// counted: by who counts so.
    template <class Size>
    [[nodiscard]] static backend_statistics
    with_size(backend_statistics happened, std::atomic<std::uint64_t>& errors, Size const& size) {
        try {
            backend_statistics const now = size();
            happened.entries = now.entries;
            happened.bytes = now.bytes;
        } catch (disk_error const&) {
            errors.fetch_add(1, std::memory_order_relaxed);
            happened.errors += 1;
        }
        return happened;
    }
    [[nodiscard]] std::atomic<std::uint64_t>& errors() noexcept { return errors_; }

    /// How long a record is to be served yet, more than 0; 0: for ever; nothing: no more. Its time may
    /// be over, or it is older than all may be.
    [[nodiscard]] std::optional<std::chrono::nanoseconds> left(frame_header const& header) const {
        using std::chrono::nanoseconds;
        using std::chrono::seconds;
        if (header.expires == 0 && settings_.max_age.is_zero()) [[likely]] {
            return nanoseconds(0); // asks no clock
        }
        unix_time const time = now();
        if (header.expired(time)) {
            return std::nullopt;
        }
        nanoseconds const age_left =
            saturated_sum(seconds(header.created) - time.time_since_epoch(), settings_.max_age);
        nanoseconds const time_left = nanoseconds(header.expires) - time.time_since_epoch();
        nanoseconds const left = settings_.max_age.is_zero() ? time_left
                                 : header.expires == 0       ? age_left
                                                             : (std::min)(time_left, age_left);
        return left.count() > 0 ? std::optional(left) : std::nullopt;
    }
    [[nodiscard]] bool is_old(frame_header const& header) const { return !left(header); }

    /// Puts a frame where it belongs, within a write, and keeps the bound. False if it is too large.
    [[nodiscard]] bool insert_frame(write_transaction const& write, disk_function& function,
                                    key128 key, bytes_view frame) {
        disk_limits const limits = limits_of(write.environment().map());
        if (frame.size() > limits.max_bytes / 2) {
            function.too_large.fetch_add(1, std::memory_order_relaxed);
            return false;
        }
        record_place const place = place_of(function.scope, key);
        write.insert(place, frame);
        if (!function.named) {
            insert_name(write, function);
        }
        clock_.touch(key, write.environment().tick());
        keep_bound(write, frame.size(), clock_, limits, [&](key128 scope) {
            open(scope).evictions.fetch_add(1, std::memory_order_relaxed);
        });
        return true;
    }

    [[nodiscard]] static backend_statistics events(disk_function const& function) {
        backend_statistics sum;
        sum.evictions = function.evictions;
        sum.expirations = function.expirations;
        sum.corrupt = function.corrupt;
        sum.too_large = function.too_large;
        sum.timeouts = function.timeouts;
        sum.errors = function.errors;
        return sum;
    }

    [[nodiscard]] backend_statistics all_events() const {
        backend_statistics sum;
        sum.errors = errors_;
        sum.corrupt = corrupt_;
        std::scoped_lock const lock(mutex_);
        for (auto const& [scope, function] : by_scope_) {
            sum += events(*function);
        }
        return sum;
    }

  private:
    static disk_directory make_directory(disk_settings const& settings) {
        undisturbed const whole;
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

    // Without a bound of the user's the map is one: a full map could not even drop a record.
    [[nodiscard]] disk_limits limits_of(std::uint64_t map) const {
        std::uint64_t const room = map / 16 * 15;
        std::uint64_t const bound =
            settings_.max_bytes == 0 ? room : (std::min)(settings_.max_bytes, room);
        unix_time const time = now();
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

    void insert_name(write_transaction const& write, disk_function& function) const {
        auto const frame = name_frame(function.scope, {function.name, function.version}, now());
        if (!frame.empty()) {
            name_place const place = name_place_of(function.scope);
            write.insert(place, frame);
        }
        function.named = true;
    }

    // What was to be stored is not there, a function's name among it.
    void name_all_again() {
        std::scoped_lock const lock(mutex_);
        for (auto const& [scope, function] : by_scope_) {
            function->named = function->name.empty();
        }
    }

    /// Runs a step on what is open, and once more if it failed for files that could be opened anew.
    ///
    /// function        whose timeouts and damaged data are counted; may be null
    template <class Step>
    auto again_if_recovered(disk_function* function, Step const& step)
        -> decltype(step(current())) {
        try {
            disk_environment& environment = current();
            try {
                return step(environment);
            } catch (disk_error const& failure) {
                if (!recover(environment, failure)) {
                    throw;
                }
                if (says_damaged(failure.code())) {
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

    /// Returns what operation(max_wait) returns, which waits no longer for a process that opens or closes
    /// the data.
    template <class Operation> auto within_bound(Operation const& operation) {
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

    /// Makes the next attempt worth while; false if that is beyond us.
    bool recover(disk_environment& environment, disk_error const& failure) {
        name_all_again();
        if (environment.is_over() || says_stuck(failure.code()) || !environment.has_its_files()) {
            // What was read of files that are not ours says nothing.
            static_cast<void>(renew(&environment));
            return true;
        }
        if (says_damaged(failure.code()) && !settings_.read_only) {
            within_bound([&](std::chrono::nanoseconds max_wait) {
                disk_registry::set_aside(environment, settings_, max_wait);
                return true;
            });
            static_cast<void>(renew(&environment));
            return true;
        }
        return false;
    }

    // The environment before stays in memory, closed: another thread may be about to use it.
    disk_environment& renew(disk_environment* before) {
        if (before != nullptr) {
            before->end();
        }
        auto opened = within_bound([&](std::chrono::nanoseconds max_wait) {
            return process_wide<disk_registry>().acquire(settings_, max_wait, corrupt_);
        });
        {
            std::scoped_lock const lock(mutex_);
            if (current_.load(std::memory_order_relaxed) == before) { // no other thread was here
                environments_.push_back(std::move(opened));
                current_.store(environments_.back().get(), std::memory_order_release);
            }
        }
        name_all_again();
        return *current_.load(std::memory_order_acquire);
    }

    disk_settings const settings_;
    disk_directory const directory_;
    std::atomic<std::uint64_t> errors_{0}; ///< of stats() over all functions
    std::atomic<std::uint64_t> corrupt_{
        0};            ///< data found damaged by none of them alone, or at opening
    disk_clock clock_; ///< only a bounded cache has one
    breaker opening_;  ///< for who opens or closes the data
    std::atomic<disk_environment*> current_{nullptr};
    mutable mutex mutex_; ///< of what follows; nothing is waited for under it
    std::vector<std::shared_ptr<disk_environment>> environments_;
    std::unordered_map<key128, std::unique_ptr<disk_function>> by_scope_;
};

} // namespace memo::detail
