// SPDX-License-Identifier: BSL-1.0
#pragma once

// The result of a lookup: a record, or why there is none.

#include <memo/outcome.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

namespace memo {

/// A stored record with its cost and its remaining time to live.
template <class Record> struct cached_value {
    Record record;
    std::uint64_t cost = 0;                    ///< ns that the evaluation took, to 12 %
    std::chrono::nanoseconds remaining_ttl{0}; ///< 0: no limit
};

/// The result of a lookup: the record, or the reason of the miss.
template <class Record> class lookup_result {
  public:
    lookup_result(miss_reason reason = miss_reason::absent) : reason_(reason) {}
    lookup_result(std::nullopt_t) {} ///< absent
    lookup_result(cached_value<Record> value) : value_(std::move(value)) {}
    lookup_result(std::optional<cached_value<Record>> value) : value_(std::move(value)) {}

    [[nodiscard]] bool has_value() const noexcept { return value_.has_value(); }
    [[nodiscard]] explicit operator bool() const noexcept { return value_.has_value(); }

    // Requires has_value().
    [[nodiscard]] cached_value<Record>& operator*() & noexcept { return *value_; }
    [[nodiscard]] cached_value<Record> const& operator*() const& noexcept { return *value_; }
    [[nodiscard]] cached_value<Record>&& operator*() && noexcept { return *std::move(value_); }
    [[nodiscard]] cached_value<Record>* operator->() noexcept { return &*value_; }
    [[nodiscard]] cached_value<Record> const* operator->() const noexcept { return &*value_; }

    /// The reason of the miss. Requires !has_value().
    [[nodiscard]] miss_reason reason() const noexcept { return reason_; }

  private:
    std::optional<cached_value<Record>> value_;
    miss_reason reason_ = miss_reason::absent;
};

} // namespace memo
