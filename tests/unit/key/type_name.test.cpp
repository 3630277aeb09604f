// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/key/type_name.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

using memo::detail::declared_name;
using memo::detail::type_name;

namespace {
struct nobodys {};
} // namespace

namespace own {
struct point {};
enum class color : std::uint8_t { red };
template <class T> struct box {
    struct inside {};
};
template <class T, class Tag> struct strong {};
template <class T, std::size_t Count> struct matrix {};
struct undefined;
inline namespace second {
struct versioned {};
} // namespace second
} // namespace own

TEST_CASE("a scalar's name follows from its size and sign") {
    CHECK(type_name<bool>() == std::string("bool"));
    CHECK(type_name<char>() == std::string("char"));
    CHECK(type_name<std::int8_t>() == std::string("signed char"));
    CHECK(type_name<std::uint8_t>() == std::string("unsigned char"));
    CHECK(type_name<std::int16_t>() == std::string("short"));
    CHECK(type_name<std::uint16_t>() == std::string("unsigned short"));
    CHECK(type_name<std::int32_t>() == std::string("int"));
    CHECK(type_name<std::uint32_t>() == std::string("unsigned int"));
    CHECK(type_name<float>() == std::string("float"));
    CHECK(type_name<double>() == std::string("double"));
    CHECK(type_name<wchar_t>() == std::string("wchar_t"));
    CHECK(type_name<char8_t>() == std::string("char8_t"));
    CHECK(type_name<std::nullptr_t>() == std::string("std::nullptr_t"));
    // std::int64_t is a long on Linux and a long long on other systems.
    CHECK(type_name<std::int64_t>() == std::string("long"));
    CHECK(type_name<long long>() == std::string("long"));
    CHECK(type_name<std::size_t>() == std::string("unsigned long"));
    CHECK(type_name<unsigned long long>() == std::string("unsigned long"));
}

TEST_CASE("a standard type has the name that the standard gives it") {
    CHECK(type_name<std::string>() == std::string("std::string"));
    CHECK(type_name<std::string_view>() ==
          std::string("std::basic_string_view<char, std::char_traits<char>>"));
    CHECK(type_name<std::vector<long long>>() == std::string("std::vector<long>"));
    CHECK(type_name<std::list<std::string>>() == std::string("std::list<std::string>"));
    CHECK(type_name<std::map<std::string, double>>() ==
          std::string("std::map<std::string, double, std::less<std::string>>"));
    CHECK(type_name<std::set<int, std::greater<>>>() ==
          std::string("std::set<int, std::greater<void>>"));
    CHECK(type_name<std::array<std::array<char, 2>, 3>>() ==
          std::string("std::array<std::array<char, 2>, 3>"));
    CHECK(type_name<std::span<double const>>() == std::string("std::span<double const, -1>"));
    CHECK(type_name<std::span<int, 4>>() == std::string("std::span<int, 4>"));
    CHECK(type_name<std::optional<std::tuple<int, double const&>>>() ==
          std::string("std::optional<std::tuple<int, double const&>>"));
    CHECK(type_name<std::variant<std::monostate, std::string>>() ==
          std::string("std::variant<std::monostate, std::string>"));
    CHECK(type_name<std::tuple<>>() == std::string("std::tuple<>"));
    CHECK(type_name<std::chrono::milliseconds>() ==
          std::string("std::chrono::duration<long, std::ratio<1, 1000>>"));
    CHECK(type_name<std::chrono::system_clock>() == std::string("std::chrono::system_clock"));
    CHECK(type_name<std::filesystem::path>() == std::string("std::filesystem::path"));
    CHECK(type_name<std::shared_ptr<own::point>>() == std::string("std::shared_ptr<own::point>"));
    CHECK(type_name<int[3]>() == std::string("int[3]"));
}

TEST_CASE("a class of the user has its name as declared") {
    CHECK(type_name<own::point>() == std::string("own::point"));
    CHECK(type_name<own::color>() == std::string("own::color"));
    CHECK(type_name<own::box<std::string>>() == std::string("own::box<std::string>"));
    CHECK(type_name<own::box<int>::inside>() == std::string("own::box<int>::inside"));
    CHECK(type_name<own::matrix<double, 3>>() == std::string("own::matrix<double, 3>"));
    CHECK(type_name<own::versioned>() == std::string("own::second::versioned"));
    CHECK(type_name<nobodys>() == std::string("(anonymous namespace)::nobodys"));
    // Needs no definition of an argument.
    CHECK(type_name<own::strong<double, own::undefined>>() ==
          std::string("own::strong<double, own::undefined>"));
    CHECK(type_name<own::box<std::allocator<int>>>() == std::string("own::box<>"));
}

TEST_CASE("names that an implementation reserves are no part of a name") {
    // By libc++, by libstdc++ for debugging, and by its old ABI.
    CHECK(declared_name("NSt3__14listIiNS_9allocatorIiEEEE") ==
          "std::list<int, std::allocator<int>>");
    CHECK(declared_name("NSt7__debug4listIiSaIiEEE") == "std::list<int, std::allocator<int>>");
    CHECK(declared_name("NSt7__cxx114listIiSaIiEEE") == "std::list<int, std::allocator<int>>");
    CHECK(declared_name("NSt6chrono3_V212system_clockE") == "std::chrono::system_clock");
    CHECK(declared_name("NSt3__14__fs10filesystem4pathE") == "std::filesystem::path");
    CHECK(declared_name("N3own6matrixIdLy3EEE") == "own::matrix<double, 3>");
    CHECK(declared_name("N3own4__of4_lowE") == "own::_low");
    CHECK(declared_name("not mangled") == "not mangled");
}

TEST_CASE("threads that ask for a name at once receive one text") {
    std::array<char const*, 8> names{};
    std::vector<std::thread> threads;
    for (auto& name : names) {
        threads.emplace_back([&name] { name = type_name<std::map<int, std::set<own::point>>>(); });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    for (auto const* const name : names) {
        CHECK(name == names[0]);
    }
}
