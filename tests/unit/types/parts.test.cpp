// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/key/archive.hpp>
#include <memo/detail/key/parameter_types.hpp>
#include <memo/detail/key/same_value.hpp>
#include <memo/detail/memory/footprint.hpp>
#include <memo/detail/record/codec.hpp>
#include <memo/detail/types/parts.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace detail = memo::detail;

namespace {

/// Whether a value is encoded, decoded and compared by its parts.
template <class T> void check_all_uses(T const& value, T const& other) {
    CHECK(detail::digest_of(value) == detail::digest_of(value));
    CHECK(detail::digest_of(value) != detail::digest_of(other));
    std::vector<std::byte> bytes;
    CHECK(detail::encode_record(bytes, value));
    auto const decoded = detail::decode_record<T>(bytes);
    CHECK(detail::same_value(decoded, value));
    CHECK_FALSE(detail::same_value(decoded, other));
}

} // namespace

TEST_CASE("a product has its parts in order") {
    using type = std::tuple<int, std::pair<double, std::string>>;
    STATIC_REQUIRE(detail::product_type<type>);
    STATIC_REQUIRE(std::is_same_v<decltype(detail::parts_of<type>()),
                                  detail::type_list<int, std::pair<double, std::string>>>);
    check_all_uses(type(1, {2.5, "three"}), type(1, {2.5, "four"}));
    check_all_uses(std::pair(1, 2), std::pair(2, 1));
}

TEST_CASE("a sum type has the index of its part, and the part if there is one") {
    using type = std::variant<int, std::string, int>;
    STATIC_REQUIRE(detail::sum_type<type>);
    check_all_uses(type(std::in_place_index<0>, 7), type(std::in_place_index<2>, 7));
    check_all_uses(std::optional<int>(), std::optional<int>(0));
    std::vector<std::byte> bytes;
    CHECK(detail::encode_record(bytes, std::make_unique<int>(3)));
    CHECK(*detail::decode_record<std::unique_ptr<int>>(bytes) == 3);
    bytes.clear();
    CHECK(detail::encode_record(bytes, std::unique_ptr<int>()));
    CHECK(detail::decode_record<std::unique_ptr<int>>(bytes) == nullptr);
}

TEST_CASE("a record with an index beyond its parts is malformed") {
    using type = std::variant<int, double>;
    std::vector<std::byte> bytes;
    CHECK(detail::encode_record(bytes, type(1)));
    bytes.front() = std::byte{2};
    CHECK_THROWS_AS(detail::decode_record<type>(bytes), detail::malformed_record);
    bytes.clear();
    CHECK(detail::encode_record(bytes, std::optional<int>()));
    bytes.front() = std::byte{2};
    CHECK_THROWS_AS(detail::decode_record<std::optional<int>>(bytes), detail::malformed_record);
}

TEST_CASE("a transparent type is what its part is") {
    using namespace std::chrono_literals;
    STATIC_REQUIRE(detail::transparent_type<std::filesystem::path>);
    check_all_uses(5ms, 6ms);
    check_all_uses(std::chrono::sys_seconds(5s), std::chrono::sys_seconds(6s));
    check_all_uses(std::filesystem::path("a/b"), std::filesystem::path("a/c"));
    CHECK(detail::digest_of(std::filesystem::path("a/b")) == detail::digest_of(std::string("a/b")));
}

TEST_CASE("the footprint of a value is that of its parts") {
    std::string const text(100, 'x');
    std::size_t const of_text = detail::footprint(text);
    CHECK(of_text == 100);
    CHECK(detail::footprint(std::pair(1, text)) == of_text);
    CHECK(detail::footprint(std::tuple(text, 1.5, text)) == 2 * of_text);
    CHECK(detail::footprint(std::variant<int, std::string>(text)) == of_text);
    CHECK(detail::footprint(std::optional<std::string>(text)) == of_text);
    CHECK(detail::footprint(std::make_unique<std::string>(text)) == of_text + sizeof text);
    CHECK(detail::footprint(std::optional<std::string>()) == 0);
}

TEST_CASE("a view is found in any standard type that contains it") {
    using view = std::string_view;
    STATIC_REQUIRE(detail::contains_view<view>);
    STATIC_REQUIRE(detail::contains_view<std::pair<int const, view>>);
    STATIC_REQUIRE(detail::contains_view<std::tuple<int, std::optional<view>>>);
    STATIC_REQUIRE(detail::contains_view<std::variant<int, std::vector<view>>>);
    STATIC_REQUIRE(detail::contains_view<std::unique_ptr<view const>>);
    STATIC_REQUIRE(detail::contains_view<std::pair<int, memo::ignored<view>>>);
    STATIC_REQUIRE(detail::contains_view<std::tuple<int&>>);
    STATIC_REQUIRE_FALSE(detail::contains_view<std::pair<int, std::vector<std::string>>>);
    STATIC_REQUIRE_FALSE(detail::contains_view<memo::as_set<std::vector<int>>>);
}
