// SPDX-License-Identifier: BSL-1.0
#pragma once

// The record of an exact function: the result, under verify_full with its key material.
// averaged.hpp has the same interface for averaged functions.

#include <memo/detail/key/same_value.hpp>
#include <memo/key128.hpp>
#include <memo/options.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace memo::detail {

/// The part of an exact function's evaluation that does not depend on the record.
template <class R> class single_result {
  public:
    using sample = R; ///< what the function returns
    using result = R; ///< what a caller gets
    using addend = R; ///< a sample of an averaged function, as its record takes it
    using options = memo::options<R>;

    static constexpr bool merges = false;   ///< whether a record can take more samples
    static constexpr bool numbered = false; ///< whether samples are numbered
    static constexpr bool comparable = detail::comparable<R>;
    struct audit_state {}; ///< what audits remember of earlier ones: nothing

    explicit single_result(options const& chosen)
        : threshold_(chosen.time_threshold.least()), store_if_(chosen.store_if) {}

    template <class Record> static bool has_result(Record const&) noexcept { return true; }
    template <class Record> static bool is_enough(Record const&) noexcept { return true; }
    template <class Record> static bool needs_range(Record const&) noexcept { return false; }
    template <class Record> static bool can_serve(Record const&) noexcept { return true; }
    template <class Record> static bool needs_sample(Record const&, std::uint64_t) noexcept {
        return false;
    }

    [[nodiscard]] bool is_slow_enough(std::chrono::nanoseconds taken) const {
        return taken >= threshold_;
    }
    [[nodiscard]] bool accepts(R const& value) const { return !store_if_ || store_if_(value); }

  private:
    std::chrono::nanoseconds threshold_;
    std::function<bool(R const&)> store_if_;
};

/// The record of an exact function is its result.
template <class R> struct exact : single_result<R> {
    using record = R;
    struct key_material {};
    static constexpr std::string_view kind(memo::options<R> const&) noexcept { return "exact"; }

    using single_result<R>::single_result;

    static record make_record(R&& value, key_material) { return std::move(value); }
    static bool has_key_material(record const&, key_material) noexcept { return true; }
    static R&& result_of(record&& stored) noexcept { return std::move(stored); }
    static bool contradicts(typename single_result<R>::audit_state&, key128, record const& stored,
                            R const& fresh) {
        return !same_value(stored, fresh);
    }
};

/// The record of a function under verify_full: its result and its key material.
template <class R> struct exact_verified : single_result<R> {
    using record = std::pair<R, std::vector<std::uint64_t>>;
    using key_material = std::vector<std::uint64_t>;
    static constexpr std::string_view kind(memo::options<R> const&) noexcept {
        return "exact, witnessed";
    }

    using single_result<R>::single_result;

    static record make_record(R&& value, key_material const& stream) {
        return {std::move(value), stream};
    }
    static bool has_key_material(record const& stored, key_material const& stream) {
        return stored.second == stream;
    }
    static R&& result_of(record&& stored) noexcept { return std::move(stored.first); }
    static bool contradicts(typename single_result<R>::audit_state&, key128, record const& stored,
                            R const& fresh) {
        return !same_value(stored.first, fresh);
    }
};

} // namespace memo::detail
