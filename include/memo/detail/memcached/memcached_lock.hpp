// SPDX-License-Identifier: BSL-1.0
#pragma once

// The lock behind a lease, on a memcached server: an item beside the record with a random token as its
// value, by add and CAS, which every server has.

#include <memo/detail/memcached/failures.hpp>
#include <memo/detail/memcached/memcached_scope.hpp>
#include <memo/detail/memcached/servers.hpp>
#include <memo/detail/memcached/transport.hpp>
#include <memo/detail/record/sample_id.hpp>
#include <memo/key128.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace memo::detail {

/// The lock of one key, for one owner.
///
/// Thread safety:  none
template <wire_connection Connection> class memcached_lock {
  public:
    memcached_lock() = default;
    memcached_lock(std::shared_ptr<memcached_store<Connection>> store, memcached_scope& scope,
                   key128 key)
        : store_(std::move(store)), scope_(&scope), key_(key) {
        std::ranges::generate(token_, random_word);
    }

    [[nodiscard]] std::optional<bool> try_lock() {
        auto const expiry = item_expiry(std::chrono::nanoseconds(store_->settings.lease));
        bool is_repeated = false;
        auto const code = ask([&](Connection& connection, auto const& name, deadline const& by) {
            wire_code response = add(connection, name, {value(), flags, expiry}, by);
            // The first add may have succeeded although its response was lost.
            if (response == wire_code::conflict && is_repeated &&
                own_item(connection, name, by).first) {
                response = wire_code::done;
            }
            is_repeated = true;
            return response;
        });
        return answer_of(code, *scope_, key_);
    }

    /// Replaces the item by an expired one if it is still the owner's: a plain erase could hit another's.
    void unlock() const {
        static_cast<void>(ask([&](Connection& connection, auto const& name, deadline const& by) {
            auto const [is_own, cas_token] =
                cas_token_ != 0 ? std::pair(true, cas_token_) : own_item(connection, name, by);
            return is_own ? connection.exchange(name.text(), {value(), flags, past_time}, cas_token,
                                                by)
                          : wire_code::absent;
        }));
    }

  private:
    // Not those of a record, so that no record is decoded from it.
    static constexpr std::uint32_t flags = 0x6c65'6173; // "leas"
    // Of 1970: see item_expiry.
    static constexpr std::int64_t past_time = std::int64_t{60} * 60 * 24 * 30 + 1;

    template <class Question> wire_code ask(Question const& question) const {
        auto visit = store_->visit(store_->server_of(key_), *scope_);
        return visit.ask([&](Connection& connection, std::uint64_t generation, deadline const& by) {
            return question(connection, scope_->names.lease(key_, generation), by);
        });
    }

    /// Stores the CAS token as well, if the connection returns it.
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

    /// Whether the item on the server is this owner's, and its CAS token.
    [[nodiscard]] std::pair<bool, std::uint64_t>
    own_item(Connection& connection, item_name const& name, deadline const& by) const {
        wire_reply const reply = connection.get(name.text(), by);
        return {reply.code == wire_code::done && reply.flags == flags &&
                    std::ranges::equal(reply.value, value()),
                reply.token};
    }

    [[nodiscard]] std::span<std::byte const> value() const {
        return std::as_bytes(std::span(token_));
    }

    std::shared_ptr<memcached_store<Connection>> store_;
    memcached_scope* scope_ = nullptr;
    key128 key_{};
    std::array<std::uint64_t, 2> token_{}; ///< random, of the owner
    std::uint64_t cas_token_ = 0;          ///< of the item; 0: unknown
};

} // namespace memo::detail
