// SPDX-License-Identifier: BSL-1.0

// The records of averaged functions: numbered samples, and the refusal of impossible moments.

#include <memo/detail/record/averaged.hpp>
#include <memo/detail/record/codec.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <vector>

namespace {

using numbered = memo::detail::averaging<double, true>;

/// A backend with one key.
struct single_record {
    std::optional<numbered::record> record;

    template <class Merge> numbered::record update(Merge const& merge) {
        record = merge(record ? &*record : nullptr);
        return *record;
    }
    memo::detail::sample_id begin() {
        auto const updated = update(numbered::begin(memo::detail::random_incarnation()));
        return {updated.begun - 1, updated.incarnation};
    }
    void erase() { record.reset(); }
};

} // namespace

TEST_CASE("successors of an erased record have distinct incarnations") {
    single_record stored;
    auto const first = stored.begin();
    stored.begin();
    auto const third = stored.begin();
    stored.erase();
    stored.update(numbered::add(1.0, first)); // the second record
    stored.begin();
    auto const third_of_second = stored.begin();
    CHECK(third_of_second.number == third.number);
    stored.erase();
    stored.update(numbered::add(3.0, third)); // the third record
    stored.update(numbered::add(3.0, third_of_second));
    CHECK(stored.record->samples.count() == 1);
    CHECK(stored.record->incarnation != third_of_second.incarnation);
}

TEST_CASE("a retried update creates the same record") {
    single_record stored;
    double const sample = 1;
    auto const add = numbered::add(sample, stored.begin());
    stored.erase();
    auto const first = stored.update(add);
    stored.erase();
    CHECK(stored.update(add).incarnation == first.incarnation);
    CHECK(first.begun == 1);
}

namespace {

template <class Record> std::vector<std::byte> bytes_of(Record const& record) {
    std::vector<std::byte> bytes;
    REQUIRE(memo::detail::encode_record(bytes, record));
    return bytes;
}

/// A record of an averaged function with arbitrary values.
template <class Spreads> struct raw_record {
    struct raw_moments {
        std::uint64_t count = 0;
        Spreads spreads{};
        template <class Archive> void serialize(Archive& archive) { archive(count, spreads); }
    } samples;
    std::uint64_t rejected = 0;
    std::uint64_t begun = 0;
    std::uint64_t incarnation = 0;
    template <class Archive> void serialize(Archive& archive) {
        archive(samples, rejected, begun, incarnation);
    }
};

using one_number = raw_record<std::array<memo::detail::spread, 1>>;
using numbers = raw_record<std::vector<memo::detail::spread>>;

bool is_refused(one_number const& raw) {
    try {
        auto const bytes = bytes_of(raw);
        static_cast<void>(
            memo::detail::decode_record<memo::detail::averaged_record<double>>(bytes));
        return false;
    } catch (memo::detail::malformed_record const&) {
        return true;
    }
}

bool is_refused(numbers const& raw) {
    try {
        auto const bytes = bytes_of(raw);
        static_cast<void>(
            memo::detail::decode_record<memo::detail::averaged_record<std::vector<double>>>(bytes));
        return false;
    } catch (memo::detail::malformed_record const&) {
        return true;
    }
}

} // namespace

TEST_CASE("moments that no samples can have are refused") {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    constexpr double infinite = std::numeric_limits<double>::infinity();
    constexpr std::uint64_t max = std::numeric_limits<std::uint64_t>::max();
    auto const of = [](std::uint64_t count, memo::detail::spread spread) {
        return one_number{{count, {spread}}, 0, 0, 0};
    };
    CHECK_FALSE(is_refused(of(0, {})));
    CHECK_FALSE(is_refused(of(1, {3, 0, 0})));
    CHECK_FALSE(is_refused(of(2, {3, 1, 2})));
    CHECK_FALSE(is_refused(of(2, {3, 1, infinite})));
    CHECK_FALSE(is_refused(of(1, {nan, 0, nan}))); // on_nan = propagate
    CHECK_FALSE(is_refused(of(2, {3, nan, nan})));
    CHECK_FALSE(is_refused(one_number{{0, {}}, 7, 9, 11}));

    CHECK(is_refused(of(0, {3, 0, 0})));
    CHECK(is_refused(of(0, {0, 0, 1})));
    CHECK(is_refused(of(1, {3, 1, 0})));
    CHECK(is_refused(of(1, {3, 0, 1})));
    CHECK(is_refused(of(2, {3, 1, -2})));
    CHECK(is_refused(of(2, {3, 1, nan})));
    CHECK(is_refused(of(2, {nan, 1, 2})));
    CHECK(is_refused(of(2, {1e308, 1.7e308, infinite}))); // its mean overflows
    CHECK(is_refused(of(max, {3, 1, 2})));
    CHECK(is_refused(one_number{{1, {{{3, 0, 0}}}}, max, 0, 0}));
    CHECK(is_refused(one_number{{1, {{{3, 0, 0}}}}, 0, max, 0}));

    CHECK_FALSE(is_refused(numbers{}));
    CHECK_FALSE(is_refused(numbers{{2, {{3, 1, 2}, {0, 0, 0}}}, 0, 0, 0}));
    CHECK(is_refused(numbers{{5, {}}, 0, 0, 0})); // five samples without elements
    CHECK(is_refused(numbers{{0, std::vector<memo::detail::spread>(1)}, 0, 0, 0}));
    CHECK(is_refused(numbers{{2, {{3, 1, 2}, {3, 1, -1}}}, 0, 0, 0}));
}

TEST_CASE("a decoded record of an averaged function equals the encoded one") {
    constexpr double max = std::numeric_limits<double>::max();
    constexpr double infinite = std::numeric_limits<double>::infinity();
    std::mt19937_64 random(7);
    std::vector<double> const values{max, -max, infinite, -infinite, 0, 1, -1e-310, 1e200, 3, 3};
    for (int round = 0; round < 2000; ++round) {
        memo::detail::averaged_record<double> record;
        memo::detail::averaged_record<double> other;
        for (int i = 0; i < round % 7; ++i) {
            record.samples.add(values[random() % values.size()]);
            other.samples.add(values[random() % values.size()]);
        }
        record.samples.merge(other.samples);
        auto const bytes = bytes_of(record);
        auto const back = memo::detail::decode_record<memo::detail::averaged_record<double>>(bytes);
        CHECK(bytes_of(back) == bytes);
    }
}
