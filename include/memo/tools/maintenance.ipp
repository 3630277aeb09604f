// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/lmdb/check_disk_settings.hpp>
#include <memo/detail/lmdb/compaction.hpp>
#include <memo/detail/lmdb/disk_directory.hpp>
#include <memo/detail/lmdb/disk_eviction.hpp>
#include <memo/detail/lmdb/disk_store.hpp>
#include <memo/detail/lmdb/entry.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/lmdb/function_names.hpp>
#include <memo/detail/lmdb/portions.hpp>
#include <memo/detail/lmdb/read_transaction.hpp>
#include <memo/detail/lmdb/salvage.hpp>
#include <memo/detail/lmdb/scan.hpp>
#include <memo/detail/record/any_averaged.hpp>
#include <memo/detail/record/sample_id.hpp>
#include <memo/detail/record/sources.hpp>
#include <memo/error.hpp>
#include <memo/tools/maintenance.hpp>

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <tuple>

namespace memo {

MEMO_DISK_DEFINITION stored_entry stored_entry::of(std::span<std::byte const> bytes) noexcept {
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
    entry.kind = header->kind == detail::record_kind::value  ? entry_kind::value
                 : detail::is_merged(header->kind)           ? entry_kind::moments
                 : header->kind == detail::record_kind::name ? entry_kind::name
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

MEMO_DISK_DEFINITION std::optional<stored_moments> stored_entry::moments() const {
    auto const found = kind == entry_kind::moments
                           ? detail::any_averaged::decode(payload, detail::header_of(frame)->kind)
                           : std::nullopt;
    if (!found) {
        return std::nullopt;
    }
    auto const& samples = found->samples();
    stored_moments all{samples.count(), found->rejected(), found->is_list(), {}, {}, {}};
    for (std::size_t i = 0; i < samples.size(); ++i) {
        all.mean.push_back(samples.mean(i));
        all.variance.push_back(samples.variance(i));
        all.standard_error.push_back(samples.standard_error(i));
    }
    return all;
}

MEMO_DISK_DEFINITION std::optional<std::pair<std::string, std::string>>
stored_entry::function_name() const {
    return detail::decode_label(frame);
}

MEMO_DISK_DEFINITION cache_directory::cache_directory(disk_settings settings)
    : store_(std::make_unique<detail::disk_store>(std::move(settings))) {}

MEMO_DISK_DEFINITION cache_directory::~cache_directory() = default;

MEMO_DISK_DEFINITION std::string cache_directory::default_path() {
    return detail::default_directory();
}

MEMO_DISK_DEFINITION std::string cache_directory::path() {
    return store_->current().directory().root();
}

MEMO_DISK_DEFINITION directory_statistics cache_directory::statistics() {
    detail::disk_directory const& directory = store_->current().directory();
    detail::disk_state const state = directory.state();
    auto const [size, names] = store_->inspect([](detail::read_transaction const& snapshot) {
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

MEMO_DISK_DEFINITION void cache_directory::visit_entries(visit_entry visit,
                                                         report_progress progress) {
    detail::for_each_entry(
        *store_,
        [&](detail::key_and_value const& found) {
            stored_entry entry = stored_entry::of(found.value);
            entry.is_name = !detail::is_record(found);
            if (entry.check == entry_check::passed && !entry.is_name &&
                !std::ranges::equal(detail::place_of(entry.scope, entry.key), found.key)) {
                entry.check = entry_check::misplaced;
            }
            visit(entry);
        },
        progress);
}

MEMO_DISK_DEFINITION std::map<key128, stored_function>
cache_directory::sum_functions(report_progress progress) {
    std::map<key128, stored_function> all;
    visit_entries(
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

MEMO_DISK_DEFINITION verification cache_directory::verify_entries(report_progress progress) {
    verification result;
    try {
        visit_entries(
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

MEMO_DISK_DEFINITION std::size_t cache_directory::prune(std::optional<std::chrono::seconds> max_age,
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
        now.count() - (std::min)(max_age.value_or(std::chrono::seconds(0)).count(), now.count());
    erased += detail::erase_records(*store_, [&](detail::key_and_value const& entry) {
        auto const header = detail::header_of(entry.value);
        return !header || header->expired(time) ||
               (max_age && std::int64_t{header->created} < oldest);
    });
    while (max_bytes) {
        detail::disk_clock const none;
        std::size_t before = 0;
        std::size_t after = 0;
        store_->write([&](detail::write_transaction const& write) {
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

MEMO_DISK_DEFINITION std::size_t cache_directory::erase(key128 scope) {
    return detail::erase_function(*store_, scope);
}

MEMO_DISK_DEFINITION insertion cache_directory::insert(stored_entry const& entry) {
    auto const unless_present = [](std::span<std::byte const> mine, std::vector<std::byte>&) {
        return mine.empty() ? merging::stored : merging::unchanged;
    };
    merging const outcome = store_entry(entry, unless_present);
    return outcome == merging::stored      ? insertion::stored
           : outcome == merging::too_large ? insertion::too_large
                                           : insertion::present_or_expired;
}

MEMO_DISK_DEFINITION merging cache_directory::merge(stored_entry const& entry,
                                                    overlap_policy overlap) {
    // Drawn once, so that a write that runs again stores the same record.
    std::uint64_t const incarnation = detail::random_incarnation();
    auto const merge_into = [&](std::span<std::byte const> mine, std::vector<std::byte>& merged) {
        auto const theirs = detail::header_of(entry.frame);
        if (entry.kind == entry_kind::unknown ||
            (entry.kind == entry_kind::name && !entry.function_name())) {
            return merging::malformed;
        }
        if (mine.empty()) {
            if (entry.kind != entry_kind::moments) {
                return merging::stored;
            }
            merged = detail::adopted_frame(entry.frame, incarnation);
            return merged.empty() ? merging::malformed : merging::stored;
        }
        auto const header = detail::header_of(mine);
        if (header->kind != theirs->kind || header->type != theirs->type) {
            return merging::different_types;
        }
        if (entry.kind != entry_kind::moments) {
            bool const are_equal = std::ranges::equal(detail::payload_of(mine), entry.payload);
            return are_equal || entry.kind == entry_kind::name ? merging::unchanged
                                                               : merging::different_values;
        }
        switch (detail::merge_frames(mine, entry.frame, incarnation,
                                     overlap == overlap_policy::keep_larger, merged)) {
        case detail::merge_outcome::unchanged:
            return merging::unchanged;
        case detail::merge_outcome::changed:
            return merging::merged;
        case detail::merge_outcome::unknown_overlap:
            return merging::unknown_overlap;
        case detail::merge_outcome::different_samples:
            return merging::different_samples;
        case detail::merge_outcome::different_lengths:
            return merging::different_lengths;
        case detail::merge_outcome::too_large:
            return merging::too_large;
        case detail::merge_outcome::malformed:
            break;
        }
        return merging::malformed;
    };
    return store_entry(entry, merge_into);
}

MEMO_DISK_DEFINITION merging cache_directory::store_entry(stored_entry const& entry,
                                                          combine_frames combine) {
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
    if (store_->is_expired(*header)) {
        return merging::expired;
    }
    return store_->write([&](detail::write_transaction const& write) {
        detail::bytes_view mine; // until the insertion
        if (auto const found = write.find(place)) {
            auto const here = detail::check_frame(*found);
            if (here && here->scope == header->scope && here->key == header->key &&
                !store_->is_expired(*here)) {
                mine = *found;
            }
        }
        std::vector<std::byte> merged;
        merging const outcome = combine(mine, merged);
        if (outcome != merging::stored && outcome != merging::merged) {
            return outcome;
        }
        detail::bytes_view const frame = merged.empty() ? entry.frame : merged;
        if (is_name) {
            write.insert(place, frame);
            return outcome;
        }
        return store_->insert_frame(write, store_->open(header->scope), header->key, frame,
                                    store_->now())
                   ? outcome
                   : merging::too_large;
    });
}

MEMO_DISK_DEFINITION std::optional<compaction>
cache_directory::compact_file(disk_settings const& settings, report_progress progress) {
    compaction result;
    detail::disk_directory directory;
    {
        cache_directory cache(settings);
        directory = cache.store_->current().directory();
        result.bytes_before = std::filesystem::file_size(directory.data_file());
        // Visits all entries because the copy by LMDB checks no page.
        cache.visit_entries([](stored_entry const&) {}, progress);
    }
    detail::directory_lock const alone(directory, detail::max_lock_wait({}));
    detail::file const users =
        directory.open_root().open_or_create("users.lock", O_RDWR, directory.mode());
    if (!detail::try_lock_file(users, LOCK_EX)) {
        return std::nullopt;
    }
    detail::compact_data(directory);
    result.bytes_after = std::filesystem::file_size(directory.data_file());
    return result;
}

MEMO_DISK_DEFINITION std::optional<salvaged>
cache_directory::salvage_entries(disk_settings const& settings, report_progress progress) {
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

MEMO_DISK_DEFINITION void cache_directory::salvage_from(std::span<std::byte const> bytes,
                                                        salvaged& result,
                                                        report_progress progress) {
    // Reads all entries before it stores any: a program may add samples to an entry that it finds in the
    // cache, and a later version could then not replace it.
    progress(std::size_t{0}, bytes.size());
    auto const latest =
        detail::latest_frames_in(bytes, [&](std::size_t place) { progress(place, bytes.size()); });
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

} // namespace memo
