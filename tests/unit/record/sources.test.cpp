// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/record/any_averaged.hpp>
#include <memo/detail/record/averaged.hpp>
#include <memo/detail/record/codec.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/detail/record/frame_codec.hpp>
#include <memo/detail/record/sources.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

using memo::detail::any_averaged;
using memo::detail::averaged_record;
using memo::detail::betting_record;
using memo::detail::merge_outcome;
using memo::detail::record_kind;
using memo::detail::record_sources;

namespace {

using frame = std::vector<std::byte>;

constexpr memo::key128 scope{1, 2};
constexpr memo::key128 key{3, 4};
constexpr std::uint64_t fresh = 99; ///< the incarnation of merged records with numbered samples

/// The frame of a record, as a program stores it.
template <class Record>
frame frame_of(Record const& record, std::span<std::byte const> sources = {}) {
    memo::detail::frame_codec<Record> const codec(scope);
    frame bytes;
    REQUIRE(codec.encode(bytes, memo::detail::new_header(scope, key, {}, {}, 0), record, sources));
    REQUIRE(memo::detail::check_frame(bytes));
    return bytes;
}

/// A record of some samples, with numbers when `begun` is not 0.
averaged_record<double> record_of(std::vector<double> const& samples, std::uint64_t incarnation,
                                  std::uint64_t begun = 0) {
    averaged_record<double> record;
    for (double const sample : samples) {
        record.samples.add(sample);
    }
    record.incarnation = incarnation;
    record.begun = begun;
    return record;
}

averaged_record<double> decoded(frame const& bytes) {
    return memo::detail::decode_record<averaged_record<double>>(memo::detail::payload_of(bytes));
}

struct merged {
    merge_outcome outcome;
    frame bytes;
};

merged merge(frame const& mine, frame const& theirs, bool keeps_larger = false) {
    merged result{merge_outcome::malformed, {}};
    result.outcome = memo::detail::merge_frames(mine, theirs, fresh, keeps_larger, result.bytes);
    return result;
}

template <class Record> void check_layout(Record const& record) {
    frame bytes;
    REQUIRE(memo::detail::encode_record(bytes, record));
    auto const kind = memo::detail::kind_of_record<Record>;
    auto const any = any_averaged::decode(bytes, kind);
    REQUIRE(any);
    CHECK(any->samples().count() == record.samples.count());
    CHECK(any->rejected() == record.rejected);
    CHECK(any->begun() == record.begun);
    CHECK(any->incarnation() == record.incarnation);
    frame again;
    any->encode(again);
    CHECK(again == bytes);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        CHECK_FALSE(any_averaged::decode(std::span(bytes).first(size), kind));
    }
}

} // namespace

TEST_CASE("a record of any sample type is decoded and encoded as it was, with samples or without") {
    for (int count = 0; count < 4; ++count) {
        averaged_record<float> number;
        averaged_record<std::array<int, 3>> array;
        averaged_record<std::vector<double>> list;
        betting_record<double> bets;
        betting_record<std::array<double, 2>> bet_array;
        betting_record<std::vector<double>> bet_list;
        for (int n = 0; n < count; ++n) {
            double const x = 1.0 / (1 + n);
            number.samples.add(static_cast<float>(n));
            array.samples.add({n, 2 * n, -n});
            list.samples.add({1, x});
            bets.samples.add(x, {0, 1});
            bet_array.samples.add({x, 1 - x}, {0, 1});
            bet_list.samples.add({x}, {0, 1});
        }
        number.rejected = 3;
        array.begun = 5;
        bets.incarnation = 7;
        check_layout(number);
        check_layout(array);
        check_layout(list);
        check_layout(bets);
        check_layout(bet_array);
        check_layout(bet_list);
    }
}

TEST_CASE("removing a part of merged moments leaves the rest") {
    std::mt19937_64 random(1);
    std::normal_distribution<double> normal(1e6, 1);
    for (int round = 0; round < 200; ++round) {
        memo::detail::moments<double> part;
        memo::detail::moments<double> rest;
        auto const size_of_part = random() % 5;
        auto const size_of_rest = random() % 5;
        for (std::uint64_t n = 0; n < size_of_part; ++n) {
            part.add(normal(random));
        }
        for (std::uint64_t n = 0; n < size_of_rest; ++n) {
            rest.add(normal(random));
        }
        auto whole = part;
        whole.merge(rest);
        whole.remove(part);
        REQUIRE(whole.count() == rest.count());
        if (rest.count() != 0) {
            CHECK(whole.mean() == Approx(rest.mean()).epsilon(1e-14));
            CHECK(whole.m2() == Approx(rest.m2()).margin(1e-8)); // of samples around 1e6
        }
    }
    double const nan = std::numeric_limits<double>::quiet_NaN();
    memo::detail::moments<double> whole;
    memo::detail::moments<double> part;
    whole.add(1);
    whole.add(nan);
    part.add(nan);
    whole.remove(part);
    CHECK(std::isnan(whole.mean()));
    frame bytes;
    CHECK(memo::detail::encode_record(bytes, whole));
    CHECK_NOTHROW(memo::detail::decode_record<memo::detail::moments<double>>(bytes));
}

TEST_CASE("removing a part of merged bets leaves bets that samples can have") {
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> uniform(0, 1);
    for (int round = 0; round < 200; ++round) {
        memo::detail::betting_moments<double> part;
        memo::detail::betting_moments<double> rest;
        for (auto* const each : {&part, &rest}) {
            for (std::uint64_t n = random() % 4; n > 0; --n) {
                double const y = uniform(random);
                each->add(round % 2 == 0 ? y : y < 0.5 ? 1e-15 * y : 1, {0, 1});
            }
        }
        auto whole = part;
        whole.merge(rest);
        whole.remove(part);
        REQUIRE(whole.bets_on().is_possible(whole.count()));
        auto const [lower, upper] = whole.bets_on().interval(whole.count(), {0, 1}, 0.95);
        auto const expected = rest.bets_on().interval(rest.count(), {0, 1}, 0.95);
        CHECK(lower == Approx(expected.lower).margin(1e-12));
        CHECK(upper == Approx(expected.upper).margin(1e-12));
    }
}

TEST_CASE("merging unions of sources is idempotent, commutative and associative") {
    std::mt19937_64 random(1);
    constexpr std::size_t caches = 4;
    for (int round = 0; round < 100; ++round) {
        std::array<frame, caches> at;                // by cache: its record
        std::array<std::vector<double>, caches> all; // by cache: all samples that it drew
        std::array<std::array<std::size_t, caches>, caches> known{}; // by cache: how many of each
        for (int step = 0; step < 30; ++step) {
            std::size_t const i = random() % caches;
            std::size_t const j = random() % caches;
            if (random() % 2 == 0) { // the program draws
                // Among samples of others, few or equal ones have a tiny spread, and lose its digits.
                std::uint64_t const values = round % 3 == 0 ? 1000 : round % 3 == 1 ? 2 : 1;
                double const sample = 0.1 * static_cast<double>(i + random() % values);
                all[i].push_back(sample);
                known[i][i] += 1;
                auto record = at[i].empty() ? record_of({}, 10 + i) : decoded(at[i]);
                record.samples.add(sample);
                at[i] = frame_of(record, at[i].empty() ? std::span<std::byte const>()
                                                       : memo::detail::sources_of(frame(at[i])));
            } else if (i != j && !at[j].empty()) {
                if (at[i].empty()) {
                    at[i] = memo::detail::adopted_frame(at[j], 10 + i);
                } else if (auto next = merge(at[i], at[j]);
                           next.outcome != merge_outcome::unchanged) {
                    REQUIRE(next.outcome == merge_outcome::changed);
                    at[i] = next.bytes;
                }
                REQUIRE(merge(at[i], at[j]).outcome == merge_outcome::unchanged);
                for (std::size_t source = 0; source < caches; ++source) {
                    known[i][source] = (std::max)(known[i][source], known[j][source]);
                }
            }
            if (!at[i].empty()) {
                REQUIRE(memo::detail::check_frame(at[i]));
                memo::detail::moments<double> serial;
                for (std::size_t source = 0; source < caches; ++source) {
                    for (std::size_t n = 0; n < known[i][source]; ++n) {
                        serial.add(all[source][n]);
                    }
                }
                auto const record = decoded(at[i]);
                CHECK(record.incarnation == 10 + i);
                REQUIRE(record.samples.count() == serial.count());
                CHECK(record.samples.mean() == Approx(serial.mean()).epsilon(1e-12));
                CHECK(record.samples.m2() == Approx(serial.m2()).epsilon(1e-9).margin(1e-9));
            }
        }
    }
}

TEST_CASE("records of which it is not known what they share are not merged") {
    auto const mine = frame_of(record_of({1, 2, 3}, 5));
    CHECK(merge(mine, frame_of(record_of({1, 2, 4}, 5))).outcome == merge_outcome::unknown_overlap);
    CHECK(merge(mine, frame_of(record_of({1, 2, 3, 4}, 5))).outcome ==
          merge_outcome::unknown_overlap);
    auto const kept = merge(mine, frame_of(record_of({1, 2, 3, 4}, 5)), true);
    CHECK(kept.outcome == merge_outcome::changed);
    CHECK(decoded(kept.bytes).samples.count() == 4);
    CHECK(merge(mine, frame_of(record_of({1, 2}, 5)), true).outcome == merge_outcome::unchanged);
    CHECK(merge(mine, mine).outcome == merge_outcome::unchanged);
    // A cache that drew nothing is no source.
    auto const adopted_twice = memo::detail::adopted_frame(memo::detail::adopted_frame(mine, 6), 7);
    CHECK(memo::detail::sources_of(adopted_twice).size() == 8 + 59 + 8);
    CHECK(merge(adopted_twice, mine).outcome == merge_outcome::unchanged);
    // A state of one source that another cannot have come from.
    auto const third = memo::detail::adopted_frame(mine, 6);
    CHECK(merge(third, frame_of(record_of({1, 2, 3, 4}, 5))).outcome == merge_outcome::changed);
    CHECK(merge(third, frame_of(record_of({1, 2, 5, 4}, 5))).outcome ==
          merge_outcome::unknown_overlap);
    CHECK(merge(frame_of(record_of({1}, 5)), frame_of(record_of({1}, 5, 1))).outcome ==
          merge_outcome::unchanged);
}

TEST_CASE("a source whose samples were all rejected is merged, with bets and without") {
    auto const check = [](auto rejected, auto drawn) {
        rejected.rejected = 2;
        rejected.incarnation = 5;
        drawn.incarnation = 6;
        frame const mine = frame_of(rejected);
        frame const theirs = frame_of(drawn);
        for (auto const& both : {merge(mine, theirs), merge(theirs, mine)}) {
            REQUIRE(both.outcome == merge_outcome::changed);
            CHECK(merge(both.bytes, mine).outcome == merge_outcome::unchanged);
            CHECK(merge(both.bytes, theirs).outcome == merge_outcome::unchanged);
            auto const sum = any_averaged::decode(memo::detail::payload_of(both.bytes),
                                                  memo::detail::header_of(both.bytes)->kind);
            CHECK(sum->samples().count() == 1);
            CHECK(sum->rejected() == 2);
        }
    };
    check(averaged_record<double>{}, record_of({1}, 6));
    betting_record<double> bets;
    bets.samples.add(1, {0, 1});
    check(betting_record<double>{}, bets);
    betting_record<std::vector<double>> bet_list;
    bet_list.samples.add({1, 0}, {0, 1});
    check(betting_record<std::vector<double>>{}, bet_list);
}

TEST_CASE("records of samples with different numbers of elements are not merged") {
    averaged_record<std::array<double, 3>> none; // without samples its elements are zeros
    none.rejected = 1;
    none.incarnation = 5;
    averaged_record<std::vector<double>> list;
    list.samples.add({1});
    list.incarnation = 6;
    auto const one = frame_of(record_of({1}, 7));
    for (auto const& other : {frame_of(none), frame_of(list)}) {
        CHECK(merge(other, one).outcome == merge_outcome::different_lengths);
        CHECK(merge(one, other).outcome == merge_outcome::different_lengths);
    }
}

TEST_CASE("of records with numbered samples the one with more of them stays") {
    auto const two = frame_of(record_of({1, 2}, 5, 2));
    auto const more = merge(two, frame_of(record_of({1, 2, 3}, 6, 3)));
    REQUIRE(more.outcome == merge_outcome::changed);
    CHECK(decoded(more.bytes).samples.count() == 3);
    CHECK(decoded(more.bytes).begun == 3);
    CHECK(decoded(more.bytes).incarnation == fresh);
    auto const adopted = decoded(memo::detail::adopted_frame(two, fresh));
    CHECK(adopted.samples.count() == 2);
    CHECK(adopted.begun == 2);
    CHECK(adopted.incarnation == fresh);
    CHECK(merge(more.bytes, two).outcome == merge_outcome::unchanged);
    CHECK(merge(two, frame_of(record_of({2, 1}, 6, 2))).outcome == merge_outcome::unchanged);
    CHECK(merge(two, frame_of(record_of({1, 2.5}, 6, 2))).outcome ==
          merge_outcome::different_samples);
    CHECK(merge(two, frame_of(record_of({1, 2.5}, 6, 2)), true).outcome ==
          merge_outcome::unchanged);
    // Of five numbers, three were lost with a process.
    auto const lossy =
        merge(frame_of(record_of({1, 2}, 5, 5)), frame_of(record_of({1, 2, 3}, 6, 3)));
    REQUIRE(lossy.outcome == merge_outcome::changed);
    CHECK(decoded(lossy.bytes).begun == 5); // no number is used twice
}

TEST_CASE("a frame with a list of sources that is damaged is refused") {
    auto const mine = frame_of(record_of({1, 2, 3}, 5));
    auto const good = merge(mine, frame_of(record_of({4, 5}, 6))).bytes;
    REQUIRE(memo::detail::sources_of(good).size() == 8 + 59 + 8);
    CHECK(decoded(good).samples.count() == 5);
    auto const with = [&](auto const& change) {
        frame bytes = good;
        change(bytes);
        auto const header = *memo::detail::header_of(bytes);
        static_cast<void>(memo::detail::seal(bytes, header));
        return bytes;
    };
    auto const put = [](frame& bytes, std::size_t from_end, std::uint64_t number) {
        std::memcpy(bytes.data() + bytes.size() - from_end, &number, sizeof number);
    };
    // The size of the list.
    CHECK_FALSE(memo::detail::check_frame(with([&](frame& f) { put(f, 8, 1'000'000); })));
    CHECK_FALSE(memo::detail::check_frame(with([&](frame& f) { put(f, 8, ~std::uint64_t{0}); })));
    CHECK_FALSE(memo::detail::check_frame(with([&](frame& f) { f[15] = std::byte{2}; })));
    CHECK_FALSE(memo::detail::check_frame(
        with([&](frame& f) { f.resize(memo::detail::frame_header_size + 3); })));
    // The size of a source, its incarnation, and more samples than the record has.
    for (auto const& bytes :
         {with([&](frame& f) { put(f, 8 + 59 + 8, 58); }),
          with([&](frame& f) { put(f, 8 + 59 + 8, ~std::uint64_t{0}); }),
          with([&](frame& f) { put(f, 8 + 9, 5); }), with([&](frame& f) { put(f, 8 + 59, 6); })}) {
        REQUIRE(memo::detail::check_frame(bytes));
        CHECK_FALSE(record_sources::decode(bytes));
        CHECK(merge(mine, bytes).outcome == merge_outcome::malformed);
        CHECK(merge(bytes, mine).outcome == merge_outcome::malformed);
    }
}
