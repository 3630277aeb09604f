// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/key/archive.hpp>
#include <memo/detail/key/call_key.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <forward_list>
#include <functional>
#include <initializer_list>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

using memo::detail::encodable;
using memo::detail::varying;
using memo::detail::words_of;

namespace {

using words = std::vector<std::uint64_t>;

template <class... Ts> words words_in(Ts const&... values) {
    words key_material;
    memo::detail::word_stream stream(&key_material);
    memo::detail::encode_all(stream, values...);
    static_cast<void>(stream.digest());
    return key_material;
}

constexpr std::uint64_t minus_one = std::numeric_limits<std::uint64_t>::max();

enum class small : std::int8_t { negative = -2 };
enum old_style { first, second };
struct nothing {};
struct opaque {
    int value;
};

words digest_words(memo::key128 digest) {
    return {digest.low, digest.high};
}

} // namespace

TEST_CASE("a scalar is one word") {
    CHECK(words_in(1) == words{1});
    CHECK(words_in(-1) == words{minus_one});
    CHECK(words_in(std::int8_t{-1}) == words{minus_one});
    CHECK(words_in(std::uint8_t{255}) == words{255});
    CHECK(words_in(std::numeric_limits<unsigned>::max()) == words{0xffffffff});
    CHECK(words_in(std::numeric_limits<std::int64_t>::min()) == words{0x8000000000000000});
    CHECK(words_in(true) == words{1});
    CHECK(words_in('a') == words{97});
    CHECK(words_in(u8'a', u'b', U'c') == words{97, 98, 99});
    CHECK(words_in(small::negative) == words{minus_one - 1});
    CHECK(words_in(second) == words{1});
}

TEST_CASE("a float is its bits") {
    CHECK(words_in(1.0) == words{0x3ff0000000000000});
    CHECK(words_in(1.0F) == words{0x3f800000});
    CHECK(words_in(0.0) == words{0});
    CHECK(words_in(-0.0) == words{0x8000000000000000});
    CHECK(words_in(std::bit_cast<double>(std::uint64_t{0x7ff8000000000001})) ==
          words{0x7ff8000000000001});
}

TEST_CASE("a type without values is no words") {
    CHECK(words_in(nothing{}, std::monostate{}, nullptr, std::tuple<>{}).empty());
    CHECK(words_of<nothing> == 0);
}

TEST_CASE("products are their parts in order") {
    CHECK(words_in(std::pair(1, 2)) == words{1, 2});
    CHECK(words_in(std::tuple(1, nothing{}, std::pair(2, true))) == words{1, 2, 1});
    CHECK(words_of<std::tuple<int, nothing, std::pair<int, bool>>> == 3);
    CHECK(words_of<std::pair<int, std::string>> == varying);
}

TEST_CASE("arrays have no count and pack their scalars") {
    CHECK(words_in(std::array<std::int32_t, 3>{1, 2, 3}) == words{0x0000000200000001, 3});
    CHECK(words_in(std::array<std::int64_t, 2>{1, -1}) == words{1, minus_one});
    CHECK(words_in(std::array<std::uint8_t, 9>{1, 2, 3, 4, 5, 6, 7, 8, 9}) ==
          words{0x0807060504030201, 9});
    CHECK(words_in(std::array<bool, 3>{true, false, true}) == words{1, 0, 1});
    CHECK(words_in(std::array<int, 0>{}).empty());
    int const plain[2][2] = {{1, 2}, {3, 4}};
    CHECK(words_in(plain) == words{0x0000000200000001, 0x0000000400000003});
    CHECK(words_of<std::array<std::int16_t, 5>> == 2);
    CHECK(words_of<std::array<std::string, 5>> == varying);
    CHECK(words_of<int[2][2]> == 2);
}

TEST_CASE("contiguous scalars are a count and their bytes") {
    words const expected{3, 0x0000000200000001, 3};
    std::vector<std::int32_t> const values{1, 2, 3};
    CHECK(words_in(values) == expected);
    CHECK(words_in(std::span(values)) == expected);
    CHECK(words_in(std::span<std::int32_t const, 3>(values)) == expected);
    CHECK(words_in(std::vector<int>{}) == words{0});
    CHECK(words_in(std::string("memo")) == words{4, 0x6f6d656d});
    CHECK(words_in(std::string_view("memo")) == words{4, 0x6f6d656d});
    CHECK(words_in(std::u16string(u"ab")) == words{2, 0x00620061});
    CHECK(words_in(std::vector{1.0}) == words{1, 0x3ff0000000000000});
    CHECK(words_in(std::vector{small::negative}) == words{1, 0xfe});
}

TEST_CASE("other ranges are a count and one element after the other") {
    words const expected{3, 1, 2, 3};
    CHECK(words_in(std::list{1, 2, 3}) == expected);
    CHECK(words_in(std::forward_list{1, 2, 3}) == expected);
    CHECK(words_in(std::deque{1, 2, 3}) == expected);
    CHECK(words_in(std::set{3, 1, 2}) == expected);
    CHECK(words_in(std::multiset{3, 1, 1}) == words{3, 1, 1, 3});
    CHECK(words_in(std::vector<bool>{true, false}) == words{2, 1, 0});
    CHECK(words_in(std::map<int, int>{{2, 20}, {1, 10}}) == words{2, 1, 10, 2, 20});
    CHECK(words_in(std::multimap<int, int>{{1, 10}, {1, 11}}) == words{2, 1, 10, 1, 11});
    CHECK(words_in(std::vector<std::vector<int>>{{1}, {}}) == words{2, 1, 1, 0});
    CHECK(words_in(std::vector<std::string>{"a"}) == words{1, 1, 97});
}

TEST_CASE("a container is in its comparator's order, and a stateful comparator has no key") {
    using pointer = bool (*)(int, int);
    using order = std::function<bool(int, int)>;
    using hash = std::function<std::size_t(int)>;
    CHECK(words_in(std::set<int, std::greater<>>{1, 3, 2}) == words{3, 3, 2, 1});
    CHECK(words_in(std::map<int, int, std::greater<>>{{1, 10}, {2, 20}}) == words{2, 2, 20, 1, 10});
    CHECK_FALSE(encodable<std::set<int, order>>);
    CHECK_FALSE(encodable<std::multiset<int, pointer>>);
    CHECK_FALSE(encodable<std::map<int, int, order>>);
    CHECK_FALSE(encodable<std::multimap<int, int, pointer>>);
    CHECK_FALSE(encodable<std::unordered_set<int, hash>>);
    CHECK_FALSE(encodable<std::unordered_multiset<int, std::hash<int>, order>>);
    CHECK_FALSE(encodable<std::unordered_map<int, int, hash>>);
    CHECK_FALSE(encodable<std::unordered_multimap<int, int, std::hash<int>, pointer>>);
    CHECK_FALSE(encodable<std::vector<std::set<int, order>>>);
}

TEST_CASE("an unordered container is a count and the sorted digests of its elements") {
    CHECK(words_in(std::unordered_set<int>{}) == words{0});

    std::set<memo::key128> const digests{memo::detail::digest_of(1), memo::detail::digest_of(2)};
    words expected{2};
    for (auto const digest : digests) {
        words const two = digest_words(digest);
        expected.insert(expected.end(), two.begin(), two.end());
    }
    CHECK(words_in(std::unordered_set{1, 2}) == expected);
    CHECK(words_in(std::unordered_set{2, 1}) == expected);

    words const pair = digest_words(memo::detail::digest_of(std::pair(1, 10)));
    CHECK(words_in(std::unordered_map<int, int>{{1, 10}}) == words{1, pair[0], pair[1]});
    CHECK(words_in(std::unordered_multimap<int, int>{{1, 10}, {1, 10}}) ==
          words{2, pair[0], pair[1], pair[0], pair[1]});
}

TEST_CASE("sorted digests are compared low half first") {
    // A changed order would be a changed format.
    CHECK(memo::key128{1, 2} < memo::key128{2, 1});
    CHECK(memo::key128{1, 1} < memo::key128{1, 2});
}

TEST_CASE("an optional is whether it holds a value, then the value") {
    CHECK(words_in(std::optional<int>{}) == words{0});
    CHECK(words_in(std::optional(7)) == words{1, 7});
    CHECK(words_in(std::optional<std::optional<int>>{std::optional<int>{}}) == words{1, 0});
}

TEST_CASE("a variant is its index, then its value") {
    using number = std::variant<int, double, std::string, std::monostate>;
    CHECK(words_in(number(1)) == words{0, 1});
    CHECK(words_in(number(1.0)) == words{1, 0x3ff0000000000000});
    CHECK(words_in(number("a")) == words{2, 1, 97});
    CHECK(words_in(number(std::monostate{})) == words{3});
}

TEST_CASE("durations and time points are their ticks") {
    CHECK(words_in(std::chrono::seconds(5)) == words{5});
    CHECK(words_in(std::chrono::milliseconds(-1)) == words{minus_one});
    CHECK(words_in(std::chrono::duration<double>(1.0)) == words{0x3ff0000000000000});
    CHECK(words_in(std::chrono::sys_seconds(std::chrono::seconds(9))) == words{9});
    CHECK(words_of<std::chrono::nanoseconds> == 1);
}

TEST_CASE("a path is its spelling, with slashes") {
    CHECK(words_in(std::filesystem::path("a/b")) == words_in(std::string("a/b")));
    CHECK(words_in(std::filesystem::path("a//b")) == words_in(std::string("a//b")));
    std::filesystem::path const parent(u8"\u00e4");
    CHECK(words_in(parent / "b") == words_in(std::u8string(u8"\u00e4/b")));
}

TEST_CASE("an owning pointer is whether it owns, then what it owns") {
    CHECK(words_in(std::unique_ptr<int>{}) == words{0});
    CHECK(words_in(std::make_unique<int>(7)) == words{1, 7});
    CHECK(words_in(std::make_unique<std::string>("a")) == words{1, 1, 97});
}

TEST_CASE("a type without a value to encode is no argument") {
    CHECK_FALSE(encodable<int*>);
    CHECK_FALSE(encodable<char const*>);
    CHECK_FALSE(encodable<int opaque::*>);
    CHECK_FALSE(encodable<void (*)()>);
    CHECK_FALSE(encodable<long double>);
    CHECK_FALSE(encodable<opaque>);
    CHECK_FALSE(encodable<std::vector<opaque>>);
    CHECK_FALSE(encodable<std::vector<int*>>);
    CHECK_FALSE(encodable<std::map<int, opaque>>);
    CHECK_FALSE(encodable<std::optional<opaque>>);
    CHECK_FALSE(encodable<std::variant<int, opaque>>);
    CHECK_FALSE(encodable<std::pair<int, opaque>>);
    CHECK_FALSE(encodable<std::shared_ptr<void>>);
    CHECK_FALSE(encodable<std::weak_ptr<int>>);
    CHECK_FALSE(encodable<std::unique_ptr<int[]>>);
    CHECK_FALSE(encodable<std::shared_ptr<int[]>>);
}

TEST_CASE("a reference or a const argument is encoded as its value") {
    CHECK(encodable<int const&>);
    CHECK(encodable<std::vector<int>&&>);
    CHECK(words_of<int const&> == 1);
}
