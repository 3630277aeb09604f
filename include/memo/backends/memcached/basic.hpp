// SPDX-License-Identifier: BSL-1.0
#pragma once

// Records kept by memcached's servers, over any wire: records become frames, frames become items,
// and whatever fails on the way is a miss that is counted.

#include <memo/backends/backend.hpp>
#include <memo/backends/memcached/failures.hpp>
#include <memo/backends/memcached/item_codec.hpp>
#include <memo/backends/memcached/patience.hpp>
#include <memo/backends/memcached/scope.hpp>
#include <memo/backends/memcached/servers.hpp>
#include <memo/backends/memcached/settings.hpp>
#include <memo/backends/memcached/transport.hpp>
#include <memo/options.hpp>
#include <memo/record/frame.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace memo {

/// Keeps records on memcached's servers, shared by all processes and machines that name the same
/// servers and name space. See memo::memcached.
template <class Connection> class basic_memcached {
    using store_type = detail::memcached_store<Connection>;

  public:
    using settings = memcached_settings;

    static constexpr bool persistent = true;
    static constexpr bool remembers = true;

    basic_memcached() : basic_memcached(settings{}) {}

    /// Connects to nothing yet. Host names are looked up here, and never again.
    ///
    /// Throws:         configuration, for settings that cannot be meant
    explicit basic_memcached(settings chosen)
        : store_(std::make_shared<store_type>(std::move(chosen))) {}

    /// The entries of one function.
    template <class Record> class partition_type {
      public:
        partition_type(std::shared_ptr<store_type> store, key128 digest, on_error_policy on_error)
            : store_(std::move(store)),
              scope_(&store_->scope(digest)),
              digest_(digest),
              codec_(store_->settings, scope_->counters, digest),
              strict_(on_error == on_error_policy::strict ||
                      store_->settings.on_error == on_error_policy::strict) {}

        /// Complexity:     one round trip; one more in a second for the function's generation
        [[nodiscard]] std::optional<remembered<Record>> get(key128 key) const {
            if (detail::lookup_failed(scope_, key, store_->settings.operation_timeout)) {
                skip("get", key);
                return std::nullopt;
            }
            std::optional<remembered<Record>> kept;
            auto visit = store_->visit(store_->server_of(key), scope_->counters);
            item const found = read(visit, key);
            if (found.code == detail::wire_code::too_large) { // none of ours; a put will replace it
                detail::count_one(scope_->counters.corrupt);
                return kept;
            }
            if (!detail::is_answer(found.code)) {
                detail::remember_failed_lookup(scope_, key);
                failed("get", key, found.code);
                return kept;
            }
            detail::forget_failed_lookup();
            if (found.record.trouble == detail::frame_trouble::expired) {
                detail::count_one(scope_->counters.expirations);
            }
            if (found.record.record) {
                auto const cost = found.record.header.computing().count();
                kept = {*std::move(found.record.record), static_cast<std::uint64_t>(cost),
                        codec_.left(found.record.header.expires)};
            }
            return kept;
        }

        /// Complexity:     one round trip
        bool put(key128 key, Record const& record, storing about) const {
            if (detail::take_failed_lookup(scope_, key)) {
                skip("put", key);
                return false;
            }
            std::vector<std::byte> frame;
            std::int64_t const expires = codec_.expiry(about);
            if (!codec_.encode(frame, key, record, about.cost, expires)) {
                return false;
            }
            detail::wire_item const offered = codec_.item(frame, expires);
            std::size_t const server = store_->server_of(key);
            auto visit = store_->visit(server, scope_->counters);
            auto const code = visit.ask([&](Connection& connection, detail::deadline const& by) {
                return in_generation(connection, server, by, [&] {
                    return connection.set(scope_->name_of(key, server).text(), offered, by);
                });
            });
            if (!detail::is_answer(code)) {
                failed("put", key, code);
            }
            return code == detail::wire_code::done;
        }

        /// Complexity:     two round trips, and two more for each update of another that is quicker
        template <class Merge>
        std::optional<Record> update(key128 key, Merge const& merge, storing about) const {
            if (detail::take_failed_lookup(scope_, key)) {
                skip("update", key);
                return std::nullopt;
            }
            std::size_t const server = store_->server_of(key);
            auto visit = store_->visit(server, scope_->counters);
            detail::patience patience(store_->settings.operation_timeout);
            for (;;) {
                item const found = read(visit, key);
                if (!detail::is_answer(found.code)) {
                    failed("update", key, found.code);
                    return std::nullopt;
                }
                auto const& [record, header, trouble] = found.record;
                Record next = merge(record ? &*record : nullptr);
                std::int64_t const expires = record ? header.expires : codec_.expiry(about);
                std::vector<std::byte> frame;
                if (!codec_.encode(frame, key, next, about.cost, expires)) {
                    return std::nullopt;
                }
                detail::wire_item const offered = codec_.item(frame, expires);
                auto const code =
                    visit.ask_once([&](Connection& connection, detail::deadline const& by) {
                        auto const name = scope_->name_of(key, server);
                        return found.code == detail::wire_code::absent
                                   ? connection.add(name.text(), offered, by)
                                   : connection.exchange(name.text(), offered, found.token, by);
                    });
                if (code == detail::wire_code::done) {
                    return next;
                }
                if (!detail::is_answer(code)) {
                    count_if_ambiguous(code);
                    failed("update", key, code);
                    return std::nullopt;
                }
                detail::count_one(scope_->counters.conflicts);
                if (!patience.lasts()) {
                    failed("update", key, detail::wire_code::conflict);
                    return std::nullopt;
                }
            }
        }

        [[nodiscard]] bool erase(key128 key) const {
            std::size_t const server = store_->server_of(key);
            auto visit = store_->visit(server, scope_->counters);
            auto const code = visit.ask([&](Connection& connection, detail::deadline const& by) {
                return in_generation(connection, server, by, [&] {
                    return connection.erase(scope_->name_of(key, server).text(), by);
                });
            });
            if (!detail::is_answer(code)) {
                failed("erase", key, code);
            }
            return code == detail::wire_code::done;
        }

        /// Other processes may serve what was there for up to a second. A server that is away now is
        /// told by the next operation of this process that reaches it.
        void clear() const {
            auto worst = detail::wire_code::done;
            for (std::size_t server = 0; server < store_->size(); ++server) {
                scope_->owe_clear(server);
                auto visit = store_->visit(server, scope_->counters);
                auto const code =
                    visit.ask([&](Connection& connection, detail::deadline const& by) {
                        return scope_->count_up(connection, server, by);
                    });
                worst = code == detail::wire_code::done ? worst : code;
            }
            if (worst != detail::wire_code::done) {
                failed("clear", digest_, worst);
            }
        }

        /// `entries` and `bytes` are 0: a server does not tell what belongs to whom.
        [[nodiscard]] backend_statistics stats() const {
            backend_statistics sum;
            detail::add_to(sum, scope_->counters);
            return sum;
        }

      private:
        struct item {
            detail::wire_code code = detail::wire_code::closed;
            std::uint64_t token = 0;
            detail::decoded<Record> record{};
        };

        template <class Visit> [[nodiscard]] item read(Visit& visit, key128 key) const {
            item found{};
            std::size_t const server = store_->server_of(key);
            found.code = visit.ask([&](Connection& connection, detail::deadline const& by) {
                return in_generation(connection, server, by, [&] {
                    auto const reply = connection.get(scope_->name_of(key, server).text(), by);
                    if (reply.code == detail::wire_code::done) {
                        found.token = reply.token;
                        found.record = codec_.template decode<Record>(reply, key);
                    }
                    return reply.code;
                });
            });
            return found;
        }

        /// Does something to an item, once its name is known: the generation is in it.
        template <class Operation>
        [[nodiscard]] detail::wire_code in_generation(Connection& connection, std::size_t server,
                                                      detail::deadline const& by,
                                                      Operation const& operation) const {
            auto const known = scope_->know_generation(connection, server, by);
            return known == detail::wire_code::done ? operation() : known;
        }

        void count_if_ambiguous(detail::wire_code code) const {
            if (code == detail::wire_code::timed_out || code == detail::wire_code::closed ||
                code == detail::wire_code::out_of_step) {
                detail::count_one(scope_->counters.ambiguous);
            }
        }

        /// The lookup of this very call has failed: the server is not asked again for it.
        void skip(char const* verb, key128 key) const {
            detail::count_one(scope_->counters.skipped);
            if (strict_) {
                throw_failure(verb, key, detail::wire_code::skipped);
            }
        }

        [[gnu::cold]] void failed(char const* verb, key128 key, detail::wire_code code) const {
            detail::count_failure(scope_->counters, code);
            if (strict_) { // the walk counts what is thrown
                throw_failure(verb, key, code);
            }
            detail::count_one(scope_->counters.errors);
        }

        [[noreturn, gnu::cold]] void throw_failure(char const* verb, key128 key,
                                                   detail::wire_code code) const {
            throw error(errc::backend, std::string("memcached ") + verb + ' ' + to_string(key) +
                                           ": " + detail::describe(code, store_->settings) +
                                           " (server " + store_->spelled(store_->server_of(key)) +
                                           ')');
        }

        std::shared_ptr<store_type> store_;
        detail::memcached_scope* scope_;
        key128 digest_;
        detail::item_codec codec_;
        bool strict_;
    };

    template <class Record>
    [[nodiscard]] partition_type<Record>
    partition(key128 scope, on_error_policy on_error = on_error_policy::degrade) const {
        return {store_, scope, on_error};
    }

    /// What happened to all functions that share this handle's store.
    [[nodiscard]] backend_statistics stats() const {
        backend_statistics sum;
        store_->for_each_scope([&](auto const& scope) { detail::add_to(sum, scope.counters); });
        return sum;
    }

    /// What happened on the way to the servers.
    [[nodiscard]] memcached_statistics wire() const {
        memcached_statistics sum;
        store_->for_each_scope([&](auto const& scope) { detail::add_to(sum, scope.counters); });
        return sum;
    }

  private:
    std::shared_ptr<store_type> store_;
};

} // namespace memo
