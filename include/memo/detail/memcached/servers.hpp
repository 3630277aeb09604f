// SPDX-License-Identifier: BSL-1.0
#pragma once

// The servers of one backend, and visits to them: past the circuit breaker, on a connection that only the caller
// uses, with a second try if a connection died while it was idle.

#include <memo/backends/memcached_settings.hpp>
#include <memo/detail/breaker.hpp>
#include <memo/detail/memcached/check_memcached_settings.hpp>
#include <memo/detail/memcached/deadline.hpp>
#include <memo/detail/memcached/endpoint.hpp>
#include <memo/detail/memcached/memcached_scope.hpp>
#include <memo/detail/memcached/pool.hpp>
#include <memo/detail/memcached/ring.hpp>
#include <memo/detail/memcached/transport.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/key128.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace memo::detail {

template <wire_connection Connection> struct memcached_server {
    memcached_server(std::string const& as_written, connection_settings const& settings)
        : where(resolve(as_written)), pool(where, settings) {}

    /// When this process connected to it last.
    [[nodiscard]] deadline::clock::time_point connected() const noexcept {
        return deadline::clock::time_point(
            deadline::clock::duration(connected_.load(std::memory_order_relaxed)));
    }
    void connect_now() noexcept {
        connected_.store(deadline::clock::now().time_since_epoch().count(),
                         std::memory_order_relaxed);
    }

    endpoint const where;
    breaker guard;
    connection_pool<Connection> pool;

  private:
    std::atomic<deadline::clock::rep> connected_{0};
};

/// One visit to one server: any number of requests on one connection.
template <wire_connection Connection> class server_visit {
  public:
    server_visit(memcached_server<Connection>& server, std::size_t number, memcached_scope& scope,
                 connection_settings const& settings)
        : server_(&server), number_(number), scope_(&scope), settings_(&settings) {
        if (server.guard.lets_pass(settings.connect_timeout + settings.operation_timeout)) {
            lease_.emplace(server.pool.take());
        } else {
            count_one(scope.counters.skipped);
        }
    }

    /// Runs operation(connection, generation, by). It may be repeated if the connection turns out closed: a
    /// read, or an unconditional store.
    template <class Operation> [[nodiscard]] wire_code ask(Operation const& operation) {
        return try_to([&] {
            bool const was_idle = (**lease_).is_open();
            wire_code code = open();
            if (code != wire_code::done) {
                return code;
            }
            deadline const by(settings_->operation_timeout);
            auto const run = [&] {
                auto const in = [&](std::uint64_t generation) {
                    return operation(**lease_, generation, by);
                };
                return scope_->in_generation(**lease_, number_, by, server_->connected(), in);
            };
            code = run();
            if (code == wire_code::closed && was_idle && (code = open()) == wire_code::done) {
                code = run();
            }
            return code;
        });
    }

    /// Runs operation(connection, by) once, on a connection that has responded within this visit.
    template <class Operation> [[nodiscard]] wire_code ask_once(Operation const& operation) {
        return try_to([&] { return operation(**lease_, deadline(settings_->operation_timeout)); });
    }

  private:
    template <class Try> wire_code try_to(Try const& attempt) {
        if (!lease_) {
            return wire_code::skipped;
        }
        wire_code const code = attempt();
        if (is_alive(code)) {
            server_->guard.succeeded();
        } else if (server_->guard.failed(is_away(code) && !has_others(code))) {
            count_one(scope_->counters.breaker_opens);
        }
        return code;
    }

    /// Whether only this connection may have failed: a server at its limit still serves open connections.
    [[nodiscard]] bool has_others(wire_code code) const {
        return code != wire_code::connection_refused && server_->pool.in_use() > 1;
    }

    [[nodiscard]] wire_code open() {
        if ((**lease_).is_open()) {
            return wire_code::done;
        }
        wire_code const code = (**lease_).open();
        if (code == wire_code::done) {
            server_->connect_now();
            if ((**lease_).times_opened() > 1) {
                count_one(scope_->counters.reconnects);
            }
        }
        return code;
    }

    memcached_server<Connection>* server_;
    std::size_t number_;
    memcached_scope* scope_;
    connection_settings const* settings_;
    std::optional<typename connection_pool<Connection>::lease> lease_;
};

/// All servers of a backend and all functions that use them.
///
/// Thread safety:  safe
template <class Connection> class memcached_store {
    static_assert(wire_connection<Connection>);

  public:
    explicit memcached_store(memcached_settings chosen)
        : settings(checked(std::move(chosen))),
          connections_{settings.connect_timeout, settings.operation_timeout,
                       settings.max_value_bytes, settings.username, settings.password},
          ring_(settings.servers) {
        for (std::string const& as_written : settings.servers) {
            servers_.push_back(
                std::make_unique<memcached_server<Connection>>(as_written, connections_));
        }
    }

    memcached_settings const settings;

    [[nodiscard]] std::size_t size() const noexcept { return servers_.size(); }
    [[nodiscard]] std::size_t server_of(key128 key) const { return ring_.server_of(key); }
    [[nodiscard]] std::string const& as_written(std::size_t server) const {
        return servers_[server]->where.as_written;
    }

    [[nodiscard]] server_visit<Connection> visit(std::size_t server, memcached_scope& scope) const {
        return {*servers_[server], server, scope, connections_};
    }

    /// The scope of one function; the same object for all calls with its digest.
    [[nodiscard]] memcached_scope& scope(key128 digest) {
        std::scoped_lock const lock(mutex_);
        return scopes_.try_emplace(digest, settings.name_space, digest, size()).first->second;
    }

    template <class Visit> void for_each_scope(Visit const& visit) const {
        std::scoped_lock const lock(mutex_);
        for (auto const& [digest, scope] : scopes_) {
            visit(scope);
        }
    }

  private:
    connection_settings connections_;
    server_ring ring_;
    std::vector<std::unique_ptr<memcached_server<Connection>>> servers_;
    mutable mutex mutex_;
    std::map<key128, memcached_scope> scopes_;
};

} // namespace memo::detail
