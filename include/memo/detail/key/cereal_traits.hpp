// SPDX-License-Identifier: BSL-1.0
#pragma once

// The only header that sees cereal. A class and an archive in; out, whether the function by which
// cereal would save or load the class is one of a base. Such a function sees the base alone: what the
// class adds would be in no key, and lost from a stored result.
//
// A member function's pointer names the class that declares it. A free function for the class itself
// is at least as good a match as the rivals below, which take any class as it is; one for a base
// needs a conversion, and loses to them. What cannot be told is taken for the class's own, as a free
// function for any class is.
//
// Bases that know the class (CRTP) and using-declarations of a base's function count as bases: what
// they leave out cannot be told.

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

/// Whether all members of T are in Base or above it: those of a standard-layout class are all in one
/// class, so where Base has some, T has none. Sizes would not say it, as what T adds may lie in the
/// padding of Base.
template <class T, class Base>
concept adds_nothing_to = std::is_standard_layout_v<T> && !std::is_empty_v<Base>;

/// Pointer         to a member that was asked of T
template <class Pointer, class T>
concept of_base = !std::same_as<T, typename declaring_class<Pointer>::type> &&
                  !adds_nothing_to<T, typename declaring_class<Pointer>::type>;

// Through a call, as g++ 12 and clang 19 then tell private functions as well; to a compiler that
// looks at the access they are the class's own.
template <class Pointer> Pointer as_pointer(Pointer);

// What cereal does not find is not looked at: a pointer to it may be an error.

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

// A namespace of its own, so that a call in it finds these, and by its arguments what cereal would
// find; and so that cereal finds none of these.
namespace rivals {

struct rival {};

/// A version or a value. It converts to every type alike, so that it decides between no two
/// functions.
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

/// One kind of function that cereal may take: whether it is there, whether the user chose it by
/// cereal::specialize, and whether it is one of a base.
struct way {
    bool found;
    bool chosen;
    bool of_base;
};

/// Whether cereal would take functions of T's bases alone, of those that both write and read and of
/// these.
template <class T, class Archive> consteval bool only_by_bases(std::initializer_list<way> others) {
    namespace in = cereal::traits;
    namespace choice = cereal::traits::detail;

    constexpr bool serialize = choice::is_specialized_non_member_serialize<T, Archive>::value;
    bool by_base = false;
    bool by_own = false;
    auto const look_at = [&](std::initializer_list<way> ways) {
        for (way const each : ways) {
            if (each.found && (each.chosen || !in::is_specialized<T, Archive>::value)) {
                (each.of_base ? by_base : by_own) = true;
            }
        }
    };
    look_at({{has_serialize<T, Archive>, choice::is_specialized_member_serialize<T, Archive>::value,
              base_serializes<T, Archive>},
             {in::has_non_member_serialize<T, Archive>::value, serialize,
              rivals::win_serialize<T, Archive>},
             {in::has_non_member_versioned_serialize<T, Archive>::value, serialize,
              rivals::win_serialize<T, Archive, rivals::anything>}});
    look_at(others);
    return !std::is_empty_v<T> && by_base && !by_own;
}

/// Whether cereal would write a T by functions of its bases alone.
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

/// Whether cereal would read a T by functions of its bases alone.
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
