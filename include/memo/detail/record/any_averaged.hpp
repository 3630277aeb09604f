// SPDX-License-Identifier: BSL-1.0
#pragma once

// The record of an averaged function with samples of any type, for tools that do not know the function.
// Numbers, arrays and vectors have one layout at rest (docs/format.md, "Payload"), except for the counts
// of elements of vectors.

#include <memo/detail/math.hpp>
#include <memo/detail/record/averaged.hpp>
#include <memo/detail/record/bets.hpp>
#include <memo/detail/record/bytes.hpp>
#include <memo/detail/record/codec.hpp>
#include <memo/detail/record/kind.hpp>
#include <memo/detail/record/moments.hpp>
#include <memo/detail/record/nesting.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace memo::detail {

/// Thread safety:  none
class any_averaged {
  public:
    /// kind            moments or bets
    /// Returns:        nothing if the bytes are malformed
    [[nodiscard]] static std::optional<any_averaged> decode(std::span<std::byte const> payload,
                                                            record_kind kind) {
        if (payload.size() < count_size + trailer_size) {
            return std::nullopt;
        }
        any_averaged result(kind);
        std::size_t const elements = payload.size() - count_size - trailer_size;
        result.is_list_ = elements % result.element_size() != 0;
        result.elements_ = result.is_list_ ? 0 : elements / result.element_size();
        try {
            result.take(result.is_list_ ? std::vector(payload.begin(), payload.end())
                                        : result.as_list(payload));
            return result;
        } catch (malformed_record const&) {
            return std::nullopt;
        }
    }

    /// Appends the payload.
    void encode(std::vector<std::byte>& out) const {
        std::vector<std::byte> list;
        std::visit([&](auto const& record) { static_cast<void>(encode_record(list, record)); },
                   record_);
        if (is_list_) {
            out.insert(out.end(), list.begin(), list.end());
            return;
        }
        auto const copy = [&](std::size_t from, std::size_t size) {
            auto const begin = list.begin() + static_cast<std::ptrdiff_t>(from);
            out.insert(out.end(), begin, begin + static_cast<std::ptrdiff_t>(size));
        };
        // A list without samples has no elements; other records have zeros.
        auto const copy_elements = [&](std::size_t from, std::size_t each) {
            for (std::size_t i = 0; i < elements_; ++i) {
                if (size() != 0) {
                    copy(from + i * each, each);
                } else {
                    out.insert(out.end(), each - 1, std::byte{0});
                    out.push_back(std::byte{class_end});
                }
            }
        };
        copy(0, count_size);
        copy_elements(2 * count_size, spread_size);
        if (has_bets()) {
            copy_elements(3 * count_size + size() * spread_size, bets_size);
        }
        copy(list.size() - trailer_size, trailer_size);
    }

    /// Whether samples have a type of variable length.
    [[nodiscard]] bool is_list() const noexcept { return is_list_; }
    /// The moments, without bets.
    [[nodiscard]] moments<std::vector<double>> const& samples() const {
        return std::visit(
            [](auto const& record) -> moments<std::vector<double>> const& {
                return record.samples;
            },
            record_);
    }
    [[nodiscard]] std::size_t size() const { return samples().size(); }
    [[nodiscard]] std::uint64_t rejected() const {
        return std::visit([](auto const& record) { return record.rejected; }, record_);
    }
    /// Samples that count as repetitions.
    [[nodiscard]] std::uint64_t draws() const { return samples().count() + rejected(); }
    [[nodiscard]] std::uint64_t begun() const {
        return std::visit([](auto const& record) { return record.begun; }, record_);
    }
    void set_begun(std::uint64_t begun) {
        std::visit([&](auto& record) { record.begun = begun; }, record_);
    }
    [[nodiscard]] std::uint64_t incarnation() const {
        return std::visit([](auto const& record) { return record.incarnation; }, record_);
    }
    void set_incarnation(std::uint64_t incarnation) {
        std::visit([&](auto& record) { record.incarnation = incarnation; }, record_);
    }

    /// Adds the samples of another record, which has none of these.
    ///
    /// other           of the same kind
    /// Throws:         memo::error (sample) if samples have different lengths
    void merge(any_averaged const& other) {
        change(other, [](auto& record, auto const& more) {
            record.samples.merge(more.samples);
            record.rejected += more.rejected;
        });
    }

    /// Undoes merge(part), but for rounding.
    ///
    /// part            of at most as many samples
    /// Throws:         memo::error (sample) if samples have different lengths
    void remove(any_averaged const& part) {
        change(part, [](auto& record, auto const& less) {
            record.samples.remove(less.samples);
            record.rejected -= less.rejected;
        });
    }

    /// Whether both may have samples of one type and length.
    [[nodiscard]] bool has_shape_of(any_averaged const& other) const {
        return is_list_ == other.is_list_ && elements_ == other.elements_ &&
               (size() == other.size() || size() == 0 || other.size() == 0);
    }

    /// Whether both have the same samples, but for rounding.
    ///
    /// whole           has the samples of both, and perhaps others: what remove() leaves of it is as exact
    ///                 as the whole is, which may be less than the rest alone would be
    [[nodiscard]] bool equals(any_averaged const& other, any_averaged const& whole) const {
        if (samples().count() != other.samples().count() || rejected() != other.rejected() ||
            size() != other.size()) {
            return false;
        }
        for (std::size_t i = 0; i < size(); ++i) {
            double const mean = samples().mean(i);
            double const squares = (std::max)(samples().m2(i), whole.samples().m2(i));
            double const scale =
                math::abs(mean) + math::sqrt(squares / static_cast<double>(samples().count()));
            if (!are_near(mean, other.samples().mean(i), scale) ||
                !are_near(samples().m2(i), other.samples().m2(i), squares)) {
                return false;
            }
        }
        return true;
    }

    /// Whether all samples of `part` may be among these. True for an earlier state of this record;
    /// false for most records that have other samples.
    ///
    /// whole           see equals()
    [[nodiscard]] bool may_contain(any_averaged const& part, any_averaged const& whole) const {
        if (part.samples().count() > samples().count() || part.rejected() > rejected()) {
            return false;
        }
        if (part.size() != size() && part.size() != 0) {
            return false;
        }
        any_averaged rest = *this;
        rest.remove(part);
        rest.merge(part); // remove() leaves no squares less than 0, and none of a single sample
        return equals(rest, whole);
    }

  private:
    using moments_record = averaged_record<std::vector<double>>;
    using bets_record = betting_record<std::vector<double>>;

    static constexpr std::size_t count_size = 8;
    static constexpr std::size_t spread_size = 3 * 8 + 1;
    static constexpr std::size_t bets_size = 2 * bets::size * sizeof(double) + 1;
    static constexpr std::size_t trailer_size = 1 + 3 * 8 + 1;

    explicit any_averaged(record_kind kind) {
        if (kind == record_kind::bets) {
            record_.emplace<bets_record>();
        }
    }

    [[nodiscard]] bool has_bets() const noexcept {
        return std::holds_alternative<bets_record>(record_);
    }
    [[nodiscard]] std::size_t element_size() const noexcept {
        return spread_size + (has_bets() ? bets_size : 0);
    }

    void take(std::vector<std::byte> const& list) {
        std::visit(
            [&]<class Record>(Record& record) { record = decode_record<Record>(std::span(list)); },
            record_);
    }

    /// The payload of numbers or arrays as that of vectors.
    [[nodiscard]] std::vector<std::byte> as_list(std::span<std::byte const> payload) const {
        std::uint64_t count = 0;
        std::memcpy(&count, payload.data(), sizeof count);
        std::uint64_t const listed = count == 0 ? 0 : elements_;
        std::vector<std::byte> list(payload.begin(), payload.begin() + count_size);
        auto const copy = [&](std::size_t from, std::size_t size) {
            auto const part = payload.subspan(from, size);
            list.insert(list.end(), part.begin(), part.end());
        };
        auto const copy_elements = [&](std::size_t from, std::size_t each) {
            auto const* const bytes = reinterpret_cast<std::byte const*>(&listed);
            list.insert(list.end(), bytes, bytes + sizeof listed);
            copy(from, static_cast<std::size_t>(listed) * each);
        };
        copy_elements(count_size, spread_size);
        if (has_bets()) {
            copy_elements(count_size + elements_ * spread_size, bets_size);
        }
        copy(payload.size() - trailer_size, trailer_size);
        return list;
    }

    template <class Change> void change(any_averaged const& other, Change const& change_by) {
        std::visit(
            [&]<class Record>(Record& record) {
                if (auto const* const more = std::get_if<Record>(&other.record_)) {
                    change_by(record, *more);
                }
            },
            record_);
    }

    /// scale           of the numbers
    [[nodiscard]] static bool are_near(double one, double other, double scale) {
        constexpr double tolerance = 1e-9;
        return math::is_finite(one) && math::is_finite(other)
                   ? math::abs(one - other) <= tolerance * scale
                   : !math::is_finite(one) && !math::is_finite(other);
    }

    std::variant<moments_record, bets_record> record_;
    bool is_list_ = false;
    std::size_t elements_ = 0; ///< of a sample, if it is no list
};

} // namespace memo::detail
