// SPDX-License-Identifier: BSL-1.0
#pragma once

// Maintenance of the directory of a disk cache, for programs that know none of its functions: list, read,
// check, erase, compact, salvage and copy entries. Needs LMDB: the CMake target is memo::disk.

#include <memo/backends/disk_settings.hpp>
#include <memo/detail/lmdb/check_disk_settings.hpp>
#include <memo/detail/lmdb/disk_directory.hpp>
#include <memo/detail/lmdb/disk_eviction.hpp>
#include <memo/detail/lmdb/disk_store.hpp>
#include <memo/detail/lmdb/entry.hpp>
#include <memo/detail/lmdb/environment_files.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/lmdb/function_names.hpp>
#include <memo/detail/lmdb/portions.hpp>
#include <memo/detail/lmdb/salvage.hpp>
#include <memo/detail/lmdb/scan.hpp>
#include <memo/detail/record/codec.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/detail/text.hpp>
#include <memo/key128.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <tuple>
#include <typeinfo>
#include <unistd.h>
#include <utility>
#include <vector>

namespace memo {

/// A name for a terminal, on one line, with control characters and invalid UTF-8 escaped.
using detail::printable;
/// A text with invalid UTF-8 replaced by U+FFFD.
using detail::utf8_text;

/// The kind of an entry, as its bytes declare it.
enum class entry_kind { value, moments, name, unknown };

/// Whether an entry passed its checks, or the reason why not.
enum class entry_check {
    passed,    ///< length, format, checksum and key are right
    truncated, ///< shorter than a header: all other fields are zero
    corrupt,   ///< length, format or checksum are wrong: the other fields are not reliable
    misplaced, ///< intact, but stored under the key of another entry
};

/// The running moments of an averaged function: one number per element of its samples.
struct stored_moments {
    std::uint64_t count = 0;    ///< samples in the mean
    std::uint64_t rejected = 0; ///< samples outside the mean
    bool is_list = false;       ///< whether the samples are of a type with variable length
    std::vector<double> mean;
    std::vector<double> variance;
    std::vector<double> standard_error;
};

/// One entry of a cache: the record of a call, or the name of a function. A view, valid as long as its bytes.
struct stored_entry {
    entry_check check = entry_check::truncated;
    entry_kind kind = entry_kind::unknown;
    bool is_name = false;      ///< stored under the key of a function's name
    key128 scope;              ///< of the function
    key128 key;                ///< of the call
    std::uint32_t type = 0;    ///< tag of the value's type
    std::uint32_t created = 0; ///< seconds since 1970
    float cost = 0;            ///< seconds of the evaluation
    std::int64_t expires = 0;  ///< ns since 1970; 0: never
    std::uint64_t checksum = 0;
    std::span<std::byte const> frame; ///< all bytes of the entry, as docs/format.md describes them
    std::span<std::byte const>
        payload; ///< the bytes after the header; empty if truncated or corrupt

    /// Whether the bytes are as they were stored.
    [[nodiscard]] bool is_intact() const noexcept {
        return check == entry_check::passed || check == entry_check::misplaced;
    }

    /// Parses bytes as an entry. Does not check under which key they are stored.
    ///
    /// Complexity:     linear in the bytes
    /// Throws:         nothing
    [[nodiscard]] static stored_entry of(std::span<std::byte const> bytes) noexcept {
        stored_entry entry;
        entry.frame = bytes;
        auto const header = detail::header_of(bytes);
        if (!header) {
            return entry;
        }
        entry.check = entry_check::corrupt;
        if (detail::check_frame(bytes)) {
            entry.check = entry_check::passed;
            entry.payload = detail::payload_of(bytes);
        }
        entry.kind = header->kind == detail::record_kind::value     ? entry_kind::value
                     : header->kind == detail::record_kind::moments ? entry_kind::moments
                     : header->kind == detail::record_kind::name    ? entry_kind::name
                                                                    : entry_kind::unknown;
        entry.is_name = entry.kind == entry_kind::name;
        entry.scope = header->scope;
        entry.key = header->key;
        entry.type = header->type;
        entry.created = header->created;
        entry.cost = header->cost;
        entry.expires = header->expires;
        entry.checksum = header->checksum;
        return entry;
    }

    /// The value, if the record is of exactly this type, with or without the arguments of
    /// memo::verify_full; otherwise nullopt.
    ///
    /// Complexity:     linear in the payload
    template <class T> [[nodiscard]] std::optional<T> value_as() const {
        using verified_record = std::pair<T, std::vector<std::uint64_t>>;
        static std::uint32_t const value_tag = detail::type_tag(typeid(T));
        static std::uint32_t const verified_tag = detail::type_tag(typeid(verified_record));
        try {
            if (type == value_tag) {
                return detail::decode_record<T>(payload);
            }
            if (type == verified_tag) {
                return detail::decode_record<verified_record>(payload).first;
            }
        } catch (detail::malformed_record const&) {
            return std::nullopt;
        }
        return std::nullopt;
    }

    /// The moments, for samples of any type; nullopt for an entry of another kind.
    ///
    /// Complexity:     linear in the payload
    [[nodiscard]] std::optional<stored_moments> moments() const {
        auto const found =
            kind == entry_kind::moments ? detail::decode_averaged(payload) : std::nullopt;
        if (!found) {
            return std::nullopt;
        }
        auto const& samples = found->record.samples;
        stored_moments all{samples.count(), found->record.rejected, found->is_vector, {}, {}, {}};
        for (std::size_t i = 0; i < samples.size(); ++i) {
            all.mean.push_back(samples.mean(i));
            all.variance.push_back(samples.variance(i));
            all.standard_error.push_back(samples.standard_error(i));
        }
        return all;
    }

    /// Name and version of a function; nullopt for an entry of another kind, or a malformed one.
    [[nodiscard]] std::optional<std::pair<std::string, std::string>> function_name() const {
        return detail::decode_label(frame);
    }
};

/// The sums over the entries of one function.
struct stored_function {
    std::string name;    ///< empty without `.name`
    std::string version; ///< empty without `.version`
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
    double seconds = 0; ///< of their evaluations
};

/// The size and state of a cache directory.
struct directory_statistics {
    std::uint64_t functions = 0;
    std::uint64_t entries = 0;
    std::uint64_t live_bytes = 0;
    std::uint64_t file_bytes = 0;
    std::uint64_t max_file_bytes = 0;
    bool all_on_disk = false; ///< whether all data would survive a power cut now
    bool set_aside = false;   ///< whether salvage() has data to read
};

/// The result of checking every entry.
struct verification {
    std::uint64_t intact = 0;        ///< intact records
    std::uint64_t corrupt = 0;       ///< other records
    std::uint64_t names = 0;         ///< intact names of functions
    std::uint64_t corrupt_names = 0; ///< other names of functions
    bool damaged_pages = false;      ///< whether a damaged page ended the check
};

/// The outcome of insert().
enum class insertion { stored, present_or_expired, too_large };

/// Sizes of the file, in bytes.
struct compaction {
    std::uint64_t bytes_before = 0;
    std::uint64_t bytes_after = 0;
};

/// Counts of entries in data that was set aside.
struct salvaged {
    std::uint64_t stored = 0;
    std::uint64_t passed_over = 0; ///< older versions of an entry, present entries, expired entries
};

/// The default of `progress`: ignores it.
struct no_progress {
    void operator()(std::size_t /*done*/, std::size_t /*total*/) const noexcept {}
};

/// An open cache directory. Programs may use the cache at the same time.
///
/// Functions with a parameter `progress` call progress(done, total), in entries or bytes, from time to time.
///
/// Thread safety:  safe; a function visits no entry twice, and may miss entries that are stored meanwhile
/// Throws:         memo::error, from every function, if the directory cannot be read or written
class cache_directory {
  public:
    /// With `.read_only`, does not write, and functions that erase or insert throw.
    explicit cache_directory(disk_settings settings) : store_(std::move(settings)) {}

    /// The default directory.
    [[nodiscard]] static std::string default_path() { return detail::default_directory(); }

    /// The absolute path of the directory.
    [[nodiscard]] std::string path() { return store_.current().directory().root(); }

    /// Complexity:     linear in the functions
    [[nodiscard]] directory_statistics statistics() {
        detail::disk_directory const& directory = store_.current().directory();
        detail::disk_state const state = directory.state();
        auto const [size, names] = store_.inspect([](detail::read_transaction const& snapshot) {
            return std::pair(snapshot.size(), detail::count_names(snapshot));
        });
        return {names,
                size.entries - names,
                size.bytes,
                std::filesystem::file_size(directory.data_file()),
                state.map_size,
                !state.dirty,
                std::filesystem::exists(directory.path("v1.bad.1"))};
    }

    /// Calls visit(stored_entry const&) with a copy of every entry, including names of functions. Holds no
    /// read transaction during visit, so visit may be slow.
    ///
    /// Complexity:     linear in the bytes of all entries
    /// Throws:         memo::error at a damaged page, after the entries before it
    template <class Visit, class Progress = no_progress>
    void for_each(Visit const& visit, Progress&& progress = {}) {
        detail::for_each_entry(
            store_,
            [&](detail::key_and_value const& found) {
                stored_entry entry = stored_entry::of(found.value);
                entry.is_name = !detail::is_record(found);
                if (entry.check == entry_check::passed && !entry.is_name &&
                    !std::ranges::equal(detail::place_of(entry.scope, entry.key), found.key)) {
                    entry.check = entry_check::misplaced;
                }
                visit(std::as_const(entry));
            },
            progress);
    }

    /// All functions, by scope.
    ///
    /// Complexity:     linear in the bytes of all entries
    template <class Progress = no_progress>
    [[nodiscard]] std::map<key128, stored_function> functions(Progress&& progress = {}) {
        std::map<key128, stored_function> all;
        for_each(
            [&](stored_entry const& entry) {
                if (entry.is_name) {
                    if (auto const label = entry.function_name()) {
                        auto& named = all[entry.scope];
                        std::tie(named.name, named.version) = *label;
                    }
                } else if (entry.check != entry_check::truncated) {
                    auto& one = all[entry.scope];
                    ++one.entries;
                    one.bytes += entry.frame.size();
                    one.seconds += static_cast<double>(entry.cost);
                }
            },
            progress);
        return all;
    }

    /// Checks every entry.
    ///
    /// Complexity:     linear in the bytes of all entries
    template <class Progress = no_progress>
    [[nodiscard]] verification verify(Progress&& progress = {}) {
        verification result;
        try {
            for_each(
                [&](stored_entry const& entry) {
                    bool const passed = entry.check == entry_check::passed;
                    auto& intact = entry.is_name ? result.names : result.intact;
                    auto& corrupt = entry.is_name ? result.corrupt_names : result.corrupt;
                    ++(passed ? intact : corrupt);
                },
                progress);
        } catch (detail::disk_error const& failure) {
            if (!detail::is_damage(failure.code())) {
                throw;
            }
            result.damaged_pages = true;
        }
        return result;
    }

    /// Erases records that have expired, are truncated, or were created more than max_age ago; then evicts
    /// records until at most max_bytes are live.
    ///
    /// Returns:        the number of erased records
    std::size_t prune(std::optional<std::chrono::seconds> max_age,
                      std::optional<std::uint64_t> max_bytes) {
        if (max_age && max_age->count() < 0) {
            throw error(errc::configuration, "cache_directory: max_age is negative; give the age "
                                             "from which records are erased");
        }
        std::size_t erased = 0;
        auto const now = std::chrono::duration_cast<std::chrono::seconds>(
            std::chrono::system_clock::now().time_since_epoch());
        detail::unix_time const time{now};
        std::int64_t const oldest = // none was created before 1970
            now.count() -
            (std::min)(max_age.value_or(std::chrono::seconds(0)).count(), now.count());
        erased += detail::erase_records(store_, [&](detail::key_and_value const& entry) {
            auto const header = detail::header_of(entry.value);
            return !header || header->expired(time) ||
                   (max_age && std::int64_t{header->created} < oldest);
        });
        while (max_bytes) {
            detail::disk_clock const none;
            std::size_t before = 0;
            std::size_t after = 0;
            store_.write([&](detail::write_transaction const& write) {
                before = write.size().entries;
                if (write.size().bytes > *max_bytes) {
                    detail::evict(write, 256, none, {*max_bytes, 0, time}, [](key128) {});
                }
                after = write.size().entries;
                return true;
            });
            erased += before - after;
            if (before == after) {
                break;
            }
        }
        return erased;
    }

    /// Erases all records of one function.
    ///
    /// Returns:        their number
    std::size_t erase(key128 scope) { return detail::erase_function(store_, scope); }

    /// Stores an intact entry of another directory, unless it has expired or an intact entry is present.
    ///
    /// entry           intact: a value, moments or a name
    /// Throws:         memo::error (argument) if it is not intact
    insertion insert(stored_entry const& entry) {
        auto const header = detail::check_frame(entry.frame);
        if (!header) {
            throw error(errc::argument, "disk insert: the entry is not intact; insert entries for "
                                        "which is_intact() is true");
        }
        bool const is_name = header->kind == detail::record_kind::name;
        auto const record = detail::place_of(header->scope, header->key);
        auto const name = detail::name_place_of(header->scope);
        detail::bytes_view const place =
            is_name ? detail::bytes_view(name) : detail::bytes_view(record);
        if (store_.is_expired(*header)) {
            return insertion::present_or_expired;
        }
        return store_.write([&](detail::write_transaction const& write) {
            if (auto const found = write.find(place)) {
                auto const here = detail::check_frame(*found);
                if (here && here->scope == header->scope && here->key == header->key &&
                    !store_.is_expired(*here)) {
                    return insertion::present_or_expired;
                }
            }
            if (is_name) {
                write.insert(place, entry.frame);
                return insertion::stored;
            }
            return store_.insert_frame(write, store_.open(header->scope), header->key, entry.frame)
                       ? insertion::stored
                       : insertion::too_large;
        });
    }

    /// Shrinks the file of a directory that no program uses, including this one.
    ///
    /// Returns:        nullopt without effect while the directory is in use
    /// Throws:         memo::error at a damaged page; the old file stays
    template <class Progress = no_progress>
    [[nodiscard]] static std::optional<compaction> compact(disk_settings const& settings,
                                                           Progress&& progress = {}) {
        compaction result;
        detail::disk_directory directory;
        {
            cache_directory cache(settings);
            directory = cache.store_.current().directory();
            result.bytes_before = std::filesystem::file_size(directory.data_file());
            // Visits all entries because the copy by LMDB checks no page.
            cache.for_each([](stored_entry const&) {}, progress);
        }
        detail::directory_lock const alone(directory, detail::max_lock_wait({}));
        detail::file const users =
            directory.open_root().open_or_create("users.lock", O_RDWR, directory.mode());
        if (!detail::try_lock_file(users, LOCK_EX)) {
            return std::nullopt;
        }
        // The copy replaces the old file under the lock of an open. `state` says that all of the file is on
        // disk, so the copy is synchronized first.
        temporary_directory const temporary(directory.path("v1.compact"));
        std::string const copy = temporary.path() + "/data.mdb";
        {
            auto const environment = detail::open_environment(
                {directory, false, false, directory.state().map_size}, directory.open_data());
            detail::lmdb_check("compact", mdb_env_copy2(environment.get(), temporary.path().c_str(),
                                                        MDB_CP_COMPACT));
        }
        copy_access(directory.data_file(), copy);
        synchronize(copy);
        std::filesystem::rename(copy, directory.data_file());
        synchronize(directory.data());
        result.bytes_after = std::filesystem::file_size(directory.data_file());
        return result;
    }

    /// Stores the latest intact version of every entry of the data that was set aside, unless the cache has
    /// an intact entry. Opens the directory, which may set more data aside; salvages that data first.
    ///
    /// settings        with a directory
    /// Returns:        nullopt if nothing was set aside
    template <class Progress = no_progress>
    [[nodiscard]] static std::optional<salvaged> salvage(disk_settings const& settings,
                                                         Progress&& progress = {}) {
        std::string const set_aside = settings.directory + "/v1.bad.1/data.mdb";
        auto const before = detail::identity_of_file(set_aside);
        std::optional<detail::salvage_file> older;
        if (before) {
            older.emplace(set_aside);
        }
        // An open sets aside data that was written while the machine stopped, and replaces the file that was
        // set aside earlier.
        std::optional<cache_directory> cache;
        if (older || std::filesystem::exists(settings.directory + "/v1/data.mdb")) {
            cache.emplace(settings);
        }
        auto const after = detail::identity_of_file(set_aside);
        if (!after) {
            return std::nullopt;
        }
        salvaged result;
        if (after != before) { // the newer first, as entries that are present stay
            cache->salvage_from(detail::salvage_file(set_aside).bytes(), result, progress);
        }
        if (older) {
            cache->salvage_from(older->bytes(), result, progress);
        }
        return result;
    }

  private:
    /// A temporary directory that only its owner can enter. The destructor removes it.
    class temporary_directory {
      public:
        explicit temporary_directory(std::string path) : path_(std::move(path)) {
            std::filesystem::remove_all(path_);
            if (::mkdir(path_.c_str(), S_IRWXU) !=
                0) { // fails if another process created it meanwhile
                detail::throw_file_error("compact", path_, errno);
            }
        }
        temporary_directory(temporary_directory const&) = delete;
        temporary_directory& operator=(temporary_directory const&) = delete;
        ~temporary_directory() {
            std::error_code ignored;
            std::filesystem::remove_all(path_, ignored);
        }
        [[nodiscard]] std::string const& path() const noexcept { return path_; }

      private:
        std::string path_;
    };

    /// Copies the group and mode of a file to another file.
    static void copy_access(std::string const& from, std::string const& path) {
        struct stat status {};
        if (::stat(from.c_str(), &status) != 0 ||
            (::chown(path.c_str(), static_cast<uid_t>(-1), status.st_gid) != 0 && errno != EPERM) ||
            ::chmod(path.c_str(), status.st_mode & 0777U) != 0) {
            detail::throw_file_error("compact", path, errno);
        }
    }

    /// fsync(2) of a file or a directory.
    static void synchronize(std::string const& path) {
        detail::file const opened = detail::open_file(path, O_RDONLY);
        if (::fsync(opened.descriptor()) != 0) {
            detail::throw_file_error("compact", path, errno);
        }
    }

    template <class Progress>
    void salvage_from(std::span<std::byte const> bytes, salvaged& result, Progress& progress) {
        // Reads all entries before it stores any: a program may add samples to an entry that it finds in the
        // cache, and a later version could then not replace it.
        progress(std::size_t{0}, bytes.size());
        auto const latest = detail::latest_frames_in(
            bytes, [&](std::size_t place) { progress(place, bytes.size()); });
        std::uint64_t stored = 0;
        std::size_t done = 0;
        progress(done, latest.frames.size());
        for (auto const& [identity, frame] : latest.frames) {
            std::vector<std::byte> const copy(frame.begin(), frame.end());
            stored_entry const entry = stored_entry::of(copy);
            if (entry.is_intact()) { // it may not be: a program may still write to the file
                stored += insert(entry) == insertion::stored ? 1U : 0U;
            }
            progress(++done, latest.frames.size());
        }
        result.stored += stored;
        result.passed_over += latest.count - stored;
    }

    detail::disk_store store_;
};

} // namespace memo
