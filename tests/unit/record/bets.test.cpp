// SPDX-License-Identifier: BSL-1.0

// The capital of bets against the mean of samples, and the interval that follows from it.

#include "support/bets.hpp"

#include <memo/detail/record/averaged.hpp>
#include <memo/detail/record/bets.hpp>
#include <memo/detail/record/codec.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/detail/record/frame_codec.hpp>
#include <memo/detail/record/stopping.hpp>
#include <memo/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <string>
#include <vector>

using memo::sample_range;
using memo::detail::bets;
using memo::detail::betting_moments;
using memo::detail::bounds;
using memo_test::same_sums;
using namespace std::chrono_literals;

namespace {

constexpr sample_range unit{0, 1};

bets of(std::vector<double> const& samples, sample_range range = unit) {
    bets all;
    for (double const sample : samples) {
        all.add(sample, range);
    }
    return all;
}

double width_of(bounds interval) {
    return interval.upper - interval.lower;
}

__extension__ using wide = unsigned __int128;

/// A rational number with a positive denominator; exact while both fit.
struct rational {
    wide numerator;
    wide denominator;

    [[nodiscard]] long double value() const {
        return static_cast<long double>(numerator) / static_cast<long double>(denominator);
    }
};

constexpr std::uint64_t odds_unit = 2048; // all odds are multiples of 1 / 2048

/// The capital of a unit stake after samples y / 4 against the candidate m / 4.
rational capital_of(double odds, std::vector<std::uint64_t> const& samples, std::uint64_t m) {
    auto const k = static_cast<std::uint64_t>(odds * odds_unit);
    rational capital{1, 1};
    for (std::uint64_t const y : samples) {
        capital.numerator *= 4 * odds_unit + k * y;
        capital.denominator *= 4 * odds_unit + k * m;
    }
    return capital;
}

/// Calls visit(sequence) for all sequences of quarters 0 to 4 with this length.
template <class Visit> void for_each_sequence(std::size_t length, Visit const& visit) {
    std::vector<std::uint64_t> samples(length, 0);
    for (;;) {
        visit(samples);
        std::size_t i = 0;
        while (i < length && ++samples[i] == 5) {
            samples[i++] = 0;
        }
        if (i == length) {
            return;
        }
    }
}

bets of_quarters(std::vector<std::uint64_t> const& samples) {
    bets all;
    for (std::uint64_t const y : samples) {
        all.add(static_cast<double>(y) / 4, unit);
    }
    return all;
}

} // namespace

TEST_CASE("the stakes are one half on each side") {
    double sum = 0;
    for (double const stake : bets::stakes) {
        CHECK(stake > 0.001);
        sum += stake;
    }
    CHECK(sum == Approx(0.5).epsilon(1e-15));
    CHECK(std::ranges::is_sorted(bets::odds, std::greater{}));
    CHECK(bets::odds.front() == 256);
    CHECK(bets::odds.back() == 0x1p-10);
    for (double const odds : bets::odds) {
        CHECK(odds * odds_unit == std::floor(odds * odds_unit));
    }
}

TEST_CASE("the capital equals exact rational arithmetic for all short sequences") {
    long double worst = 0;
    for_each_sequence(4, [&](std::vector<std::uint64_t> const& samples) {
        std::vector<std::uint64_t> mirrored;
        for (std::uint64_t const y : samples) {
            mirrored.push_back(4 - y);
        }
        bets const all = of_quarters(samples);
        for (std::uint64_t m = 0; m <= 4; ++m) {
            long double up = 0;
            long double down = 0;
            for (std::size_t j = 0; j < bets::size; ++j) {
                auto const stake = static_cast<long double>(bets::stakes[j]);
                up += stake * capital_of(bets::odds[j], samples, m).value();
                down += stake * capital_of(bets::odds[j], mirrored, 4 - m).value();
            }
            double const at = static_cast<double>(m) / 4;
            auto const compare = [&](long double capital, double logarithm) {
                worst = std::max(worst,
                                 std::abs(std::log(capital) - static_cast<long double>(logarithm)));
            };
            compare(up, all.log_capital_up(4, at));
            compare(down, all.log_capital_down(4, 1 - at));
        }
    });
    CHECK(worst < 1e-13L);
}

TEST_CASE("no law with the candidate as its mean is expected to change the capital") {
    // Chances of the quarters, in 48ths; exact in both sums.
    struct law {
        std::array<std::uint64_t, 5> chances;
        std::uint64_t mean; // in quarters
    };
    for (law const& each :
         {law{{24, 0, 0, 0, 24}, 2}, law{{12, 0, 0, 0, 36}, 3}, law{{0, 48, 0, 0, 0}, 1},
          law{{40, 0, 0, 0, 8}, 0}, law{{28, 8, 4, 0, 8}, 1}, law{{0, 6, 12, 6, 24}, 3}}) {
        std::uint64_t sum = 0;
        for (std::uint64_t y = 0; y < 5; ++y) {
            sum += y * each.chances.at(y);
        }
        bool const is_mean = sum == 48 * each.mean;
        long double up = 0;
        long double down = 0;
        for_each_sequence(4, [&](std::vector<std::uint64_t> const& samples) {
            long double chance = 1;
            for (std::uint64_t const y : samples) {
                chance *= static_cast<long double>(each.chances.at(y)) / 48;
            }
            if (chance > 0) {
                bets const all = of_quarters(samples);
                double const m = static_cast<double>(each.mean) / 4;
                up += chance * std::exp(static_cast<long double>(all.log_capital_up(4, m)));
                down += chance * std::exp(static_cast<long double>(all.log_capital_down(4, 1 - m)));
            }
        });
        CAPTURE(each.chances[0], each.mean);
        CHECK((std::abs(up - 0.5L) < 1e-13L) == is_mean);
        CHECK((std::abs(down - 0.5L) < 1e-13L) == is_mean);
    }
}

TEST_CASE("the ends of the interval are the candidates with the capital of the confidence") {
    std::mt19937_64 random(3);
    sample_range const range{-2, 6};
    for (int round = 0; round < 200; ++round) {
        std::size_t const count = 1 + random() % 300;
        std::vector<double> samples;
        double sum = 0;
        for (std::size_t i = 0; i < count; ++i) {
            samples.push_back(
                -2 + 8 * std::pow(static_cast<double>(random() >> 11) * 0x1p-53, 1 + round % 5));
            sum += samples.back();
        }
        bets const all = of(samples, range);
        double const confidence = round % 2 == 0 ? 0.95 : 0.5;
        auto const n = static_cast<double>(count);
        auto const [lower, upper] = all.interval(count, range, confidence);
        CAPTURE(round, count, lower, upper);
        CHECK(lower <= sum / n);
        CHECK(upper >= sum / n);
        double const limit = -std::log(1 - confidence);
        CHECK((lower == range.low ||
               std::abs(all.log_capital_up(n, (lower + 2) / 8) - limit) < 1e-9));
        CHECK((upper == range.high ||
               std::abs(all.log_capital_down(n, (6 - upper) / 8) - limit) < 1e-9));
        auto const is_within = [&](double more) {
            return all.is_within({lower - more, upper + more}, count, range, confidence);
        };
        CHECK(is_within(1e-9));
        CHECK((!is_within(-1e-9) || (lower == range.low && upper == range.high)));
    }
}

TEST_CASE("without samples the interval is the range") {
    auto const none = bets().interval(0, {-3, 7}, 0.95);
    CHECK(none.lower == -3);
    CHECK(none.upper == 7);
    auto const one = of({1}).interval(1, unit, 0.95);
    CHECK(one.lower == 0); // no stake is 20 times as large after one sample
    CHECK(one.upper == 1);
}

TEST_CASE("equal samples at an end of the range leave the candidates of the rule of three") {
    bets all;
    for (int i = 0; i < 100; ++i) {
        all.add(1, unit);
    }
    auto const [lower, upper] = all.interval(100, unit, 0.95);
    CHECK(upper == 1);
    // -ln(0.05) / n would be the one-sided interval for one look.
    CHECK(1 - lower > 0.03);
    CHECK(1 - lower < 2 * 0.03);
}

TEST_CASE("neither order nor split of the samples changes the bets") {
    std::mt19937_64 random(5);
    std::vector<double> samples;
    for (int i = 0; i < 1000; ++i) {
        samples.push_back(static_cast<double>(random() % 1000) / 999);
    }
    bets const serial = of(samples);
    std::vector<double> shuffled = samples;
    std::ranges::shuffle(shuffled, random);
    CHECK(same_sums(serial, of(shuffled)));
    std::array<bets, 4> parts;
    for (double const sample : shuffled) {
        parts.at(random() % 4).add(sample, unit);
    }
    bets merged = parts[3];
    for (std::size_t const part : {0U, 2U, 1U}) {
        merged.merge(parts.at(part));
    }
    CHECK(same_sums(serial, merged));
    CHECK(width_of(merged.interval(1000, unit, 0.95)) ==
          Approx(width_of(serial.interval(1000, unit, 0.95))).epsilon(1e-9));
}

TEST_CASE("the interval is finite and narrows up to 10^15 samples") {
    for (std::vector<double> const& pattern :
         {std::vector{0., 1.}, {0.}, {1.}, {0.25, 0.25, 0.75}, {1e-300, 0.}, {1., 1., 1., 0.}}) {
        bets all = of(pattern);
        std::uint64_t count = pattern.size();
        double width = 1;
        for (int doubling = 0; doubling < 48; ++doubling) {
            auto const [lower, upper] = all.interval(count, unit, 0.95);
            CAPTURE(pattern, count, lower, upper);
            CHECK(0 <= lower);
            CHECK(lower <= upper);
            CHECK(upper <= 1);
            CHECK(upper - lower <= width * (1 + 1e-9));
            width = upper - lower;
            CHECK(std::isfinite(all.log_capital_up(static_cast<double>(count), 1)));
            CHECK(std::isfinite(all.log_capital_down(static_cast<double>(count), 0.5)));
            all.merge(bets(all));
            count *= 2;
        }
        CHECK(width < 1e-3);
    }
}

TEST_CASE("a million samples one by one leave a narrow interval around the mean") {
    std::mt19937_64 random(1);
    bets all;
    double sum = 0;
    for (int i = 0; i < 1'000'000; ++i) {
        double const sample = random() % 10 == 0 ? 1 : 0;
        sum += sample;
        all.add(sample, unit);
    }
    auto const [lower, upper] = all.interval(1'000'000, unit, 0.95);
    CHECK(lower < sum / 1e6);
    CHECK(upper > sum / 1e6);
    CHECK(upper - lower < 3 * 2 * 1.96 * 0.0003); // three times the t interval
}

TEST_CASE("extreme ranges have finite intervals within them") {
    constexpr double max = std::numeric_limits<double>::max();
    constexpr double least = std::numeric_limits<double>::denorm_min();
    for (sample_range const range :
         {sample_range{-max / 2, max / 2}, sample_range{0, least}, sample_range{-least, least},
          sample_range{1e9, std::nextafter(1e9, 2e9)}, sample_range{-1e-300, 1e300}}) {
        bets all;
        for (int i = 0; i < 60; ++i) {
            all.add(i % 3 == 0 ? range.low : range.high, range);
        }
        auto const [lower, upper] = all.interval(60, range, 0.95);
        CAPTURE(range.low, range.high, lower, upper);
        CHECK(range.low <= lower);
        CHECK(lower <= upper);
        CHECK(upper <= range.high);
    }
}

TEST_CASE("a sample outside the range only widens the interval") {
    std::vector<double> const samples(50, 0.5);
    bets all = of(samples);
    auto const before = all.interval(50, unit, 0.95);
    for (double const sample : {-1., 2., std::numeric_limits<double>::quiet_NaN(),
                                std::numeric_limits<double>::infinity()}) {
        all.add(sample, unit);
    }
    auto const after = all.interval(54, unit, 0.95);
    CHECK(after.lower < before.lower);
    CHECK(after.upper > before.upper);
    CHECK(all.is_possible(54));
}

TEST_CASE("bets that no samples can have are refused") {
    using numbers = bets::numbers;
    auto const is_possible = [](numbers const& up, numbers const& down, std::uint64_t count) {
        std::vector<std::byte> bytes;
        REQUIRE(memo::detail::encode_record(bytes, std::array{up, down}));
        bytes.push_back(std::byte{0xc5});
        return memo::detail::decode_record<bets>(bytes).is_possible(count);
    };
    /// The sums of equal samples.
    auto const sums = [](double y, double count) {
        numbers all = bets::odds;
        for (double& each : all) {
            each = count * std::log(1 + each * y);
        }
        return all;
    };
    auto const all_equal = [](double sum) {
        numbers all{};
        all.fill(sum);
        return all;
    };
    numbers const none{};
    CHECK(is_possible(none, none, 0));
    CHECK(is_possible(none, none, 1)); // of a sample outside the range
    CHECK(is_possible(none, sums(1, 1), 1));
    CHECK(is_possible(sums(1, 1), none, 1));
    CHECK(is_possible(sums(0.3, 7), sums(0.7, 7), 7));
    CHECK(is_possible(sums(0.3, 1e9), sums(0.7, 1e9), 1'000'000'000));
    CHECK_FALSE(is_possible(sums(1, 1), none, 0));
    CHECK_FALSE(is_possible(none, sums(1.01, 1), 1));
    CHECK_FALSE(is_possible(sums(1.01, 1), none, 1));
    CHECK_FALSE(is_possible(sums(1, 2), none, 1));
    // The sides contradict each other: the end of one would lie beyond that of the other.
    CHECK_FALSE(is_possible(sums(1, 50), sums(1, 50), 50));
    CHECK_FALSE(is_possible(sums(0.31, 7), sums(0.7, 7), 7));
    CHECK_FALSE(is_possible(all_equal(5), none, 1)); // too much at the smallest odds
    for (double const sum :
         {-1., std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
        CHECK_FALSE(is_possible(all_equal(sum), none, 1));
        CHECK_FALSE(is_possible(none, all_equal(sum), 1));
        numbers one = sums(1, 1);
        one[5] = sum;
        CHECK_FALSE(is_possible(one, none, 1));
    }
    CHECK(of({0, 0.5, 1}).is_possible(3));
    CHECK(of(std::vector<double>(3, 1)).is_possible(3));
    CHECK_FALSE(of(std::vector<double>(3, 1)).is_possible(2));
}

TEST_CASE("the mean lies in the interval also in a range of few doubles") {
    constexpr double least = std::numeric_limits<double>::denorm_min();
    for (sample_range const range : {sample_range{0, least}, sample_range{-least, least}}) {
        memo::detail::stopping const stopping({.range = range}, false);
        for (auto const& [first, others] :
             {bounds{range.low, range.high}, bounds{range.high, range.low}}) {
            betting_moments<double> m;
            m.add(first, range);
            for (int i = 0; i < 100; ++i) {
                m.add(others, range);
            }
            auto const e = stopping.estimate_of(m, 0);
            CHECK(e.lower <= e.mean);
            CHECK(e.mean <= e.upper);
        }
    }
}

TEST_CASE("a decoded betting record equals the encoded one, and refuses other counts") {
    using record = memo::detail::betting_record<std::vector<double>>;
    record stored;
    stored.begun = 9;
    for (double const sample : {0.5, 0.25, 1.}) {
        stored.samples.add({sample, 1 - sample}, unit);
    }
    std::vector<std::byte> bytes;
    REQUIRE(memo::detail::encode_record(bytes, stored));
    auto const back = memo::detail::decode_record<record>(bytes);
    CHECK(back.samples.count() == 3);
    CHECK(back.begun == 9);
    CHECK(same_sums(back.samples.bets_on(1), stored.samples.bets_on(1)));
    bytes[0] = std::byte{1}; // one sample cannot have the sums of three
    CHECK_THROWS_AS(memo::detail::decode_record<record>(bytes), memo::detail::malformed_record);
}

TEST_CASE("moments with bets merge as moments do, and refuse vectors of another length") {
    betting_moments<std::vector<double>> one;
    betting_moments<std::vector<double>> other;
    one.add({0.5, 1}, unit);
    other.add({0.25, 0}, unit);
    other.add({0.75, 0.5}, unit);
    betting_moments<std::vector<double>> all;
    all.merge(one);
    all.merge(other);
    all.merge({});
    CHECK(all.count() == 3);
    CHECK(all.means() == std::vector{0.5, 0.5});
    CHECK(same_sums(all.bets_on(0), of({0.75, 0.5, 0.25})));
    CHECK_THROWS_AS(all.add({1}, unit), memo::error);
    betting_moments<std::vector<double>> shorter;
    shorter.add({1}, unit);
    CHECK_THROWS_AS(all.merge(shorter), memo::error);
}

TEST_CASE("bets settle a mean when their interval is within the tolerance of it") {
    memo::stopping_rule const rule{.rtol_stderr = 0, .atol_stderr = 0.1, .range = unit};
    memo::detail::stopping const stopping(rule, false);
    betting_moments<double> m;
    CHECK_FALSE(stopping.is_settled(m));
    while (!stopping.is_settled(m)) {
        m.add(m.count() % 2 == 0 ? 1 : 0.5, unit);
    }
    auto const e = stopping.estimate_of(m, 0);
    CHECK(e.settled);
    CHECK(e.half_width <= 0.1);
    CHECK(e.half_width == std::max(e.upper - e.mean, e.mean - e.lower));
    CHECK(e.lower < e.mean);
    CHECK(e.mean < e.upper);
    CHECK(e.mean - e.lower != Approx(e.upper - e.mean));
    CHECK(m.count() > 50);
    CHECK(m.count() < 120);
    m.add(std::numeric_limits<double>::quiet_NaN(), unit); // on_nan = propagate
    CHECK_FALSE(stopping.is_settled(m));
    CHECK(std::isnan(stopping.estimate_of(m, 0).lower));
    auto const none = stopping.estimate_of(betting_moments<double>(), 0);
    CHECK(none.lower == 0);
    CHECK(none.upper == 1);
    CHECK(std::isnan(none.half_width));
}

namespace {

template <class Record> std::vector<std::byte> frame_of(Record const& record) {
    memo::detail::frame_codec<Record> const codec({1, 2});
    std::vector<std::byte> frame;
    REQUIRE(codec.encode(
        frame, codec.header({3, 4}, memo::detail::unix_time(1'700'000'000s), 1s, 0s), record));
    return frame;
}

/// A line of tests/golden/bets.txt.
std::vector<std::byte> golden_frame(std::size_t line) {
    std::ifstream file(std::filesystem::path(__FILE__).parent_path() / "../../golden/bets.txt");
    std::string text;
    for (std::size_t i = 0; i <= line; ++i) {
        REQUIRE(std::getline(file, text));
    }
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        bytes.push_back(
            std::byte{static_cast<unsigned char>(std::stoul(text.substr(i, 2), nullptr, 16))});
    }
    return bytes;
}

/// Reads a golden frame, writes its record again, and compares its bets with those of the samples.
template <class Record> void check_golden(std::size_t line, Record const& computed) {
    auto const golden = golden_frame(line);
    CHECK(memo::detail::header_of(golden)->kind == memo::detail::record_kind::bets);
    auto const read = memo::detail::frame_codec<Record>({1, 2}).decode(
        golden, {3, 4}, memo::detail::unix_time(1'700'000'000s));
    REQUIRE(read.result.has_value());
    Record const& record = read.result->record;
    CHECK(frame_of(record) == golden);
    CHECK(record.samples.count() == computed.samples.count());
    CHECK(record.samples.means() == computed.samples.means());
    for (std::size_t i = 0; i < record.samples.size(); ++i) {
        CHECK(same_sums(record.samples.bets_on(i), computed.samples.bets_on(i)));
    }
}

} // namespace

// The logarithms of another machine may differ in their last bit, so the golden bytes are read, and
// written again.
TEST_CASE("golden frames of betting records are read and written") {
    memo::detail::betting_record<double> number;
    memo::detail::betting_record<std::vector<double>> vector;
    for (double const sample : {0.25, 1., 0.}) {
        number.samples.add(sample, unit);
        vector.samples.add({sample, 1 - sample}, unit);
    }
    number.rejected = 1;
    vector.begun = 3;
    vector.incarnation = 0x1234567890abcdef;
    check_golden(0, number);
    check_golden(1, vector);
}
