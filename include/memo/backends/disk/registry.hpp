// SPDX-License-Identifier: BSL-1.0
#pragma once

// A directory in, its environment out: one per data file and process, whatever path leads to it. Two
// of them would be one too many: closing the second would end the locks of the first, and the next
// process would overwrite pages that are being read.

#include <memo/backends/disk/directory.hpp>
#include <memo/backends/disk/environment.hpp>
#include <memo/backends/disk/file.hpp>
#include <memo/backends/disk/settings.hpp>
#include <memo/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <pthread.h>
#include <string>
#include <sys/mman.h>
#include <utility>
#include <vector>

namespace memo::detail {

/// The address space for the data, which is the most that its file can grow to: 4 times the bound,
/// as pages that readers hold are not used again; 64 GiB if there is none.
[[nodiscard]] constexpr std::uint64_t map_for(std::uint64_t max_bytes) noexcept {
    constexpr std::uint64_t gib = std::uint64_t{1} << 30U;
    constexpr std::uint64_t page = 4096;
    std::uint64_t const bound =
        (std::min)(max_bytes, std::uint64_t{1} << 60U); // 4 of them are a number
    return max_bytes == 0 ? 64 * gib : (std::max)(gib, (4 * bound + page - 1) / page * page);
}

class disk_registry {
  public:
    // Visible, so that plugins built with hidden visibility share it with their host. Never
    // destroyed: a backend may outlive main().
    [[gnu::visibility("default")]] static disk_registry& instance() {
        static auto* const registry = new disk_registry;
        return *registry;
    }

    /// Sentences for `.report`. They are told when no lock is held: who hears of them may open the cache,
    /// or run a program that does.
    using reports = std::vector<std::string>;

    /// Runs a function that may open data, one at a time in this process: body(told).
    template <class Body> void alone(disk_settings const& settings, Body const& body) {
        reports told;
        std::exception_ptr failure;
        {
            undisturbed const whole;
            std::scoped_lock const lock(mutex_);
            try {
                body(told);
            } catch (...) {
                failure = std::current_exception();
            }
        }
        tell(settings, told);
        if (failure) {
            std::rethrow_exception(failure);
        }
    }

  private:
    static file lock_to_open(disk_directory const& directory, disk_settings const& settings) {
        file open_lock = settings.read_only ? try_open(directory.path("open.lock"), O_RDONLY)
                                            : directory.open_lock();
        if (open_lock.is_open()) {
            lock_file(open_lock, LOCK_EX);
        }
        return open_lock;
    }

    /// What opened(how) gives, and again if the data is damaged: of what begins anew.
    template <class Opened>
    static auto open(disk_opening const& how, reports& told, Opened const& opened) {
        try {
            return opened(how);
        } catch (disk_error const& failure) {
            if (!says_damaged(failure.code()) || how.read_only) {
                throw;
            }
            set_aside(how.directory, told, "is damaged");
        }
        return opened(how);
    }

  public:
    /// Opens the data of a directory, or shares it. Within alone(); what it gives must not go there.
    ///
    /// Throws:         memo::error
    [[nodiscard]] std::shared_ptr<disk_environment> acquire(disk_settings const& settings,
                                                            reports& told) {
        disk_directory const directory(settings);
        file const open_lock = lock_to_open(directory, settings);
        disk_environment* const opened = find_or_open(directory, settings, told);
        return {opened, [](disk_environment* closed) { instance().release(closed); }};
    }

    /// Opens what the path of an environment leads to now, in the place of what was open in a generation,
    /// which is moved out of the way if it turned out to be damaged and nobody else did that.
    void reopen(disk_environment& environment, disk_settings const& settings,
                std::uint64_t generation, bool is_damaged) {
        alone(settings, [&](reports& told) {
            file_identity const before = environment.identity();
            environment.reopen(generation, [&](disk_opening& how) {
                disk_directory const directory(settings);
                file const open_lock = lock_to_open(directory, settings);
                if (is_damaged && identity_of_file(directory.data_file()) == before) {
                    set_aside(directory, told, "was found damaged while it was in use");
                }
                how.map = admit(directory, settings, told);
                return open(how, told, open_files);
            });
        });
    }

    /// A mutex that is to be free in a child after fork(). Nothing is waited for under it.
    void guard(std::mutex& leaf) {
        std::scoped_lock const lock(mutex_);
        leaves_.push_back(&leaf);
    }
    void unguard(std::mutex& leaf) noexcept {
        std::scoped_lock const lock(mutex_);
        std::erase(leaves_, &leaf);
    }

  private:
    struct entry {
        std::unique_ptr<disk_environment> environment;
        std::size_t users = 0;
    };

    // Before this one's, as its lock is taken under locks of ours.
    disk_registry() {
        static_cast<void>(this_thread_line());
        ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    }

    disk_environment* find_or_open(disk_directory const& directory, disk_settings const& settings,
                                   reports& told) {
        if (auto const identity = identity_of_file(directory.data_file())) {
            for (entry& each : entries_) {
                reopen_if_moved(*each.environment, *identity);
                if (each.environment->identity() == identity) {
                    require_same(*each.environment, settings);
                    ++each.users;
                    return each.environment.get();
                }
            }
        }
        disk_opening const how{directory, settings.durability == durability::power_loss,
                               settings.read_only, admit(directory, settings, told)};
        auto fresh = open(how, told, [](disk_opening const& opening) {
            return std::make_unique<disk_environment>(opening);
        });
        entries_.push_back({std::move(fresh), 1});
        return entries_.back().environment.get();
    }

    // The path of an environment led to this file, and does no more: it goes on with what that leads to.
    static void reopen_if_moved(disk_environment& environment, file_identity file) {
        if (environment.identity() == file &&
            identity_of_file(environment.directory().data_file()) != file) {
            environment.reopen(environment.generation(), open_files);
        }
    }

    /// Decides whether the data may be used, and gives the size of its map.
    static std::uint64_t admit(disk_directory const& directory, disk_settings const& settings,
                               reports& told) {
        require_known_format(directory);
        bool const there = identity_of_file(directory.data_file()).has_value();
        if (settings.read_only && !there) {
            directory.refuse_empty();
        }
        disk_state state = directory.state();
        std::string const boot = this_boot();
        bool const written_now = !boot.empty() && state.boot == boot;
        // Whoever has it open was let in before this one, and no machine went down since: the other boot
        // is what a container calls this one.
        bool const went_on = written_now || (there && state.dirty && state.map != 0 &&
                                             !is_alone(directory, settings));
        if (there && !went_on && (state.dirty || state.map == 0)) {
            if (settings.read_only) {
                throw error(errc::configuration,
                            "disk: the cache in " + directory.root() +
                                " was being written when the machine went down; open it without "
                                ".read_only, or run: memo-cache salvage " +
                                directory.root());
            }
            set_aside(directory, told, "was being written when the machine went down");
        }
        std::uint64_t const wanted = map_for(settings.max_bytes);
        if (settings.read_only) {
            std::uint64_t const map = (std::max)(state.map, wanted);
            require_addresses(map);
            return map;
        }
        std::uint64_t const map =
            state.map == 0 || (state.map < wanted && is_alone(directory, settings)) ? wanted
                                                                                    : state.map;
        require_addresses(map); // before others are told of it
        if (!went_on || state.map != map) {
            directory.set_state({boot, went_on && state.dirty, map}, false);
        }
        return map;
    }

    static void require_addresses(std::uint64_t bytes) {
        void* const memory =
            ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) { // NOLINT(cppcoreguidelines-pro-type-cstyle-cast): its macro
            throw error(errc::configuration,
                        "disk: this process cannot have " + std::to_string(bytes) +
                            " bytes of address space, which is the most that the file may have; "
                            "give another .directory and a smaller .max_bytes, of which it is 4 "
                            "times, or raise the limit of the process (ulimit -v)");
        }
        ::munmap(memory, bytes);
    }

    static bool is_alone(disk_directory const& directory, disk_settings const& settings) {
        std::string const path = directory.path("users.lock");
        file const users =
            settings.read_only ? try_open(path, O_RDONLY) : open_lock_file(path, directory.mode());
        return !users.is_open() || lock_file(users, LOCK_EX | LOCK_NB);
    }

    static void set_aside(disk_directory const& directory, reports& told, std::string const& why) {
        if (std::string const place = directory.set_aside(); !place.empty()) {
            told.push_back("memo: disk: the cache in " + directory.root() + ' ' + why +
                           "; it was moved to " + place +
                           " and a new one begins. To carry over what is whole, run: memo-cache "
                           "salvage " +
                           directory.root());
        }
    }

    static void tell(disk_settings const& settings, reports const& told) {
        for (std::string const& sentence : told) {
            if (settings.report) {
                settings.report(sentence);
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
                            "give both backends the same");
        }
    }

    void release(disk_environment* closed) noexcept {
        std::scoped_lock const lock(mutex_);
        auto const found = std::ranges::find(
            entries_, closed, [](entry const& each) { return each.environment.get(); });
        if (found != entries_.end() && --found->users == 0) {
            entries_.erase(found);
        }
    }

    static void before_fork() {
        disk_registry& all = instance();
        all.mutex_.lock();
        for (entry& each : all.entries_) {
            each.environment->before_fork();
        }
        for (std::mutex* const leaf : all.leaves_) {
            leaf->lock();
        }
    }
    static void after_fork_in_parent() {
        disk_registry& all = instance();
        for (entry& each : all.entries_) {
            each.environment->after_fork_in_parent();
        }
        all.unlock_leaves();
        all.mutex_.unlock();
    }
    static void after_fork_in_child() {
        disk_registry& all = instance();
        for (entry& each : all.entries_) {
            each.environment->after_fork_in_child();
        }
        all.unlock_leaves();
        all.mutex_.unlock();
    }

    void unlock_leaves() noexcept {
        for (std::mutex* const leaf : leaves_) {
            leaf->unlock();
        }
    }

    std::mutex mutex_;
    std::vector<entry> entries_;
    std::vector<std::mutex*> leaves_;
};

} // namespace memo::detail
