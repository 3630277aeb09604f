// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the functions that share one memory backend have in common: the clock, and a partition for each,
// on which values come one by one and within the bounds.

#include <memo/backend.hpp>
#include <memo/backends/memory_settings.hpp>
#include <memo/detail/memory/block.hpp>
#include <memo/detail/memory/memory_partition.hpp>
#include <memo/detail/memory/partition_map.hpp>
#include <memo/detail/memory/reclaim.hpp>
#include <memo/error.hpp>
#include <memo/key128.hpp>
#include <memo/time_span.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

namespace memo::detail {

class memory_store {
  public:
    explicit memory_store(memory_settings settings)
        : settings_(std::move(settings)), partitions_(settings_) {}

    /// Has a module use the store, by which its threads and those of all others have to agree about
    /// who reads.
    ///
    /// uses            the module's
    /// Throws:         memo::error (configuration) if the store was made with another one
    void require_same(reclaimer const& uses) const {
        if (&uses != &frees_) {
            throw error(errc::configuration,
                        "memo::memory: this store was made by a module of the process that was "
                        "built with another version of memo or of the standard library's ABI. "
                        "Build all modules alike, or give each a store of its own");
        }
    }

    /// The entries of one function, for one user more.
    [[nodiscard]] partition& open(key128 scope) { return partitions_.open(scope); }
    void close(partition& closed) noexcept { partitions_.close(closed); }

    [[nodiscard]] std::int64_t now() const { return settings_.clock().time_since_epoch().count(); }

    /// The time that is so much later than now, or as late as can be told.
    [[nodiscard]] std::int64_t after(std::chrono::nanoseconds span) const {
        return saturated_sum<std::int64_t>(now(), span.count());
    }

    /// Stores a value, or disposes of it and gives false.
    ///
    /// valid           asked under the lock under which it is stored
    bool put(partition& partition, key128 key, slot_value value, validity const& valid = {}) {
        if (!admit(partition, key, value, {})) {
            retire(value);
            return false;
        }
        bool stored = false;
        try {
            std::optional<slot_value> old;
            stored = partition.entries.put_if(key, value, valid, old);
            if (!stored || old) {
                partitions_.forget(partition, stored ? *old : value);
            }
        } catch (...) { // no memory to grow
            partitions_.forget(partition, value);
            throw;
        }
        process_wide<reclaimer>().tend();
        return stored;
    }

    /// Stores what `make` gives for the value that is there; again, if that was changed meanwhile.
    /// False if it does not fit, or is not valid any more.
    ///
    /// valid           asked under the lock under which it is stored
    template <class Make>
    bool update(partition& partition, key128 key, Make make, validity const& valid = {}) {
        bool done = false;
        while (!done && valid()) {
            read_section const reading; // what was found is not freed, so its address is no other's
            slot_value const old = partition.entries.find(key);
            slot_value const value = make(old);
            if (!admit(partition, key, value, old)) {
                retire(value);
                break;
            }
            try {
                done = partition.entries.exchange(key, old, value, valid);
            } catch (...) { // no memory to grow
                partitions_.account(partition, partitions_.usage_of(old, value));
                retire(value);
                throw;
            }
            if (done) {
                retire(old);
            } else {
                partitions_.account(partition, partitions_.usage_of(old, value));
                retire(value);
            }
        }
        process_wide<reclaimer>().tend();
        return done;
    }

    template <class Agrees> bool erase_if(partition& partition, key128 key, Agrees agrees) {
        auto const old = partition.entries.erase_if(key, agrees);
        if (old) {
            partitions_.forget(partition, *old);
            process_wide<reclaimer>().tend();
        }
        return old.has_value();
    }

    void clear(partition& partition) noexcept { partitions_.clear(partition); }

    [[nodiscard]] static backend_statistics stats(partition const& partition) {
        return partition_map::stats(partition);
    }

    [[nodiscard]] backend_statistics stats() const { return partitions_.stats(); }

  private:
    // First, so that modules which agree about nothing else find it.
    reclaimer& frees_ = process_wide<reclaimer>();

    /// Accounts for a value that is about to be stored, maybe in the place of an old one, and evicts
    /// until it fits. False if it cannot be made to fit.
    [[nodiscard]] bool admit(partition& partition, key128 key, slot_value value,
                             slot_value old) noexcept {
        if (partitions_.too_large(value)) {
            partition.too_large.fetch_add(1, std::memory_order_relaxed);
            return false;
        }
        usage const wanted = partitions_.usage_of(value, old);
        usage more = wanted;
        for (int round = 0; round < 2; ++round) { // other threads may have taken the same room
            bool const fits = make_room(partition, key, more);
            partitions_.account(partition, fits ? more : more -= wanted);
            if (!fits) {
                return false;
            }
            more = {};
        }
        return true;
    }

    /// Evicts until it is not too much with `more`, which becomes less by what went.
    [[nodiscard]] bool make_room(partition& partition, key128 key, usage& more) noexcept {
        while (partitions_.over(more)) {
            auto const freed = partitions_.evict_one(partition, key);
            if (!freed) {
                return false;
            }
            more -= *freed;
        }
        return true;
    }

    memory_settings const settings_;
    partition_map partitions_;
};

/// The entries of one function, the same for every wrapper of it, while one uses them; and the store
/// that they are in. They outlive this, as long as the store does and there is room for them.
// A shared_ptr with a deleter would do, and costs a compiler ten times as much.
class partition_user {
  public:
    partition_user(std::shared_ptr<memory_store> store, key128 scope)
        : store_(std::move(store)), partition_(&store_->open(scope)) {}
    partition_user(partition_user const& other)
        : partition_user(other.store_, other.partition_->scope) {}
    partition_user& operator=(partition_user other) noexcept {
        store_.swap(other.store_);
        std::swap(partition_, other.partition_);
        return *this;
    }
    ~partition_user() { store_->close(*partition_); }

    [[nodiscard]] memory_store& store() const noexcept { return *store_; }
    [[nodiscard]] partition& operator*() const noexcept { return *partition_; }
    [[nodiscard]] partition* operator->() const noexcept { return partition_; }

  private:
    std::shared_ptr<memory_store> store_;
    partition* partition_;
};

} // namespace memo::detail
