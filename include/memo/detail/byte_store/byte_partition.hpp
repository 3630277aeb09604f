// SPDX-License-Identifier: BSL-1.0
#pragma once

// One function's records in a store of bytes. A failed load is a miss, a failed store stores nothing, and
// both are counted.

#include <memo/backend.hpp>
#include <memo/byte_store.hpp>
#include <memo/detail/backoff.hpp>
#include <memo/detail/byte_store/byte_lock.hpp>
#include <memo/detail/byte_store/byte_scope.hpp>
#include <memo/detail/byte_store/item_codec.hpp>
#include <memo/detail/byte_store/item_name.hpp>
#include <memo/detail/byte_store/lease.hpp>
#include <memo/detail/byte_store/shared_byte_store.hpp>
#include <memo/detail/record/frame_codec.hpp>
#include <memo/detail/record/kind.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>
#include <memo/outcome.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace memo::detail {

/// The entries of one function.
///
/// Thread safety:  safe
template <byte_store Store, class Record> class byte_partition {
    using shared_type = shared_byte_store<Store>;
    using lease_type = lease<byte_lock<Store>>;

  public:
    byte_partition(std::shared_ptr<shared_type> shared, key128 digest, on_error_policy on_error)
        : shared_(std::move(shared)),
          scope_(&shared_->scope(digest)),
          digest_(digest),
          codec_(shared_->settings, scope_->counters, digest),
          throws_(on_error == on_error_policy::strict ||
                  shared_->settings.on_error == on_error_policy::strict) {}

    /// Complexity:     one load; one more in a second for the function's generation
    [[nodiscard]] lookup_result<Record> get(key128 key) const { return look_up(key, true); }

    /// Counts neither damage nor expiry.
    [[nodiscard]] lookup_result<Record> peek(key128 key) const { return look_up(key, false); }

    /// The same for many keys, 64 at a time.
    void
    get_many(std::span<key128 const> keys,
             std::span<lookup_result<Record>> results) const requires batching_byte_store<Store> {
        constexpr std::size_t max_batch = 64;
        while (!keys.empty()) {
            std::size_t const size = (std::min)(keys.size(), max_batch);
            if (!get_batch(keys.first(size), results.first(size))) { // one failure for all
                std::ranges::fill(results, miss_reason::unavailable);
                return;
            }
            keys = keys.subspan(size);
            results = results.subspan(size);
        }
    }

    /// Complexity:     one store
    bool put(key128 key, Record const& record, put_options about) const {
        std::optional<encoded_item> const item = codec_.encode(key, record, about);
        return item && ask("put", key, [&](Store& store) {
                           return store.store(name_of(key, store).text(), item->frame, item->ttl);
                       }).value_or(false);
    }

    /// Complexity:     one load_versioned and one exchange, and both again after a concurrent update
    template <class Merge>
    std::optional<Record> update(key128 key, Merge const& merge, put_options about) const {
        static_assert(exchanging_byte_store<Store> || is_merged(kind_of_record<Record>),
                      "memo: this byte store cannot replace bytes atomically. Give it "
                      "load_versioned(name) and exchange(name, token, bytes, ttl), see "
                      "memo/byte_store.hpp");
        if constexpr (exchanging_byte_store<Store>) {
            // Each conflict means that another update got through, so only time is bounded.
            backoff between(shared_->settings.max_update_time, backoff::microseconds(0),
                            backoff::microseconds(16'000));
            do {
                auto const before = load_for_update(key);
                if (!before) {
                    return std::nullopt;
                }
                auto const contents = codec_.decode(before->bytes, key, false);
                Record next = merge(contents.record());
                auto const item = codec_.encode(key, next, about, contents);
                if (!item) {
                    return std::nullopt;
                }
                auto const stored = ask("update", key, [&](Store& store) {
                    return store.exchange(before->name, before->token, item->frame, item->ttl);
                });
                if (!stored) { // perhaps it is stored, and the sample must not count twice
                    return std::nullopt;
                }
                if (*stored) {
                    return next;
                }
            } while (between.wait());
            shared_type::fail(*scope_, throws_, "update", key,
                              "concurrent updates for max_update_time");
        }
        return std::nullopt;
    }

    [[nodiscard]] bool erase(key128 key) const {
        return ask("erase", key,
                   [&](Store& store) { return store.erase(name_of(key, store).text()); })
            .value_or(false);
    }

    /// Other processes may serve the records for up to a second. An unreachable store gets the pending clear
    /// before this process uses it again.
    void clear() const {
        static_cast<void>(ask("clear", digest_, [&](Store& store) {
            scope_->clear(store);
            return true;
        }));
    }

    /// `entries` and `bytes` are 0: a store does not know what belongs to whom.
    [[nodiscard]] backend_statistics stats() const {
        backend_statistics sum;
        scope_->counters.add_to(sum);
        return sum;
    }

    /// Waits while another process holds the lease of this key, until the record is stored or the lease is
    /// free, and takes it then. Moments have no lease: all processes draw samples.
    [[nodiscard]] lease_type lead(key128 key) const requires locking_byte_store<Store> {
        if (is_merged(kind_of_record<Record>) || shared_->settings.lease.is_zero()) {
            return {};
        }
        lease_type mine(byte_lock<Store>(shared_, *scope_, key));
        if (!mine.take().value_or(true)) {
            std::chrono::nanoseconds const expiry(shared_->settings.lease);
            mine.wait(expiry + std::chrono::seconds(1), [&]() -> std::optional<bool> {
                auto const bytes = load(key, false);
                return bytes ? std::optional(decode(*bytes, key, false).has_value()) : std::nullopt;
            });
        }
        return mine;
    }

    /// The same without waiting: nothing if another process holds the lease.
    [[nodiscard]] std::optional<lease_type>
    try_lead(key128 key) const requires locking_byte_store<Store> {
        if (shared_->settings.lease.is_zero()) {
            return lease_type();
        }
        lease_type mine(byte_lock<Store>(shared_, *scope_, key));
        if (!mine.take().value_or(true)) {
            return std::nullopt;
        }
        return mine;
    }

  private:
    using maybe_bytes = std::optional<std::vector<std::byte>>;

    template <class Operation>
    auto ask(char const* verb, key128 key, Operation const& operation) const {
        return shared_->ask(*scope_, throws_, verb, key, operation);
    }

    [[nodiscard]] item_name name_of(key128 key, Store& store) const {
        return scope_->names.record(key, scope_->generation(store));
    }

    /// Returns:        nothing after a failure of the store
    [[nodiscard]] std::optional<maybe_bytes> load(key128 key, bool throws) const {
        return shared_->ask(*scope_, throws, "get", key, [&](Store& store) -> maybe_bytes {
            return store.load(name_of(key, store).text());
        });
    }

    [[nodiscard]] lookup_result<Record> look_up(key128 key, bool counts) const {
        auto const bytes = load(key, throws_);
        return bytes ? decode(*bytes, key, counts) : miss_reason::unavailable;
    }

    [[nodiscard]] lookup_result<Record> decode(maybe_bytes const& bytes, key128 key,
                                               bool counts) const {
        return bytes ? codec_.decode(*bytes, key, counts).result : miss_reason::absent;
    }

    /// Returns:        false after a failure of the store
    [[nodiscard]] bool get_batch(std::span<key128 const> keys,
                                 std::span<lookup_result<Record>> results) const {
        auto const loaded = ask("get", keys.front(), [&](Store& store) -> std::vector<maybe_bytes> {
            std::uint64_t const generation = scope_->generation(store);
            std::vector<std::string> names;
            names.reserve(keys.size());
            for (key128 const key : keys) {
                names.emplace_back(scope_->names.record(key, generation).text());
            }
            std::vector<maybe_bytes> all = store.load_many(std::span<std::string const>(names));
            if (all.size() != names.size()) {
                throw std::runtime_error("load_many returns " + std::to_string(all.size()) +
                                         " values for " + std::to_string(names.size()) + " names");
            }
            return all;
        });
        for (std::size_t i = 0; loaded && i < keys.size(); ++i) {
            results[i] = decode((*loaded)[i], keys[i], true);
        }
        return loaded.has_value();
    }

    /// An item and the token of its version; without an item no token and no bytes.
    template <class Token> struct versioned_item {
        std::string name;
        std::optional<Token> token{};
        std::vector<std::byte> bytes{};
    };

    [[nodiscard]] auto load_for_update(key128 key) const {
        return ask("update", key, [&](Store& store) {
            using token = token_of<Store>;
            versioned_item<token> item{std::string(name_of(key, store).text())};
            std::optional<versioned_bytes<token>> stored = store.load_versioned(item.name);
            if (stored) {
                item.token = std::move(stored->token);
                item.bytes = std::move(stored->bytes);
            }
            return item;
        });
    }

    std::shared_ptr<shared_type> shared_;
    byte_scope* scope_;
    key128 digest_;
    item_codec<Record> codec_;
    bool throws_;
};

} // namespace memo::detail
