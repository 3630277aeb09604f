// SPDX-License-Identifier: BSL-1.0
#pragma once

// Includes cereal, and detects whether the function by which cereal would save or load a class is one of a
// base class. That function knows the base alone: the members of the class itself would be in no key, and
// lost from a stored result.
//
// The type of a pointer to a member function names the class that declares the function. A free function for
// the class itself is at least as good a match as the rivals below, which are templates for any class; a free
// function for a base needs a conversion, and loses to them. In doubt, a function counts as the class's own,
// for example a free function template for any class.
//
// A function of a CRTP base, or of a base with a using-declaration, counts as one of a base, because nothing
// shows which members it omits.

#ifndef CEREAL_THREAD_SAFE
#define CEREAL_THREAD_SAFE 1
#endif
#include <cereal/cereal.hpp>
#if CEREAL_THREAD_SAFE == 0
#error                                                                                             \
    "memo: cereal was included without CEREAL_THREAD_SAFE=1, and class versions would race. Define it for the whole program, or link memo::memo, which does."
#endif

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <type_traits>

namespace memo::detail {

template <class Pointer> struct declaring_class;
template <class Function, class Class> struct declaring_class<Function Class::*> {
    using type = Class;
};

/// Larger than Base, unless a member of a derived class may be in the padding of Base.
template <class Base> struct one_byte_more : Base { char byte; };

/// Whether all data members of T are in Base or its bases. All data members of a standard-layout class are in
/// one class, so if Base has some, T has none. Otherwise equal sizes show it where Base has no padding that
/// members of T may be in. A polymorphic class differs from its base by more than members.
template <class T, class Base>
concept adds_nothing_to =
    !std::is_empty_v<Base> && !std::is_polymorphic_v<T> &&
    (std::is_standard_layout_v<T> ||
     (sizeof(T) == sizeof(Base) && sizeof(one_byte_more<Base>) > sizeof(Base)));

/// Pointer         to a member function that was named as T::function
template <class Pointer, class T>
concept of_base = !std::same_as<T, typename declaring_class<Pointer>::type> &&
                  !adds_nothing_to<T, typename declaring_class<Pointer>::type>;

// Through a call, because g++ 12 and clang 19 then ignore access, and detect private functions. For a
// compiler that checks access, a private function counts as the class's own.
template <class Pointer> Pointer as_pointer(Pointer);

// Only functions that cereal finds are examined: a pointer to another one may be an error.

template <class T, class Archive>
concept has_serialize = cereal::traits::has_member_serialize<T, Archive>::value ||
    cereal::traits::has_member_versioned_serialize<T, Archive>::value;
template <class T, class Archive>
concept base_serializes = has_serialize<T, Archive> && requires {
    { as_pointer(&T::template CEREAL_SERIALIZE_FUNCTION_NAME<Archive>) } -> of_base<T>;
};

template <class T, class Archive>
concept has_save = cereal::traits::has_member_save<T, Archive>::value ||
    cereal::traits::has_member_versioned_save<T, Archive>::value;
template <class T, class Archive>
concept base_saves = has_save<T, Archive> && requires {
    { as_pointer(&T::template CEREAL_SAVE_FUNCTION_NAME<Archive>) } -> of_base<T>;
};

template <class T, class Archive>
concept has_save_minimal = cereal::traits::has_member_save_minimal<T, Archive>::value ||
    cereal::traits::has_member_versioned_save_minimal<T, Archive>::value;
template <class T, class Archive>
concept base_saves_minimal = has_save_minimal<T, Archive> && requires {
    { as_pointer(&T::template CEREAL_SAVE_MINIMAL_FUNCTION_NAME<Archive>) } -> of_base<T>;
};

template <class T, class Archive>
concept has_load = cereal::traits::has_member_load<T, Archive>::value ||
    cereal::traits::has_member_versioned_load<T, Archive>::value;
template <class T, class Archive>
concept base_loads = has_load<T, Archive> && requires {
    { as_pointer(&T::template CEREAL_LOAD_FUNCTION_NAME<Archive>) } -> of_base<T>;
};

template <class T, class Archive>
concept has_load_minimal = cereal::traits::has_member_load_minimal<T, Archive>::value ||
    cereal::traits::has_member_versioned_load_minimal<T, Archive>::value;
template <class T, class Archive>
concept base_loads_minimal = has_load_minimal<T, Archive> && requires {
    { as_pointer(&T::template CEREAL_LOAD_MINIMAL_FUNCTION_NAME<Archive>) } -> of_base<T>;
};

// In a namespace of its own: a call in it finds the rivals, and by argument-dependent lookup the functions
// that cereal finds; cereal finds no rival.
namespace rivals {

struct rival {};

/// An argument for a version or a value. It converts to every type by the same conversion, so it does not
/// affect overload resolution.
struct anything {
    template <class T> operator T() const;
};

template <class Archive, class T> rival CEREAL_SERIALIZE_FUNCTION_NAME(Archive&, T&);
template <class Archive, class T> rival CEREAL_SERIALIZE_FUNCTION_NAME(Archive&, T&, std::uint32_t);
template <class Archive, class T> rival CEREAL_SAVE_FUNCTION_NAME(Archive&, T const&);
template <class Archive, class T>
rival CEREAL_SAVE_FUNCTION_NAME(Archive&, T const&, std::uint32_t);
template <class Archive, class T> rival CEREAL_SAVE_MINIMAL_FUNCTION_NAME(Archive const&, T const&);
template <class Archive, class T>
rival CEREAL_SAVE_MINIMAL_FUNCTION_NAME(Archive const&, T const&, std::uint32_t);
template <class Archive, class T> rival CEREAL_LOAD_FUNCTION_NAME(Archive&, T&);
template <class Archive, class T> rival CEREAL_LOAD_FUNCTION_NAME(Archive&, T&, std::uint32_t);
template <class Archive, class T>
rival CEREAL_LOAD_MINIMAL_FUNCTION_NAME(Archive const&, T&, std::uint32_t);
template <class Archive, class T>
rival CEREAL_LOAD_MINIMAL_FUNCTION_NAME(Archive const&, T&, std::uint32_t, std::uint32_t);

// More: nothing, or `anything` for a version, a value, or both.

template <class T, class Archive, class... More>
concept win_serialize = requires(Archive& archive, T& value, More... more) {
    { CEREAL_SERIALIZE_FUNCTION_NAME(archive, value, more...) } -> std::same_as<rival>;
};
template <class T, class Archive, class... More>
concept win_save = requires(Archive& archive, T const& value, More... more) {
    { CEREAL_SAVE_FUNCTION_NAME(archive, value, more...) } -> std::same_as<rival>;
};
template <class T, class Archive, class... More>
concept win_save_minimal = requires(Archive const& archive, T const& value, More... more) {
    { CEREAL_SAVE_MINIMAL_FUNCTION_NAME(archive, value, more...) } -> std::same_as<rival>;
};
template <class T, class Archive, class... More>
concept win_load = requires(Archive& archive, T& value, More... more) {
    { CEREAL_LOAD_FUNCTION_NAME(archive, value, more...) } -> std::same_as<rival>;
};
template <class T, class Archive, class... More>
concept win_load_minimal = requires(Archive const& archive, T& value, More... more) {
    { CEREAL_LOAD_MINIMAL_FUNCTION_NAME(archive, value, more...) } -> std::same_as<rival>;
};

} // namespace rivals

/// One kind of function that cereal may call for a class.
struct cereal_function {
    bool exists;
    bool specialized; ///< selected by cereal::specialize
    bool of_base;
};

/// Whether all functions that cereal may call for T are of its bases: its serialize functions, and others.
template <class T, class Archive>
consteval bool only_by_bases(std::initializer_list<cereal_function> others) {
    namespace in = cereal::traits;
    namespace choice = cereal::traits::detail;

    constexpr bool serialize = choice::is_specialized_non_member_serialize<T, Archive>::value;
    bool by_base = false;
    bool by_own = false;
    auto const examine = [&](std::initializer_list<cereal_function> functions) {
        for (cereal_function const each : functions) {
            if (each.exists && (each.specialized || !in::is_specialized<T, Archive>::value)) {
                (each.of_base ? by_base : by_own) = true;
            }
        }
    };
    examine({{has_serialize<T, Archive>, choice::is_specialized_member_serialize<T, Archive>::value,
              base_serializes<T, Archive>},
             {in::has_non_member_serialize<T, Archive>::value, serialize,
              rivals::win_serialize<T, Archive>},
             {in::has_non_member_versioned_serialize<T, Archive>::value, serialize,
              rivals::win_serialize<T, Archive, rivals::anything>}});
    examine(others);
    return !std::is_empty_v<T> && by_base && !by_own;
}

/// Whether cereal would save a T by functions of its bases alone.
template <class T, class Archive> consteval bool written_by_base() {
    namespace in = cereal::traits;
    namespace choice = cereal::traits::detail;
    using rivals::anything;

    constexpr bool save = choice::is_specialized_non_member_load_save<T, Archive>::value;
    constexpr bool minimal = choice::is_specialized_non_member_load_save_minimal<T, Archive>::value;
    return only_by_bases<T, Archive>(
        {{has_save<T, Archive>, choice::is_specialized_member_load_save<T, Archive>::value,
          base_saves<T, Archive>},
         {has_save_minimal<T, Archive>,
          choice::is_specialized_member_load_save_minimal<T, Archive>::value,
          base_saves_minimal<T, Archive>},
         {in::has_non_member_save<T, Archive>::value, save, rivals::win_save<T, Archive>},
         {in::has_non_member_versioned_save<T, Archive>::value, save,
          rivals::win_save<T, Archive, anything>},
         {in::has_non_member_save_minimal<T, Archive>::value, minimal,
          rivals::win_save_minimal<T, Archive>},
         {in::has_non_member_versioned_save_minimal<T, Archive>::value, minimal,
          rivals::win_save_minimal<T, Archive, anything>}});
}

/// Whether cereal would load a T by functions of its bases alone.
template <class T, class Archive> consteval bool read_by_base() {
    namespace in = cereal::traits;
    namespace choice = cereal::traits::detail;
    using rivals::anything;

    constexpr bool load = choice::is_specialized_non_member_load_save<T, Archive>::value;
    constexpr bool minimal = choice::is_specialized_non_member_load_save_minimal<T, Archive>::value;
    return only_by_bases<T, Archive>(
        {{has_load<T, Archive>, choice::is_specialized_member_load_save<T, Archive>::value,
          base_loads<T, Archive>},
         {has_load_minimal<T, Archive>,
          choice::is_specialized_member_load_save_minimal<T, Archive>::value,
          base_loads_minimal<T, Archive>},
         {in::has_non_member_load<T, Archive>::value, load, rivals::win_load<T, Archive>},
         {in::has_non_member_versioned_load<T, Archive>::value, load,
          rivals::win_load<T, Archive, anything>},
         {in::has_non_member_load_minimal<T, Archive>::value, minimal,
          rivals::win_load_minimal<T, Archive, anything>},
         {in::has_non_member_versioned_load_minimal<T, Archive>::value, minimal,
          rivals::win_load_minimal<T, Archive, anything, anything>}});
}

} // namespace memo::detail
