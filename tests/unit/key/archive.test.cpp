// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/key/archive.hpp>
#include <memo/detail/key/call_key.hpp>
#include <memo/error.hpp>

#include <catch2/catch.hpp>
#include <cereal/types/base_class.hpp>
#include <cereal/types/complex.hpp>
#include <cereal/types/polymorphic.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/vector.hpp>

#include <complex>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace {

using words = std::vector<std::uint64_t>;

constexpr std::uint64_t closing = 0x517cc1b727220a95;

template <class... Ts> words words_in(Ts const&... values) {
    words key_material;
    memo::detail::word_stream stream(&key_material);
    memo::detail::encode_all(stream, values...);
    static_cast<void>(stream.digest());
    return key_material;
}

words between(words inner) {
    inner.push_back(closing + inner.size());
    return inner;
}

struct everything {
    int number;
    double real;
    std::vector<std::int32_t> values;
    std::string text;
    std::map<std::string, std::vector<double>> table;
    std::optional<int> maybe;
    std::unordered_set<int> bag;
    std::vector<bool> flags;

    auto members() const { return std::tie(number, real, values, text, table, maybe, bag, flags); }
    template <class Archive> void serialize(Archive& archive) {
        archive(number, real, values, text, table, maybe, bag, flags);
    }
};

struct part_class {
    int first;
    template <class Archive> void serialize(Archive& archive) { archive(first); }
};
struct whole_class : part_class {
    int second;
    template <class Archive> void serialize(Archive& archive) { archive(first, second); }
};

everything sample() {
    return {1, 2.5, {1, 2, 3}, "memo", {{"a", {1.0}}, {"b", {}}}, 7, {3, 1, 2}, {true, false}};
}

struct point {
    int x;
    int y;
    template <class Archive> void serialize(Archive& archive) {
        archive(CEREAL_NVP(x), cereal::make_nvp("another name", y));
    }
};

struct operators {
    int x;
    template <class Archive> void serialize(Archive& archive) {
        archive& x;
        archive& CEREAL_NVP(x);
    }
};

struct stream_operators {
    int x;
    template <class Archive> void save(Archive& archive) const { archive << x << x; }
    template <class Archive> void load(Archive& archive) { archive >> x >> x; }
};

struct outside {
    int x;
};
template <class Archive> void serialize(Archive& archive, outside& value) {
    archive(value.x);
}

struct minimal {
    int x;
    template <class Archive> int save_minimal(Archive const&) const { return x; }
    template <class Archive> void load_minimal(Archive const&, int const& value) { x = value; }
};

struct nested {
    point corner;
    std::vector<point> path;
    template <class Archive> void serialize(Archive& archive) { archive(corner, path); }
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
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::base_class<left_base>(this), cereal::base_class<right_base>(this));
    }
};

two_bases with_bases(std::vector<int> left, std::vector<int> right) {
    two_bases value;
    value.left_base::values = std::move(left);
    value.right_base::values = std::move(right);
    return value;
}

struct blob {
    std::vector<std::uint8_t> bytes;
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::make_size_tag(static_cast<cereal::size_type>(bytes.size())));
        archive(cereal::binary_data(bytes.data(), bytes.size()));
    }
};

struct versioned {
    int x;
    template <class Archive> void serialize(Archive& archive, std::uint32_t const) { archive(x); }
};
struct versioned_too {
    int x;
    template <class Archive> void serialize(Archive& archive, std::uint32_t const) { archive(x); }
};

class matrix : public std::vector<double> {
  public:
    matrix(std::vector<double> values, int columns)
        : std::vector<double>(std::move(values)), columns_(columns) {}
    template <class Archive> void serialize(Archive& archive) {
        archive(columns_, static_cast<std::vector<double>&>(*this));
    }

  private:
    int columns_;
};
class bare_matrix : public std::vector<double> {
  public:
    int columns = 0;
};

struct shape {
    virtual ~shape() = default;
    double size = 0;
    template <class Archive> void serialize(Archive& archive) { archive(size); }
};
struct circle : shape {
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::base_class<shape>(this));
    }
};
struct square : shape {
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::base_class<shape>(this));
    }
};

struct postponed {
    int late;
    int soon;
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::defer(late), soon);
    }
};

// Adds no member, so the function of the base writes all of it.
struct tagged : unsized {};
// Adds a member, which the function of the base omits.
struct weighted : unsized {
    double weight;
};
struct weighted_again : weighted {
    using unsized::serialize;
};

class hidden {
  public:
    explicit hidden(int x) : x_(x) {}

  private:
    friend class cereal::access;
    template <class Archive> void serialize(Archive& archive) { archive(x_); }
    int x_;
};

struct versioned_below : versioned {
    int y;
};
struct minimal_below : minimal {
    int y;
};
struct outside_below : outside {
    int y;
};
struct number_below : std::pair<int, int> {
    int y;
};

struct any_archive {
    using members_are = int;
    int x;
};
template <class Archive, class T>
    requires requires {
        typename T::members_are;
    }
void serialize(Archive& archive, T& value) {
    archive(value.x);
}

template <class T> struct boxed { T content; };
template <class Archive, class T> void save(Archive& archive, boxed<T> const& value) {
    archive(value.content);
}
struct boxed_below : boxed<int> {
    int y;
};

class guarded { // of no standard layout
  public:
    explicit guarded(double x) : shown(x), hidden_(-x) {}
    double shown;
    template <class Archive> void serialize(Archive& archive) { archive(shown, hidden_); }

  private:
    double hidden_;
};
struct guarded_too : guarded {
    using guarded::guarded;
};

template <class Derived> struct visited {
    template <class Archive> void serialize(Archive& archive) {
        static_cast<Derived&>(*this).visit(archive);
    }
};
struct by_visit : visited<by_visit> {
    int x;
    template <class Archive> void visit(Archive& archive) { archive(x); }
};
struct by_visit_itself : visited<by_visit_itself> {
    int x = 5;
    template <class Archive> void visit(Archive& archive) { archive(x); }
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::base_class<visited<by_visit_itself>>(this));
    }
};

struct plain_shape : shape {};

struct column : std::filesystem::path {
    explicit column(int of) : std::filesystem::path("table.csv"), number(of) {}
    int number;
    template <class Archive> void serialize(Archive& archive) {
        archive(static_cast<std::filesystem::path const&>(*this), number);
    }
};
struct bare_column : std::filesystem::path {
    int number;
};

struct node {
    int value;
    std::shared_ptr<node> next;
    template <class Archive> void serialize(Archive& archive) { archive(value, next); }
};

struct with_number {
    int number = 0;
    template <class Archive> void serialize(Archive& archive) { archive(number); }
};
struct left_part : virtual with_number {
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::virtual_base_class<with_number>(this));
    }
};
struct right_part : virtual with_number {
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::virtual_base_class<with_number>(this));
    }
};
struct both_parts : left_part, right_part {
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::base_class<left_part>(this), cereal::base_class<right_part>(this));
    }
};

struct place {
    std::unordered_map<std::string, std::shared_ptr<place>> roads;
    template <class Archive> void serialize(Archive& archive) { archive(roads); }
};

} // namespace

// cereal's own function for the base class matches as well, so the choice is explicit.
CEREAL_SPECIALIZE_FOR_ALL_ARCHIVES(matrix, cereal::specialization::member_serialize)
CEREAL_CLASS_VERSION(versioned, 3)
CEREAL_CLASS_VERSION(versioned_too, 4)

TEST_CASE("a class is the words of its members, and a count of them") {
    everything const value = sample();
    CHECK(words_in(value) == between(words_in(value.members())));
    CHECK(words_in(point{1, 2}) == words{1, 2, closing + 2});
}

TEST_CASE(
    "a class and its members side by side have the direct path's words between the brackets") {
    everything const value = sample();
    words expected = words_in(1, value.values);
    words const inner = words_in(value);
    expected.insert(expected.end(), inner.begin(), inner.end());
    words const after = words_in(value.text, value.table, value.bag);
    expected.insert(expected.end(), after.begin(), after.end());
    CHECK(words_in(1, value.values, value, value.text, value.table, value.bag) == expected);
}

TEST_CASE("a product with a class in it is its parts") {
    std::pair const value(std::vector{1, 2}, point{3, 4});
    CHECK(words_in(value) == words_in(value.first, value.second));
    CHECK(words_in(std::vector{point{3, 4}}) == words{1, 3, 4, closing + 2});
    CHECK(words_in(std::optional(point{3, 4})) == words{1, 3, 4, closing + 2});
}

TEST_CASE("every way of cereal to save a class is found") {
    CHECK(words_in(operators{5}) == words{5, 5, closing + 2});
    CHECK(words_in(stream_operators{5}) == words{5, 5, closing + 2});
    CHECK(words_in(outside{5}) == words{5, closing + 1});
    CHECK(words_in(minimal{5}) == words{5, closing + 1});
}

TEST_CASE("a class in a class has a count of its own") {
    CHECK(words_in(nested{{1, 2}, {{3, 4}}}) ==
          words{1, 2, closing + 2, 1, 3, 4, closing + 2, closing + 7});
}

TEST_CASE("neighbours that write no sizes cannot pass elements to one another") {
    CHECK(words_in(unsized{{1, 2}}, unsized{{3}}) != words_in(unsized{{1}}, unsized{{2, 3}}));
    CHECK(words_in(unsized{{}}, unsized{{1}}) != words_in(unsized{{1}}, unsized{{}}));
    CHECK(words_in(std::vector<unsized>{{{1, 2}}, {{3}}}) !=
          words_in(std::vector<unsized>{{{1}}, {{2, 3}}}));
    CHECK(words_in(std::pair(unsized{{1, 2}}, unsized{{3}})) !=
          words_in(std::pair(unsized{{1}}, unsized{{2, 3}})));
}

TEST_CASE("base classes that write no sizes cannot pass elements to one another") {
    CHECK(words_in(with_bases({1, 2}, {3})) != words_in(with_bases({1}, {2, 3})));
}

TEST_CASE("binary data is its size in bytes and the bytes") {
    CHECK(words_in(blob{{1, 2, 3}}) == words{3, 3, 0x030201, closing + 3});
}

TEST_CASE("a class version is in the key") {
    CHECK(words_in(versioned{5}) == words{3, 5, closing + 2});
    CHECK(words_in(versioned{5}) != words_in(versioned_too{5}));
    // cereal writes the version of a class once per archive.
    CHECK(words_in(versioned{5}, versioned{6}) == words{3, 5, closing + 2, 6, closing + 1});
}

TEST_CASE("a class that derives from a container writes itself") {
    CHECK(words_in(matrix({1, 2}, 2)) == between(words_in(2, std::vector<double>{1, 2})));
    CHECK(words_in(matrix({1, 2}, 2)) != words_in(matrix({1, 2}, 1)));
    CHECK_FALSE(memo::detail::encodable<bare_matrix>);
}

TEST_CASE("a class that inherits its function and adds members is no argument") {
    CHECK_FALSE(memo::detail::encodable<weighted>);
    CHECK_FALSE(memo::detail::encodable<weighted_again>);
    CHECK_FALSE(memo::detail::encodable<versioned_below>);
    CHECK_FALSE(memo::detail::encodable<minimal_below>);
    CHECK_FALSE(memo::detail::encodable<outside_below>);
    CHECK_FALSE(memo::detail::encodable<number_below>);
    CHECK_FALSE(memo::detail::encodable<boxed_below>);
}

TEST_CASE("a class under a CRTP or polymorphic base is refused") {
    CHECK_FALSE(memo::detail::encodable<by_visit>);
    CHECK_FALSE(memo::detail::encodable<plain_shape>);
    CHECK(words_in(by_visit_itself()) == words{5, closing + 1, closing + 2});
}

TEST_CASE("a class that inherits its function and adds no member has its base's words") {
    tagged value;
    value.values = {1, 2};
    CHECK(words_in(value) == words_in(unsized{{1, 2}}));
    CHECK(words_in(guarded_too(1)) == words_in(guarded(1)));
}

TEST_CASE("a cereal function for the class itself is found, whatever its form") {
    CHECK(words_in(hidden(5)) == words{5, closing + 1});
    CHECK(words_in(any_archive{5}) == words{5, closing + 1});
    CHECK(words_in(boxed<int>{5}) == words{5, closing + 1});
    CHECK(words_in(std::complex<double>(1, 2)) == between(words_in(1.0, 2.0)));
}

TEST_CASE("a class that derives from a path writes itself") {
    CHECK(words_in(column(3)) == between(words_in(std::filesystem::path("table.csv"), 3)));
    CHECK_FALSE(memo::detail::encodable<bare_column>);
    CHECK(memo::detail::encodable<std::filesystem::path>);
}

TEST_CASE("a shared pointer is its place in the order of appearance, then its pointee once") {
    constexpr std::uint64_t is_new = 0x80000000;
    auto const one = std::make_shared<int>(7);
    auto const copy = std::make_shared<int>(7);
    CHECK(words_in(one) == words{is_new + 1, 7});
    CHECK(words_in(std::shared_ptr<int>{}) == words{0});
    CHECK(words_in(one, copy) == words{is_new + 1, 7, is_new + 2, 7});
    // Sharing shows: two calls that differ in it alone are a miss, not a wrong value.
    CHECK(words_in(one, one) == words{is_new + 1, 7, 1});
}

TEST_CASE("a pointee is written again where a pointer sees more of it than the one before") {
    constexpr std::uint64_t is_new = 0x80000000;
    auto const whole = std::make_shared<whole_class>(whole_class{{1}, 2});
    std::shared_ptr<part_class> const part = whole;
    words const seen_first{is_new + 1, 1, closing + 1};
    words both = seen_first;
    for (auto const word : between({1, 2})) {
        both.insert(both.end(), both.size() == seen_first.size() ? 1 : 0, is_new + 1);
        both.push_back(word);
    }
    CHECK(words_in(part, whole) == both);
    CHECK(words_in(part, whole, whole).size() == both.size() + 1);
    CHECK(words_in(part, whole, whole).back() == 1);
    std::shared_ptr<int> const member(whole, &whole->first);
    CHECK(words_in(member, part, whole, member, part, whole) ==
          words{is_new + 1, 1, is_new + 1, 1, closing + 1, is_new + 1, 1, 2, closing + 2, 1, 1, 1});
}

TEST_CASE("a circle of shared pointers ends") {
    auto const first = std::make_shared<node>(node{1, nullptr});
    first->next = std::make_shared<node>(node{2, first});
    auto const straight = std::make_shared<node>(node{1, nullptr});
    straight->next = std::make_shared<node>(node{2, nullptr});
    CHECK(words_in(first) != words_in(straight));
    first->next->next = nullptr; // lets go of the circle
}

TEST_CASE("an object writes its virtual base once, wherever the object is") {
    both_parts one;
    one.number = 7;
    both_parts const copy = one;
    CHECK(words_in(one) == between({7, closing + 1, closing + 2, closing, closing + 1}));
    CHECK(words_in(one, one) == words_in(one, copy));
}

TEST_CASE("a circle through an unordered container is refused") {
    auto const here = std::make_shared<place>();
    auto const there = std::make_shared<place>();
    here->roads = {{"one", there}, {"other", there}};
    CHECK_NOTHROW(words_in(here));
    there->roads = {{"back", here}};
    CHECK_THROWS_AS(words_in(here), memo::error);
    CHECK_THROWS_AS(words_in(*here), memo::error);
    there->roads.clear(); // lets go of the circle
}

TEST_CASE("a class that derives from the parameter's is refused by value") {
    circle const round;
    shape const& seen_as_shape = round;
    CHECK_THROWS_AS(words_in(seen_as_shape), memo::error);
    CHECK_NOTHROW(words_in(round));
    CHECK_NOTHROW(words_in(shape{}));
}

TEST_CASE("the digest of a value does not depend on what came before it") {
    auto const one = std::make_shared<int>(7);
    CHECK(memo::detail::digest_of(one) == memo::detail::digest_of(std::make_shared<int>(7)));
    CHECK(memo::detail::digest_of(versioned{1}) == memo::detail::digest_of(versioned{1}));
}

TEST_CASE("deferred data is written where it stands, inside its class") {
    CHECK(words_in(postponed{1, 2}, 3) == words{1, 2, closing + 2, 3});
}
