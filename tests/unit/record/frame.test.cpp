// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/record/frame.hpp>
#include <memo/detail/record/frame_codec.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using memo::miss_reason;
using memo::detail::frame_codec;
using memo::detail::unix_time;

namespace {

using bytes = std::vector<std::byte>;

constexpr memo::key128 scope{1, 2};
constexpr memo::key128 key{3, 4};
constexpr unix_time now{1'700'000'000s};

template <class Record>
bytes frame_of(Record const& record, std::chrono::nanoseconds cost = 0ns,
               std::chrono::nanoseconds ttl = 0ns) {
    bytes out;
    frame_codec<Record> const codec(scope);
    REQUIRE(codec.encode(out, codec.header(key, now, cost, ttl), record));
    return out;
}

template <class Record> auto decoded(std::span<std::byte const> frame, unix_time at = now) {
    return frame_codec<Record>(scope).decode(frame, key, at);
}

/// The reason why a frame has no valid record; nothing if it has one.
template <class Record>
std::optional<miss_reason> miss_of(std::span<std::byte const> frame, unix_time at = now) {
    auto const back = decoded<Record>(frame, at);
    return back.result ? std::nullopt : std::optional(back.result.reason());
}

std::string hexadecimal(bytes const& frame) {
    std::string text;
    for (std::byte const each : frame) {
        constexpr auto const* digits = "0123456789abcdef";
        text += digits[std::to_integer<unsigned>(each) >> 4U];
        text += digits[std::to_integer<unsigned>(each) & 15U];
    }
    return text;
}

} // namespace

TEST_CASE("a frame returns its record, cost and expiry") {
    auto const back = decoded<std::string>(frame_of(std::string("memo"), 250ms, 10s));
    REQUIRE(back.result.has_value());
    CHECK(back.result->record == "memo");
    CHECK(back.header.computing().count() == Approx(250e6).epsilon(1e-6));
    CHECK(back.header.created == 1'700'000'000);
    CHECK(back.header.expires == unix_time(now + 10s).time_since_epoch().count());
}

TEST_CASE("the encoding of frames is stable") {
    CHECK(hexadecimal(frame_of(1.5, 1s, 2s)) ==
          "b06ac0004ef107516d656d6f0100000001000000000000000200000000000000"
          "03000000000000000400000000000000458adb6c08000000"
          "00f153650000803f00945fadfe9c9717"
          "000000000000f83f");
}

TEST_CASE("a frame is served until it expires") {
    bytes const frame = frame_of(1, 0ns, 5s);
    CHECK(decoded<int>(frame, now + 5s - 1ns).result->record == 1);
    CHECK(miss_of<int>(frame, now + 5s) == miss_reason::expired);
    CHECK(decoded<int>(frame_of(1), now + 1'000'000h).result->record == 1);
    CHECK(memo::detail::expiry(now, std::chrono::nanoseconds::max()) ==
          std::numeric_limits<std::int64_t>::max());
}

TEST_CASE("the creation time of a frame is clamped to its range") {
    auto const created = [](auto since_1970) {
        return memo::detail::new_header({}, {}, memo::detail::unix_time(since_1970), 0ns, 0)
            .created;
    };
    CHECK(created(-1h) == 0);
    CHECK(created(1500ms) == 1);
    CHECK(created(24h * 365 * 200) == std::numeric_limits<std::uint32_t>::max());
    CHECK(memo::detail::expiry(memo::detail::unix_time(-1h), std::chrono::nanoseconds::max()) > 0);
}

TEST_CASE("a frame of another call, function or type is corrupt") {
    bytes const frame = frame_of(1);
    auto const reason = [&]<class Record>(frame_codec<Record> const& codec, memo::key128 of) {
        auto const back = codec.decode(frame, of, now);
        CHECK_FALSE(back.result.has_value());
        return back.result.reason();
    };
    CHECK(reason(frame_codec<int>(scope), {3, 5}) == miss_reason::corrupt);
    CHECK(reason(frame_codec<int>(scope), {4, 4}) == miss_reason::corrupt);
    CHECK(reason(frame_codec<int>({1, 3}), key) == miss_reason::corrupt);
    CHECK(reason(frame_codec<float>(scope), key) == miss_reason::corrupt);
}

TEST_CASE("any flipped bit makes a frame corrupt") {
    bytes frame = frame_of(std::string("a value that is longer than a word"), 1s, 2s);
    for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
        auto const mask = static_cast<std::byte>(1U << (bit % 8));
        frame[bit / 8] ^= mask;
        CHECK(miss_of<std::string>(frame) == miss_reason::corrupt);
        frame[bit / 8] ^= mask;
    }
    CHECK(decoded<std::string>(frame).result.has_value());
}

TEST_CASE("a truncated frame, or one with trailing bytes, is corrupt") {
    bytes frame = frame_of(std::string("memo"));
    for (std::size_t size = 0; size < frame.size(); ++size) {
        CHECK(miss_of<std::string>(std::span(frame).first(size)) == miss_reason::corrupt);
    }
    frame.push_back(std::byte{0});
    CHECK(miss_of<std::string>(frame) == miss_reason::corrupt);
    CHECK(miss_of<std::string>(bytes(4096)) == miss_reason::corrupt);
}

TEST_CASE("a frame with a valid checksum and an invalid payload is corrupt") {
    bytes frame(memo::detail::frame_header_size);
    frame.resize(frame.size() + 8, std::byte{0xff}); // a count of 2^64 - 1
    auto header = memo::detail::new_header(scope, key, now, 0ns, 0);
    header.type = memo::detail::type_tag<std::vector<double>>();
    REQUIRE(memo::detail::seal(frame, header));
    CHECK(memo::detail::check_frame(frame).has_value());
    CHECK(miss_of<std::vector<double>>(frame) == miss_reason::corrupt);
}

TEST_CASE("a merged record keeps the expiry and the age of the old record") {
    frame_codec<int> const codec(scope);
    auto const before = decoded<int>(frame_of(1, 0ns, 5s));
    auto const header = codec.merged_header(before, key, now + 3s, 1s, 5s);
    CHECK(header.expires == before.header.expires);
    CHECK(header.created == before.header.created);
    CHECK(header.computing() == 1s);
    auto const first = codec.merged_header({}, key, now + 3s, 1s, 5s);
    CHECK(first.expires == memo::detail::expiry(now + 3s, 5s));
    CHECK(first.created == 1'700'000'003);
}

TEST_CASE("a decoded record has its remaining TTL") {
    CHECK(decoded<int>(frame_of(1, 0ns, 5s), now + 2s).result->remaining_ttl == 3s);
    CHECK(decoded<int>(frame_of(1), now + 2s).result->remaining_ttl == 0s);
    auto const aged = frame_codec<int>(scope).decode(
        frame_of(1), key, [](auto const&) { return std::optional<std::chrono::nanoseconds>(); });
    CHECK(aged.result.reason() == miss_reason::expired);
    CHECK_FALSE(aged.result.has_value());
    CHECK(memo::detail::shorter_ttl(0s, 2s) == 2s);
    CHECK(memo::detail::shorter_ttl(3s, 2s) == 2s);
    CHECK(memo::detail::shorter_ttl(2s, 0s) == 2s);
    CHECK(memo::detail::shorter_ttl(0s, 0s) == 0s);
}
