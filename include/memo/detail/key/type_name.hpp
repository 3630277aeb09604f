// SPDX-License-Identifier: BSL-1.0
#pragma once

// The names of types in keys and records: for one type the same text with every compiler, standard library
// and processor. std::type_info names it differently: libstdc++, its debug mode and libc++ keep their classes in
// inline namespaces of their own, and a 64-bit integer is a long or a long long.
//
//   integers               by size and sign, as 64-bit Linux calls them: std::int64_t is "long" everywhere
//   templates of types     the name of the template, and the names of its arguments without std::allocator
//   all other types        as declared, with namespaces; see declared_name()

#include <memo/detail/system/compiled.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <ratio>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>

namespace memo::detail {

/// An argument of a template.
struct name_argument {
    char const* type = nullptr; ///< its name; null: a number
    std::intmax_t number = 0;
};

/// The names that one type had in this process, made when it is first asked for. Not a local static: a process that
/// forks meanwhile would wait for its initialization for ever.
template <class T> inline constinit std::atomic<char const*> made_name{nullptr};

/// Makes the name of a type, and keeps it in `made`.
///
/// holder          std::type_identity of the type: std::type_info of the type itself would need its definition
/// arguments       of the type's template; none if it has no template of types
[[nodiscard]] char const* make_name(std::atomic<char const*>& made, std::type_info const& holder,
                                    std::initializer_list<name_argument> arguments);

/// Makes the name of a qualified type, and keeps it in `made`.
[[nodiscard]] char const* make_name(std::atomic<char const*>& made, char const* of,
                                    std::string_view qualifier);

/// A type's name as declared: demangled, without the namespaces and tags that are reserved to implementations.
///
/// name            of std::type_info
[[nodiscard]] std::string declared_name(char const* name);

template <class T>
[[nodiscard]] char const* make_name(std::initializer_list<name_argument> arguments) {
    return make_name(made_name<T>, typeid(std::type_identity<T>), arguments);
}

/// @cond
template <class T> [[nodiscard]] char const* type_name();
/// @endcond

/// Makes the name of a type.
template <class T> struct name_maker {
    static char const* make() { return make_name<T>({}); }
};
template <template <class...> class Template, class... Arguments>
struct name_maker<Template<Arguments...>> {
    static char const* make() {
        return make_name<Template<Arguments...>>({{type_name<Arguments>()}...});
    }
};
template <class T, std::size_t Count> struct name_maker<std::array<T, Count>> {
    using type = std::array<T, Count>;
    static char const* make() { return make_name<type>({{type_name<T>()}, {nullptr, Count}}); }
};
template <class T, std::size_t Count> struct name_maker<std::span<T, Count>> {
    using type = std::span<T, Count>;
    static char const* make() { // -1: std::dynamic_extent
        return make_name<type>({{type_name<T>()}, {nullptr, static_cast<std::intmax_t>(Count)}});
    }
};
template <std::intmax_t Over, std::intmax_t Under> struct name_maker<std::ratio<Over, Under>> {
    using type = std::ratio<Over, Under>;
    static char const* make() { return make_name<type>({{nullptr, Over}, {nullptr, Under}}); }
};
template <class T> struct name_maker<T const> {
    static char const* make() { return make_name(made_name<T const>, type_name<T>(), " const"); }
};
template <class T> struct name_maker<T&> {
    static char const* make() { return make_name(made_name<T&>, type_name<T>(), "&"); }
};
template <> struct name_maker<std::nullptr_t> {
    static char const* make() noexcept { return "std::nullptr_t"; }
};
template <> struct name_maker<std::string> {
    static char const* make() noexcept { return "std::string"; }
};

/// A type of numbers whose name follows from its size and sign.
template <class T>
concept named_by_size =
    std::is_integral_v<T> && !std::is_const_v<T> && !std::is_same_v<T, bool> &&
    !std::is_same_v<T, char> && !std::is_same_v<T, wchar_t> && !std::is_same_v<T, char8_t> &&
    !std::is_same_v<T, char16_t> && !std::is_same_v<T, char32_t> && sizeof(T) <= 8;

/// The name of a type in keys and records. Lives as long as the process.
///
/// Complexity:     O(1); the first call for a type is linear in the length of its name
/// Thread safety:  safe
template <class T> [[nodiscard]] char const* type_name() {
    if constexpr (named_by_size<T> && std::is_signed_v<T>) {
        return sizeof(T) == 8   ? "long"
               : sizeof(T) == 4 ? "int"
               : sizeof(T) == 2 ? "short"
                                : "signed char";
    } else if constexpr (named_by_size<T>) {
        return sizeof(T) == 8   ? "unsigned long"
               : sizeof(T) == 4 ? "unsigned int"
               : sizeof(T) == 2 ? "unsigned short"
                                : "unsigned char";
    } else if constexpr (std::is_same_v<T, double>) {
        return "double";
    } else if constexpr (std::is_same_v<T, bool>) {
        return "bool";
    } else {
        char const* const name = made_name<T>.load(std::memory_order_acquire);
        return name != nullptr ? name : name_maker<T>::make();
    }
}

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "type_name.ipp"
#endif
