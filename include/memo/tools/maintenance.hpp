// SPDX-License-Identifier: BSL-1.0
#pragma once

// Maintenance of the directory of a disk cache, for programs that know none of its functions: list, read,
// check, erase, compact, salvage and copy entries. Needs LMDB: the CMake target is memo::disk.

#include <memo/detail/system/compiler.hpp>
#include <memo/detail/system/posix.hpp>

#include <memo/backends/disk_settings.hpp>
#include <memo/detail/function_ref.hpp>
#include <memo/detail/lmdb/disk_records.hpp>
#include <memo/detail/record/codec.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/detail/text.hpp>
#include <memo/key128.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <typeinfo>
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
    [[nodiscard]] static stored_entry of(std::span<std::byte const> bytes) noexcept;

    /// The value, if the record is of exactly this type, with or without the arguments of
    /// memo::verify_full; otherwise nullopt.
    ///
    /// Complexity:     linear in the payload
    template <class T> [[nodiscard]] std::optional<T> value_as() const {
        using verified_record = std::pair<T, std::vector<std::uint64_t>>;
        static std::uint32_t const value_tag = detail::type_tag<T>();
        static std::uint32_t const verified_tag = detail::type_tag<verified_record>();
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
    [[nodiscard]] std::optional<stored_moments> moments() const;

    /// Name and version of a function; nullopt for an entry of another kind, or a malformed one.
    [[nodiscard]] std::optional<std::pair<std::string, std::string>> function_name() const;
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

/// The outcome of merge(). From too_large on the cache keeps what it has, and the entry is not in it.
enum class merging {
    stored,            ///< the cache had no such record
    merged,            ///< the record of the cache has the samples of both
    unchanged,         ///< the cache has the result, or all samples, already
    expired,           ///< the entry has expired
    too_large,         ///< for this cache
    malformed,         ///< the bytes do not encode what their kind says
    different_values,  ///< the results of an exact function differ
    different_types,   ///< the kinds of the records, or the types of their values, differ
    different_lengths, ///< samples are vectors of different lengths
    different_samples, ///< samples of one number, see memo::replicate, differ
    unknown_overlap, ///< both records go on from one that was copied with its file: nobody knows which
                     ///< samples they share
};

/// What merge() does for different_samples and unknown_overlap: nothing, or keep the record with more
/// samples.
enum class overlap_policy { refuse, keep_larger };

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
    explicit cache_directory(disk_settings settings);
    cache_directory(cache_directory const&) = delete;
    cache_directory& operator=(cache_directory const&) = delete;
    ~cache_directory();

    /// The default directory.
    [[nodiscard]] static std::string default_path();

    /// The absolute path of the directory.
    [[nodiscard]] std::string path();

    /// Complexity:     linear in the functions
    [[nodiscard]] directory_statistics statistics();

    /// Calls visit(stored_entry const&) with a copy of every entry, including names of functions. Holds no
    /// read transaction during visit, so visit may be slow.
    ///
    /// Complexity:     linear in the bytes of all entries
    /// Throws:         memo::error at a damaged page, after the entries before it
    template <class Visit, class Progress = no_progress>
    void for_each(Visit const& visit, Progress&& progress = {}) {
        auto const report = reporting(progress);
        visit_entries(visit, report);
    }

    /// All functions, by scope.
    ///
    /// Complexity:     linear in the bytes of all entries
    template <class Progress = no_progress>
    [[nodiscard]] std::map<key128, stored_function> functions(Progress&& progress = {}) {
        auto const report = reporting(progress);
        return sum_functions(report);
    }

    /// Checks every entry.
    ///
    /// Complexity:     linear in the bytes of all entries
    template <class Progress = no_progress>
    [[nodiscard]] verification verify(Progress&& progress = {}) {
        auto const report = reporting(progress);
        return verify_entries(report);
    }

    /// Erases records that have expired, are truncated, or were created more than max_age ago; then evicts
    /// records until at most max_bytes are live.
    ///
    /// Returns:        the number of erased records
    std::size_t prune(std::optional<std::chrono::seconds> max_age,
                      std::optional<std::uint64_t> max_bytes);

    /// Erases all records of one function.
    ///
    /// Returns:        their number
    std::size_t erase(key128 scope);

    /// Stores an intact entry of another directory, unless it has expired or an intact entry is present.
    ///
    /// entry           intact: a value, moments or a name
    /// Throws:         memo::error (argument) if it is not intact
    insertion insert(stored_entry const& entry);

    /// As insert(), but an averaged record is merged into the one that is present, and an exact one is
    /// compared with it. Counts no sample twice, whatever the order and number of merges; see docs/disk.md,
    /// "Several machines". One transaction.
    ///
    /// Throws:         memo::error (argument) if the entry is not intact
    merging merge(stored_entry const& entry, overlap_policy overlap = overlap_policy::refuse);

    /// Shrinks the file of a directory that no program uses, including this one.
    ///
    /// Returns:        nullopt without effect while the directory is in use
    /// Throws:         memo::error at a damaged page; the old file stays
    template <class Progress = no_progress>
    [[nodiscard]] static std::optional<compaction> compact(disk_settings const& settings,
                                                           Progress&& progress = {}) {
        auto const report = reporting(progress);
        return compact_file(settings, report);
    }

    /// Stores the latest intact version of every entry of the data that was set aside, unless the cache has
    /// an intact entry. Opens the directory, which may set more data aside; salvages that data first.
    ///
    /// settings        with a directory
    /// Returns:        nullopt if nothing was set aside
    template <class Progress = no_progress>
    [[nodiscard]] static std::optional<salvaged> salvage(disk_settings const& settings,
                                                         Progress&& progress = {}) {
        auto const report = reporting(progress);
        return salvage_entries(settings, report);
    }

  private:
    using visit_entry = detail::function_ref<void(stored_entry const&)>;
    using report_progress = detail::function_ref<void(std::size_t, std::size_t)>;

    /// Calls progress, which may be no constant.
    template <class Progress> [[nodiscard]] static auto reporting(Progress& progress) {
        return [&progress](std::size_t done, std::size_t total) { progress(done, total); };
    }

    /// Sets the frame to store, which is else the entry's, by the intact entry that is present, which is empty
    /// without one.
    using combine_frames =
        detail::function_ref<merging(std::span<std::byte const>, std::vector<std::byte>&)>;

    merging store_entry(stored_entry const& entry, combine_frames combine);
    void visit_entries(visit_entry visit, report_progress progress);
    std::map<key128, stored_function> sum_functions(report_progress progress);
    verification verify_entries(report_progress progress);
    static std::optional<compaction> compact_file(disk_settings const& settings,
                                                  report_progress progress);
    static std::optional<salvaged> salvage_entries(disk_settings const& settings,
                                                   report_progress progress);
    void salvage_from(std::span<std::byte const> bytes, salvaged& result, report_progress progress);

    std::unique_ptr<detail::disk_store> store_;
};

} // namespace memo

#if !defined(MEMO_COMPILED_DISK)
#include "maintenance.ipp"
#endif
