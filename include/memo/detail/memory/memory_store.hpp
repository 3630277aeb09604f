// SPDX-License-Identifier: BSL-1.0
#pragma once

// The store that the functions of one memory backend share: its clock, its bounds and a partition for
// each function.

#include <memo/backend.hpp>
#include <memo/backends/memory_settings.hpp>
#include <memo/detail/memory/block.hpp>
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

    /// Lets a module use the store: all its threads must read and retire by one reclaimer.
    ///
    /// of_module       the module's reclaimer
    /// Throws:         memo::error (configuration) if the store was made with another one
    void require_same(reclaimer const& of_module) const {
        if (&of_module != &reclaimer_) {
            throw error(errc::configuration,
                        "memo::memory: this store was made by a module of the process that was "
                        "built with another version of memo or of the standard library's ABI. "
                        "Build all modules alike, or give each a store of its own");
        }
    }

    /// The partition of one function, with one user more.
    [[nodiscard]] partition& open(key128 scope) { return partitions_.open(scope); }
    void close(partition& of) noexcept { partitions_.close(of); }

    [[nodiscard]] std::int64_t now() const { return settings_.clock().time_since_epoch().count(); }

    /// The time `span` after now, or the last one that the clock can represent.
    [[nodiscard]] std::int64_t after(std::chrono::nanoseconds span) const {
        return saturated_sum<std::int64_t>(now(), span.count());
    }

    /// Stores a value, or retires it and returns false.
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
                partitions_.release(partition, stored ? *old : value);
            }
        } catch (...) { // no memory to grow
            partitions_.release(partition, value);
            throw;
        }
        process_wide<reclaimer>().tend();
        return stored;
    }

    /// Stores the value that `make` returns for the current one; again, if that changed meanwhile. False
    /// if the value does not fit, or is not valid any more.
    ///
    /// valid           asked under the lock under which it is stored
    template <class Make>
    bool update(partition& partition, key128 key, Make make, validity const& valid = {}) {
        bool done = false;
        while (!done && valid()) {
            read_section const reading; // keeps `old`, so that no other value has its address
            slot_value const old = partition.entries.find(key);
            slot_value const value = make(old);
            if (!admit(partition, key, value, old)) {
                retire(value);
                break;
            }
            try {
                done = partition.entries.exchange(key, old, value, valid);
            } catch (...) { // no memory to grow
                partitions_.charge(partition, partitions_.weight_of(old, value));
                retire(value);
                throw;
            }
            if (done) {
                retire(old);
            } else {
                partitions_.charge(partition, partitions_.weight_of(old, value));
                retire(value);
            }
        }
        process_wide<reclaimer>().tend();
        return done;
    }

    template <class Agrees> bool erase_if(partition& partition, key128 key, Agrees agrees) {
        auto const old = partition.entries.erase_if(key, agrees);
        if (old) {
            partitions_.release(partition, *old);
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
    // First, so that modules of other versions find it.
    reclaimer& reclaimer_ = process_wide<reclaimer>();

    /// Charges the weight of a value that is about to be stored, maybe in the place of an old one, and
    /// evicts until it fits. False if it cannot fit.
    [[nodiscard]] bool admit(partition& partition, key128 key, slot_value value,
                             slot_value old) noexcept {
        if (partitions_.too_large(value)) {
            partition.too_large.fetch_add(1, std::memory_order_relaxed);
            return false;
        }
        weight const whole = partitions_.weight_of(value, old);
        weight more = whole;
        for (int round = 0; round < 2; ++round) { // other threads may have taken the same room
            bool const fits = make_room(partition, key, more);
            partitions_.charge(partition, fits ? more : more -= whole);
            if (!fits) {
                return false;
            }
            more = {};
        }
        return true;
    }

    /// Evicts until `more` fits, and takes the weight of evicted entries off `more`.
    [[nodiscard]] bool make_room(partition& partition, key128 key, weight& more) noexcept {
        while (partitions_.exceeds_bound(more)) {
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

/// One use of a function's partition, which all wrappers of the function share, and of its store. The
/// entries outlive it, as long as the store lives and has room for them.
// A shared_ptr with a deleter would do, and costs a compiler ten times as much.
class partition_handle {
  public:
    partition_handle(std::shared_ptr<memory_store> store, key128 scope)
        : store_(std::move(store)), partition_(&store_->open(scope)) {}
    partition_handle(partition_handle const& other)
        : partition_handle(other.store_, other.partition_->scope) {}
    partition_handle& operator=(partition_handle other) noexcept {
        store_.swap(other.store_);
        std::swap(partition_, other.partition_);
        return *this;
    }
    ~partition_handle() { store_->close(*partition_); }

    [[nodiscard]] memory_store& store() const noexcept { return *store_; }
    [[nodiscard]] partition& operator*() const noexcept { return *partition_; }
    [[nodiscard]] partition* operator->() const noexcept { return partition_; }

  private:
    std::shared_ptr<memory_store> store_;
    partition* partition_;
};

} // namespace memo::detail
