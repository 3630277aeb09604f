// SPDX-License-Identifier: BSL-1.0
#pragma once

// One record of each type that the fuzzer of the codec reads: the list says the types, and their bytes
// are its seeds.

#include <memo/detail/record/averaged.hpp>
#include <memo/detail/record/codec.hpp>
#include <memo/index_set.hpp>

#include <cereal/types/polymorphic.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace memo_test {

struct fitted {
    std::string model;
    std::vector<double> weights;
    std::optional<double> score;
    template <class Archive> void serialize(Archive& archive) { archive(model, weights, score); }
};

struct versioned {
    std::array<int, 3> counts{};
    bool flag = false;
    template <class Archive> void serialize(Archive& archive, std::uint32_t version) {
        archive(counts);
        if (version > 0) {
            archive(flag);
        }
    }
};

/// Writes its own count, and its elements in one piece.
struct packed {
    std::vector<std::uint16_t> elements;
    template <class Archive> void save(Archive& archive) const {
        archive(cereal::make_size_tag(static_cast<cereal::size_type>(elements.size())));
        archive(cereal::binary_data(elements.data(), elements.size() * sizeof(std::uint16_t)));
    }
    template <class Archive> void load(Archive& archive) {
        cereal::size_type count = 0;
        archive(cereal::make_size_tag(count));
        elements.resize(static_cast<std::size_t>(count));
        archive(cereal::binary_data(elements.data(), elements.size() * sizeof(std::uint16_t)));
    }
};

struct tree {
    int value = 0;
    std::vector<tree> children;
    std::unique_ptr<tree> extra;
    template <class Archive> void serialize(Archive& archive) { archive(value, children, extra); }
};

/// May point to itself, so whoever reads one has to cut what is alive of it.
class ring {
  public:
    ring() { alive().insert(this); }
    ring(ring const&) = delete;
    ring& operator=(ring const&) = delete;
    ~ring() { alive().erase(this); }

    template <class Archive> void serialize(Archive& archive) { archive(value, next, numbers); }

    static void cut_all() {
        std::vector<std::shared_ptr<ring>> cut;
        for (ring* const each : alive()) {
            cut.push_back(std::move(each->next));
        }
    }

    int value = 0;
    std::shared_ptr<ring> next;
    std::shared_ptr<std::vector<int>> numbers;

  private:
    static std::set<ring*>& alive() {
        static auto* const all = new std::set<ring*>;
        return *all;
    }
};

struct base {
    base() = default;
    base(base const&) = default;
    base& operator=(base const&) = default;
    virtual ~base() = default;
    template <class Archive> void serialize(Archive& archive) { archive(number); }
    std::int8_t number = 0;
};
struct small : base {
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::base_class<base>(this));
    }
};
struct large : base {
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::base_class<base>(this), name, more);
    }
    std::string name;
    std::array<double, 20> more{};
};

struct zoo {
    std::vector<std::shared_ptr<base>> all;
    std::shared_ptr<large> largest;
    template <class Archive> void serialize(Archive& archive) { archive(all, largest); }
};

/// 4 KiB an element, which takes one byte where it is empty.
using sparse = std::vector<std::optional<std::array<double, 512>>>;

/// A record of each type. New ones go to the end: what is kept of earlier runs says them by number.
inline auto one_of_each() {
    using namespace std::chrono_literals;
    memo::detail::averaged_record<double> number;
    memo::detail::averaged_record<std::vector<double>> vector;
    for (double const sample : {1.5, -2.25, 1e9}) {
        number.samples.add(sample);
        vector.samples.add({sample, sample * 2, 0.125});
    }
    number.begun = 4;
    number.incarnation = 0x1234567890abcdefU;

    tree grown{1, {}, std::make_unique<tree>()};
    grown.children.resize(2);
    grown.children[1].children.resize(1);

    auto circle = std::make_shared<ring>();
    circle->next = std::make_shared<ring>();
    circle->numbers = std::make_shared<std::vector<int>>(3, 7);
    circle->next->numbers = circle->numbers;

    auto const shared = std::make_shared<std::string>("shared");
    auto const one = std::make_shared<large>();
    one->name = "large";
    using variant = std::variant<std::monostate, int, std::string, std::vector<double>>;
    return std::tuple(
        3.25, std::vector<double>{1, -0.0, 1e300}, std::string("text"),
        std::map<std::string, std::vector<int>>{{"one", {1}}, {"none", {}}, {"two", {1, 2}}},
        std::vector<variant>{variant{}, 42, "text", std::vector<double>{0.5}},
        std::optional(std::pair(std::string("first"), 2.5)),
        std::vector<std::shared_ptr<std::string>>{shared, nullptr, shared}, std::move(number),
        std::move(vector), fitted{"knn", {0.5, 0.25}, 0.75}, versioned{{1, 2, 3}, true},
        packed{{1, 2, 3}}, std::move(grown), circle,
        std::vector<std::shared_ptr<base>>{one, std::make_shared<small>(), one, nullptr},
        memo::index_set{1, 63, 64, 200}, std::unordered_map<int, std::string>{{1, "a"}, {2, "b"}},
        std::list<std::monostate>(3), std::vector<bool>{true, false, true},
        std::tuple(std::filesystem::path("a/b"), 3s, std::chrono::sys_days{}, memo::key128{1, 2},
                   std::array<bool, 2>{true, false}),
        std::set<std::u32string>{U"a", U"b"}, std::deque<std::unique_ptr<fitted>>(2),
        std::unordered_set<std::string>{"a", "b"}, std::pair<std::string, std::string>("f", "1"),
        zoo{{std::make_shared<small>(), one}, one}, sparse(3),
        std::unordered_multimap<int, std::string>{{1, "a"}, {2, "b"}, {1, "c"}});
}

using records = decltype(one_of_each());

/// Calls visit<I>() for the type of that number; false if there is none.
template <class Visit> bool with_type(std::size_t number, Visit const& visit) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return (false || ... || (number == I && (visit.template operator()<I>(), true)));
    }
    (std::make_index_sequence<std::tuple_size_v<records>>{});
}

} // namespace memo_test

CEREAL_CLASS_VERSION(memo_test::versioned, 1)
CEREAL_REGISTER_TYPE(memo_test::small)
CEREAL_REGISTER_TYPE(memo_test::large)
