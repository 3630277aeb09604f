// SPDX-License-Identifier: BSL-1.0
#pragma once

// A user's store of bytes with what memo adds to it: checked settings, a circuit breaker, the translation of
// exceptions, and the scopes of all functions.

#include <memo/byte_store.hpp>
#include <memo/detail/breaker.hpp>
#include <memo/detail/byte_store/byte_counters.hpp>
#include <memo/detail/byte_store/byte_scope.hpp>
#include <memo/detail/byte_store/item_name.hpp>
#include <memo/detail/system/cancellation.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/error.hpp>
#include <memo/key128.hpp>
#include <memo/statistics.hpp>
#include <memo/time_span.hpp>

#include <chrono>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace memo::detail {

/// One store, its settings and the scopes of its functions. The copies of a backend and their partitions
/// share it.
///
/// Thread safety:  safe, because the store is
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

    /// The scope of one function; the same object for all calls with its digest.
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

    /// Runs operation(store), unless the circuit breaker is open because the store threw three times in a
    /// row.
    ///
    /// Returns:        what the operation returns; nothing after a failure
    /// Throws:         memo::error (backend) after a failure if `throws`; otherwise counts an error
    template <class Operation>
    [[nodiscard]] auto ask(byte_scope& scope, bool throws, char const* verb, key128 key,
                           Operation const& operation) {
        using result_type = std::invoke_result_t<Operation const&, Store&>;
        constexpr std::chrono::seconds probe{1};
        std::string what = "not tried, because it failed a moment ago";
        if (breaker_.lets_pass(probe)) {
            try {
                std::optional<result_type> result(std::in_place, operation(*store_));
                breaker_.succeeded();
                return result;
            } catch (thread_cancelled const&) {
                throw;
            } catch (std::exception const& failure) {
                what = failure.what();
            } catch (...) {
                what = "an exception that is not a std::exception";
            }
            breaker_.failed(false);
        }
        fail(scope, throws, verb, key, what);
        return std::optional<result_type>();
    }

    /// Throws memo::error if `throws`; otherwise counts an error.
    static void fail(byte_scope& scope, bool throws, char const* verb, key128 key,
                     std::string_view what) {
        if (throws) { // the function cache counts it
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
