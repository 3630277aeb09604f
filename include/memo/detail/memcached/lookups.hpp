// SPDX-License-Identifier: BSL-1.0
#pragma once

// Keys in, records out: what one function asks of memcached's servers, one key at a time or many, and
// whatever fails on the way is a miss that is counted.

#include <memo/backend.hpp>
#include <memo/detail/memcached/failures.hpp>
#include <memo/detail/memcached/item_codec.hpp>
#include <memo/detail/memcached/memcached_scope.hpp>
#include <memo/detail/memcached/servers.hpp>
#include <memo/detail/memcached/transport.hpp>
#include <memo/detail/record/frame_codec.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace memo::detail {

/// The part of a partition that looks up.
///
/// Thread safety:  safe
template <wire_connection Connection, class Record> class memcached_lookups {
  public:
    using store_type = memcached_store<Connection>;

    memcached_lookups(std::shared_ptr<store_type> store, key128 digest, on_error_policy on_error)
        : store_(std::move(store)),
          scope_(&store_->scope(digest)),
          codec_(store_->settings, scope_->counters, digest),
          troubles_(scope_->counters, store_->settings, on_error == on_error_policy::strict) {}

    /// Complexity:     one round trip; one more in a second for the function's generation
    [[nodiscard]] lookup_result<Record> get(key128 key) const { return look_up(key, true); }

    /// A server's own order of eviction takes it for a use; damage is not counted.
    [[nodiscard]] lookup_result<Record> peek(key128 key) const { return look_up(key, false); }

    /// The same for many keys: those of one server are asked for together, 64 at a time.
    ///
    /// Complexity:     a round trip for 64 keys of one server, by its own operation_timeout
    void get_many(std::span<key128 const> keys, std::span<lookup_result<Record>> kept) const {
        std::vector<std::vector<std::size_t>> of_server(store_->size());
        for (std::size_t i = 0; i < keys.size(); ++i) {
            of_server[store_->server_of(keys[i])].push_back(i);
        }
        for (std::size_t server = 0; server < of_server.size(); ++server) {
            if (!of_server[server].empty()) {
                get_some(server, keys, of_server[server], kept);
            }
        }
    }

  protected:
    struct item {
        wire_code code = wire_code::closed;
        std::uint64_t token = 0;
        frame_contents<Record> contents{};
    };

    /// counts_damage   false where a lookup of the same call has counted it
    template <class Visit>
    [[nodiscard]] item read(Visit& visit, key128 key, bool counts_damage) const {
        item found{};
        std::size_t const server = store_->server_of(key);
        found.code = visit.ask([&](Connection& connection, deadline const& by) {
            return scope_->in_generation(connection, server, by, [&] {
                auto const reply = connection.get(scope_->name_of(key, server).text(), by);
                if (reply.code == wire_code::done) {
                    found.token = reply.token;
                    found.contents = codec_.decode(reply, key, counts_damage);
                }
                return reply.code;
            });
        });
        return found;
    }

    void skip(char const* verb, key128 key) const {
        troubles_.skip(verb, key, store_->as_written(store_->server_of(key)));
    }

    [[gnu::cold]] void failed(char const* verb, key128 key, wire_code code) const {
        troubles_.failed(verb, key, code, store_->as_written(store_->server_of(key)));
    }

    std::shared_ptr<store_type> store_;
    memcached_scope* scope_;
    item_codec<Record> codec_;
    memcached_troubles troubles_;

  private:
    [[nodiscard]] lookup_result<Record> look_up(key128 key, bool counts_damage) const {
        if (lookup_failed(scope_->number, key, store_->settings.operation_timeout)) {
            skip("get", key);
            return miss_reason::unavailable;
        }
        auto visit = store_->visit(store_->server_of(key), scope_->counters);
        item found = read(visit, key, counts_damage);
        if (found.code == wire_code::too_large) { // none of ours; a put will replace it
            if (counts_damage) {
                count_one(scope_->counters.corrupt);
            }
            return miss_reason::corrupt;
        }
        if (!is_answer(found.code)) {
            remember_failed_lookup(scope_->number, key);
            failed("get", key, found.code);
            return miss_reason::unavailable;
        }
        forget_failed_lookup();
        return served(std::move(found.contents.result));
    }

    /// Looks up some of the keys, all of one server.
    ///
    /// some            which of `keys`
    void get_some(std::size_t server, std::span<key128 const> keys,
                  std::span<std::size_t const> some, std::span<lookup_result<Record>> kept) const {
        constexpr std::size_t most = 64;
        auto visit = store_->visit(server, scope_->counters);
        while (!some.empty()) {
            auto const now = some.first((std::min)(some.size(), most));
            some = some.subspan(now.size());
            auto const name_of = [&](std::size_t i) {
                return scope_->name_of(keys[now[i]], server);
            };
            auto const take = [&](std::size_t i, wire_reply const& reply) {
                if (reply.code == wire_code::done) {
                    kept[now[i]] = served(codec_.decode(reply, keys[now[i]], true).result);
                }
            };
            auto const code = visit.ask([&](Connection& connection, deadline const& by) {
                return scope_->in_generation(connection, server, by, [&] {
                    return connection.get_many(now.size(), name_of, take, by);
                });
            });
            if (code == wire_code::too_large) { // as in get
                count_one(scope_->counters.corrupt);
            } else if (!is_answer(code)) {
                for (auto const unanswered : {now, some}) {
                    for (std::size_t const i : unanswered) {
                        if (!kept[i] && kept[i].reason() == miss_reason::absent) {
                            kept[i] = miss_reason::unavailable;
                        }
                    }
                }
                failed("get", keys[now.front()], code);
                return; // one failure a server
            }
        }
    }

    /// Counts a record that has expired.
    [[nodiscard]] lookup_result<Record> served(lookup_result<Record> found) const {
        if (!found && found.reason() == miss_reason::expired) {
            count_one(scope_->counters.expirations);
        }
        return found;
    }
};

} // namespace memo::detail
