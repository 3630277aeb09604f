// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/key/call_key.hpp>
#include <memo/detail/key/parameter_types.hpp>
#include <memo/parameters.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <list>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

using memo::as_set;
using memo::ignored;

namespace {

using words = std::vector<std::uint64_t>;
using numbers = std::vector<int>;

template <class... Ts> words words_in(Ts const&... values) {
    words key_material;
    memo::detail::word_stream stream(&key_material);
    memo::detail::encode_all(stream, values...);
    static_cast<void>(stream.digest());
    return key_material;
}

int first_of(numbers const& values) {
    return values.front();
}

} // namespace

TEST_CASE("an ignored value reaches the function and has no words") {
    ignored<int> const value = 7;
    CHECK(value.get() == 7);
    CHECK(value + 1 == 8);
    CHECK(words_in(value).empty());
    CHECK(memo::detail::words_of<ignored<std::string>> == 0);
    // An ignored parameter may have a type without a key.
    CHECK(words_in(ignored<int const*>(nullptr)).empty());
}

TEST_CASE("a range as a set reaches the function unchanged") {
    as_set<numbers> const values{3, 1, 3};
    CHECK(values.get() == numbers{3, 1, 3});
    CHECK(first_of(values) == 3);
    CHECK(numbers(values.begin(), values.end()) == numbers{3, 1, 3});
}

TEST_CASE("a set of integers is the vector of its distinct elements, ascending") {
    CHECK(words_in(as_set<numbers>{3, 1, 3}) == words_in(numbers{1, 3}));
    CHECK(words_in(as_set<numbers>(numbers{})) == words{0});
    CHECK(words_in(as_set<std::list<std::int64_t>>{2, -1}) ==
          words{2, std::numeric_limits<std::uint64_t>::max(), 2});
    CHECK(words_in(as_set<std::array<int, 3>>(std::array{2, 1, 2})) == words_in(numbers{1, 2}));
}

TEST_CASE("a set of characters beyond ASCII has one order") {
    CHECK(words_in(as_set<std::string>(std::string("\xffz"))) ==
          words_in(as_set<std::string>(std::string("z\xff"))));
    CHECK(words_in(as_set<std::string>(std::string("\xffz"))) == words_in(std::string("z\xff")));
    constexpr auto last = static_cast<wchar_t>(-1);
    CHECK(words_in(as_set<std::wstring>(std::wstring{last, L'z'})) ==
          words_in(as_set<std::wstring>(std::wstring{L'z', last})));
}

TEST_CASE("a set of anything else is the distinct digests, ascending") {
    std::set<memo::key128> digests;
    for (auto const* text : {"a", "b"}) {
        digests.insert(memo::detail::digest_of(std::string(text)));
    }
    words expected{2};
    for (auto const digest : digests) {
        expected.push_back(digest.low);
        expected.push_back(digest.high);
    }
    using strings = as_set<std::vector<std::string>>;
    CHECK(words_in(strings(std::vector<std::string>{"a", "b"})) == expected);
    CHECK(words_in(strings(std::vector<std::string>{"b", "a", "b"})) == expected);
}

TEST_CASE("a range with a stateful comparator is no set") {
    using memo::detail::encodable;
    CHECK_FALSE(encodable<as_set<std::set<int, std::function<bool(int, int)>>>>);
    CHECK(words_in(as_set<std::set<int, std::greater<>>>{1, 2}) == words_in(numbers{1, 2}));
}

TEST_CASE("bools can be a set") {
    using bools = as_set<std::vector<bool>>;
    CHECK(words_in(bools{true, false, true}) == words_in(bools{false, true}));
    CHECK(words_in(bools{true, true}) != words_in(bools{false}));
}

TEST_CASE("floats in a set are compared by their bits") {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    using reals = as_set<std::vector<double>>;
    CHECK(words_in(reals{nan, 1, nan}) == words_in(reals{1, nan}));
    CHECK(words_in(reals{0.0, -0.0}) != words_in(reals{0.0}));
}
