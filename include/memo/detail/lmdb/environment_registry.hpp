// SPDX-License-Identifier: BSL-1.0
#pragma once

// The environments of a process, one per data file: several paths may lead to the same file.
// Closing a second environment would release the locks of the first, and other processes would
// overwrite pages that are being read.

#include <memo/backends/disk_settings.hpp>
#include <memo/detail/lmdb/disk_directory.hpp>
#include <memo/detail/lmdb/environment.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/error.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <pthread.h>
#include <string>
#include <sys/file.h>
#include <sys/mman.h>
#include <utility>
#include <vector>

namespace memo::detail {

/// The address space for the data, which limits the size of the file: 4 times the bound, because
/// pages that readers use are not reused; 64 GiB without a bound.
[[nodiscard]] constexpr std::uint64_t map_size_for(std::uint64_t max_bytes) noexcept {
    constexpr std::uint64_t gib = std::uint64_t{1} << 30U;
    constexpr std::uint64_t page = 4096;
    std::uint64_t const bound =
        (std::min)(max_bytes, std::uint64_t{1} << 60U); // 4 times this does not overflow
    return max_bytes == 0 ? 64 * gib : (std::max)(gib, (4 * bound + page - 1) / page * page);
}

/// One per process: process_wide<disk_registry>().
class disk_registry {
  public:
    disk_registry() = default;
    disk_registry(disk_registry const&) = delete;
    disk_registry& operator=(disk_registry const&) = delete;

    /// Opens the data of a directory, or shares an open environment.
    ///
    /// max_wait        for other processes
    /// set_aside       incremented if damaged data was set aside
    /// Throws:         memo::error
    [[nodiscard]] std::shared_ptr<disk_environment> acquire(disk_settings const& settings,
                                                            std::chrono::nanoseconds max_wait,
                                                            std::atomic<std::uint64_t>& set_aside) {
        watch_forks();
        messages reports;
        auto const report = [&] {
            set_aside += reports.size();
            report_all(settings, reports);
        };
        try {
            auto opened = open_or_share(settings, max_wait, reports);
            report();
            return opened;
        } catch (...) {
            report();
            throw;
        }
    }

    /// Sets damaged data aside, unless another process did.
    ///
    /// max_wait        for other processes
    static void set_aside(disk_environment& damaged, disk_settings const& settings,
                          std::chrono::nanoseconds max_wait) {
        disk_directory const& directory = damaged.directory();
        messages reports;
        {
            directory_lock const lock(directory, max_wait);
            if (identity_of_file(directory.data_file()) == damaged.identity()) {
                set_aside(directory, reports, "was found damaged while it was in use");
            }
        }
        report_all(settings, reports);
    }

  private:
    /// Arguments for `.report`, which is called without locks: it may open the cache, or run a
    /// program that does.
    using messages = std::vector<std::string>;

    struct environment_use {
        disk_registry& registry;
        disk_environment* environment = nullptr;

        explicit environment_use(disk_registry& in) : registry(in) {}
        environment_use(environment_use const&) = delete;
        environment_use& operator=(environment_use const&) = delete;
        ~environment_use() {
            if (environment != nullptr) {
                registry.release(environment);
            }
        }
    };

    struct entry {
        std::unique_ptr<disk_environment> environment;
        std::size_t users = 0;
    };

    std::shared_ptr<disk_environment> open_or_share(disk_settings const& settings,
                                                    std::chrono::nanoseconds max_wait,
                                                    messages& reports) {
        interruption_guard const guard;
        disk_directory const directory(settings);
        std::optional<directory_lock> lock;
        if (!settings.read_only || !reads_without_lock(directory)) {
            lock.emplace(directory, max_wait);
        }
        // Allocated before the environment: a failure afterwards would release the environment,
        // which waits for the lock that this function holds.
        auto const use = std::make_shared<environment_use>(*this);
        use->environment = find_or_open(directory, settings, max_wait, reports);
        return {use, use->environment};
    }

    // Callers hold the lock of the directory, unless they read without it.
    disk_environment* find_or_open(disk_directory const& directory, disk_settings const& settings,
                                   std::chrono::nanoseconds max_wait, messages& reports) {
        close_moved();
        if (disk_environment* const found = find_shared(directory, settings)) {
            return found;
        }
        environment_options const options{directory, settings.durability == durability::power_loss,
                                          settings.read_only, prepare(directory, settings, reports),
                                          max_wait};
        entry fresh{open(options, reports), 1};
        disk_environment* const opened = fresh.environment.get();
        std::scoped_lock const lock(mutex_);
        entries_.push_back(std::move(fresh));
        return opened;
    }

    // Closes environments whose path now leads to another file, before a new path opens their file
    // again.
    void close_moved() {
        std::vector<disk_environment*> moved;
        {
            std::scoped_lock const lock(mutex_);
            for (entry& each : entries_) {
                if (!each.environment->is_closed() && !is_at_path(*each.environment)) {
                    ++each.users;
                    moved.push_back(each.environment.get());
                }
            }
        }
        for (disk_environment* const each : moved) {
            each->close();
            remove_user(each, true);
        }
    }

    disk_environment* find_shared(disk_directory const& directory, disk_settings const& settings) {
        auto const identity = identity_of_file(directory.data_file());
        std::scoped_lock const lock(mutex_);
        for (entry& each : entries_) {
            if (identity && each.environment->identity() == identity &&
                !each.environment->is_closed() && is_at_path(*each.environment)) {
                require_same(*each.environment, settings);
                ++each.users;
                return each.environment.get();
            }
        }
        return nullptr;
    }

    // False if the directory of an open environment was moved or removed: its users get another
    // environment.
    static bool is_at_path(disk_environment const& open) {
        return identity_of_file(open.directory().data_file()) == open.identity();
    }

    static std::unique_ptr<disk_environment> open(environment_options const& options,
                                                  messages& reports) {
        try {
            return std::make_unique<disk_environment>(options);
        } catch (disk_error const& failure) {
            if (!is_damage(failure.code()) || options.read_only) {
                throw;
            }
            set_aside(options.directory, reports, "is damaged");
        }
        return std::make_unique<disk_environment>(options);
    }

    /// Sets data aside that may be damaged by a crash of the machine, and returns the map size.
    static std::uint64_t prepare(disk_directory const& directory, disk_settings const& settings,
                                 messages& reports) {
        require_supported_format(directory);
        bool const exists = identity_of_file(directory.data_file()).has_value();
        if (settings.read_only && !exists) {
            directory.refuse_empty();
        }
        disk_state state = directory.state();
        std::string const boot = this_boot();
        bool const has_map_size = state.map_size != 0;
        if (exists && !has_map_size) { // `state` was removed or damaged
            state.map_size = stored_map_size(directory);
        }
        // Another process that has the data open proves that the machine did not crash since: a
        // different boot id is then that of a container.
        bool const is_same_boot = !boot.empty() && state.boot == boot;
        bool const is_consistent =
            exists && state.map_size != 0 && (is_same_boot || !is_unused(directory, settings));
        if (exists && !is_consistent && (state.dirty || !has_map_size)) {
            if (settings.read_only) {
                throw error(errc::configuration,
                            "disk: the cache in " + directory.root() +
                                " was being written when the machine crashed; open it without "
                                ".read_only, or run: memo-cache salvage " +
                                directory.root());
            }
            set_aside(directory, reports, "was being written when the machine crashed");
            state.map_size = 0;
        }
        std::uint64_t const requested = map_size_for(settings.max_bytes);
        if (settings.read_only) {
            std::uint64_t const map_size = (std::max)(state.map_size, requested);
            require_addresses(map_size);
            return map_size;
        }
        std::uint64_t const map_size =
            state.map_size == 0 || (state.map_size < requested && is_unused(directory, settings))
                ? requested
                : state.map_size;
        require_addresses(map_size); // before other processes read the size in `state`
        if (!is_consistent || !has_map_size || state.map_size != map_size) {
            directory.set_state({boot, is_consistent && (state.dirty || !has_map_size), map_size},
                                false);
        }
        return map_size;
    }

    // Checks the address space for two maps: LMDB's and memo's.
    static void require_addresses(std::uint64_t map_size) {
        auto const reserve = [&] {
            return ::mmap(nullptr, map_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                          -1, 0);
        };
        // NOLINTBEGIN(cppcoreguidelines-pro-type-cstyle-cast): a macro of mmap(2)
        void* const one = reserve();
        void* const other = reserve();
        bool const is_available = one != MAP_FAILED && other != MAP_FAILED;
        for (void* const each : {one, other}) {
            if (each != MAP_FAILED) {
                ::munmap(each, map_size);
            }
        }
        // NOLINTEND(cppcoreguidelines-pro-type-cstyle-cast)
        if (!is_available) {
            throw_no_address_space(map_size);
        }
    }

    // Whether no other process has the data open. True if users.lock is missing.
    static bool is_unused(disk_directory const& directory, disk_settings const& settings) {
        trusted_directory const root = directory.open_root();
        file const users = settings.read_only
                               ? root.try_open("users.lock", O_RDONLY)
                               : root.open_or_create("users.lock", O_RDWR, directory.mode());
        return !users.is_open() || try_lock_file(users, LOCK_EX);
    }

    static void set_aside(disk_directory const& directory, messages& reports,
                          std::string const& why) {
        if (std::string const path = directory.set_aside(); !path.empty()) {
            reports.push_back(
                "memo: disk: the cache in " + directory.root() + ' ' + why + "; it was moved to " +
                path +
                ", and a new one was created. To restore its valid records, run: memo-cache "
                "salvage " +
                directory.root());
        }
    }

    static void report_all(disk_settings const& settings, messages const& reports) {
        for (std::string const& message : reports) {
            if (settings.report) {
                settings.report(message);
            }
        }
    }

    static void require_same(disk_environment const& open, disk_settings const& settings) {
        if ((open.read_only() && !settings.read_only) ||
            (settings.durability == durability::power_loss && !open.durable() &&
             !settings.read_only)) {
            throw error(errc::configuration,
                        "disk: " + open.directory().root() +
                            " is open in this process with another .read_only or .durability; "
                            "set both backends alike");
        }
    }

    // The last user closes the environment under the lock that opening takes: LMDB must not be open
    // twice. If the lock times out, the environment stays open for the next user.
    void release(disk_environment* closed) noexcept {
        interruption_guard const guard;
        if (remove_shared_user(closed)) {
            return;
        }
        try {
            std::optional<directory_lock> lock;
            if (!closed->read_only() && !closed->is_closed()) {
                lock.emplace(closed->directory(), max_close_wait);
            }
            remove_user(closed, true);
        } catch (std::exception const&) {
            remove_user(closed, closed->is_closed());
        }
    }

    /// Removes a user, unless it is the last one.
    bool remove_shared_user(disk_environment const* used) noexcept {
        std::scoped_lock const lock(mutex_);
        auto const found = find(used);
        bool const is_shared = found != entries_.end() && found->users > 1;
        if (is_shared) {
            --found->users;
        }
        return is_shared;
    }

    [[nodiscard]] std::vector<entry>::iterator find(disk_environment const* sought) noexcept {
        return std::ranges::find(entries_, sought,
                                 [](entry const& each) { return each.environment.get(); });
    }

    void remove_user(disk_environment* closed, bool may_close) noexcept {
        std::unique_ptr<disk_environment> last;
        std::scoped_lock const lock(mutex_);
        auto const found = find(closed);
        if (found != entries_.end() && --found->users == 0 && may_close) {
            last = std::move(found->environment);
            entries_.erase(found);
        }
    }

    void watch_forks() {
        std::scoped_lock const lock(mutex_);
        if (!std::exchange(watches_forks_, true)) {
            ::pthread_atfork(nullptr, nullptr, after_fork_in_child);
        }
    }

    // The child opens new environments. It leaks those of its parent: a thread of the parent may
    // have been changing them.
    static void after_fork_in_child() {
        for (file* const lock : process_wide<directory_locks>().files) {
            lock->close();
        }
        process_wide<directory_locks>().files.clear();
        auto& all = process_wide<disk_registry>();
        for (entry& each : all.entries_) {
            each.environment->close_in_child();
            static_cast<void>(each.environment.release());
        }
        all.entries_.clear();
    }

    static constexpr std::chrono::nanoseconds max_close_wait = std::chrono::seconds(10);

    mutex mutex_;
    std::vector<entry> entries_;
    bool watches_forks_ = false;
};

} // namespace memo::detail
