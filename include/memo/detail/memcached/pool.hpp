// SPDX-License-Identifier: BSL-1.0
#pragma once

// Connections to one server that nobody uses right now. There are never more of them than there were
// callers at one time, and those beyond what is used are closed after two seconds, by whoever uses
// the pool next: a server takes so many connections, of all processes together. A process that was
// forked makes connections of its own and lets go of its parent's without a word to the server: two
// processes on one connection read each other's answers.

#include <memo/detail/memcached/transport.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/detail/system/thread_slot.hpp>

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
    using connections = std::list<idle_connection>; // goes in and out without memory that may lack

  public:
    /// How long a connection is kept that nobody uses.
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

    /// A connection that is the caller's alone until the end of the lease.
    class lease {
      public:
        lease(lease&&) noexcept = default;
        lease& operator=(lease&&) = delete;
        ~lease() {
            if (connection_.empty()) { // moved on
                return;
            }
            if (owner_ == this_process()) {
                pool_->give_back(connection_);
            } else { // forked since: the connection is the parent's
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

    /// How many leases there are.
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
    /// False if there is none.
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

    /// What is open goes to the front, and is the next one to be used; what is closed has only its
    /// memory left, and comes last.
    void give_back(connections& one) noexcept {
        in_use_.fetch_sub(1, std::memory_order_relaxed);
        auto const now = Clock::now();
        one.front().since = now;
        connections unused; // closed when the lock is gone
        std::scoped_lock const lock(mutex_);
        idle_.splice(one.front().connection.is_open() ? idle_.begin() : idle_.end(), one);
        if (now >= next_look_) {
            next_look_ = now + longest_idle / 4;
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
    std::uint32_t owner_ = this_process(); ///< whose connections these are
    std::atomic<std::size_t> in_use_{0};
    connections idle_;
    typename Clock::time_point next_look_{}; ///< for what is unused
};

template <wire_connection Connection>
using connection_pool = connection_pool_by<Connection, std::chrono::steady_clock>;

} // namespace memo::detail
