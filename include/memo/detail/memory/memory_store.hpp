// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the functions that share one memory backend have in common: the clock, and a shelf for each,
// on which values come one by one and within the bounds.

#include <memo/backend.hpp>
#include <memo/backends/memory_settings.hpp>
#include <memo/detail/memory/block.hpp>
#include <memo/detail/memory/eviction_policy.hpp>
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
        : settings_(std::move(settings)), shelves_(settings_) {
        if (settings_.eviction == eviction::by_cost && !shelves_.bounded()) {
            throw error(errc::configuration,
                        "memo::memory: eviction by_cost where nothing is evicted; "
                        "set max_bytes or max_entries");
        }
    }

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
    [[nodiscard]] shelf& open(key128 scope) { return shelves_.open(scope); }
    void close(shelf& closed) noexcept { shelves_.close(closed); }

    [[nodiscard]] std::int64_t now() const { return settings_.clock().time_since_epoch().count(); }

    /// The time that is so much later than now, or as late as can be told.
    [[nodiscard]] std::int64_t after(std::chrono::nanoseconds span) const {
        return saturated_sum<std::int64_t>(now(), span.count());
    }

    /// Stores a value, or disposes of it and gives false.
    ///
    /// valid           asked under the lock under which it is stored
    bool put(shelf& shelf, key128 key, slot_value value, validity const& valid = {}) {
        if (!admit(shelf, key, value, {})) {
            retire(value);
            return false;
        }
        bool stored = false;
        try {
            std::optional<slot_value> old;
            stored = shelf.entries.put_if(key, value, valid, old);
            if (!stored || old) {
                shelves_.forget(shelf, stored ? *old : value);
            }
        } catch (...) { // no memory to grow
            shelves_.forget(shelf, value);
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
    bool update(shelf& shelf, key128 key, Make make, validity const& valid = {}) {
        bool done = false;
        while (!done && valid()) {
            read_section const reading; // what was found is not freed, so its address is no other's
            slot_value const old = shelf.entries.find(key);
            slot_value const value = make(old);
            if (!admit(shelf, key, value, old)) {
                retire(value);
                break;
            }
            try {
                done = shelf.entries.exchange(key, old, value, valid);
            } catch (...) { // no memory to grow
                shelves_.account(shelf, shelves_.burden_of(old, value));
                retire(value);
                throw;
            }
            if (done) {
                retire(old);
            } else {
                shelves_.account(shelf, shelves_.burden_of(old, value));
                retire(value);
            }
        }
        process_wide<reclaimer>().tend();
        return done;
    }

    template <class Agrees> bool erase_if(shelf& shelf, key128 key, Agrees agrees) {
        auto const old = shelf.entries.erase_if(key, agrees);
        if (old) {
            shelves_.forget(shelf, *old);
            process_wide<reclaimer>().tend();
        }
        return old.has_value();
    }

    void clear(shelf& shelf) noexcept { shelves_.clear(shelf); }

    [[nodiscard]] static backend_statistics stats(shelf const& shelf) {
        return shelves::stats(shelf);
    }

    [[nodiscard]] backend_statistics stats() const { return shelves_.stats(); }

  private:
    // First, so that modules which agree about nothing else find it.
    reclaimer& frees_ = process_wide<reclaimer>();

    /// Accounts for a value that is about to be stored, maybe in the place of an old one, and evicts
    /// until it fits. False if it cannot be made to fit.
    [[nodiscard]] bool admit(shelf& shelf, key128 key, slot_value value, slot_value old) noexcept {
        if (shelves_.too_large(value)) {
            shelf.too_large.fetch_add(1, std::memory_order_relaxed);
            return false;
        }
        burden const wanted = shelves_.burden_of(value, old);
        burden more = wanted;
        for (int round = 0; round < 2; ++round) { // other threads may have taken the same room
            bool const fits = make_room(shelf, key, more);
            shelves_.account(shelf, fits ? more : more -= wanted);
            if (!fits) {
                return false;
            }
            more = {};
        }
        return true;
    }

    /// Evicts until it is not too much with `more`, which becomes less by what went.
    [[nodiscard]] bool make_room(shelf& shelf, key128 key, burden& more) noexcept {
        while (shelves_.over(more)) {
            auto const freed = shelves_.evict_one(shelf, key);
            if (!freed) {
                return false;
            }
            more -= *freed;
        }
        return true;
    }

    memory_settings const settings_;
    shelves shelves_;
};

/// The entries of one function, the same for every wrapper of it, while one uses them; and the store
/// that they are in. They outlive this, as long as the store does and there is room for them.
// A shared_ptr with a deleter would do, and costs a compiler ten times as much.
class open_shelf {
  public:
    open_shelf(std::shared_ptr<memory_store> store, key128 scope)
        : store_(std::move(store)), shelf_(&store_->open(scope)) {}
    open_shelf(open_shelf const& other) : open_shelf(other.store_, other.shelf_->scope) {}
    open_shelf& operator=(open_shelf other) noexcept {
        store_.swap(other.store_);
        std::swap(shelf_, other.shelf_);
        return *this;
    }
    ~open_shelf() { store_->close(*shelf_); }

    [[nodiscard]] memory_store& store() const noexcept { return *store_; }
    [[nodiscard]] shelf& operator*() const noexcept { return *shelf_; }
    [[nodiscard]] shelf* operator->() const noexcept { return shelf_; }

  private:
    std::shared_ptr<memory_store> store_;
    shelf* shelf_;
};

} // namespace memo::detail
