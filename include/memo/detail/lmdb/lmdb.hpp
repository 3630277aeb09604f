// SPDX-License-Identifier: BSL-1.0
#pragma once

// RAII handles and exceptions for LMDB. The only header that includes lmdb.h.
//
// Source: LMDB 0.9.24, lmdb.h.

#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/lmdb/page_check/entry_view.hpp>
#include <memo/detail/lmdb/page_check/page_format.hpp>

#include <lmdb.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

namespace memo::detail {

[[noreturn]] inline void throw_lmdb_error(char const* verb, int code) {
    throw disk_error(std::string("disk ") + verb + ": " + mdb_strerror(code) + " (" +
                         std::to_string(code) + ")",
                     code);
}

inline void lmdb_check(char const* verb, int code) {
    if (code != MDB_SUCCESS) {
        throw_lmdb_error(verb, code);
    }
}

/// The first version of LMDB whose data has another format.
inline constexpr int lmdb_of_next_format = MDB_VERINT(0, 9, 70);

static_assert(
    MDB_VERSION_FULL < lmdb_of_next_format,
    "memo: memo::disk supports the data of LMDB 0.9; this version of LMDB has another format; "
    "build with LMDB 0.9 (Debian: liblmdb-dev)");
static_assert(page_format::integer_keys == MDB_INTEGERKEY);

/// Whether a code means that the file is damaged.
[[nodiscard]] constexpr bool is_damage(int code) noexcept {
    return code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND || code == MDB_INVALID ||
           code == MDB_CURSOR_FULL || code == MDB_INCOMPATIBLE;
}

/// Whether a code means that the environment must be opened again.
[[nodiscard]] constexpr bool needs_reopening(int code) noexcept {
    return code == MDB_PANIC || code == MDB_MAP_RESIZED || code == MDB_BAD_RSLOT ||
           code == ESTALE; // the files were removed or replaced
}

/// The descriptors of an open environment. A program may close all descriptors, as daemons do, and
/// reuse their numbers.
struct lmdb_descriptors {
    struct entry {
        int descriptor = -1; ///< -1: none, or not found
        file_identity identity;
    };
    std::array<entry, 3> all{}; ///< data.mdb, data.mdb for the metas, lock.mdb

    /// The descriptor of the data.
    [[nodiscard]] int data() const noexcept { return all.front().descriptor; }

    [[nodiscard]] bool are_valid() const noexcept { return std::ranges::all_of(all, is_valid); }
    [[nodiscard]] bool data_is_valid() const noexcept { return is_valid(all.front()); }

  private:
    [[nodiscard]] static bool is_valid(entry const& each) noexcept {
        return each.descriptor < 0 || identity_of_descriptor(each.descriptor) == each.identity;
    }
};

/// Closes an environment, or leaks it if closing would close files of the program.
struct environment_closer {
    lmdb_descriptors descriptors{};
    void operator()(MDB_env* env) const noexcept {
        if (descriptors.are_valid()) {
            mdb_env_close(env);
        }
    }
};
using lmdb_environment = std::unique_ptr<MDB_env, environment_closer>;

struct transaction_ender {
    void operator()(MDB_txn* txn) const noexcept { mdb_txn_abort(txn); }
};
using lmdb_transaction = std::unique_ptr<MDB_txn, transaction_ender>;

struct cursor_closer {
    void operator()(MDB_cursor* cursor) const noexcept { mdb_cursor_close(cursor); }
};
using lmdb_cursor = std::unique_ptr<MDB_cursor, cursor_closer>;

[[nodiscard]] inline lmdb_transaction begin(MDB_env* env, unsigned flags) {
    MDB_txn* txn = nullptr;
    lmdb_check("begin", mdb_txn_begin(env, nullptr, flags, &txn));
    return lmdb_transaction(txn);
}

inline void commit(lmdb_transaction txn) {
    lmdb_check("commit", mdb_txn_commit(txn.release()));
}

/// Whether a registered reader of any process has the snapshot of this transaction.
/// Source: LMDB 0.9, mdb.c: mdb_reader_list() prints a line per reader: process, thread,
/// transaction.
[[nodiscard]] inline bool has_reader_of(MDB_env* env, std::size_t transaction) {
    struct search {
        std::size_t transaction;
        bool found;
    };
    search search{transaction, false};
    auto const check_line = [](char const* line, void* context) {
        auto& target = *static_cast<struct search*>(context);
        std::istringstream words(line);
        std::string process;
        std::string thread;
        std::size_t snapshot = 0;
        target.found = target.found ||
                       (words >> process >> thread >> snapshot && snapshot == target.transaction);
        return 0;
    };
    static_cast<void>(mdb_reader_list(env, check_line, &search));
    return search.found;
}

/// The unnamed database of every environment, which contains all records.
inline constexpr MDB_dbi records = 1;

/// Opens the unnamed database, once per environment.
inline void open_records(MDB_txn* txn) {
    MDB_dbi dbi = 0;
    lmdb_check("open", mdb_dbi_open(txn, nullptr, 0, &dbi));
}

[[nodiscard]] inline MDB_val to_value(bytes_view bytes) noexcept {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): LMDB only reads the bytes
    return {bytes.size(), const_cast<std::byte*>(bytes.data())};
}

[[nodiscard]] inline bytes_view to_bytes(MDB_val value) noexcept {
    return {static_cast<std::byte const*>(value.mv_data), value.mv_size};
}

/// The value of a key in the map, valid until the transaction ends.
[[nodiscard]] inline std::optional<bytes_view> find(MDB_txn* txn, bytes_view key) {
    MDB_val name = to_value(key);
    MDB_val found{};
    int const code = mdb_get(txn, records, &name, &found);
    if (code == MDB_NOTFOUND) {
        return std::nullopt;
    }
    lmdb_check("get", code);
    return to_bytes(found);
}

inline void insert(MDB_txn* txn, bytes_view key, bytes_view value) {
    MDB_val name = to_value(key);
    MDB_val stored = to_value(value);
    lmdb_check("put", mdb_put(txn, records, &name, &stored, 0));
}

/// False if the key is absent.
inline bool remove(MDB_txn* txn, bytes_view key) {
    MDB_val name = to_value(key);
    int const code = mdb_del(txn, records, &name, nullptr);
    if (code == MDB_NOTFOUND) {
        return false;
    }
    lmdb_check("erase", code);
    return true;
}

[[nodiscard]] inline lmdb_cursor open_cursor(MDB_txn* txn) {
    MDB_cursor* cursor = nullptr;
    lmdb_check("scan", mdb_cursor_open(txn, records, &cursor));
    return lmdb_cursor(cursor);
}

/// Moves a cursor and returns its entry; nothing after the last one.
///
/// operation       MDB_FIRST, MDB_NEXT, MDB_SET_RANGE
[[nodiscard]] inline std::optional<key_and_value> step(MDB_cursor* cursor, MDB_cursor_op operation,
                                                       bytes_view from = {}) {
    MDB_val key = to_value(from);
    MDB_val value{};
    int const code = mdb_cursor_get(cursor, &key, &value, operation);
    if (code == MDB_NOTFOUND) {
        return std::nullopt;
    }
    lmdb_check("scan", code);
    return key_and_value{to_bytes(key), to_bytes(value)};
}

/// Throws:         disk_error (MDB_CORRUPTED) for an impossible size
[[nodiscard]] inline database_size size_or_throw(std::optional<database_size> const& size) {
    if (!size) {
        throw_lmdb_error("stat", MDB_CORRUPTED);
    }
    return *size;
}

[[nodiscard]] inline database_size size_of_database(MDB_txn* txn) {
    MDB_stat stat{};
    lmdb_check("stat", mdb_stat(txn, records, &stat));
    return size_or_throw(valid_size(
        stat.ms_entries, {stat.ms_branch_pages, stat.ms_leaf_pages, stat.ms_overflow_pages},
        stat.ms_psize));
}

} // namespace memo::detail
