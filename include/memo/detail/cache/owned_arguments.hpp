// SPDX-License-Identifier: BSL-1.0
#pragma once

// An argument of a call in; what can be given to the function in its place, later, out.
//
// The key is made at once, and the function runs when the caller has gone on. So nothing may stay
// with the caller: not what a view looks at, which may be another value by then, nor the rest of an
// object of which a copy would be the base class alone. Only what the function may write to is left
// where it is, as the caller waits for it.

#include <memo/detail/key/encode_ranges.hpp>
#include <memo/detail/key/parameter_types.hpp>
#include <memo/error.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace memo::detail {

/// The view that an argument is, or that a parameter type of parameters.hpp wraps; void if none.
template <class T> struct view_in { using type = void; };
template <class T>
    requires is_view<T>
struct view_in<T> {
    using type = T;
};
template <class T> struct view_in<ignored<T>> : view_in<T> {};
template <class T> struct view_in<as_set<T>> : view_in<T> {};

/// Whether a function may write to what the caller has. A span of this kind is in no key.
template <class T> inline constexpr bool is_written_through = is_writable_span<T>;
template <class T> inline constexpr bool is_written_through<T&> = !std::is_const_v<T>;
template <class T> inline constexpr bool is_written_through<ignored<T>> = is_written_through<T>;

/// What a std::vector<bool> is not: bools that a view can look at.
class bools {
  public:
    template <class Iterator>
    bools(Iterator first, Iterator last)
        : size_(static_cast<std::size_t>(last - first)), all_(std::make_unique<bool[]>(size_)) {
        std::copy(first, last, all_.get());
    }
    [[nodiscard]] bool* data() noexcept { return all_.get(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

  private:
    std::size_t size_;
    std::unique_ptr<bool[]> all_; // NOLINT(*-avoid-c-arrays): of a size that is known late
};

template <class View> struct owner_of { using type = std::vector<typename View::value_type>; };
template <class C, class T> struct owner_of<std::basic_string_view<C, T>> {
    using type = std::basic_string<C, T>;
};
template <std::size_t Count> struct owner_of<std::span<bool, Count>> { using type = bools; };
template <std::size_t Count> struct owner_of<std::span<bool const, Count>> { using type = bools; };

/// A copy of what a view looks at. The view is made when it is asked for, as the copy may have moved.
///
/// T               the view, or what wraps it
template <class T> class held_view {
    using view = typename view_in<T>::type;

  public:
    explicit held_view(view const& argument) : seen_(argument.begin(), argument.end()) {}
    operator T&() { return given_.emplace(view(seen_.data(), seen_.size())); }

  private:
    typename owner_of<view>::type seen_;
    std::optional<T> given_;
};

/// A copy of an object that was taken by reference and may be more than its type says.
template <class T> class held_object {
  public:
    template <class Given>
        requires std::derived_from<std::remove_cvref_t<Given>, T>
    // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): constrained not to
    explicit held_object(Given&& given) : object_(whole(std::forward<Given>(given))) {}
    operator T&() noexcept { return object_; }

  private:
    template <class Given> static Given&& whole(Given&& given) {
        if (typeid(given) != typeid(T)) {
            throw error(errc::argument, "an argument's class derives from the parameter's, and a "
                                        "claim would keep a copy of the base class alone; take it "
                                        "as a std::shared_ptr, or call the function instead of "
                                        "try_claim()");
        }
        return std::forward<Given>(given);
    }

    T object_;
};

/// Refuses with one sentence what a claim cannot have a copy of.
///
/// T               what is copied
/// From            what it is copied from
template <class T, class From> consteval bool check_copied() {
    static_assert(std::is_constructible_v<T, From>,
                  "memo: a claim keeps a copy of each argument, and this one cannot be copied. "
                  "Take it as a std::shared_ptr, or call the function instead of try_claim()");
    static_assert(!contains_view<T>,
                  "memo: a claim keeps a copy of each argument, and this one holds a view or a "
                  "reference, whose copy would look at what may be gone when the claim runs. Take "
                  "a std::string, a std::vector or a value there, or call the function instead of "
                  "try_claim()");
    return true;
}

/// How an argument for a parameter P is kept, as a std::type_identity.
template <class P> consteval auto owned_as() {
    using argument = std::remove_cvref_t<P>;
    using view = typename view_in<argument>::type;
    if constexpr (is_written_through<P>) {
        return std::type_identity<P>();
    } else if constexpr (is_written_through<argument>) {
        return std::type_identity<argument>();
    } else if constexpr (!std::is_void_v<view>) {
        using element = typename view::value_type;
        static_assert(check_copied<element, element const&>());
        return std::type_identity<held_view<argument>>();
    } else {
        static_assert(check_copied<argument, P&&>());
        constexpr bool may_be_more =
            std::is_reference_v<P> && std::is_polymorphic_v<argument> && !std::is_final_v<argument>;
        return std::type_identity<
            std::conditional_t<may_be_more, held_object<argument>, argument>>();
    }
}

/// What holds a call's own copy of an argument for a parameter P.
template <class P> using owned_argument = typename decltype(owned_as<P>())::type;

} // namespace memo::detail
