// SPDX-License-Identifier: BSL-1.0
#pragma once

// Opens the files of one directory's data: LMDB's environment, and our own locks around it.

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

/// How the data of a directory is opened.
struct disk_opening {
    disk_directory directory;
    bool durable = false; ///< every commit waits for the disk
    bool read_only = false;
    std::uint64_t map = 0;                ///< bytes of address space
    std::chrono::nanoseconds max_wait{0}; ///< for a lock of another process that opens or closes it
};

inline void unlock_byte(file& locked, std::int64_t offset) noexcept {
    if (locked.is_open()) {
        try {
            lock_byte(locked, F_UNLCK, offset);
        } catch (error const&) { // closing it gives every lock back
            locked.close();
        }
    }
}

/// The open files.
struct disk_files {
    file users;                    ///< locked, shared, while the data is open
    file writes;                   ///< byte 0: the right to write; byte n: the process n
    std::shared_ptr<file> flights; ///< byte n: the right to compute a key
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

    /// Whether the descriptors are still those of the opened files.
    [[nodiscard]] bool are_ours() const noexcept {
        return environment.get_deleter().descriptors.are_ours() &&
               (!writes.is_open() || writes.is_ours());
    }

    /// The same of the descriptors that a write uses, in one system call: that of the data now, that of
    /// write.lock within this tick. LMDB's own mutex keeps writers apart, too.
    [[nodiscard]] bool may_write() const noexcept {
        return environment.get_deleter().descriptors.data_is_ours() &&
               (!writes.is_open() || writes.was_ours_lately());
    }

    /// Releases the locks. Closing the files would not, while a child after fork() has copies of them.
    void unlock() noexcept {
        if (writes.is_ours()) {
            unlock_byte(writes, ::getpid());
        }
        if (users.is_ours()) {
            ::flock(users.descriptor(), LOCK_UN);
        }
    }
};

/// The right to write, among processes, for as long as it lives. A read-only process needs none.
class write_right {
  public:
    /// Waits for it no longer than max_wait; is_held() states the outcome.
    write_right(file& lock, std::chrono::nanoseconds max_wait)
        : lock_(lock),
          is_held_(!lock.is_open() ||
                   poll_for_lock([&] { return lock_byte(lock, F_WRLCK, 0); }, max_wait)) {}
    write_right(write_right const&) = delete;
    write_right& operator=(write_right const&) = delete;
    ~write_right() {
        if (is_held_) {
            unlock_byte(lock_, 0);
        }
    }
    [[nodiscard]] bool is_held() const noexcept { return is_held_; }

  private:
    file& lock_;
    bool is_held_;
};

// A read behind the end of the file would be a SIGBUS. A few pages may be missing: LMDB never writes those
// that one transaction allocated and freed. Other processes may be writing.
inline void check_size(MDB_env* env, disk_opening const& how) {
    constexpr std::uint64_t pages_never_written = 64;
    MDB_envinfo last{};
    MDB_stat pages{};
    mdb_filehandle_t descriptor = -1;
    lmdb_check("open", mdb_env_info(env, &last));
    lmdb_check("open", mdb_env_stat(env, &pages));
    lmdb_check("open", mdb_env_get_fd(env, &descriptor));
    struct stat now {};
    if (::fstat(descriptor, &now) != 0) {
        file_failed("open", how.directory.data_file(), errno);
    }
    std::uint64_t const need = (std::uint64_t{last.me_last_pgno} + 1) * pages.ms_psize;
    auto const have = static_cast<std::uint64_t>(now.st_size);
    if (have >= need) {
        return;
    }
    if (need > how.map || need - have > pages_never_written * pages.ms_psize || how.read_only) {
        lmdb_failed("open", MDB_CORRUPTED);
    }
    // Grows the file, and never cuts it, whatever others do.
    if (int const code = ::posix_fallocate(descriptor, static_cast<off_t>(need - 1), 1)) {
        file_failed("open", how.directory.data_file(), code);
    }
}

/// The format of a data file, as both of its metas state it.
struct data_format {
    std::uint32_t version = 0;
    std::size_t page_header = 0; ///< bytes

    friend bool operator==(data_format const&, data_format const&) = default;
};
inline constexpr data_format known_format{page_format::version, sizeof(page_format::page_header)};

/// The meta at an offset of a data file, as it is there; nothing if the file is too short.
[[nodiscard]] inline std::optional<page_format::meta> read_meta(file const& data,
                                                                std::uint64_t offset) {
    page_format::meta meta{};
    auto const size = ::pread(data.descriptor(), &meta, sizeof meta, static_cast<off_t>(offset));
    return size == static_cast<ssize_t>(sizeof meta) ? std::optional(meta) : std::nullopt;
}

/// Nothing if the file is missing or damaged, so that its two metas state different formats.
[[nodiscard]] inline std::optional<data_format> format_of(file const& data) {
    auto const read = [&](std::uint64_t offset) {
        auto const meta = read_meta(data, offset);
        return meta && meta->magic == page_format::magic ? meta : std::nullopt;
    };
    for (std::size_t const page_header :
         {known_format.page_header, page_format::next_page_header_size}) {
        auto const first = read(page_header);
        auto const second = first ? read(first->free_pages.page_size + page_header) : std::nullopt;
        if (second && second->version == first->version) {
            return data_format{first->version, page_header};
        }
    }
    return std::nullopt;
}

/// LMDB found data of another version than its own, although require_known_format() accepted it.
[[noreturn]] inline void refuse_mismatch(disk_directory const& directory) {
    file const opened = try_open(directory.data_file(), O_RDONLY);
    if (!opened.is_open() || format_of(opened) != known_format) {
        lmdb_failed("open", MDB_CORRUPTED); // one of its two metas states so
    }
    throw error(errc::configuration,
                "disk: another program has " + directory.root() +
                    " open with an LMDB that was built otherwise, so that its v1/lock.mdb is no "
                    "lock for this one; build all programs that share a directory with one LMDB");
}

/// Refuses data of another LMDB, which is not damaged and must not be set aside.
///
/// Throws:         memo::error (configuration)
inline void require_known_format(disk_directory const& directory) {
    int major = 0;
    int minor = 0;
    int patch = 0;
    std::string const library = mdb_version(&major, &minor, &patch);
    if (MDB_VERINT(major, minor, patch) >= lmdb_of_next_format) {
        throw error(errc::configuration,
                    "disk: this program was built for LMDB 0.9 and runs with " + library +
                        ", whose data has another format; run it with a library of LMDB 0.9");
    }
    file const opened = try_open(directory.data_file(), O_RDONLY);
    auto const format = opened.is_open() ? format_of(opened) : std::nullopt;
    if (format && *format != known_format) {
        throw error(errc::configuration,
                    "disk: the data in " + directory.root() +
                        " was written by another LMDB than this program's (format " +
                        std::to_string(format->version) + ", " + library +
                        " has 1), and is left as it is; build all programs that share a directory "
                        "with one LMDB, or give another .directory");
    }
}

[[nodiscard]] constexpr bool is_page_size(std::uint32_t bytes) noexcept {
    return std::has_single_bit(bytes) && bytes >= 512 && bytes <= 65536;
}

using two_metas = std::array<page_format::meta, 2>;

/// Both metas of a data file, unchecked; nothing if the file is missing, or too short for LMDB, too. The
/// second one lies where the first states, and is all zeros if that cannot be.
[[nodiscard]] inline std::optional<two_metas> metas_in(file const& data) {
    two_metas metas{};
    std::uint64_t page = 0;
    for (page_format::meta& each : metas) {
        auto const meta = read_meta(data, page + sizeof(page_format::page_header));
        if (!meta) {
            return std::nullopt;
        }
        each = *meta;
        page = each.free_pages.page_size;
        if (!is_page_size(each.free_pages.page_size)) {
            break;
        }
    }
    return metas;
}

[[nodiscard]] inline two_metas metas_in(disk_directory const& directory) {
    folder const data = directory.data_files();
    auto const metas =
        data.is_open() ? metas_in(data.try_open("data.mdb", O_RDONLY)) : std::nullopt;
    return metas.value_or(two_metas{});
}

/// Bytes of the map that the data was last written with; 0 if neither meta states a plausible number.
[[nodiscard]] inline std::uint64_t map_in(disk_directory const& directory) {
    std::uint64_t map = 0;
    for (page_format::meta const& each : metas_in(directory)) {
        bool const is_known =
            each.magic == page_format::magic && each.version == page_format::version;
        map = is_known && is_plausible_map(each.map_size) ? (std::max)(map, each.map_size) : map;
    }
    return map;
}

/// Whether a process that only reads takes no lock and writes nothing, lock.mdb included: page_view reads
/// without a place in LMDB's reader table. Pages of a size that page_view does not read are read by LMDB,
/// which needs a place.
[[nodiscard]] inline bool reads_alone(disk_directory const& directory) {
    return metas_in(directory)[0].free_pages.page_size == page_format::page_size ||
           ::access(directory.path("v1/lock.mdb").c_str(), R_OK | W_OK) != 0;
}

// LMDB believes the sizes of the map, of the file and of a page that a meta states, and that the metas are
// written by turns.
inline void check_metas(file const& data, disk_opening const& how) {
    auto const metas = metas_in(data);
    for (std::uint64_t page = 0; metas && page < metas->size(); ++page) {
        page_format::meta const& each = (*metas)[page];
        std::uint32_t const page_size = each.free_pages.page_size;
        bool const is_by_turns = each.transaction == 0 || each.transaction % 2 == page;
        if (!is_page_size(page_size) || !is_by_turns || each.map_size > how.map ||
            each.last_page >= how.map / page_size) {
            lmdb_failed("open", MDB_CORRUPTED);
        }
    }
}

/// LMDB returns one of its descriptors. The others are those from the lowest number that was free before on
/// that lead to its files and have its access modes.
[[nodiscard]] inline lmdb_descriptors descriptors_of(MDB_env* env, int lowest, file_identity data,
                                                     std::optional<file_identity> lock) {
    constexpr int max_between = 4096; // that other threads opened meanwhile
    lmdb_descriptors found;
    auto& [of_data, of_meta, of_lock] = found.all;
    mdb_filehandle_t descriptor = -1;
    lmdb_check("open", mdb_env_get_fd(env, &descriptor));
    of_data = {descriptor, data};
    unsigned flags = 0;
    lmdb_check("open", mdb_env_get_flags(env, &flags));
    bool const has_meta = (flags & MDB_RDONLY) == 0;
    bool const has_lock = (flags & MDB_NOLOCK) == 0 && lock;
    for (int each = lowest; each < lowest + max_between; ++each) {
        if ((of_meta.descriptor >= 0 || !has_meta) && (of_lock.descriptor >= 0 || !has_lock)) {
            break;
        }
        auto const identity = identity_of_descriptor(each);
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): fcntl(2) is so
        int const access = identity ? ::fcntl(each, F_GETFL) & O_ACCMODE : 0;
        if (has_meta && identity == data && access == O_WRONLY) {
            of_meta = {each, data};
        } else if (has_lock && identity == lock && access == O_RDWR) {
            of_lock = {each, *lock};
        }
    }
    return found;
}

/// Opens files that are there.
[[nodiscard]] inline lmdb_environment open_environment(disk_opening const& how,
                                                       folder const& where) {
    constexpr unsigned max_readers = 4096; // 64 B each, where there is one; the lock file is sparse
    auto const identity = where.identity_of("data.mdb");
    auto const lock = where.identity_of("lock.mdb");
    {
        file const data = where.try_open("data.mdb", O_RDONLY);
        if (!identity || !data.is_open()) {
            file_failed("open", how.directory.data_file(), errno);
        }
        check_metas(data, how);
    }
    MDB_env* env = nullptr;
    lmdb_check("open", mdb_env_create(&env));
    lmdb_environment opened(env);
    lmdb_check("open", mdb_env_set_mapsize(env, how.map));
    lmdb_check("open", mdb_env_set_maxreaders(env, max_readers));
    unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (how.durable ? MDB_NOMETASYNC : MDB_NOSYNC);
    if (how.read_only) {
        flags |= MDB_RDONLY | (reads_alone(how.directory) ? MDB_NOLOCK : 0U);
    }
    // NOLINTBEGIN(cppcoreguidelines-pro-type-vararg): fcntl(2) is so
    int const lowest = ::fcntl(where.opened().descriptor(), F_DUPFD_CLOEXEC, 0);
    ::close(lowest);
    int const code = mdb_env_open(env, where.lasting_path().c_str(), flags,
                                  static_cast<mdb_mode_t>(how.directory.mode()));
    if (code == MDB_VERSION_MISMATCH) {
        refuse_mismatch(how.directory);
    }
    lmdb_check("open", code);
    opened.get_deleter().descriptors = descriptors_of(env, lowest, *identity, lock);
    mdb_filehandle_t descriptor = -1;
    lmdb_check("open", mdb_env_get_fd(env, &descriptor));
    ::fcntl(descriptor, F_SETFD, FD_CLOEXEC); // LMDB leaves this one of its files to its user
    // NOLINTEND(cppcoreguidelines-pro-type-vararg)
    if (identity_of_descriptor(descriptor) != identity) {
        file_failed("open", how.directory.data_file(), ESTALE);
    }
    check_size(env, how);
    return opened;
}

[[noreturn]] inline void refuse_addresses(std::uint64_t map) {
    throw error(errc::configuration,
                "disk: this process cannot have twice " + std::to_string(map) +
                    " bytes of address space, which are the most that the file may have; give "
                    "another .directory and a smaller .max_bytes, of which it is 4 times, or raise "
                    "the limit of the process (ulimit -v)");
}

/// LMDB is open once in a process, and knows processes by their ids: byte n of write.lock is that of the
/// process n. Modules that share memo share what is open (process.hpp), and others cannot.
inline void claim_process(file const& writes, disk_opening const& how) {
    if (!lock_byte(writes, F_WRLCK, ::getpid())) {
        throw error(errc::configuration,
                    "disk: " + how.directory.root() + " is open already in a process with the id " +
                        std::to_string(::getpid()) +
                        ". If a plugin or the host of this one has it open, build both with one "
                        "version of memo and of the compiler's library, or give each a directory "
                        "of its own. If a program in another container has it open, let the "
                        "containers share their pid namespace, or give each a directory of its "
                        "own");
    }
}

/// Opens the data, or creates it. Under open.lock, unless it only reads.
///
/// Throws:         disk_error; says_damaged(its code) where the data cannot be used
[[nodiscard]] inline disk_files open_files(disk_opening const& how) {
    disk_files files;
    disk_directory const& directory = how.directory;
    folder const data = how.read_only ? directory.data_files() : directory.make_data();
    if (!data.is_open()) {
        directory.refuse_empty();
    }
    if (how.read_only) {
        files.users = directory.files().try_open("users.lock", O_RDONLY);
    } else {
        unsigned const mode = directory.mode();
        files.users = directory.files().open_or_make("users.lock", O_RDWR, mode);
        files.writes = data.open_or_make("write.lock", O_RDWR, mode);
        files.flights = std::make_shared<file>(data.open_or_make("flight.lock", O_RDWR, mode));
        claim_process(files.writes, how);
        data.make_unless_there("data.mdb", mode);
        data.make_unless_there("lock.mdb", mode);
    }
    auto const join_users = [&] { return try_lock_file(files.users, LOCK_SH); };
    if (how.read_only) { // without it, too, what it has open stays as it is
        static_cast<void>(!files.users.is_open() || join_users());
    } else if (!poll_for_lock(join_users, how.max_wait)) {
        lock_timed_out("open", directory.path("users.lock"));
    }
    files.environment = open_environment(how, data);
    files.identity = files.environment.get_deleter().descriptors.all[0].identity;
    unsigned flags = 0;
    lmdb_check("open", mdb_env_get_flags(files.environment.get(), &flags));
    if ((flags & MDB_NOLOCK) == 0) {
        files.lock_identity = data.identity_of("lock.mdb");
        files.lock_bytes = length_of_file(directory.path("v1/lock.mdb")).bytes;
    }
    if (write_right const mine(files.writes, {}); mine.is_held()) {
        int dead = 0;
        mdb_reader_check(files.environment.get(), &dead);
    }
    return files;
}

/// Marks the data dirty before the first write of a process: from now on a crash of the machine costs it.
///
/// max_wait        for a process that opens or closes the data
inline void mark_dirty(disk_opening const& how, std::chrono::nanoseconds max_wait) {
    disk_directory const& directory = how.directory;
    directory_lock const alone(directory, max_wait);
    disk_state const state = directory.state();
    std::string const boot = this_boot();
    if (!state.dirty || state.boot != boot) {
        directory.set_state({boot, true, (std::max)(state.map, how.map)}, true);
    }
}

/// Writes all data to the disk and marks it clean, if it is dirty and no other process has it open. The
/// commits of killed processes are in the kernel's cache, and reach the disk with the rest of the file.
/// Under open.lock; leaves users.lock unlocked if another process may have the data open.
inline void mark_clean(disk_files const& files, disk_opening const& how) {
    disk_state state = how.directory.state();
    if (!state.dirty || identity_of_file(how.directory.data_file()) != files.identity ||
        !files.users.is_ours() || !try_lock_file(files.users, LOCK_EX)) {
        return;
    }
    lmdb_check("sync", mdb_env_sync(files.environment.get(), 1));
    state.dirty = false;
    how.directory.set_state(state, false);
}

/// A durable process writes to the disk first what others left dirty, which would cost its own commits.
/// Under open.lock.
inline void mark_first_open(disk_files const& files, disk_opening const& how) {
    if (how.durable && !how.read_only) {
        try {
            mark_clean(files, how);
        } catch (disk_error const&) { // a full disk: hits are still possible
        }
        static_cast<void>(try_lock_file(files.users, LOCK_SH)); // open.lock keeps others away
    }
}

} // namespace memo::detail
