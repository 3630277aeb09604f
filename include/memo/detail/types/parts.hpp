// SPDX-License-Identifier: BSL-1.0
#pragma once

// Describes the parts of the standard library's types. The encoder of keys, the codec of records, comparison,
// footprints and the check for views iterate over these descriptions.
//
//   transparent_type   the value is that of one part: a duration, a time point, a path
//   product_type       all parts, in order: pair, tuple
//   sum_type           one of several parts, or none: optional, variant, unique_ptr
//   range              a count and elements: the containers, strings and views
//
// Each of these users handles arrays, shared pointers and scalars itself. cereal functions describe a class
// of the user, see key/archive.hpp.

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <forward_list>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace memo::detail {

template <class... Ts> struct type_list {};

// Transparent types: get(value) returns the part, make(part) the value.

template <class T> struct transparent {};

template <class T>
concept transparent_type = requires {
    typename transparent<T>::part;
};

// The period is in the type, so 1 s and 1 ms differ by the key's scope.
template <class Count, class Period> struct transparent<std::chrono::duration<Count, Period>> {
    using part = Count;
    using type = std::chrono::duration<Count, Period>;

    static Count get(type value) { return value.count(); }
    static type make(Count count) { return type(count); }
};

template <class Clock, class Duration>
struct transparent<std::chrono::time_point<Clock, Duration>> {
    using part = Duration;
    using type = std::chrono::time_point<Clock, Duration>;

    static Duration get(type value) { return value.time_since_epoch(); }
    static type make(Duration since_epoch) { return type(since_epoch); }
};

/// std::filesystem::path, recognised by its members, because <filesystem> costs every user 0.2 s of compile
/// time. A derived class does not match: its lexically_normal() returns a path, and it may have more members.
template <class T>
concept path_like = requires(T const& path) {
    { T::preferred_separator } -> std::convertible_to<typename T::value_type>;
    { path.native() } -> std::same_as<std::basic_string<typename T::value_type> const&>;
    { path.lexically_normal() } -> std::same_as<T>;
};

// The value of a path is its spelling: "a/b" and "a//b" differ. The file is not read.
template <path_like Path> struct transparent<Path> {
    using part = std::basic_string<typename Path::value_type>;

    static part const& get(Path const& path) { return path.native(); }
    static Path make(part&& spelling) { return Path(std::move(spelling)); }
};

// On Windows it is UTF-16 and may have backslashes; this is how other systems spell the path.
template <path_like Path>
    requires std::same_as<typename Path::value_type, wchar_t>
struct transparent<Path> {
    using part = std::u8string;

    static part get(Path const& path) {
        part spelling = path.u8string();
        for (char8_t& unit : spelling) {
            unit = unit == u8'\\' ? u8'/' : unit;
        }
        return spelling;
    }
    static Path make(part&& spelling) { return Path(std::move(spelling)); }
};

// Product types: their parts in order. Braces with all parts construct the value.

template <class T> struct product {};

template <class T>
concept product_type = requires {
    typename product<T>::parts;
};

template <class First, class Second> struct product<std::pair<First, Second>> {
    using parts = type_list<First, Second>;

    template <class Visit>
    static void for_each(std::pair<First, Second> const& value, Visit const& visit) {
        visit(value.first);
        visit(value.second);
    }
};

template <class First, class... Rest> struct product<std::tuple<First, Rest...>> {
    using parts = type_list<First, Rest...>;

    template <class Visit>
    static void for_each(std::tuple<First, Rest...> const& value, Visit const& visit) {
        std::apply([&](auto const&... part) { (visit(part), ...); }, value);
    }
};

// Sum types: the index of the active part, and that part.
//
//   index(value)       index of the active part, of the type `index_type`: bool for at most one part
//   holds(value)       whether a part is active
//   visit(value, f)    calls f(part) if a part is active
//   make(index, take)  a value from take.operator()<Part>(); the index is below `count`
//   heap_bytes         bytes of the part outside of the value

template <class T> struct sum {};

template <class T>
concept sum_type = requires {
    typename sum<T>::parts;
};

template <class T> struct sum<std::optional<T>> {
    using parts = type_list<T>;
    using index_type = bool;
    static constexpr std::size_t heap_bytes = 0;

    static bool index(std::optional<T> const& value) noexcept { return value.has_value(); }
    static bool holds(std::optional<T> const& value) noexcept { return value.has_value(); }
    template <class Visit> static void visit(std::optional<T> const& value, Visit const& visit) {
        if (value) {
            visit(*value);
        }
    }
    template <class Take> static std::optional<T> make(bool has_value, Take const& take) {
        return has_value ? std::optional<T>(take.template operator()<T>()) : std::nullopt;
    }
};

// A null pointer is a value. Pointers to polymorphic classes are left to cereal's types/polymorphic.hpp.
template <class T, class Deleter>
    requires(!std::is_polymorphic_v<T> && !std::is_array_v<T>)
struct sum<std::unique_ptr<T, Deleter>> {
    using parts = type_list<T>;
    using index_type = bool;
    static constexpr std::size_t heap_bytes = sizeof(T);

    static bool index(std::unique_ptr<T, Deleter> const& value) noexcept {
        return value != nullptr;
    }
    static bool holds(std::unique_ptr<T, Deleter> const& value) noexcept {
        return value != nullptr;
    }
    template <class Visit>
    static void visit(std::unique_ptr<T, Deleter> const& value, Visit const& visit) {
        if (value) {
            visit(*value);
        }
    }
    template <class Take>
    static std::unique_ptr<T, Deleter> make(bool has_value, Take const& take) {
        return std::unique_ptr<T, Deleter>(has_value ? new T(take.template operator()<T>())
                                                     : nullptr);
    }
};

template <class... Ts> struct sum<std::variant<Ts...>> {
    using parts = type_list<Ts...>;
    using index_type = std::uint32_t;
    static constexpr std::size_t count = sizeof...(Ts);
    static constexpr std::size_t heap_bytes = 0;

    static std::size_t index(std::variant<Ts...> const& value) noexcept { return value.index(); }
    static bool holds(std::variant<Ts...> const& value) noexcept {
        return !value.valueless_by_exception();
    }
    template <class Visit> static void visit(std::variant<Ts...> const& value, Visit const& visit) {
        if (holds(value)) {
            std::visit(visit, value);
        }
    }
    template <std::size_t Index = 0, class Take>
    static std::variant<Ts...> make(std::size_t index, Take const& take) {
        if constexpr (Index + 1 < sizeof...(Ts)) {
            if (index != Index) {
                return make<Index + 1>(index, take);
            }
        }
        using part = std::variant_alternative_t<Index, std::variant<Ts...>>;
        return std::variant<Ts...>(std::in_place_index<Index>, take.template operator()<part>());
    }
};

// Ranges: the standard containers alone. A derived class, or another iterable class, may have more than its
// elements (a matrix has a shape), so it needs a serialize() of its own.

template <class T> inline constexpr bool is_ordered_range = false;
template <class T> inline constexpr bool is_unordered_range = false;

template <class T, class A> inline constexpr bool is_ordered_range<std::vector<T, A>> = true;
template <class T, class A> inline constexpr bool is_ordered_range<std::deque<T, A>> = true;
template <class T, class A> inline constexpr bool is_ordered_range<std::list<T, A>> = true;
template <class T, class A> inline constexpr bool is_ordered_range<std::forward_list<T, A>> = true;
template <class T, std::size_t N> inline constexpr bool is_ordered_range<std::span<T, N>> = true;
template <class C, class T, class A>
inline constexpr bool is_ordered_range<std::basic_string<C, T, A>> = true;
template <class C, class T>
inline constexpr bool is_ordered_range<std::basic_string_view<C, T>> = true;
template <class K, class C, class A>
inline constexpr bool is_ordered_range<std::set<K, C, A>> = true;
template <class K, class C, class A>
inline constexpr bool is_ordered_range<std::multiset<K, C, A>> = true;
template <class K, class V, class C, class A>
inline constexpr bool is_ordered_range<std::map<K, V, C, A>> = true;
template <class K, class V, class C, class A>
inline constexpr bool is_ordered_range<std::multimap<K, V, C, A>> = true;

template <class K, class H, class E, class A>
inline constexpr bool is_unordered_range<std::unordered_set<K, H, E, A>> = true;
template <class K, class H, class E, class A>
inline constexpr bool is_unordered_range<std::unordered_multiset<K, H, E, A>> = true;
template <class K, class V, class H, class E, class A>
inline constexpr bool is_unordered_range<std::unordered_map<K, V, H, E, A>> = true;
template <class K, class V, class H, class E, class A>
inline constexpr bool is_unordered_range<std::unordered_multimap<K, V, H, E, A>> = true;

template <class T> inline constexpr bool is_range = is_ordered_range<T> || is_unordered_range<T>;

/// Whether a container's comparator, hash and equality have no state. Their types are in the key's scope; a
/// state would not be in the key.
template <class T> consteval bool compares_by_type() {
    if constexpr (requires { typename T::key_compare; }) {
        return std::is_empty_v<typename T::key_compare>;
    } else if constexpr (requires { typename T::hasher; }) {
        return std::is_empty_v<typename T::hasher> && std::is_empty_v<typename T::key_equal>;
    } else {
        return true;
    }
}

/// Whether T is a container whose comparator, hash or equality has a state, which no key would contain.
template <class T> inline constexpr bool compares_by_state = false;
template <class T>
    requires is_range<T>
inline constexpr bool compares_by_state<T> = !compares_by_type<T>();

/// A range that does not own its elements.
template <class T> inline constexpr bool is_view = false;
template <class T, std::size_t N> inline constexpr bool is_view<std::span<T, N>> = true;
template <class C, class T> inline constexpr bool is_view<std::basic_string_view<C, T>> = true;

template <class T> inline constexpr bool is_writable_span = false;
template <class T, std::size_t N>
inline constexpr bool is_writable_span<std::span<T, N>> = !std::is_const_v<T>;

/// Whether T derives from one of the standard containers without being one.
template <class T>
concept derives_from_container = std::is_class_v<T> && !is_ordered_range<T> &&
                                 !is_unordered_range<T> && requires(T const& value) {
    typename T::value_type;
    typename T::allocator_type;
    value.get_allocator();
};

/// The types of T's parts, also for classes that have the member types of a container or a pointer. Empty for
/// other classes. A range of itself, such as a type of JSON values, has itself as a part.
template <class T> consteval auto parts_of() {
    if constexpr (sum_type<T>) {
        return typename sum<T>::parts();
    } else if constexpr (product_type<T>) {
        return typename product<T>::parts();
    } else if constexpr (requires { typename T::mapped_type; }) {
        return type_list<typename T::key_type, typename T::mapped_type>();
    } else if constexpr (requires { typename T::element_type; }) {
        return type_list<std::remove_cv_t<typename T::element_type>>();
    } else if constexpr (requires { typename T::value_type; }) {
        return type_list<typename T::value_type>();
    } else {
        return type_list<>();
    }
}

} // namespace memo::detail
