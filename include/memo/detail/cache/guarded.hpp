// SPDX-License-Identifier: BSL-1.0
#pragma once

// A backend's partition in, the same partition out whose failures cost the cache and nothing else.

#include <memo/backend.hpp>
#include <memo/detail/key/unfinalized_key.hpp>
#include <memo/detail/optional_members.hpp>
#include <memo/detail/stats/counters.hpp>
#include <memo/detail/system/cancellation.hpp>
#include <memo/error.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>

#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace memo::detail {

/// A partition for records of type Record. What fails is counted and gives false or nothing; it is
/// thrown, as memo::error (backend), only under on_error = strict.
///
/// Thread safety:  safe
template <class Partition, class Record> class guarded {
  public:
    guarded(Partition partition, call_counters& counters, on_error_policy on_error)
        : partition_(std::move(partition)), counters_(counters), on_error_(on_error) {}

    [[nodiscard, gnu::always_inline]] inline std::optional<fast_hit<Record>>
    glance(unfinalized_key key) const noexcept {
        if constexpr (glancing_partition<Partition, Record>) {
            return partition_.glance(key);
        } else {
            return std::nullopt;
        }
    }

    [[nodiscard]] std::optional<fast_hit<Record>>
    glance_further(unfinalized_key key) const noexcept {
        if constexpr (glancing_partition<Partition, Record>) {
            return detail::glance_further<Record>(partition_, key);
        } else {
            return std::nullopt;
        }
    }

    [[nodiscard]] std::optional<cached_value<Record>> get(key128 key) const {
        return attempt("get", [&] { return found(partition_.get(key)); });
    }

    /// See detail::peek.
    [[nodiscard]] std::optional<cached_value<Record>> peek(key128 key) const {
        return attempt("get", [&] { return found(detail::peek<Record>(partition_, key)); });
    }

    /// kept            as many as there are keys, and nothing in them
    void get_many(std::span<key128 const> keys, std::span<lookup_result<Record>> kept) const {
        attempt("get", [&] {
            detail::get_many<Record>(partition_, keys, kept);
            return true;
        });
    }

    [[nodiscard]] bool put(key128 key, Record const& record, put_options about) const {
        return attempt("put", [&] { return partition_.put(key, record, about); });
    }

    /// The record that is there now; nothing if it was not stored.
    template <class Merge>
    [[nodiscard]] std::optional<Record> update(key128 key, Merge const& merge,
                                               put_options about) const {
        return attempt("update", [&] { return partition_.update(key, merge, about); });
    }

    [[nodiscard]] bool erase(key128 key) const {
        return attempt("erase", [&] { return partition_.erase(key); });
    }

    void clear() const {
        attempt("clear", [&] {
            partition_.clear();
            return true;
        });
    }

    [[nodiscard]] backend_statistics events() const { return events_of(partition_); }

    /// Keeps other processes from a key until what it gives goes, where the backend is shared with
    /// some.
    [[nodiscard]] auto lead(key128 key) const {
        if constexpr (leading_partition<Partition>) {
            return partition_.lead(key);
        } else {
            return 0;
        }
    }

    /// The same without waiting: nothing if another process has the key.
    [[nodiscard]] auto try_lead(key128 key) const {
        if constexpr (leading_partition<Partition>) {
            return partition_.try_lead(key);
        } else {
            return std::optional<int>(0);
        }
    }

  private:
    [[nodiscard]] static std::optional<cached_value<Record>> found(lookup_result<Record> result) {
        return result ? std::optional(*std::move(result)) : std::nullopt;
    }

    template <class Operation>
    auto attempt(char const* verb, Operation operation) const -> decltype(operation()) {
        try {
            return operation();
        } catch (error const& failure) {
            if (failure.code() == errc::sample) {
                throw; // from a merge: the function's trouble, not the backend's
            }
            failed(verb, failure.message());
        } catch (std::exception const& failure) {
            failed(verb, failure.what());
        } catch (thread_cancelled const&) {
            throw;
        } catch (...) {
            failed(verb, "an exception that is no std::exception");
        }
        return {};
    }

    [[gnu::noinline]] void failed(char const* verb, std::string_view what) const {
        counters_.add(&statistics::errors);
        if (on_error_ == on_error_policy::strict) {
            throw error(errc::backend, std::string("backend ") + verb + ": " + std::string(what));
        }
    }

    Partition partition_;
    call_counters& counters_;
    on_error_policy on_error_;
};

} // namespace memo::detail
