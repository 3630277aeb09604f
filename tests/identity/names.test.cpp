// SPDX-License-Identifier: BSL-1.0

// Who may claim which name in one process.

#include <memo/detail/key/name_registry.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <functional>
#include <typeinfo>
#include <utility>

// NOLINTBEGIN(readability-identifier-naming): what a mangled name must not be taken for
struct L2_distance {};
namespace nameL {
struct distance {};
} // namespace nameL
// NOLINTEND(readability-identifier-naming)

namespace {

template <auto Function> struct holder {};

struct first_utility {
    int operator()(int x) const { return x; }
};
struct second_utility {
    int operator()(int x) const { return x + 1; }
};
struct utility_of_long {
    int operator()(long x) const { return static_cast<int>(x); }
};

int f(int x) {
    return x;
}
int g(int x) {
    return x + 1;
}

template <class F> memo::key128 key_of(F callable, memo::options<int> options) {
    return memo::memoize<memo::memory>(callable, std::move(options)).key(1);
}

template <class F> memo::error refusal_of(F callable, memo::options<int> options) {
    try {
        static_cast<void>(key_of(callable, std::move(options)));
    } catch (memo::error const& refused) {
        return refused;
    }
    FAIL("was not refused");
    throw;
}

} // namespace

TEST_CASE("a second callable under one name and version is refused") {
    key_of(first_utility(), {.name = "taken", .version = "1"});
    auto const refused = refusal_of(second_utility(), {.name = "taken", .version = "1"});
    CHECK(refused.code() == memo::errc::name_conflict);
    CHECK_THAT(refused.what(), Catch::Contains("\"taken\"") && Catch::Contains("first_utility") &&
                                   Catch::Contains("second_utility"));
    CHECK_NOTHROW(key_of(first_utility(), {.name = "taken", .version = "1"}));
}

TEST_CASE("a second lambda of one function is refused") {
    auto const one = [](int x) { return x; };
    auto const other = [](int x) { return x + 1; };
    key_of(one, {.name = "lambda", .version = "1"});
    CHECK(refusal_of(other, {.name = "lambda", .version = "1"}).code() ==
          memo::errc::name_conflict);
}

TEST_CASE("a second pointer of equal type is refused") {
    key_of(&f, {.name = "pointer", .version = "1"});
    CHECK_NOTHROW(key_of(&f, {.name = "pointer", .version = "1"}));
    CHECK(refusal_of(&g, {.name = "pointer", .version = "1"}).code() == memo::errc::name_conflict);
}

TEST_CASE("two targets of a std::function are two callables") {
    using utility = std::function<int(int)>;
    auto const kept = [](utility const& target, memo::options<int> const& options) {
        return memo::memoize<memo::memory>(memo::keyed(target, 1), options).key(1);
    };
    memo::options<int> const named{.name = "hidden", .version = "1"};
    auto const key = kept(first_utility(), named);
    CHECK(kept(first_utility(), named) == key);
    auto const refused = [&](utility const& target) {
        return refusal_of(memo::keyed(target, 1), named);
    };
    CHECK(refused(second_utility()).code() == memo::errc::name_conflict);
    CHECK_THAT(refused(second_utility()).what(),
               Catch::Contains("first_utility") && Catch::Contains("second_utility"));
    CHECK(refused(&f).code() == memo::errc::name_conflict);
    kept(&f, {.name = "hidden pointer", .version = "1"});
    CHECK_THROWS_AS(kept(&g, {.name = "hidden pointer", .version = "1"}), memo::error);
    CHECK(kept(first_utility(), {}) == kept(first_utility(), {}));
    CHECK(kept(first_utility(), {}) != kept(second_utility(), {}));
    CHECK(kept(&f, {}) != kept(&g, {}));
}

TEST_CASE("one callable may be wrapped under its name repeatedly") {
    auto const key = key_of(first_utility(), {.name = "again", .version = "1"});
    CHECK(key_of(first_utility(), {.name = "again", .version = "1"}) == key);
}

TEST_CASE("another version, prefix or signature is another name") {
    auto const key = key_of(first_utility(), {.name = "edition", .version = "1"});
    CHECK(key_of(second_utility(), {.name = "edition", .version = "2"}) != key);
    CHECK(key_of(second_utility(), {.name = "edition", .version = "1", .hash_prefix = "trial"}) !=
          key);
    CHECK(key_of(utility_of_long(), {.name = "edition", .version = "1"}) != key);
}

TEST_CASE("a name without a version leaves the code in the key") {
    CHECK(key_of(first_utility(), {.name = "label"}) !=
          key_of(second_utility(), {.name = "label"}));
    CHECK(key_of(first_utility(), {.name = "label"}) != key_of(first_utility(), {}));
}

TEST_CASE("a version without a name is refused") {
    auto const refused = refusal_of(first_utility(), {.version = "1"});
    CHECK(refused.code() == memo::errc::configuration);
    CHECK_THAT(refused.what(), Catch::Contains(".version") && Catch::Contains(".name"));
}

TEST_CASE(
    "a type is one in all modules unless its linkage is internal, whatever letters its name has") {
    using memo::detail::is_one_in_all_modules;
    CHECK(is_one_in_all_modules(typeid(L2_distance)));
    CHECK(is_one_in_all_modules(typeid(nameL::distance)));
    CHECK_FALSE(is_one_in_all_modules(typeid(first_utility)));
    CHECK_FALSE(is_one_in_all_modules(typeid(holder<&f>)));
}
