// SPDX-License-Identifier: BSL-1.0
#pragma once

// Who of all processes and machines that share the servers computes what has a key: the one whose
// token is in the key's lease, an item beside the record that ends by itself. The same idea as R.
// Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013, section 3.2.1, by add and CAS, which
// every server has.

#include <memo/detail/backoff.hpp>
#include <memo/detail/memcached/item_codec.hpp>
#include <memo/detail/memcached/memcached_scope.hpp>
#include <memo/detail/memcached/servers.hpp>
#include <memo/detail/memcached/transport.hpp>
#include <memo/detail/record/sample_id.hpp>
#include <memo/detail/system/cancellation.hpp>
#include <memo/key128.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <unistd.h>
#include <utility>

namespace memo::detail {

/// The right to compute one key, from take() until its end. Whoever holds it too long loses it to
/// another, and then takes nothing away from that one.
///
/// Thread safety:  none
template <wire_connection Connection> class memcached_lease {
  public:
    /// Never held.
    memcached_lease() = default;
    memcached_lease(std::shared_ptr<memcached_store<Connection>> store, memcached_scope& scope,
                    key128 key)
        : store_(std::move(store)), scope_(&scope), key_(key), server_(store_->server_of(key)) {
        std::ranges::generate(token_, random_word);
    }
    memcached_lease(memcached_lease&& other) noexcept
        : store_(std::move(other.store_)),
          scope_(other.scope_),
          key_(other.key_),
          server_(other.server_),
          token_(other.token_),
          cas_token_(other.cas_token_),
          holder_(std::exchange(other.holder_, 0)) {}
    memcached_lease& operator=(memcached_lease&&) = delete;
    ~memcached_lease() {
        if (holder_ == ::getpid()) { // a child does not end what its parent has
            not_cancelled const whole;
            try {
                give_back();
            } catch (std::bad_alloc const&) { // the lease ends by itself
            }
        }
    }

    /// Returns:        done: it is held; conflict: another holds it; or what went wrong
    [[nodiscard]] wire_code take() {
        auto const expiry = item_expiry(std::chrono::nanoseconds(store_->settings.lease).count());
        bool is_first = true;
        auto const code = visit([&](Connection& connection, auto const& name, deadline const& by) {
            wire_code added = add(connection, name, {value(), flags, expiry}, by);
            // The answer to the first try was lost; it may have been stored all the same.
            if (added == wire_code::conflict && !is_first && is_mine(connection, name, by).first) {
                added = wire_code::done;
            }
            is_first = false;
            return added;
        });
        if (code == wire_code::done) {
            holder_ = ::getpid();
        }
        return code;
    }

    /// Takes it when it is free, if what it is for has not come meanwhile.
    ///
    /// look            done: it has come; absent: not yet; or what went wrong
    /// Returns:        done: it is held; conflict: it has come, or has been waited for long enough;
    ///                 or what went wrong
    template <class Look> [[nodiscard]] wire_code wait_for(Look const& look) {
        // A lease ends by itself, and memcached counts in seconds.
        detail::backoff backoff(
            std::chrono::nanoseconds(store_->settings.lease) + std::chrono::seconds(2),
            detail::backoff::microseconds(500), detail::backoff::microseconds(16'000));
        wire_code code = take();
        if (code == wire_code::conflict) {
            count_one(scope_->counters.lease_waits);
        }
        while (code == wire_code::conflict && backoff.wait()) {
            wire_code const seen = look();
            if (seen == wire_code::done) {
                return wire_code::conflict;
            }
            code = seen == wire_code::absent ? take() : seen;
        }
        return code;
    }

  private:
    // No record's: what has these flags is never decoded.
    static constexpr std::uint32_t flags = 0x6c65'6173; // "leas"
    // Absolute, so in 1970: see item_expiry.
    static constexpr std::int64_t over = std::int64_t{60} * 60 * 24 * 30 + 1;

    template <class Question> wire_code visit(Question const& question) const {
        auto at = store_->visit(server_, scope_->counters);
        return at.ask([&](Connection& connection, deadline const& by) {
            return scope_->in_generation(connection, server_, by, [&] {
                return question(connection, scope_->lease_name_of(key_, server_), by);
            });
        });
    }

    /// Notes the CAS token, if the connection tells it.
    [[nodiscard]] wire_code add(Connection& connection, item_name const& name,
                                wire_item const& item, deadline const& by) {
        if constexpr (requires { connection.add_for_token(name.text(), item, by); }) {
            auto const reply = connection.add_for_token(name.text(), item, by);
            cas_token_ = reply.code == wire_code::done ? reply.token : 0;
            return reply.code;
        } else {
            return connection.add(name.text(), item, by);
        }
    }

    /// Whether the lease on the server is this one, and its CAS token.
    [[nodiscard]] std::pair<bool, std::uint64_t>
    is_mine(Connection& connection, item_name const& name, deadline const& by) const {
        wire_reply const there = connection.get(name.text(), by);
        return {there.code == wire_code::done && there.flags == flags &&
                    std::ranges::equal(there.value, value()),
                there.token};
    }

    /// Replaces it by one that is over, if it is still there: a plain erase could hit another's.
    void give_back() const {
        static_cast<void>(visit([&](Connection& connection, auto const& name, deadline const& by) {
            auto const [mine, token] =
                cas_token_ != 0 ? std::pair(true, cas_token_) : is_mine(connection, name, by);
            return mine ? connection.exchange(name.text(), {value(), flags, over}, token, by)
                        : wire_code::absent;
        }));
    }

    [[nodiscard]] std::span<std::byte const> value() const {
        return std::as_bytes(std::span(token_));
    }

    std::shared_ptr<memcached_store<Connection>> store_;
    memcached_scope* scope_ = nullptr;
    key128 key_{};
    std::size_t server_ = 0;
    std::array<std::uint64_t, 2> token_{};
    std::uint64_t cas_token_ = 0; ///< of its item; 0: not known
    pid_t holder_ = 0;            ///< 0: nobody
};

} // namespace memo::detail
