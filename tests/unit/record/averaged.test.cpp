// SPDX-License-Identifier: BSL-1.0

// Numbered samples and the records that they were begun in, and what no record is.

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

/// A backend of one key.
struct place {
    std::optional<numbered::record> kept;

    template <class Merge> numbered::record update(Merge const& merge) {
        kept = merge(kept ? &*kept : nullptr);
        return *kept;
    }
    memo::detail::sample_id begin() {
        auto const begun = update(numbered::begin(memo::detail::random_incarnation()));
        return {begun.begun - 1, begun.incarnation};
    }
    void drop() { kept.reset(); }
};

} // namespace

TEST_CASE("records that two samples of an erased one begin have different incarnations") {
    place here;
    auto const first = here.begin();
    here.begin();
    auto const third = here.begin();
    here.drop();
    here.update(numbered::add(1.0, first)); // the second record
    here.begin();
    auto const third_of_second = here.begin();
    CHECK(third_of_second.number == third.number);
    here.drop();
    here.update(numbered::add(3.0, third)); // the third record
    here.update(numbered::add(3.0, third_of_second));
    CHECK(here.kept->samples.count() == 1);
    CHECK(here.kept->incarnation != third_of_second.incarnation);
}

TEST_CASE("an update that is tried again begins the same record") {
    place here;
    double const sample = 1;
    auto const add = numbered::add(sample, here.begin());
    here.drop();
    auto const begun = here.update(add);
    here.drop();
    CHECK(here.update(add).incarnation == begun.incarnation);
    CHECK(begun.begun == 1);
}

namespace {

template <class Record> std::vector<std::byte> bytes_of(Record const& record) {
    std::vector<std::byte> bytes;
    REQUIRE(memo::detail::encode_record(bytes, record));
    return bytes;
}

/// What lies in a record of an averaged function, with room for what no function leaves there.
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
    } catch (memo::detail::malformed const&) {
        return true;
    }
}

bool is_refused(numbers const& raw) {
    try {
        auto const bytes = bytes_of(raw);
        static_cast<void>(
            memo::detail::decode_record<memo::detail::averaged_record<std::vector<double>>>(bytes));
        return false;
    } catch (memo::detail::malformed const&) {
        return true;
    }
}

} // namespace

TEST_CASE("a record of moments that contradicts itself is refused") {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    constexpr double infinite = std::numeric_limits<double>::infinity();
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    auto const of = [](std::uint64_t count, memo::detail::spread numbers_of_it) {
        return one_number{{count, {numbers_of_it}}, 0, 0, 0};
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
    CHECK(is_refused(of(most, {3, 1, 2})));
    CHECK(is_refused(one_number{{1, {{{3, 0, 0}}}}, most, 0, 0}));
    CHECK(is_refused(one_number{{1, {{{3, 0, 0}}}}, 0, most, 0}));

    CHECK_FALSE(is_refused(numbers{}));
    CHECK_FALSE(is_refused(numbers{{2, {{3, 1, 2}, {0, 0, 0}}}, 0, 0, 0}));
    CHECK(is_refused(numbers{{5, {}}, 0, 0, 0})); // five samples without a number
    CHECK(is_refused(numbers{{0, std::vector<memo::detail::spread>(1)}, 0, 0, 0}));
    CHECK(is_refused(numbers{{2, {{3, 1, 2}, {3, 1, -1}}}, 0, 0, 0}));
}

TEST_CASE("a decoded record of an averaged function equals the encoded one") {
    constexpr double most = std::numeric_limits<double>::max();
    constexpr double infinite = std::numeric_limits<double>::infinity();
    std::mt19937_64 random(7);
    std::vector<double> const chosen{most, -most, infinite, -infinite, 0, 1, -1e-310, 1e200, 3, 3};
    for (int round = 0; round < 2000; ++round) {
        memo::detail::averaged_record<double> record;
        memo::detail::averaged_record<double> other;
        for (int i = 0; i < round % 7; ++i) {
            record.samples.add(chosen[random() % chosen.size()]);
            other.samples.add(chosen[random() % chosen.size()]);
        }
        record.samples.merge(other.samples);
        auto const bytes = bytes_of(record);
        auto const back = memo::detail::decode_record<memo::detail::averaged_record<double>>(bytes);
        CHECK(bytes_of(back) == bytes);
    }
}
