// SPDX-License-Identifier: BSL-1.0
#pragma once

// The environments of a process, one per data file, whatever path leads to it. Closing a second one would end
// the locks of the first, and another process would overwrite pages that are being read.

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

/// The address space for the data, which its file cannot outgrow: 4 times the bound,
/// as pages that readers see are not reused; 64 GiB without a bound.
[[nodiscard]] constexpr std::uint64_t map_for(std::uint64_t max_bytes) noexcept {
    constexpr std::uint64_t gib = std::uint64_t{1} << 30U;
    constexpr std::uint64_t page = 4096;
    std::uint64_t const bound =
        (std::min)(max_bytes, std::uint64_t{1} << 60U); // 4 of them are a number
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
    /// max_wait            how long it waits for other processes
    /// set_aside       incremented if damaged data was moved away
    /// Throws:         memo::error
    [[nodiscard]] std::shared_ptr<disk_environment> acquire(disk_settings const& settings,
                                                            std::chrono::nanoseconds max_wait,
                                                            std::atomic<std::uint64_t>& set_aside) {
        watch_forks();
        reports sentences;
        auto const report = [&] {
            set_aside += sentences.size();
            tell(settings, sentences);
        };
        try {
            auto opened = open_or_share(settings, max_wait, sentences);
            report();
            return opened;
        } catch (...) {
            report();
            throw;
        }
    }

    /// Moves damaged data away, unless another process did.
    ///
    /// max_wait            how long it waits for other processes
    static void set_aside(disk_environment& damaged, disk_settings const& settings,
                          std::chrono::nanoseconds max_wait) {
        disk_directory const& directory = damaged.directory();
        reports sentences;
        {
            directory_lock const alone(directory, max_wait);
            if (identity_of_file(directory.data_file()) == damaged.identity()) {
                set_aside(directory, sentences, "was found damaged while it was in use");
            }
        }
        tell(settings, sentences);
    }

  private:
    /// Sentences for `.report`, which is called while no lock is held: it may open the cache, or run a
    /// program that does.
    using reports = std::vector<std::string>;

    struct use_of_environment {
        disk_registry& registry;
        disk_environment* environment = nullptr;

        explicit use_of_environment(disk_registry& in) : registry(in) {}
        use_of_environment(use_of_environment const&) = delete;
        use_of_environment& operator=(use_of_environment const&) = delete;
        ~use_of_environment() {
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
                                                    reports& sentences) {
        undisturbed const whole;
        disk_directory const directory(settings);
        std::optional<directory_lock> alone;
        if (!settings.read_only || !reads_alone(directory)) {
            alone.emplace(directory, max_wait);
        }
        // Before there is something to release: a shared_ptr that has no memory for itself would release
        // under the lock of the directory, and wait for it.
        auto const use = std::make_shared<use_of_environment>(*this);
        use->environment = find_or_open(directory, settings, max_wait, sentences);
        return {use, use->environment};
    }

    // Under the lock of the directory, if it was taken.
    disk_environment* find_or_open(disk_directory const& directory, disk_settings const& settings,
                                   std::chrono::nanoseconds max_wait, reports& sentences) {
        end_moved();
        if (disk_environment* const found = share(directory, settings)) {
            return found;
        }
        disk_opening const how{directory, settings.durability == durability::power_loss,
                               settings.read_only, admit(directory, settings, sentences), max_wait};
        entry fresh{open(how, sentences), 1};
        disk_environment* const opened = fresh.environment.get();
        std::scoped_lock const lock(mutex_);
        entries_.push_back(std::move(fresh));
        return opened;
    }

    // Data whose path leads elsewhere by now is closed, before it is opened by another path.
    void end_moved() {
        std::vector<disk_environment*> moved;
        {
            std::scoped_lock const lock(mutex_);
            for (entry& each : entries_) {
                if (!each.environment->is_over() && !leads_to(*each.environment)) {
                    ++each.users;
                    moved.push_back(each.environment.get());
                }
            }
        }
        for (disk_environment* const each : moved) {
            each->end();
            take_out(each, true);
        }
    }

    disk_environment* share(disk_directory const& directory, disk_settings const& settings) {
        auto const identity = identity_of_file(directory.data_file());
        std::scoped_lock const lock(mutex_);
        for (entry& each : entries_) {
            if (identity && each.environment->identity() == identity &&
                !each.environment->is_over() && leads_to(*each.environment)) {
                require_same(*each.environment, settings);
                ++each.users;
                return each.environment.get();
            }
        }
        return nullptr;
    }

    // The directory of one that is open may have been moved: its path leads to other data, or to none, and
    // its users go on there.
    static bool leads_to(disk_environment const& open) {
        return identity_of_file(open.directory().data_file()) == open.identity();
    }

    static std::unique_ptr<disk_environment> open(disk_opening const& how, reports& sentences) {
        try {
            return std::make_unique<disk_environment>(how);
        } catch (disk_error const& failure) {
            if (!says_damaged(failure.code()) || how.read_only) {
                throw;
            }
            set_aside(how.directory, sentences, "is damaged");
        }
        return std::make_unique<disk_environment>(how);
    }

    /// Decides whether the data may be used, and gives the size of its map.
    static std::uint64_t admit(disk_directory const& directory, disk_settings const& settings,
                               reports& sentences) {
        require_known_format(directory);
        bool const there = identity_of_file(directory.data_file()).has_value();
        if (settings.read_only && !there) {
            directory.refuse_empty();
        }
        disk_state state = directory.state();
        std::string const boot = this_boot();
        bool const has_map = state.map != 0;
        if (there && !has_map) { // `state` was removed, or does not say what it said
            state.map = map_in(directory);
        }
        // Whoever has it open was let in before this one, and no machine went down since: the other boot
        // is what a container calls this one.
        bool const written_now = !boot.empty() && state.boot == boot;
        bool const went_on =
            there && state.map != 0 && (written_now || !is_alone(directory, settings));
        if (there && !went_on && (state.dirty || !has_map)) {
            if (settings.read_only) {
                throw error(errc::configuration,
                            "disk: the cache in " + directory.root() +
                                " was being written when the machine went down; open it without "
                                ".read_only, or run: memo-cache salvage " +
                                directory.root());
            }
            set_aside(directory, sentences, "was being written when the machine went down");
            state.map = 0;
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
        require_addresses(map); // before other processes read it in `state`
        if (!went_on || !has_map || state.map != map) {
            directory.set_state({boot, went_on && (state.dirty || !has_map), map}, false);
        }
        return map;
    }

    // Once for LMDB, once for our own search.
    static void require_addresses(std::uint64_t map) {
        auto const reserve = [&] {
            return ::mmap(nullptr, map, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                          0);
        };
        // NOLINTBEGIN(cppcoreguidelines-pro-type-cstyle-cast): a macro of mmap(2)
        void* const one = reserve();
        void* const other = reserve();
        bool const are_there = one != MAP_FAILED && other != MAP_FAILED;
        for (void* const each : {one, other}) {
            if (each != MAP_FAILED) {
                ::munmap(each, map);
            }
        }
        // NOLINTEND(cppcoreguidelines-pro-type-cstyle-cast)
        if (!are_there) {
            refuse_addresses(map);
        }
    }

    // True, too, where nobody can say that it is open.
    static bool is_alone(disk_directory const& directory, disk_settings const& settings) {
        folder const root = directory.files();
        file const users = settings.read_only
                               ? root.try_open("users.lock", O_RDONLY)
                               : root.open_or_make("users.lock", O_RDWR, directory.mode());
        return !users.is_open() || try_lock_file(users, LOCK_EX);
    }

    static void set_aside(disk_directory const& directory, reports& sentences,
                          std::string const& why) {
        if (std::string const place = directory.set_aside(); !place.empty()) {
            sentences.push_back(
                "memo: disk: the cache in " + directory.root() + ' ' + why + "; it was moved to " +
                place +
                " and a new one begins. To carry over what is whole, run: memo-cache "
                "salvage " +
                directory.root());
        }
    }

    static void tell(disk_settings const& settings, reports const& sentences) {
        for (std::string const& sentence : sentences) {
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

    // The last user closes under the lock that opening takes: LMDB must not be open twice. Where that
    // cannot be had in time it stays open, for the next user.
    void release(disk_environment* closed) noexcept {
        undisturbed const whole;
        if (has_other_users(closed)) {
            return;
        }
        try {
            std::optional<directory_lock> alone;
            if (!closed->read_only() && !closed->is_over()) {
                alone.emplace(closed->directory(), max_close_wait);
            }
            take_out(closed, true);
        } catch (std::exception const&) {
            take_out(closed, closed->is_over());
        }
    }

    bool has_other_users(disk_environment const* left) noexcept {
        std::scoped_lock const lock(mutex_);
        auto const found = find(left);
        bool const has = found != entries_.end() && found->users > 1;
        if (has) {
            --found->users;
        }
        return has;
    }

    [[nodiscard]] std::vector<entry>::iterator find(disk_environment const* of) noexcept {
        return std::ranges::find(entries_, of,
                                 [](entry const& each) { return each.environment.get(); });
    }

    void take_out(disk_environment* closed, bool may_close) noexcept {
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
        if (!std::exchange(watches_, true)) {
            ::pthread_atfork(nullptr, nullptr, after_fork_in_child);
        }
    }

    // The child opens anew. What its parent has open is left as it is, and its memory is not freed: a
    // thread that is not here may have been anywhere in it.
    static void after_fork_in_child() {
        for (file* const held : process_wide<directory_locks>().held) {
            held->close();
        }
        process_wide<directory_locks>().held.clear();
        auto& all = process_wide<disk_registry>();
        for (entry& each : all.entries_) {
            each.environment->end_in_child();
            static_cast<void>(each.environment.release());
        }
        all.entries_.clear();
    }

    static constexpr std::chrono::nanoseconds max_close_wait = std::chrono::seconds(10);

    mutex mutex_;
    std::vector<entry> entries_;
    bool watches_ = false;
};

} // namespace memo::detail
