// SPDX-License-Identifier: BSL-1.0
#pragma once

// Opens, checks and locks the data files of one directory: LMDB's environment and memo's own lock
// files.

#include <memo/detail/lmdb/disk_directory.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/lmdb/page_check/page_format.hpp>
#include <memo/error.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace memo::detail {

/// The options of a disk_environment.
struct environment_options {
    disk_directory directory;
    bool durable = false; ///< every commit waits for the disk
    bool read_only = false;
    std::uint64_t map_size = 0;           ///< bytes of address space
    std::chrono::nanoseconds max_wait{0}; ///< for another process that opens or closes the data
};

inline void unlock_byte(file& locked, std::int64_t offset) noexcept {
    if (locked.is_open()) {
        try {
            lock_byte(locked, F_UNLCK, offset);
        } catch (error const&) { // closing releases all locks
            locked.close();
        }
    }
}

/// The open files of a disk_environment.
struct disk_files {
    file users;                    ///< users.lock: a shared lock while the data is open
    file writes;                   ///< write.lock: see write_lock; byte n for the process n
    std::shared_ptr<file> flights; ///< flight.lock: a byte per key that is being computed
    lmdb_environment environment;
    file_identity identity;                     ///< of data.mdb
    std::optional<file_identity> lock_identity; ///< of lock.mdb; nothing: LMDB takes no lock
    std::uint64_t lock_bytes = 0;               ///< length of lock.mdb

    disk_files() = default;
    disk_files(disk_files&&) = default;
    disk_files& operator=(disk_files&&) = delete;
    disk_files(disk_files const&) = delete;
    disk_files& operator=(disk_files const&) = delete;
    ~disk_files() { unlock(); }

    /// Whether all descriptors still refer to the opened files.
    [[nodiscard]] bool are_valid() const noexcept {
        return environment.get_deleter().descriptors.are_valid() &&
               (!writes.is_open() || writes.is_valid());
    }

    /// Whether the descriptors for a write are valid, by one system call: checks write.lock once
    /// per tick, because LMDB's own mutex excludes other writers, too.
    [[nodiscard]] bool may_write() const noexcept {
        return environment.get_deleter().descriptors.data_is_valid() &&
               (!writes.is_open() || writes.was_valid_this_tick());
    }

    /// Releases the locks. Closing the files does not, while a child after fork() has copies of
    /// them.
    void unlock() noexcept {
        if (writes.is_valid()) {
            unlock_byte(writes, ::getpid());
        }
        if (users.is_valid()) {
            ::flock(users.descriptor(), LOCK_UN);
        }
    }
};

/// The lock of the writing process, released by the destructor. A read-only process has none.
///
/// Processes ask for it again and again, so one that writes without a pause could keep the others
/// waiting: it releases the lock for microseconds. A process that has waited for 0.1 s therefore
/// locks another byte, and who sees that leaves the lock to others for a moment
/// (docs/decisions/0056-bounded-locks.md).
class write_lock {
  public:
    /// Waits for max_wait at most; is_held() returns whether it succeeded.
    write_lock(file& lock, std::chrono::nanoseconds max_wait)
        : lock_(lock), is_held_(!lock.is_open() || wait(max_wait)) {}
    write_lock(write_lock const&) = delete;
    write_lock& operator=(write_lock const&) = delete;
    ~write_lock() {
        if (is_held_) {
            unlock_byte(lock_, 0);
        }
    }
    [[nodiscard]] bool is_held() const noexcept { return is_held_; }

    /// Returns when no process waits for long, or after 20 ms.
    static void yield_to_waiting(file const& lock) {
        if (lock.is_open() && is_byte_locked(lock, waits_for_long)) {
            poll_for_lock([&] { return !is_byte_locked(lock, waits_for_long); }, yield_time);
        }
    }

  private:
    static constexpr std::int64_t waits_for_long = std::int64_t{1} << 32U; // beyond all process ids
    static constexpr std::chrono::nanoseconds patience = std::chrono::milliseconds(100);
    static constexpr std::chrono::nanoseconds yield_time = std::chrono::milliseconds(20);
    static constexpr std::chrono::nanoseconds max_pause = std::chrono::milliseconds(1);

    /// Tells the others that this process has waited for long. One process at a time does.
    class announcement {
      public:
        explicit announcement(file& lock) : lock_(lock) {}
        announcement(announcement const&) = delete;
        announcement& operator=(announcement const&) = delete;
        ~announcement() {
            if (is_made_) {
                unlock_byte(lock_, waits_for_long);
            }
        }
        void try_make() { is_made_ = is_made_ || lock_byte(lock_, F_WRLCK, waits_for_long); }

      private:
        file& lock_;
        bool is_made_ = false;
    };

    bool wait(std::chrono::nanoseconds max_wait) {
        auto const try_lock = [&] { return lock_byte(lock_, F_WRLCK, 0); };
        if (poll_for_lock(try_lock, (std::min)(max_wait, patience))) [[likely]] {
            return true;
        }
        if (max_wait <= patience) {
            return false;
        }
        announcement announced(lock_);
        return poll_for_lock(
            [&] {
                announced.try_make();
                return try_lock();
            },
            max_wait - patience, max_pause);
    }

    file& lock_;
    bool is_held_;
};

// Checks that the file has all pages of the last commit: a read beyond its end raises SIGBUS. A few
// pages may be missing: LMDB never writes pages that one transaction allocated and freed. Other
// processes may write concurrently.
inline void check_size(MDB_env* env, int descriptor, environment_options const& options) {
    constexpr std::uint64_t pages_never_written = 64;
    MDB_envinfo last{};
    MDB_stat pages{};
    lmdb_check("open", mdb_env_info(env, &last));
    lmdb_check("open", mdb_env_stat(env, &pages));
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) {
        throw_file_error("open", options.directory.data_file(), errno);
    }
    std::uint64_t const required = (std::uint64_t{last.me_last_pgno} + 1) * pages.ms_psize;
    auto const actual = static_cast<std::uint64_t>(status.st_size);
    if (actual >= required) {
        return;
    }
    if (required > options.map_size || required - actual > pages_never_written * pages.ms_psize ||
        options.read_only) {
        throw_lmdb_error("open", MDB_CORRUPTED);
    }
    // Grows the file and never truncates it, even while other processes grow it.
    if (int const code = ::posix_fallocate(descriptor, static_cast<off_t>(required - 1), 1)) {
        throw_file_error("open", options.directory.data_file(), code);
    }
}

/// The format of a data file, by both of its metas.
struct data_format {
    std::uint32_t version = 0;
    std::size_t page_header = 0; ///< bytes

    friend bool operator==(data_format const&, data_format const&) = default;
};
inline constexpr data_format supported_format{page_format::version,
                                              sizeof(page_format::page_header)};

[[nodiscard]] constexpr bool is_page_size(std::uint32_t bytes) noexcept {
    return std::has_single_bit(bytes) && bytes >= 512 && bytes <= 65536;
}

using two_metas = std::array<page_format::meta, 2>;

/// Both unchecked metas of a data file; nothing if the file is not open, or too short for LMDB,
/// too. The page size in the first meta is the offset of the second, which is all zeros if that
/// size is invalid.
[[nodiscard]] inline std::optional<two_metas>
read_metas(file const& data, std::size_t page_header = supported_format.page_header) {
    two_metas metas{};
    std::uint64_t page = 0;
    for (page_format::meta& each : metas) {
        if (::pread(data.descriptor(), &each, sizeof each,
                    static_cast<off_t>(page + page_header)) != static_cast<ssize_t>(sizeof each)) {
            return std::nullopt;
        }
        page = each.free_pages.page_size;
        if (!is_page_size(each.free_pages.page_size)) {
            break;
        }
    }
    return metas;
}

/// The format of a data file; nothing if there are no two metas of one format.
[[nodiscard]] inline std::optional<data_format> format_of(file const& data) {
    for (std::size_t const page_header :
         {supported_format.page_header, page_format::next_page_header_size}) {
        auto const metas = read_metas(data, page_header);
        if (metas && metas->front().version == metas->back().version &&
            std::ranges::all_of(*metas, [](page_format::meta const& each) {
                return each.magic == page_format::magic;
            })) {
            return data_format{metas->front().version, page_header};
        }
    }
    return std::nullopt;
}

/// Throws the error for LMDB's MDB_VERSION_MISMATCH after require_supported_format() accepted the
/// data.
[[noreturn]] inline void refuse_mismatch(disk_directory const& directory) {
    if (format_of(try_open(directory.data_file(), O_RDONLY)) != supported_format) {
        throw_lmdb_error("open", MDB_CORRUPTED); // a damaged meta
    }
    throw error(errc::configuration,
                "disk: another program has " + directory.root() +
                    " open with a different build of LMDB, whose v1/lock.mdb is incompatible; "
                    "build all programs that share a directory with the same LMDB");
}

/// Refuses data of another version of LMDB: it is not damaged and must not be set aside.
///
/// Throws:         memo::error (configuration)
inline void require_supported_format(disk_directory const& directory) {
    int major = 0;
    int minor = 0;
    int patch = 0;
    std::string const library = mdb_version(&major, &minor, &patch);
    if (MDB_VERINT(major, minor, patch) >= lmdb_of_next_format) {
        throw error(errc::configuration,
                    "disk: this program was built for LMDB 0.9 and runs with " + library +
                        ", whose data has another format; run it with the library of LMDB 0.9");
    }
    auto const format = format_of(try_open(directory.data_file(), O_RDONLY));
    if (format && *format != supported_format) {
        throw error(errc::configuration,
                    "disk: the data in " + directory.root() +
                        " was written by another LMDB (format " + std::to_string(format->version) +
                        ", " + library +
                        " has 1); it is unchanged; build all programs that share a directory with "
                        "the same LMDB, or set another .directory");
    }
}

[[nodiscard]] inline two_metas read_metas(disk_directory const& directory) {
    trusted_directory const data = directory.open_data();
    auto const metas =
        data.is_open() ? read_metas(data.try_open("data.mdb", O_RDONLY)) : std::nullopt;
    return metas.value_or(two_metas{});
}

/// The map size of the last write, in bytes; 0 if neither meta has a plausible one.
[[nodiscard]] inline std::uint64_t stored_map_size(disk_directory const& directory) {
    std::uint64_t map_size = 0;
    for (page_format::meta const& each : read_metas(directory)) {
        bool const is_supported =
            each.magic == page_format::magic && each.version == page_format::version;
        map_size = is_supported && is_plausible_map_size(each.map_size)
                       ? (std::max)(map_size, each.map_size)
                       : map_size;
    }
    return map_size;
}

/// Whether a read-only process takes no lock and writes nothing, not even lock.mdb: page_view needs
/// no entry in LMDB's reader table. LMDB reads pages of a size that page_view does not support, and
/// needs one.
[[nodiscard]] inline bool reads_without_lock(disk_directory const& directory) {
    return read_metas(directory)[0].free_pages.page_size == page_format::page_size ||
           ::access(directory.path("v1/lock.mdb").c_str(), R_OK | W_OK) != 0;
}

// Checks the fields that LMDB trusts: the sizes of map, file and page, and that the metas
// alternate.
inline void check_metas(file const& data, environment_options const& options) {
    auto const metas = read_metas(data);
    for (std::uint64_t page = 0; metas && page < metas->size(); ++page) {
        page_format::meta const& each = (*metas)[page];
        std::uint32_t const page_size = each.free_pages.page_size;
        bool const alternates = each.transaction == 0 || each.transaction % 2 == page;
        if (!is_page_size(page_size) || !alternates || each.map_size > options.map_size ||
            each.last_page >= options.map_size / page_size) {
            throw_lmdb_error("open", MDB_CORRUPTED);
        }
    }
}

/// Finds the descriptors of an environment. LMDB returns one of them. The others are the first
/// ones, from the lowest number that was free before, that refer to its files with its access
/// modes.
[[nodiscard]] inline lmdb_descriptors find_descriptors(MDB_env* env, int lowest, file_identity data,
                                                       std::optional<file_identity> lock) {
    constexpr int max_searched = 4096; // other threads may have opened files, too
    lmdb_descriptors found;
    auto& [data_entry, meta_entry, lock_entry] = found.all;
    mdb_filehandle_t descriptor = -1;
    lmdb_check("open", mdb_env_get_fd(env, &descriptor));
    data_entry = {descriptor, data};
    unsigned flags = 0;
    lmdb_check("open", mdb_env_get_flags(env, &flags));
    bool const has_meta = (flags & MDB_RDONLY) == 0;
    bool const has_lock = (flags & MDB_NOLOCK) == 0 && lock;
    for (int each = lowest; each < lowest + max_searched; ++each) {
        if ((meta_entry.descriptor >= 0 || !has_meta) &&
            (lock_entry.descriptor >= 0 || !has_lock)) {
            break;
        }
        auto const identity = identity_of_descriptor(each);
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): fcntl(2) is so
        int const access = identity ? ::fcntl(each, F_GETFL) & O_ACCMODE : 0;
        if (has_meta && identity == data && access == O_WRONLY) {
            meta_entry = {each, data};
        } else if (has_lock && identity == lock && access == O_RDWR) {
            lock_entry = {each, *lock};
        }
    }
    return found;
}

inline constexpr unsigned max_readers = 4096;

/// Bytes to allocate for lock.mdb, a page and 64 bytes for each reader: LMDB maps it and sets its
/// length, and a write to a page without room on the disk would raise SIGBUS.
inline constexpr std::uint64_t lock_file_room = 4096 + std::uint64_t{64} * max_readers;

/// Opens LMDB's environment of existing files.
[[nodiscard]] inline lmdb_environment open_environment(environment_options const& options,
                                                       trusted_directory const& directory) {
    auto const identity = directory.identity_of("data.mdb");
    auto const lock = directory.identity_of("lock.mdb");
    {
        file const data = directory.try_open("data.mdb", O_RDONLY);
        if (!identity || !data.is_open()) {
            throw_file_error("open", options.directory.data_file(), errno);
        }
        check_metas(data, options);
    }
    MDB_env* env = nullptr;
    lmdb_check("open", mdb_env_create(&env));
    lmdb_environment opened(env);
    lmdb_check("open", mdb_env_set_mapsize(env, options.map_size));
    lmdb_check("open", mdb_env_set_maxreaders(env, max_readers));
    unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (options.durable ? MDB_NOMETASYNC : MDB_NOSYNC);
    if (options.read_only) {
        flags |= MDB_RDONLY | (reads_without_lock(options.directory) ? MDB_NOLOCK : 0U);
    }
    // NOLINTBEGIN(cppcoreguidelines-pro-type-vararg): fcntl(2) is so
    int const lowest = ::fcntl(directory.handle().descriptor(), F_DUPFD_CLOEXEC, 0);
    ::close(lowest);
    int const code = mdb_env_open(env, directory.stable_path().c_str(), flags,
                                  static_cast<mdb_mode_t>(options.directory.mode()));
    if (code == MDB_VERSION_MISMATCH) {
        refuse_mismatch(options.directory);
    }
    lmdb_check("open", code);
    opened.get_deleter().descriptors = find_descriptors(env, lowest, *identity, lock);
    int const descriptor = opened.get_deleter().descriptors.data();
    ::fcntl(descriptor, F_SETFD, FD_CLOEXEC); // LMDB sets it on its other descriptors
    // NOLINTEND(cppcoreguidelines-pro-type-vararg)
    if (identity_of_descriptor(descriptor) != identity) {
        throw_file_error("open", options.directory.data_file(), ESTALE);
    }
    check_size(env, descriptor, options);
    return opened;
}

[[noreturn]] inline void throw_no_address_space(std::uint64_t map_size) {
    throw error(errc::configuration,
                "disk: this process cannot reserve twice " + std::to_string(map_size) +
                    " bytes of address space, the maximal size of the file; set another "
                    ".directory and a smaller .max_bytes (a quarter of that size), or raise the "
                    "limit of the process (ulimit -v)");
}

/// Locks the byte of this process in write.lock. LMDB identifies processes by their ids, and may be
/// open only once per process. Modules with the same memo share the open data (process.hpp); others
/// cannot.
inline void claim_process(file const& writes, environment_options const& options) {
    if (!lock_byte(writes, F_WRLCK, ::getpid())) {
        throw error(
            errc::configuration,
            "disk: " + options.directory.root() + " is already open in a process with the id " +
                std::to_string(::getpid()) +
                ". If a plugin or its host has it open, build both with the same version of "
                "memo and of the standard library, or set a directory for each. If a "
                "program in another container has it open, let the containers share a pid "
                "namespace, or set a directory for each");
    }
}

/// Opens the data, or creates it. Callers hold open.lock, unless the environment is read-only.
///
/// Throws:         disk_error; is_damage(its code) if the data is unusable
[[nodiscard]] inline disk_files open_files(environment_options const& options) {
    disk_files files;
    disk_directory const& directory = options.directory;
    trusted_directory const data =
        options.read_only ? directory.open_data() : directory.create_data();
    if (!data.is_open()) {
        directory.refuse_empty();
    }
    if (options.read_only) {
        files.users = directory.open_root().try_open("users.lock", O_RDONLY);
    } else {
        unsigned const mode = directory.mode();
        files.users = directory.open_root().open_or_create("users.lock", O_RDWR, mode);
        files.writes = data.open_or_create("write.lock", O_RDWR, mode);
        files.flights = std::make_shared<file>(data.open_or_create("flight.lock", O_RDWR, mode));
        claim_process(files.writes, options);
        data.create_if_missing("data.mdb", mode, 0);
        data.create_if_missing("lock.mdb", mode, lock_file_room);
    }
    auto const join_users = [&] { return try_lock_file(files.users, LOCK_SH); };
    if (options.read_only) { // readers work without the lock, too
        static_cast<void>(!files.users.is_open() || join_users());
    } else if (!poll_for_lock(join_users, options.max_wait)) {
        throw_lock_timeout("open", directory.path("users.lock"));
    }
    files.environment = open_environment(options, data);
    files.identity = files.environment.get_deleter().descriptors.all[0].identity;
    unsigned flags = 0;
    lmdb_check("open", mdb_env_get_flags(files.environment.get(), &flags));
    if ((flags & MDB_NOLOCK) == 0) {
        files.lock_identity = data.identity_of("lock.mdb");
        files.lock_bytes = length_of_file(directory.path("v1/lock.mdb")).bytes;
    }
    if (write_lock const lock(files.writes, {}); lock.is_held()) {
        int dead = 0;
        mdb_reader_check(files.environment.get(), &dead);
    }
    return files;
}

/// Marks the data dirty before the first write of a process: a crash of the machine now loses it.
///
/// max_wait        for another process that opens or closes the data
inline void mark_dirty(environment_options const& options, std::chrono::nanoseconds max_wait) {
    disk_directory const& directory = options.directory;
    directory_lock const lock(directory, max_wait);
    disk_state const state = directory.state();
    std::string const boot = this_boot();
    if (!state.dirty || state.boot != boot) {
        directory.set_state({boot, true, (std::max)(state.map_size, options.map_size)}, true);
    }
}

/// Writes all data to the disk and marks it clean, if it is dirty and no other process has it open.
/// This includes the commits of killed processes, which are in the kernel's cache. Callers hold
/// open.lock. May release the shared lock of users.lock.
inline void mark_clean(disk_files const& files, environment_options const& options) {
    disk_state state = options.directory.state();
    if (!state.dirty || identity_of_file(options.directory.data_file()) != files.identity ||
        !files.users.is_valid() || !try_lock_file(files.users, LOCK_EX)) {
        return;
    }
    lmdb_check("sync", mdb_env_sync(files.environment.get(), 1));
    state.dirty = false;
    options.directory.set_state(state, false);
}

/// Writes dirty data of other processes to the disk before a durable process commits: a crash would
/// lose its commits with the rest. Callers hold open.lock.
inline void clean_before_durable(disk_files const& files, environment_options const& options) {
    if (options.durable && !options.read_only) {
        try {
            mark_clean(files, options);
        } catch (disk_error const&) { // a full disk: lookups still work
        }
        static_cast<void>(
            try_lock_file(files.users, LOCK_SH)); // succeeds: the caller holds open.lock
    }
}

} // namespace memo::detail
