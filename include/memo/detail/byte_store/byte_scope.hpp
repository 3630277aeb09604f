// SPDX-License-Identifier: BSL-1.0
#pragma once

// A user's store of bytes and what memo adds to it; and one function's part of it: its counters, the names
// of its items, and the generation by which clear() drops all of them at once.
//
// The generation is a random word at `<name_space>:<scope>:gen`. Whoever finds none stores one; clear()
// stores another. If the store loses the generation it loses the items with it, and no number comes back.

#include <memo/backend.hpp>
#include <memo/byte_store.hpp>
#include <memo/detail/breaker.hpp>
#include <memo/detail/byte_store/byte_counters.hpp>
#include <memo/detail/byte_store/cached_generation.hpp>
#include <memo/detail/byte_store/item_name.hpp>
#include <memo/detail/record/sample_id.hpp>
#include <memo/detail/system/cancellation.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/error.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>
#include <memo/time_span.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace memo::detail {

/// One function's items in a store.
///
/// Thread safety:  safe
class byte_scope {
  public:
    byte_scope(std::string const& name_space, key128 scope) : names(name_space, scope) {}

    item_names const names;
    byte_counters counters;

    /// The generation that is stored, or was a second ago. If a clear() is pending, the store gets it first.
    ///
    /// Throws:         what the store throws
    template <class Store> [[nodiscard]] std::uint64_t generation(Store& store) {
        auto const now = cached_generation::clock::now();
        if (std::uint64_t const fresh = generation_.fresh(now); fresh != 0) {
            return fresh;
        }
        if (generation_.is_clear_pending()) {
            renew(store);
        }
        std::uint64_t const before = generation_.number();
        std::uint64_t const stored = load_generation(store);
        generation_.loaded(before, stored, now);
        return stored;
    }

    /// Begins another generation.
    ///
    /// Throws:         what the store throws: then the next operation that reaches it begins one
    template <class Store> void clear(Store& store) {
        generation_.request_clear();
        renew(store);
    }

  private:
    using generation_bytes = std::vector<std::byte>;

    template <class Store> void renew(Store& store) {
        std::uint64_t const clears = generation_.clears();
        std::uint64_t const next = random_number();
        if (!store.store(names.generation(), bytes_of(next), std::chrono::nanoseconds(0))) {
            throw std::runtime_error("the store refuses the generation");
        }
        generation_.cleared(clears, next);
    }

    /// The generation in the store, which has one afterwards.
    template <class Store> [[nodiscard]] std::uint64_t load_generation(Store& store) const {
        constexpr int tries = 8;
        for (int i = 0; i < tries; ++i) {
            if constexpr (exchanging_byte_store<Store>) {
                std::optional<versioned_bytes<token_of<Store>>> const found =
                    store.load_versioned(names.generation());
                if (std::uint64_t const stored = found ? number_in(found->bytes) : 0; stored != 0) {
                    return stored;
                }
                std::uint64_t const first = random_number();
                auto const token = found ? std::optional(found->token) : std::nullopt;
                if (store.exchange(names.generation(), token, bytes_of(first),
                                   std::chrono::nanoseconds(0))) {
                    return first;
                }
            } else {
                std::optional<std::vector<std::byte>> const found = store.load(names.generation());
                if (std::uint64_t const stored = found ? number_in(*found) : 0; stored != 0) {
                    return stored;
                }
                // Of several at a time the last one counts; they read it in their next round.
                static_cast<void>(store.store(names.generation(), bytes_of(random_number()),
                                              std::chrono::nanoseconds(0)));
            }
        }
        throw std::runtime_error("the store does not keep the generation");
    }

    [[nodiscard]] static generation_bytes bytes_of(std::uint64_t number) {
        generation_bytes bytes(sizeof number);
        std::memcpy(bytes.data(), &number, sizeof number);
        return bytes;
    }

    /// 0 for bytes that are no generation.
    [[nodiscard]] static std::uint64_t number_in(std::span<std::byte const> bytes) noexcept {
        std::uint64_t number = 0;
        if (bytes.size() == sizeof number) {
            std::memcpy(&number, bytes.data(), sizeof number);
        }
        return number;
    }

    cached_generation generation_;
};

/// A user's store, shared by the copies of a backend and by its partitions.
///
/// Thread safety:  safe, as the store's
template <byte_store Store> class shared_byte_store {
  public:
    shared_byte_store(std::shared_ptr<Store> store, byte_backend_settings chosen)
        : settings(std::move(chosen)), store_(std::move(store)) {
        auto const refuse_if = [](bool wrong, char const* what) {
            if (wrong) {
                throw error(errc::configuration, std::string("byte_backend: ") + what);
            }
        };
        refuse_if(store_ == nullptr, "there is no store");
        refuse_if(!is_name_space(settings.name_space),
                  "name_space must be 1 to 64 letters, digits, dots, hyphens and underscores");
        refuse_if(settings.ttl.is_negative(), "ttl must not be negative");
        auto const is_bounded = [](time_span span) {
            return !span.is_negative() && span <= time_span(std::chrono::hours(24 * 29));
        };
        refuse_if(!is_bounded(settings.lease), "lease must be 0 s to 29 days");
        refuse_if(!is_bounded(settings.max_update_time), "max_update_time must be 0 s to 29 days");
        refuse_if(settings.max_value_bytes == 0, "max_value_bytes must not be 0");
    }

    byte_backend_settings const settings;

    [[nodiscard]] Store& store() const noexcept { return *store_; }

    /// What belongs to one function; the same for all who ask with its digest.
    [[nodiscard]] byte_scope& scope(key128 digest) {
        std::scoped_lock const lock(mutex_);
        return scopes_.try_emplace(digest, settings.name_space, digest).first->second;
    }

    [[nodiscard]] backend_statistics stats() const {
        backend_statistics sum;
        std::scoped_lock const lock(mutex_);
        for (auto const& [digest, scope] : scopes_) {
            scope.counters.add_to(sum);
        }
        return sum;
    }

    /// Runs operation(store). Nothing if the store threw, or was not asked because it threw three times in
    /// a row: then one caller in a second asks it, and in up to 30 seconds later on.
    ///
    /// Throws:         memo::error (backend) if `throws`, and counts nothing; else counts an error
    template <class Operation>
    [[nodiscard]] auto ask(byte_scope& scope, bool throws, char const* verb, key128 key,
                           Operation const& operation) {
        using answer_type = std::invoke_result_t<Operation const&, Store&>;
        constexpr std::chrono::seconds probe{1};
        std::string what = "not asked, as it failed a moment ago";
        if (breaker_.lets_pass(probe)) {
            try {
                std::optional<answer_type> answer(std::in_place, operation(*store_));
                breaker_.succeeded();
                return answer;
            } catch (thread_cancelled const&) {
                throw;
            } catch (std::exception const& failure) {
                what = failure.what();
            } catch (...) {
                what = "an exception that is no std::exception";
            }
            breaker_.failed(false);
        }
        fail(scope, throws, verb, key, what);
        return std::optional<answer_type>();
    }

    /// Counts an error, or throws one.
    static void fail(byte_scope& scope, bool throws, char const* verb, key128 key,
                     std::string_view what) {
        if (throws) { // who catches it counts it
            throw error(errc::backend, std::string("byte store ") + verb + ' ' + to_string(key) +
                                           ": " + std::string(what));
        }
        count_one(scope.counters.errors);
    }

  private:
    std::shared_ptr<Store> store_;
    breaker breaker_;
    mutable mutex mutex_;
    std::map<key128, byte_scope> scopes_;
};

} // namespace memo::detail
