// SPDX-License-Identifier: BSL-1.0
#pragma once

// The calls whose keys are kept in keys.txt: label and key, in the file's order. A key that changes
// is a change of the format: it needs a new number in docs/format.md and a decision, never an edit
// of keys.txt alone.

#include <memo/detail/key/archive.hpp>
#include <memo/detail/key/call_key.hpp>
#include <memo/memo.hpp>

#include <cereal/types/polymorphic.hpp>

#include <array>
#include <chrono>
#include <cstdint>
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
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace golden {

struct point {
    std::int32_t x;
    std::int32_t y;
    template <class Archive> void serialize(Archive& archive) { archive(x, y); }
};

struct model {
    std::string name;
    std::vector<double> weights;
    std::vector<point> corners;
    template <class Archive> void serialize(Archive& archive, std::uint32_t const) {
        archive(name, weights, corners);
    }
};

struct kernel {
    kernel() = default;
    kernel(kernel const&) = default;
    kernel& operator=(kernel const&) = default;
    virtual ~kernel() = default;
    template <class Archive> void serialize(Archive&) {}
};
struct gaussian : kernel {
    double width = 0.5;
    template <class Archive> void serialize(Archive& archive) { archive(width); }
};

enum class color : std::uint8_t { red, green };

inline double power(double base, std::int32_t exponent) {
    return base * exponent;
}
inline double mean(std::vector<double> const& values) {
    return values.empty() ? 0 : values[0];
}
inline std::string label(std::string const& text, color hue) {
    return text + (hue == color::red ? "r" : "g");
}
inline double score(memo::index_set const& subset) {
    return static_cast<double>(subset.size());
}
inline double norm(point const& value) {
    return value.x;
}
template <class T> struct labelled {
    T value;
    template <class Archive> void serialize(Archive& archive) { archive(value); }
};
using table = std::map<std::string, std::optional<std::array<std::int64_t, 2>>>;
inline std::uint64_t total(table const& rows, std::chrono::milliseconds span,
                           std::span<float const> row, std::filesystem::path const& path,
                           labelled<std::u16string> const& text) {
    return rows.size() + static_cast<std::uint64_t>(span.count()) + row.size() +
           path.native().size() + text.value.size();
}
inline std::int32_t answer() {
    return 42;
}

struct key_case {
    std::string label;
    memo::key128 key;
};

// Calls of one fixed scope: the streams of the arguments.
inline std::vector<key_case> argument_cases() {
    constexpr memo::key128 scope{0x0123456789abcdef, 0xfedcba9876543210};
    auto const key = [&](auto const&... arguments) {
        return memo::detail::call_key(scope, arguments...);
    };
    std::vector<std::int64_t> thousand(1000);
    std::iota(thousand.begin(), thousand.end(), 0);
    auto const shared = std::make_shared<std::int32_t>(7);
    using variant = std::variant<std::int32_t, double, std::string>;
    using strings = std::vector<std::string>;
    return {
        {"none", key()},
        {"int32 42", key(std::int32_t{42})},
        {"int32 -1", key(std::int32_t{-1})},
        {"uint64 2^64 - 2", key(std::numeric_limits<std::uint64_t>::max() - 1)},
        {"bool true", key(true)},
        {"double 0.1", key(0.1)},
        {"double -0.0", key(-0.0)},
        {"float 0.1", key(0.1F)},
        {"enum green, red", key(color::green, color::red)},
        {"int32 1, double 2, bool false", key(std::int32_t{1}, 2.0, false)},
        {"string memo", key(std::string("memo"))},
        {"string empty", key(std::string())},
        {"string of 5000 a", key(std::string(5000, 'a'))},
        {"u16string ab", key(std::u16string(u"ab"))},
        {"array<int16, 5>", key(std::array<std::int16_t, 5>{1, -2, 3, -4, 5})},
        {"array<int64, 27>, fixed length", key(std::array<std::int64_t, 27>{1, 2, 3})},
        {"array<int64, 28>, gathered", key(std::array<std::int64_t, 28>{1, 2, 3})},
        {"vector<int32> 1 2 3", key(std::vector<std::int32_t>{1, 2, 3})},
        {"vector<double> 0.5 0.25", key(std::vector<double>{0.5, 0.25})},
        {"vector<bool>", key(std::vector<bool>{true, false, true})},
        {"vector<string>", key(strings{"a", "", "memoize"})},
        {"vector<vector<int32>>", key(std::vector<std::vector<std::int32_t>>{{1}, {2, 3}, {}})},
        {"stream of 511 words, one piece",
         key(std::list(thousand.begin(), thousand.begin() + 508))},
        {"stream of 512 words, two pieces",
         key(std::list(thousand.begin(), thousand.begin() + 509))},
        {"bytes 248, as they are", key(std::span(thousand).first(31))},
        {"bytes 256, by their digest", key(std::span(thousand).first(32))},
        {"span of 1000 int64", key(std::span<std::int64_t const>(thousand))},
        {"list<int32>", key(std::list<std::int32_t>{1, 2, 3})},
        {"set<string>", key(std::set<std::string>{"b", "a"})},
        {"map<string, double>", key(std::map<std::string, double>{{"b", 2}, {"a", 1}})},
        {"unordered_set<int32>", key(std::unordered_set<std::int32_t>{3, 1, 2})},
        {"unordered_map<string, int32>",
         key(std::unordered_map<std::string, std::int32_t>{{"a", 1}, {"b", 2}, {"c", 3}})},
        {"pair, tuple", key(std::pair(1.0, std::int32_t{2}), std::tuple(true, std::string("a")))},
        {"optional empty, optional 0",
         key(std::optional<std::int32_t>(), std::optional<std::int32_t>(0))},
        {"variant string", key(variant("a"))},
        {"chrono 1500 ms", key(std::chrono::milliseconds(1500))},
        {"path a/b.txt", key(std::filesystem::path("a/b.txt"))},
        {"unique_ptr 7", key(std::make_unique<std::int32_t>(7))},
        {"shared_ptr twice", key(shared, shared)},
        {"polymorphic shared_ptr", key(std::shared_ptr<kernel>(std::make_shared<gaussian>()))},
        {"class point", key(point{1, 2})},
        {"class model, version 1", key(model{"m", {0.5, 1.5}, {{1, 2}, {3, 4}}})},
        {"index_set 1 3 64", key(memo::index_set{64, 3, 1})},
        {"as_set of int32", key(memo::as_set<std::vector<std::int32_t>>{3, 1, 3})},
        {"as_set of string", key(memo::as_set<strings>{std::string("b"), std::string("a")})},
        {"char 228", key(static_cast<char>(0xe4))},
        {"wchar_t -1", key(static_cast<wchar_t>(-1))},
        {"fingerprint of int32 1, string a", memo::fingerprint(std::int32_t{1}, std::string("a"))},
    };
}

// Calls of named functions: scope and stream together, as a program writes them into a store.
inline std::vector<key_case> function_cases() {
    auto const powers =
        memo::memoize<memo::memory>(memo::fn<&power>{}, {.name = "power", .version = "1"});
    auto const powers_2 =
        memo::memoize<memo::memory>(memo::fn<&power>{}, {.name = "power", .version = "2"});
    auto const powers_elsewhere = memo::memoize<memo::memory>(
        memo::fn<&power>{}, {.name = "power", .version = "1", .hash_prefix = "experiment"});
    auto const means =
        memo::memoize<memo::memory>(memo::fn<&mean>{}, {.name = "mean", .version = "1"});
    auto const labels =
        memo::memoize<memo::memory>(memo::fn<&label>{}, {.name = "label", .version = "1"});
    auto const scores =
        memo::memoize<memo::memory>(memo::fn<&score>{}, {.name = "score", .version = "1"});
    auto const norms =
        memo::memoize<memo::memory>(memo::fn<&norm>{}, {.name = "norm", .version = "1"});
    auto const totals =
        memo::memoize<memo::memory>(memo::fn<&total>{}, {.name = "total", .version = "1"});
    std::vector<float> const row{0.5F};
    auto const answers =
        memo::memoize<memo::memory>(memo::fn<&answer>{}, {.name = "answer", .version = "1"});
    auto const bases = memo::memoize<memo::memory, memo::ignore<1>>(
        memo::fn<&power>{}, {.name = "base only", .version = "1"});
    auto const keyed = memo::memoize<memo::memory>(
        memo::keyed(memo::fn<&power>{}, std::string("digits"), std::int32_t{5}),
        {.name = "keyed power", .version = "1"});
    return {
        {"power 1: 2.0, 10", powers.key(2.0, 10)},
        {"power 2: 2.0, 10", powers_2.key(2.0, 10)},
        {"power 1, prefix: 2.0, 10", powers_elsewhere.key(2.0, 10)},
        {"power without its second parameter: 2.0, 10", bases.key(2.0, 10)},
        {"power keyed by digits, 5: 2.0, 10", keyed.key(2.0, 10)},
        {"mean 1: 0.5 0.25", means.key({0.5, 0.25})},
        {"label 1: memo, green", labels.key("memo", color::green)},
        {"score 1: {1, 3, 64}", scores.key({64, 3, 1})},
        {"norm 1: point 1 2", norms.key({1, 2})},
        {"answer 1", answers.key()},
        {"total 1: standard types",
         totals.key(table{{"a", {{1, 2}}}, {"b", {}}}, std::chrono::seconds(2), row, "a/b",
                    labelled<std::u16string>{u"ab"})},
    };
}

inline std::vector<key_case> key_cases() {
    std::vector<key_case> cases = argument_cases();
    for (auto& named : function_cases()) {
        cases.push_back(std::move(named));
    }
    return cases;
}

/// The line of keys.txt.
inline std::string line_of(key_case const& named) {
    // Appended, as g++ 12 warns of an overlap that cannot be where the sum of a string is inlined.
    std::string line = to_string(named.key);
    line.append("  ").append(named.label);
    return line;
}

} // namespace golden

CEREAL_CLASS_VERSION(golden::model, 1)
CEREAL_REGISTER_TYPE(golden::gaussian)
CEREAL_REGISTER_POLYMORPHIC_RELATION(golden::kernel, golden::gaussian)
