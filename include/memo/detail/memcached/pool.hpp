// SPDX-License-Identifier: BSL-1.0
#pragma once

// The idle connections to one server. A pool has at most as many connections as it had simultaneous callers.
// The next caller closes those that were idle for two seconds, because a server limits the connections of all
// processes together. A forked process opens its own connections and closes its copies of its parent's without
// a message to the server: two processes on one connection would read each other's responses.

#include <memo/detail/memcached/transport.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/detail/system/thread_slots.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <mutex>
#include <utility>

namespace memo::detail {

/// Clock           steady
/// Thread safety:  safe
template <wire_connection Connection, class Clock> class connection_pool_by {
    struct idle_connection {
        idle_connection(endpoint const& server, connection_settings const& settings)
            : connection(server, settings) {}

        Connection connection;
        typename Clock::time_point since{};
    };
    using connections =
        std::list<idle_connection>; // moves elements without allocation, which may fail

  public:
    /// How long an idle connection stays open.
    static constexpr std::chrono::milliseconds longest_idle{2000};

    connection_pool_by(endpoint const& server, connection_settings const& settings)
        : server_(&server), settings_(&settings) {}
    connection_pool_by(connection_pool_by const&) = delete;
    connection_pool_by& operator=(connection_pool_by const&) = delete;
    ~connection_pool_by() {
        if (owner_ != this_process()) {
            abandon(idle_);
        }
    }

    /// Exclusive use of a connection until the end of the lease.
    class lease {
      public:
        lease(lease&&) noexcept = default;
        lease& operator=(lease&&) = delete;
        ~lease() {
            if (connection_.empty()) { // moved from
                return;
            }
            if (owner_ == this_process()) {
                pool_->give_back(connection_);
            } else { // a forked child: the connection is its parent's
                abandon(connection_);
            }
        }

        [[nodiscard]] Connection& operator*() noexcept { return connection_.front().connection; }

      private:
        friend connection_pool_by;
        lease(connection_pool_by& pool, std::uint32_t owner, connections&& one) noexcept
            : pool_(&pool), owner_(owner), connection_(std::move(one)) {
            pool.in_use_.fetch_add(1, std::memory_order_relaxed);
        }

        connection_pool_by* pool_;
        std::uint32_t owner_;
        connections connection_; ///< one
    };

    /// The number of leases.
    [[nodiscard]] std::size_t in_use() const noexcept {
        return in_use_.load(std::memory_order_relaxed);
    }

    /// Complexity:     O(1); connects nothing
    [[nodiscard]] lease take() {
        std::uint32_t const self = this_process();
        connections one;
        while (take_idle(one, self)) {
            if (one.front().connection.is_intact()) {
                return {*this, self, std::move(one)};
            }
            one.clear();
        }
        one.emplace_back(*server_, *settings_);
        return {*this, self, std::move(one)};
    }

  private:
    /// Returns:        false if there is none
    [[nodiscard]] bool take_idle(connections& into, std::uint32_t self) {
        connections inherited;
        {
            std::scoped_lock const lock(mutex_);
            if (owner_ != self) {
                owner_ = self;
                in_use_.store(0, std::memory_order_relaxed);
                inherited.swap(idle_);
            } else if (!idle_.empty()) {
                into.splice(into.begin(), idle_, idle_.begin());
            }
        }
        abandon(inherited);
        return !into.empty();
    }

    /// An open connection goes to the front and is used next; a closed one keeps only its memory, and goes to
    /// the back.
    void give_back(connections& one) noexcept {
        in_use_.fetch_sub(1, std::memory_order_relaxed);
        auto const now = Clock::now();
        one.front().since = now;
        connections unused; // closed after the lock is released
        std::scoped_lock const lock(mutex_);
        idle_.splice(one.front().connection.is_open() ? idle_.begin() : idle_.end(), one);
        if (now >= next_sweep_) {
            next_sweep_ = now + longest_idle / 4;
            for (auto each = idle_.begin(); each != idle_.end();) {
                auto const next = std::next(each);
                if (now - each->since >= longest_idle) {
                    unused.splice(unused.end(), idle_, each);
                }
                each = next;
            }
        }
    }

    /// A number that a child of fork() does not share; getpid(2) is a system call.
    [[nodiscard]] static std::uint32_t this_process() {
        return process_wide<thread_slots>().generation();
    }

    static void abandon(connections& of_another_process) noexcept {
        for (auto& each : of_another_process) {
            each.connection.abandon();
        }
    }

    endpoint const* server_;
    connection_settings const* settings_;
    mutex mutex_;
    std::uint32_t owner_ = this_process(); ///< the process that owns the connections
    std::atomic<std::size_t> in_use_{0};
    connections idle_;
    typename Clock::time_point next_sweep_{}; ///< for idle connections
};

template <wire_connection Connection>
using connection_pool = connection_pool_by<Connection, std::chrono::steady_clock>;

} // namespace memo::detail
