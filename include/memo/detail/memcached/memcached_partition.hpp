// SPDX-License-Identifier: BSL-1.0
#pragma once

// One function's records on memcached's servers: records become frames, frames become items, and
// what fails on the way is not stored, and counted.

#include <memo/backend.hpp>
#include <memo/detail/backoff.hpp>
#include <memo/detail/memcached/failures.hpp>
#include <memo/detail/memcached/lease.hpp>
#include <memo/detail/memcached/lookups.hpp>
#include <memo/detail/memcached/memcached_scope.hpp>
#include <memo/detail/memcached/servers.hpp>
#include <memo/detail/memcached/transport.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/detail/record/kind.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace memo::detail {

/// The entries of one function.
///
/// Thread safety:  safe
template <wire_connection Connection, class Record>
class memcached_partition : public memcached_lookups<Connection, Record> {
    using lookups = memcached_lookups<Connection, Record>;
    using lookups::codec_;
    using lookups::failed;
    using lookups::read;
    using lookups::scope_;
    using lookups::skip;
    using lookups::store_;
    using lookups::troubles_;
    using typename lookups::item;
    using typename lookups::store_type;
    using lease = memcached_lease<Connection>;

  public:
    memcached_partition(std::shared_ptr<store_type> store, key128 digest, on_error_policy on_error)
        : lookups(std::move(store), digest, on_error), digest_(digest) {}

    /// Complexity:     one round trip
    bool put(key128 key, Record const& record, put_options about) const {
        if (take_failed_lookup(scope_->number, key)) {
            skip("put", key);
            return false;
        }
        std::vector<std::byte> frame;
        frame_header const header = codec_.header({}, key, about);
        if (!codec_.encode(frame, header, record)) {
            return false;
        }
        wire_item const offered = codec_.item(frame, header.expires);
        std::size_t const server = store_->server_of(key);
        auto visit = store_->visit(server, scope_->counters);
        auto const code = visit.ask([&](Connection& connection, deadline const& by) {
            return scope_->in_generation(connection, server, by, [&] {
                return connection.set(scope_->name_of(key, server).text(), offered, by);
            });
        });
        if (!is_answer(code)) {
            failed("put", key, code);
        }
        return code == wire_code::done;
    }

    /// Complexity:     two round trips, and two more for each update of another that is quicker
    template <class Merge>
    std::optional<Record> update(key128 key, Merge const& merge, put_options about) const {
        if (take_failed_lookup(scope_->number, key)) {
            skip("update", key);
            return std::nullopt;
        }
        std::size_t const server = store_->server_of(key);
        auto visit = store_->visit(server, scope_->counters);
        // Each conflict means that another update has got through: what is bounded is time, generously.
        detail::backoff backoff(20 * std::chrono::nanoseconds(store_->settings.operation_timeout),
                                detail::backoff::microseconds(0),
                                detail::backoff::microseconds(640));
        for (;;) {
            item const found = read(visit, key, false); // a lookup has counted it
            if (!is_answer(found.code)) {
                failed("update", key, found.code);
                return std::nullopt;
            }
            Record next = merge(found.contents.record());
            frame_header const header = codec_.header(found.contents, key, about);
            std::vector<std::byte> frame;
            if (!codec_.encode(frame, header, next)) {
                return std::nullopt;
            }
            wire_item const offered = codec_.item(frame, header.expires);
            auto const code = visit.ask_once([&](Connection& connection, deadline const& by) {
                auto const name = scope_->name_of(key, server);
                return found.code == wire_code::absent
                           ? connection.add(name.text(), offered, by)
                           : connection.exchange(name.text(), offered, found.token, by);
            });
            if (code == wire_code::done) {
                return next;
            }
            if (!is_answer(code)) {
                count_if_ambiguous(scope_->counters, code);
                failed("update", key, code);
                return std::nullopt;
            }
            count_one(scope_->counters.conflicts);
            if (!backoff.wait()) {
                failed("update", key, wire_code::conflict);
                return std::nullopt;
            }
        }
    }

    [[nodiscard]] bool erase(key128 key) const {
        std::size_t const server = store_->server_of(key);
        auto visit = store_->visit(server, scope_->counters);
        auto const code = visit.ask([&](Connection& connection, deadline const& by) {
            return scope_->in_generation(connection, server, by, [&] {
                return connection.erase(scope_->name_of(key, server).text(), by);
            });
        });
        if (!is_answer(code)) {
            failed("erase", key, code);
        }
        return code == wire_code::done;
    }

    /// Other processes may serve what was there for up to a second. A server that is away now is
    /// told by the next operation of this process that reaches it.
    void clear() const {
        auto worst = wire_code::done;
        for (std::size_t server = 0; server < store_->size(); ++server) {
            scope_->owe_clear(server);
            auto visit = store_->visit(server, scope_->counters);
            auto const code = visit.ask([&](Connection& connection, deadline const& by) {
                return scope_->count_up(connection, server, by);
            });
            worst = code == wire_code::done ? worst : code;
        }
        if (worst != wire_code::done) {
            failed("clear", digest_, worst);
        }
    }

    /// `entries` and `bytes` are 0: a server does not tell what belongs to whom.
    [[nodiscard]] backend_statistics stats() const {
        backend_statistics sum;
        add_to(sum, scope_->counters);
        return sum;
    }

    /// Waits while another process has the lease of this key, until what it computes is there; and
    /// has the lease then, or may go without. Records that are merged have no leader: samples are
    /// wanted from all.
    [[nodiscard]] lease lead(key128 key) const {
        constexpr bool is_merged = kind_of_record<Record> == record_kind::moments;
        if (is_merged || !may_lease(key)) {
            return {};
        }
        lease mine(store_, *scope_, key);
        wire_code const code = mine.wait_for([&] {
            auto visit = store_->visit(store_->server_of(key), scope_->counters);
            item const found = read(visit, key, false); // a lookup has counted it
            return is_answer(found.code) && !found.contents.result ? wire_code::absent : found.code;
        });
        return led(std::move(mine), key, code);
    }

    /// The same without waiting: nothing if another process has the lease.
    [[nodiscard]] std::optional<lease> try_lead(key128 key) const {
        if (!may_lease(key)) {
            return lease();
        }
        lease mine(store_, *scope_, key);
        wire_code const code = mine.take();
        if (code == wire_code::conflict) {
            return std::nullopt;
        }
        return led(std::move(mine), key, code);
    }

  private:
    [[nodiscard]] bool may_lease(key128 key) const {
        return !store_->settings.lease.is_zero() &&
               !lookup_failed(scope_->number, key, store_->settings.operation_timeout);
    }

    /// The lease, if it is held; nothing to hold, if that could not be found out.
    [[nodiscard]] lease led(lease mine, key128 key, wire_code code) const {
        if (code == wire_code::done) {
            return mine;
        }
        if (!is_answer(code)) { // who asks for the record next does not wait again
            remember_failed_lookup(scope_->number, key);
            troubles_.count(code);
        }
        return {};
    }

    key128 digest_;
};

} // namespace memo::detail
