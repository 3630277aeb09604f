// SPDX-License-Identifier: BSL-1.0
#pragma once

// Connections to one server that nobody uses right now. There are never more of them than there were
// callers at one time. A process that was forked gets connections of its own and leaves its parent's
// alone: two processes on one connection read each other's answers.

#include <memo/backends/memcached/transport.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <sys/types.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace memo::detail {

/// Thread safety:  safe
template <wire_connection Connection> class connection_pool {
    struct idle_connections {
        pid_t owner = 0;
        idle_connections* inherited = nullptr; // never touched, and kept so that it is no leak
        std::mutex mutex;
        std::vector<std::unique_ptr<Connection>> connections;
    };

  public:
    connection_pool(endpoint const& server, connection_settings const& settings)
        : server_(&server),
          settings_(&settings),
          idle_(new idle_connections{::getpid(), nullptr, {}, {}}) {}
    connection_pool(connection_pool const&) = delete;
    connection_pool& operator=(connection_pool const&) = delete;
    ~connection_pool() {
        idle_connections* const idle = idle_.load(std::memory_order_acquire);
        if (idle->owner == ::getpid()) {
            delete idle;
        }
    }

    /// A connection that is the caller's alone until the end of the lease.
    class lease {
      public:
        lease(lease&&) noexcept = default;
        lease& operator=(lease&&) = delete;
        ~lease() {
            if (!connection_) { // moved on
                return;
            }
            if (idle_->owner != ::getpid()) { // forked since: the connection is the parent's
                static_cast<void>(connection_.release());
                return;
            }
            std::scoped_lock const lock(idle_->mutex);
            idle_->connections.push_back(std::move(connection_));
        }

        [[nodiscard]] Connection& operator*() const noexcept { return *connection_; }
        [[nodiscard]] Connection* operator->() const noexcept { return connection_.get(); }

      private:
        friend connection_pool;
        lease(idle_connections* idle, std::unique_ptr<Connection> connection)
            : idle_(idle), connection_(std::move(connection)) {}

        idle_connections* idle_;
        std::unique_ptr<Connection> connection_;
    };

    /// Complexity:     O(1); connects nothing
    [[nodiscard]] lease take() {
        idle_connections* const idle = of_this_process();
        {
            std::scoped_lock const lock(idle->mutex);
            if (!idle->connections.empty()) {
                auto connection = std::move(idle->connections.back());
                idle->connections.pop_back();
                return {idle, std::move(connection)};
            }
        }
        return {idle, std::make_unique<Connection>(*server_, *settings_)};
    }

  private:
    // The parent's list is not even locked: a thread that does not exist here may hold its lock.
    [[nodiscard]] idle_connections* of_this_process() {
        pid_t const self = ::getpid();
        idle_connections* known = idle_.load(std::memory_order_acquire);
        if (known->owner == self) {
            return known;
        }
        auto fresh = std::unique_ptr<idle_connections>(new idle_connections{self, known, {}, {}});
        if (idle_.compare_exchange_strong(known, fresh.get(), std::memory_order_acq_rel)) {
            return fresh.release();
        }
        return known;
    }

    endpoint const* server_;
    connection_settings const* settings_;
    std::atomic<idle_connections*> idle_;
};

} // namespace memo::detail
