// SPDX-License-Identifier: BSL-1.0
#pragma once

// Records kept on disk, shared by the processes of one machine. Needs LMDB: the CMake target is
// memo::disk.

#include <memo/detail/system/compiler.hpp>

#include <memo/backend.hpp>
#include <memo/backends/disk_settings.hpp>
#include <memo/detail/lmdb/disk_flight.hpp>
#include <memo/detail/lmdb/disk_store.hpp>
#include <memo/detail/lmdb/entry.hpp>
#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/detail/lmdb/read_transaction.hpp>
#include <memo/detail/lmdb/scan.hpp>
#include <memo/detail/record/codec.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/detail/record/frame_codec.hpp>
#include <memo/fingerprint.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace memo {

/// Keeps records in the files of a directory, for the next run and for other processes.
///
/// A stored record survives the end of the process however it ends. After a power cut some or all of
/// the cache may be gone. What is served was stored for that call: every frame is checked. Copies
/// share one store.
///
/// Thread safety:  safe; a hit takes no lock. Safe across fork(), for parent and child
/// Throws:         memo::error where the directory cannot be used
class disk {
  public:
    using settings = disk_settings;

    static constexpr bool persistent = true;
    static constexpr bool stores = true;

    disk() : disk(settings{}) {}
    explicit disk(settings chosen)
        : store_(std::make_shared<detail::disk_store>(std::move(chosen))) {}
    // A move is a copy, so that what was moved from is still a backend.
    disk(disk const&) = default;
    disk& operator=(disk const&) = default;
    ~disk() = default;

    /// The entries of one function.
    template <class Record> class partition_type {
      public:
        static constexpr bool validates = true;

        partition_type(std::shared_ptr<detail::disk_store> store, detail::disk_partition& partition)
            : store_(std::move(store)), partition_(&partition), codec_(partition.scope) {}

        /// Complexity:     O(log entries), no lock
        [[nodiscard]] lookup_result<Record> get(key128 key) const { return look_up(key, true); }

        [[nodiscard]] lookup_result<Record> peek(key128 key) const { return look_up(key, false); }

        bool put(key128 key, Record const& record, put_options about) const {
            if (store_->read_only()) {
                return false;
            }
            std::vector<std::byte> frame;
            if (!encode(frame, codec_.header(key, store_->now(), about.cost, about.ttl), record)) {
                return false;
            }
            return store_->write(
                [&](detail::write_transaction const& write) {
                    return about.valid() && store_->insert_frame(write, *partition_, key, frame);
                },
                partition_);
        }

        template <class Merge>
        std::optional<Record> update(key128 key, Merge const& merge, put_options about) const {
            std::optional<Record> stored;
            if (store_->read_only()) {
                return stored;
            }
            bool const done = store_->write(
                [&](detail::write_transaction const& write) {
                    auto const before = stored_in(write, key);
                    auto const header =
                        codec_.merged_header(before, key, store_->now(), about.cost, about.ttl);
                    stored.emplace(merge(before.record ? &*before.record : nullptr));
                    std::vector<std::byte> frame;
                    return encode(frame, header, *stored) && about.valid() &&
                           store_->insert_frame(write, *partition_, key, frame);
                },
                partition_);
            if (!done) {
                stored.reset();
            }
            return stored;
        }

        [[nodiscard]] bool erase(key128 key) const {
            return !store_->read_only() &&
                   store_->write(
                       [&](detail::write_transaction const& write) {
                           return write.remove(detail::place_of(partition_->scope, key));
                       },
                       partition_);
        }

        void clear() const {
            if (!store_->read_only()) {
                detail::drop_function(*store_, partition_->scope);
            }
        }

        /// Entries and bytes are those of all processes, counted up to 4096 and estimated beyond, to
        /// some 2 percent of all; the rest is what this process saw.
        [[nodiscard]] backend_statistics stats() const {
            return detail::disk_store::with_size(
                detail::disk_store::events(*partition_), partition_->errors,
                [&] { return detail::size_of_function(*store_, partition_->scope); });
        }
        [[nodiscard]] backend_statistics events() const {
            return detail::disk_store::events(*partition_);
        }

        /// Waits until no other process computes what has this key, or for as long as `max_wait`, and
        /// keeps others from it for as long as what it gives lives.
        [[nodiscard]] detail::disk_flight lead(key128 key) const {
            return {store_->opened(), partition_->scope, key, store_->max_wait()};
        }

        /// The same without waiting: nothing if another process computes it.
        [[nodiscard]] std::optional<detail::disk_flight> try_lead(key128 key) const {
            return detail::disk_flight::if_free(store_->opened(), partition_->scope, key);
        }

      private:
        /// is_use          whether a record counts as used, and damage is counted
        [[nodiscard]] lookup_result<Record> look_up(key128 key, bool is_use) const {
            detail::bytes_copy frame;
            std::optional<Record> large;
            auto const decode = [&](detail::bytes_view lying) {
                if constexpr (detail::plain_record<Record>) {
                    large = codec_.payload(lying);
                }
                return large.has_value();
            };
            detail::frame_header header;
            auto const stored =
                store_->read(*partition_, key, codec_.type(), header, frame, decode, is_use);
            if (stored != detail::stored_bytes::whole) {
                return stored == detail::stored_bytes::none ? miss_reason::absent
                                                            : miss_reason::corrupt;
            }
            auto const left = store_->left(header);
            if (!left) [[unlikely]] {
                drop_old(key);
                return miss_reason::expired;
            }
            if (!frame.get().empty()) [[likely]] {
                large = codec_.payload(frame.get());
                if (!large && is_use) { // as corrupt as a wrong checksum
                    partition_->corrupt.fetch_add(1, std::memory_order_relaxed);
                }
            }
            if (!large) {
                return miss_reason::corrupt;
            }
            return cached_value<Record>{
                *std::move(large), static_cast<std::uint64_t>(header.computing().count()), *left};
        }

        /// The record of a key within a write. The lookup before it has counted damage.
        [[nodiscard]] detail::decoded<Record> stored_in(detail::write_transaction const& write,
                                                        key128 key) const {
            auto const found = write.find(detail::place_of(partition_->scope, key));
            if (!found) {
                return {};
            }
            detail::bytes_copy frame;
            frame.assign(*found);
            return codec_.decode(frame.get(), key, [&](detail::frame_header const& header) {
                return store_->left(header);
            });
        }

        // False, and counted, if it is too large.
        [[nodiscard]] bool encode(std::vector<std::byte>& frame, detail::frame_header const& header,
                                  Record const& record) const {
            if (codec_.encode(frame, header, record)) {
                return true;
            }
            partition_->too_large.fetch_add(1, std::memory_order_relaxed);
            return false;
        }

        [[gnu::noinline]] void drop_old(key128 key) const {
            if (store_->read_only()) {
                return;
            }
            auto const place = detail::place_of(partition_->scope, key);
            auto const drop = [&](detail::write_transaction const& write) {
                auto const frame = write.find(place);
                auto const header = frame ? detail::header_of(*frame) : std::nullopt;
                return header && store_->is_old(*header) && write.remove(place);
            };
            try {
                if (store_->write(drop, nullptr, false)) {
                    partition_->expirations.fetch_add(1, std::memory_order_relaxed);
                }
            } catch (detail::disk_error const& failure) {
                if (failure.code() !=
                    ETIMEDOUT) { // else the next look drops it: this one waits for nobody
                    throw;
                }
            }
        }

        std::shared_ptr<detail::disk_store> store_;
        detail::disk_partition* partition_;
        detail::frame_codec<Record> codec_;
    };

    template <class Record> [[nodiscard]] partition_type<Record> partition(key128 scope) const {
        return {store_, store_->open(scope)};
    }

    /// Says what the function of a scope is called, for tools that look at the directory.
    void describe(key128 scope, std::string const& name, std::string const& version) const {
        store_->describe(scope, name, version);
    }

    /// What all functions and processes have in the directory, and what this process saw happen.
    [[nodiscard]] backend_statistics stats() const {
        return detail::disk_store::with_size(store_->all_events(), store_->errors(),
                                             [&] { return detail::size_of_all(*store_); });
    }

    /// That of the directory, by whatever path.
    [[nodiscard]] key128 identity() const {
        std::error_code unknown;
        auto const whole = std::filesystem::canonical(directory(), unknown);
        return fingerprint(std::string_view("disk"), unknown ? directory() : whole.string());
    }

    /// Where the cache lies: an absolute path.
    [[nodiscard]] std::string const& directory() const noexcept {
        return store_->directory().root();
    }

  private:
    std::shared_ptr<detail::disk_store> store_;
};

} // namespace memo
