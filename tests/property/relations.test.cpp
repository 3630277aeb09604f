// SPDX-License-Identifier: BSL-1.0

// Which arguments have equal keys. All pairs have one scope, so that only the streams of the arguments are
// compared; if two types share a stream, their scopes differ.

#include <memo/detail/key/archive.hpp>
#include <memo/detail/key/call_key.hpp>
#include <memo/detail/key/state.hpp>
#include <memo/fingerprint.hpp>
#include <memo/index_set.hpp>
#include <memo/parameters.hpp>

#include <catch2/catch.hpp>
#include <cereal/types/base_class.hpp>
#include <cereal/types/polymorphic.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <deque>
#include <filesystem>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <typeinfo>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

using namespace std::string_literals;
using namespace std::chrono_literals;
using memo::as_set;
using memo::ignored;
using memo::index_set;
using memo::key128;

namespace {

template <class... Ts> key128 key(Ts const&... arguments) {
    return memo::detail::call_key(memo::key128{0x0123456789abcdef, 0xfedcba9876543210},
                                  arguments...);
}

struct point {
    int x;
    int y;
    template <class Archive> void serialize(Archive& archive) { archive(x, y); }
};

// Writes its elements without their count.
struct unsized {
    std::vector<int> values;
    template <class Archive> void serialize(Archive& archive) {
        for (auto& value : values) {
            archive(value);
        }
    }
};

struct left_base : unsized {};
struct right_base : unsized {};
struct two_bases : left_base, right_base {
    two_bases(std::vector<int> left, std::vector<int> right) {
        left_base::values = std::move(left);
        right_base::values = std::move(right);
    }
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::base_class<left_base>(this), cereal::base_class<right_base>(this));
    }
};

struct first_edition {
    int x;
    template <class Archive> void serialize(Archive& archive, std::uint32_t const) { archive(x); }
};
struct second_edition {
    int x;
    template <class Archive> void serialize(Archive& archive, std::uint32_t const) { archive(x); }
};

struct kernel {
    kernel() = default;
    kernel(kernel const&) = default;
    kernel& operator=(kernel const&) = default;
    virtual ~kernel() = default;
    template <class Archive> void serialize(Archive&) {}
};
struct gaussian : kernel {
    explicit gaussian(double w = 1) : width(w) {}
    double width;
    template <class Archive> void serialize(Archive& archive) { archive(width); }
};
struct laplacian : kernel {
    explicit laplacian(double w = 1) : width(w) {}
    double width;
    template <class Archive> void serialize(Archive& archive) { archive(width); }
};

enum class color : std::uint8_t { red, green };
enum class fruit : std::int64_t { apple, pear };

using number = std::variant<int, std::int64_t, double, std::string>;
using bag = std::unordered_set<std::string>;
using table = std::unordered_map<std::string, int>;
using rows = std::vector<std::vector<int>>;

// The same elements, inserted in another order and into another number of buckets.
template <class Container> Container reordered(Container const& elements) {
    std::vector<typename Container::value_type> order(elements.begin(), elements.end());
    Container other;
    other.rehash(1000);
    for (auto element = order.rbegin(); element != order.rend(); ++element) {
        other.insert(*element);
    }
    return other;
}

index_set in_universe(std::size_t universe, std::initializer_list<std::size_t> indices) {
    index_set set(universe);
    for (auto const index : indices) {
        set.insert(index);
    }
    return set;
}

index_set without(index_set set, std::size_t index) {
    set.erase(index);
    return set;
}

struct relation {
    char const* name;
    bool one_key;
    key128 left;
    key128 right;
};

constexpr bool same = true;
constexpr bool other = false;

std::vector<relation> scalars() {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    constexpr std::int64_t w = -3916075690027450413;
    return {
        {"equal ints", same, key(7), key(7)},
        {"int and long of one value", same, key(7), key(7L)},
        {"int and short, negative", same, key(-7), key(std::int16_t{-7})},
        {"int and unsigned of one bit pattern", other, key(-1), key(0xffffffffU)},
        {"signed and unsigned char of one bit pattern", other, key(std::int8_t{-1}),
         key(std::uint8_t{255})},
        {"int64 and uint64 of one bit pattern", same, key(std::int64_t{-1}),
         key(~std::uint64_t{0})},
        {"neighbouring ints", other, key(7), key(8)},
        {"swapped arguments", other, key(1, 2), key(2, 1)},
        {"one argument and two", other, key(0), key(0, 0)},
        {"no argument and a zero", other, key(), key(0)},
        {"negative zero", other, key(-0.0), key(0.0)},
        {"one NaN and itself", same, key(nan), key(nan)},
        {"two NaN payloads", other, key(nan),
         key(std::bit_cast<double>(std::uint64_t{0x7ff8000000000001}))},
        {"NaN and its negative", other, key(nan), key(-nan)},
        {"neighbouring doubles", other, key(1.0),
         key(1.0 + std::numeric_limits<double>::epsilon())},
        {"float and double of one value", other, key(1.5F), key(1.5)},
        {"one and true", same, key(1), key(true)},
        {"double and int of one value", other, key(1.0), key(1)},
        {"double and the integer of its bits", same, key(1.0),
         key(std::uint64_t{0x3ff0000000000000})},
        {"enumerator and its number", same, key(color::green), key(1)},
        {"enumerators of two enums", same, key(color::green), key(fruit::pear)},
        {"enumerators of one enum", other, key(color::red), key(color::green)},
        {"raw XXH3 collision, four ints", other, key(w, ~w, std::int64_t{1}, std::int64_t{2}),
         key(~w, w, std::int64_t{1}, std::int64_t{2})},
        {"raw XXH3 collision, vector", other, key(std::vector<std::int64_t>{w, ~w, 1, 2}),
         key(std::vector<std::int64_t>{~w, w, 1, 2})},
        {"raw XXH3 collision, array", other, key(std::array<std::int64_t, 4>{w, ~w, 1, 2}),
         key(std::array<std::int64_t, 4>{~w, w, 1, 2})},
        {"seconds and milliseconds of one count", same, key(1s), key(1ms)},
        {"durations of one unit", other, key(1s), key(2s)},
        {"duration and time point", same, key(1s), key(std::chrono::sys_seconds(1s))},
    };
}

std::vector<relation> ranges() {
    std::vector const values{1, 2, 3};
    std::vector<std::int64_t> const wide{1, 2, 3};
    int const plain[3] = {1, 2, 3};
    std::vector<int> spacious = values;
    spacious.reserve(100);
    return {
        {"vector and span", same, key(values), key(std::span(values))},
        {"vector and span of const", same, key(values), key(std::span<int const>(values))},
        {"span of dynamic and of fixed extent", same, key(std::span(values)),
         key(std::span<int const, 3>(values))},
        {"capacity", same, key(values), key(spacious)},
        {"array and built-in array", same, key(std::array{1, 2, 3}), key(plain)},
        {"array has no count, vector has", other, key(std::array{1, 2, 3}), key(values)},
        {"order", other, key(values), key(std::vector{3, 2, 1})},
        {"duplicates", other, key(values), key(std::vector{1, 2, 3, 3})},
        {"trailing zero", other, key(std::vector{1}), key(std::vector{1, 0})},
        {"empty and one zero", other, key(std::vector<int>{}), key(std::vector{0})},
        {"narrow and wide elements", other, key(values), key(wide)},
        {"list and deque", same, key(std::list{1, 2, 3}), key(std::deque{1, 2, 3})},
        {"list and vector of words", same, key(std::list<std::int64_t>{1, 2, 3}), key(wide)},
        {"set whatever the order of insertion", same, key(std::set{1, 2, 3}),
         key(std::set{3, 2, 1})},
        {"set and multiset with a duplicate", other, key(std::set{1, 1}), key(std::multiset{1, 1})},
        {"nested: one element moved over", other, key(rows{{1}, {2}}), key(rows{{1, 2}, {}})},
        {"nested: empty row first or last", other, key(rows{{}, {1}}), key(rows{{1}, {}})},
        {"nested: rows split otherwise", other, key(rows{{1, 2}, {3}}), key(rows{{1}, {2, 3}})},
        {"nested and flat", other, key(rows{{1, 2}}), key(std::vector{1, 2})},
        {"two vectors: one element moved over", other, key(std::vector{1}, std::vector{2, 3}),
         key(std::vector{1, 2}, std::vector{3})},
        {"vector then int, int then vector", same, key(std::vector{1}, 2), key(1, std::vector{2})},
        {"vector<bool> and list of bool", same, key(std::vector<bool>{true, false}),
         key(std::list<bool>{true, false})},
        {"vector<bool>: trailing false", other, key(std::vector<bool>{true}),
         key(std::vector<bool>{true, false})},
        {"map and list of pairs", same, key(std::map<int, int>{{2, 20}, {1, 10}}),
         key(std::vector<std::pair<int, int>>{{1, 10}, {2, 20}})},
        {"map: key and value swapped", other, key(std::map<int, int>{{1, 2}}),
         key(std::map<int, int>{{2, 1}})},
        {"map: values swapped", other, key(std::map<int, int>{{1, 10}, {2, 20}}),
         key(std::map<int, int>{{1, 20}, {2, 10}})},
    };
}

std::vector<relation> text() {
    return {
        {"string and view", same, key("memo"s), key(std::string_view("memo"))},
        {"string and vector of its bytes", same, key("memo"s),
         key(std::vector<char>{'m', 'e', 'm', 'o'})},
        {"embedded zero", other, key("a\0b"s), key("a"s)},
        {"trailing zero", other, key("a\0"s), key("a"s)},
        {"only zeros", other, key("\0"s), key("\0\0"s)},
        {"empty and one zero", other, key(""s), key("\0"s)},
        {"case", other, key("memo"s), key("Memo"s)},
        {"two strings: one letter moved over", other, key("ab"s, "c"s), key("a"s, "bc"s)},
        {"text and number", other, key("1"s), key(1)},
        {"narrow and wide characters", other, key("ab"s), key(u"ab"s)},
        {"path and string", same, key(std::filesystem::path("a/b")), key("a/b"s)},
        {"two spellings of one path", other, key(std::filesystem::path("a/b")),
         key(std::filesystem::path("a//b"))},
        {"path and its normal form", other, key(std::filesystem::path("a/../b")),
         key(std::filesystem::path("b"))},
        {"strings over 4 KiB, last letter", other, key(std::string(5000, 'a')),
         key(std::string(4999, 'a') + 'b')},
        {"strings over 4 KiB, letter over the border", other,
         key(std::string(5000, 'a'), std::string(5000, 'b')),
         key(std::string(4999, 'a'), 'a' + std::string(5000, 'b'))},
    };
}

std::vector<relation> unordered() {
    bag const words{"a", "b", "c", "d", "e", "f", "g"};
    table const counts{{"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}};
    std::unordered_map<std::string, bag> const nested{{"x", words}, {"y", {}}};
    std::unordered_map<std::string, bag> const nested_again{{"y", {}}, {"x", reordered(words)}};
    return {
        {"unordered set, order of insertion", same, key(words), key(reordered(words))},
        {"unordered map, order of insertion", same, key(counts), key(reordered(counts))},
        {"unordered map: values swapped", other, key(table{{"a", 1}, {"b", 2}}),
         key(table{{"a", 2}, {"b", 1}})},
        {"unordered set: one element less", other, key(bag{"a", "b"}), key(bag{"a"})},
        {"unordered set: empty and holding the empty string", other, key(bag{}), key(bag{""})},
        {"unordered multiset: how often", other, key(std::unordered_multiset{1, 1, 2}),
         key(std::unordered_multiset{1, 2, 2})},
        {"unordered multiset: even counts do not cancel", other, key(std::unordered_multiset{1, 1}),
         key(std::unordered_multiset{2, 2})},
        {"unordered in unordered", same, key(nested), key(nested_again)},
        {"unordered and ordered set", other, key(std::unordered_set{1}), key(std::set{1})},
        {"two unordered sets: one element moved over", other, key(bag{"a"}, bag{"b"}),
         key(bag{"a", "b"}, bag{})},
        {"unordered set of unordered maps' pairs", other, key(table{{"ab", 1}}),
         key(table{{"a", 1}, {"b", 1}})},
    };
}

std::vector<relation> vocabulary() {
    using optional = std::optional<int>;
    return {
        {"empty optional and zero", other, key(optional{}), key(optional(0))},
        {"optional and its value", other, key(optional(5)), key(5)},
        {"optional and a vector of one word", same, key(std::optional<std::int64_t>(5)),
         key(std::vector<std::int64_t>{5})},
        {"empty optional then value, value then empty", other, key(optional{}, optional(0)),
         key(optional(0), optional{})},
        {"nested optional, empty at two depths", other, key(std::optional<optional>{}),
         key(std::optional<optional>(optional{}))},
        {"variant index", other, key(number(1)), key(number(std::int64_t{1}))},
        {"variant, one alternative twice", other,
         key(std::variant<int, int>(std::in_place_index<0>, 1)),
         key(std::variant<int, int>(std::in_place_index<1>, 1))},
        {"variant, equal values", same, key(number("a")), key(number("a"s))},
        {"pair and two arguments", same, key(std::pair(1, 2)), key(1, 2)},
        {"tuple and nested tuple", same, key(std::tuple(1, std::tuple(2, 3))),
         key(std::tuple(1, 2, 3))},
        {"empty types", same, key(std::monostate{}), key()},
        {"null and pointer to zero", other, key(std::unique_ptr<int>{}),
         key(std::make_unique<int>(0))},
        {"two pointees of one value", same, key(std::make_unique<int>(5)),
         key(std::make_unique<int>(5))},
        {"unique and shared pointer", other, key(std::make_unique<int>(5)),
         key(std::make_shared<int>(5))},
    };
}

std::vector<relation> classes() {
    auto const one = std::make_shared<std::string>("a");
    auto const copy = std::make_shared<std::string>("a");
    auto const changed = std::make_shared<std::string>("b");
    std::shared_ptr<kernel> const wide = std::make_shared<gaussian>(2.0);
    std::shared_ptr<kernel> const wide_again = std::make_shared<gaussian>(2.0);
    std::shared_ptr<kernel> const narrow = std::make_shared<gaussian>(1.0);
    std::shared_ptr<kernel> const heavy = std::make_shared<laplacian>(2.0);
    std::unique_ptr<kernel> const owned = std::make_unique<gaussian>(2.0);
    std::unique_ptr<kernel> const owned_heavy = std::make_unique<laplacian>(2.0);
    return {
        {"equal objects", same, key(point{1, 2}), key(point{1, 2})},
        {"members swapped", other, key(point{1, 2}), key(point{2, 1})},
        {"object and its members", other, key(point{1, 2}), key(1, 2)},
        {"no sizes: two arguments", other, key(unsized{{1, 2}}, unsized{{3}}),
         key(unsized{{1}}, unsized{{2, 3}})},
        {"no sizes: all in the first or in the second", other, key(unsized{{1}}, unsized{}),
         key(unsized{}, unsized{{1}})},
        {"no sizes: two elements", other, key(std::vector<unsized>{{{1, 2}}, {{3}}}),
         key(std::vector<unsized>{{{1}}, {{2, 3}}})},
        {"no sizes: map values", other, key(std::map<int, unsized>{{1, {{2, 3}}}, {4, {{}}}}),
         key(std::map<int, unsized>{{1, {{}}}, {2, {{3, 4}}}})},
        {"no sizes: two base classes", other, key(two_bases({1, 2}, {3})),
         key(two_bases({1}, {2, 3}))},
        {"version of a class", other, key(first_edition{5}), key(second_edition{5})},
        {"one version", same, key(first_edition{5}), key(first_edition{5})},
        {"shared pointers, equal pointees", same, key(one), key(copy)},
        {"shared pointers, other pointees", other, key(one), key(changed)},
        {"shared pointer, null", other, key(std::shared_ptr<std::string>{}),
         key(std::make_shared<std::string>())},
        {"sharing shows (a miss that is allowed)", other, key(one, one), key(one, copy)},
        {"sharing of two and of none", same, key(one, copy), key(copy, one)},
        {"derived classes with equal members", other, key(wide), key(heavy)},
        {"derived class, equal members", same, key(wide), key(wide_again)},
        {"derived class, other members", other, key(wide), key(narrow)},
        {"derived class, null", other, key(wide), key(std::shared_ptr<kernel>{})},
        {"derived classes in a vector", other, key(std::vector{wide, heavy}),
         key(std::vector{heavy, wide})},
        {"derived classes, owned", other, key(owned), key(owned_heavy)},
        {"unordered set of objects", same, key(std::vector{point{1, 2}}, std::unordered_set{1, 2}),
         key(std::vector{point{1, 2}}, std::unordered_set{2, 1})},
    };
}

std::vector<relation> subsets() {
    using list = std::vector<int>;
    return {
        {"index set, order of insertion", same, key(index_set{3, 1}), key(index_set{1, 3})},
        {"index set, universe", same, key(in_universe(10, {3, 1})),
         key(in_universe(100000, {1, 3}))},
        {"index set, duplicates", same, key(index_set{3, 1, 3}), key(index_set{1, 3})},
        {"index set, range and list", same, key(index_set(std::vector<unsigned>{3, 1})),
         key(index_set{1, 3})},
        {"index set, erased again", same, key(without(index_set{1, 3, 1000}, 1000)),
         key(index_set{1, 3})},
        {"index set, one element more", other, key(index_set{1, 3}), key(index_set{1, 3, 64})},
        {"index set, empty and holding 0", other, key(index_set{}), key(index_set{0})},
        {"index set, shifted by a word", other, key(index_set{1}), key(index_set{65})},
        {"two index sets: one element moved over", other, key(index_set{1}, index_set{2}),
         key(index_set{1, 2}, index_set{})},
        {"as_set, order and duplicates", same, key(as_set<list>{3, 1, 3}), key(as_set<list>{1, 3})},
        {"as_set, another element", other, key(as_set<list>{3, 1}), key(as_set<list>{3, 2})},
        {"as_set of strings", same, key(as_set<std::vector<std::string>>{"b"s, "a"s}),
         key(as_set<std::vector<std::string>>{"a"s, "b"s, "a"s})},
        {"as_set of doubles, zeros", other, key(as_set<std::vector<double>>{0.0, -0.0}),
         key(as_set<std::vector<double>>{0.0})},
        {"as_set of doubles, NaN", same,
         key(as_set<std::vector<double>>{std::numeric_limits<double>::quiet_NaN(), 1.0}),
         key(as_set<std::vector<double>>{1.0, std::numeric_limits<double>::quiet_NaN()})},
        {"as_set of rows", same, key(as_set<rows>{list{1}, list{2, 3}}),
         key(as_set<rows>{list{2, 3}, list{1}})},
        {"as_set of rows, split otherwise", other, key(as_set<rows>{list{1}, list{2, 3}}),
         key(as_set<rows>{list{1, 2}, list{3}})},
        {"ignored", same, key(1, ignored<int>(2)), key(1, ignored<int>(3))},
        {"ignored beside what is not", other, key(1, ignored<int>(2)), key(2, ignored<int>(1))},
    };
}

// Fingerprints contain the types, so values that share a stream above differ here.
std::vector<relation> fingerprints() {
    using memo::fingerprint;
    std::vector const values{1, 2, 3};
    return {
        {"equal values", same, fingerprint(1, "a"s), fingerprint(1, "a"s)},
        {"enumerator and its number", other, fingerprint(color::green), fingerprint(1)},
        {"enumerators of two enums", other, fingerprint(color::green), fingerprint(fruit::pear)},
        {"int and long", other, fingerprint(1), fingerprint(1L)},
        {"long and unsigned long", other, fingerprint(1L), fingerprint(1UL)},
        {"one and true", other, fingerprint(1), fingerprint(true)},
        {"seconds and milliseconds", other, fingerprint(1s), fingerprint(1ms)},
        {"string and path", other, fingerprint("a"s), fingerprint(std::filesystem::path("a"))},
        {"vector and span", other, fingerprint(values), fingerprint(std::span(values))},
        {"list and deque", other, fingerprint(std::list{1}), fingerprint(std::deque{1})},
        {"map and list of pairs", other, fingerprint(std::map<int, int>{{1, 2}}),
         fingerprint(std::vector{std::pair(1, 2)})},
        {"optional and vector", other, fingerprint(std::optional(1L)),
         fingerprint(std::vector{1L})},
        {"pair and two values", other, fingerprint(std::pair(1, 2)), fingerprint(1, 2)},
        {"vector then int, int then vector", other, fingerprint(std::vector{1}, 2),
         fingerprint(1, std::vector{2})},
        {"nothing and an empty type", other, fingerprint(), fingerprint(std::monostate{})},
        {"unordered sets", same, fingerprint(std::unordered_set{1, 2}),
         fingerprint(std::unordered_set{2, 1})},
        {"index sets", same, fingerprint(index_set{3, 1}), fingerprint(in_universe(99, {1, 3}))},
        {"index set and its words", other, fingerprint(index_set{0}),
         fingerprint(std::vector<std::uint64_t>{1})},
        {"derived classes seen as their base", other,
         fingerprint(std::shared_ptr<kernel>(std::make_shared<gaussian>())),
         fingerprint(std::shared_ptr<kernel>(std::make_shared<laplacian>()))},
    };
}

// Counts what it checked, so that an empty table does not pass.
std::size_t check(std::vector<relation> const& relations) {
    for (auto const& pair : relations) {
        CAPTURE(pair.name, pair.one_key, pair.left, pair.right);
        CHECK((pair.left == pair.right) == pair.one_key);
    }
    return relations.size();
}

} // namespace

CEREAL_CLASS_VERSION(first_edition, 1)
CEREAL_CLASS_VERSION(second_edition, 2)
CEREAL_REGISTER_TYPE_WITH_NAME(gaussian, "gaussian")
CEREAL_REGISTER_TYPE_WITH_NAME(laplacian, "laplacian")
CEREAL_REGISTER_POLYMORPHIC_RELATION(kernel, gaussian)
CEREAL_REGISTER_POLYMORPHIC_RELATION(kernel, laplacian)

TEST_CASE("scalars share a key where their words are equal") {
    CHECK(check(scalars()) == 28);
}
TEST_CASE("ranges share a key where their counts and elements are equal") {
    CHECK(check(ranges()) == 26);
}
TEST_CASE("texts share a key where every byte is equal") {
    CHECK(check(text()) == 15);
}
TEST_CASE("unordered containers share a key whatever their order") {
    CHECK(check(unordered()) == 11);
}
TEST_CASE("vocabulary types share a key where state and value are equal") {
    CHECK(check(vocabulary()) == 14);
}
TEST_CASE("objects share a key where their class and members are equal") {
    CHECK(check(classes()) == 22);
}
TEST_CASE("subsets share a key whatever their order, duplicates and universe") {
    CHECK(check(subsets()) == 18);
}

TEST_CASE("fingerprints are equal where types and values are equal") {
    CHECK(check(fingerprints()) == 19);
}

TEST_CASE("no value of a fingerprint can pass for the type of the next") {
    // The text spells what follows the types of the other one: its name's length is that of
    // typeid(long).name().
    using strings = std::vector<std::string>;
    std::uint64_t const letters = 0x6161616161616161;
    std::array<std::uint64_t, 14> words{1, 88};
    std::fill(words.begin() + 2, words.begin() + 13, letters);
    words.back() = 5;
    std::string const name = typeid(long).name();
    std::string spelled(name.size() == 1 ? static_cast<std::size_t>(name[0]) : 108, '\0');
    std::memcpy(spelled.data(), words.data(), std::min(spelled.size(), sizeof words));
    CHECK(memo::fingerprint(strings{spelled}) !=
          memo::fingerprint(strings{std::string(88, 'a')}, 5L));
}

TEST_CASE("another scope gives every call another key") {
    key128 const one{1, 2};
    CHECK(memo::detail::call_key(one, 1) != memo::detail::call_key(memo::key128{2, 1}, 1));
    CHECK(memo::detail::call_key(one, 1) != memo::detail::call_key(memo::key128{1, 3}, 1));
    CHECK(memo::detail::call_key(one) != memo::detail::call_key(memo::key128{2, 1}));
    // The scope is the stream's first two words, so it cannot be continued by an argument.
    CHECK(memo::detail::call_key(one, 3, 4) != memo::detail::call_key(memo::key128{3, 4}, 1, 2));
}
