// SPDX-License-Identifier: BSL-1.0
#pragma once

// The records of one function in a directory, as frames: what disk_partition does with them that depends
// on no type of record. Users of disk_partition include nothing of LMDB.

#include <memo/backend.hpp>
#include <memo/detail/function_ref.hpp>
#include <memo/detail/lmdb/disk_flight.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/key128.hpp>
#include <memo/outcome.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace memo::detail {

class disk_store;
struct disk_function;

/// Thread safety:  safe; a hit takes no lock
class disk_records {
  public:
    disk_records(std::shared_ptr<disk_store> store, key128 scope);

    [[nodiscard]] bool read_only() const noexcept;
    [[nodiscard]] unix_time now() const;
    /// The remaining TTL of a record; 0: unlimited; nothing: it has expired.
    [[nodiscard]] std::optional<std::chrono::nanoseconds>
    remaining_ttl(frame_header const& header) const;

    /// What look_up() found beside the record.
    struct entry_facts {
        frame_header header;
        std::chrono::nanoseconds ttl{0}; ///< that remains; 0: unlimited
    };
    /// Decodes a frame that passed all checks. False if its payload is malformed. May be called twice; the
    /// last call counts.
    using decode_frame = function_ref<bool(std::span<std::byte const>)>;

    /// Looks up a record and decodes it. Returns nothing for a hit, else the reason of the miss.
    ///
    /// type            see type_tag
    /// in_place        whether decode() runs no user code, so that it may read a large frame in the file
    /// is_use          whether a record counts as used, damage is counted, and an expired record erased
    [[nodiscard]] std::optional<miss_reason> look_up(key128 key, std::uint32_t type, bool in_place,
                                                     bool is_use, decode_frame decode,
                                                     entry_facts& facts) const;

    /// Stores a frame. False if it was not stored.
    bool put(key128 key, std::span<std::byte const> frame, validity const& valid) const;

    /// Replaces a frame atomically. False if the new one was not stored.
    ///
    /// compose         compose(old, frame) sets the new frame; old is empty without a record, else unchecked.
    ///                 False to store nothing
    bool
    update(key128 key, validity const& valid,
           function_ref<bool(std::span<std::byte const>, std::vector<std::byte>&)> compose) const;

    [[nodiscard]] bool erase(key128 key) const;
    void clear() const;
    void count_too_large() const noexcept;

    [[nodiscard]] backend_statistics stats() const;
    [[nodiscard]] backend_statistics events() const;

    [[nodiscard]] disk_flight lead(key128 key) const;
    [[nodiscard]] std::optional<disk_flight> try_lead(key128 key) const;

  private:
    void erase_expired(key128 key) const;

    std::shared_ptr<disk_store> store_;
    disk_function* function_;
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED_DISK)
#include "disk_records.ipp"
#endif
