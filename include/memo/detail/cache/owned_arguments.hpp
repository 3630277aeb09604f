// SPDX-License-Identifier: BSL-1.0
#pragma once

// The arguments that a claim owns. try_claim() computes the key, and run() calls the function later, so the
// claim copies the arguments, including the elements of views, and refuses objects whose copies would be
// sliced. It does not copy arguments that the function may write to, because the caller reads them.

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

/// T if it is a view, the view inside memo::ignored or memo::as_set, otherwise void.
template <class T> struct view_in { using type = void; };
template <class T>
    requires is_view<T>
struct view_in<T> {
    using type = T;
};
template <class T> struct view_in<ignored<T>> : view_in<T> {};
template <class T> struct view_in<as_set<T>> : view_in<T> {};

/// Whether a function may write to the caller's object through T. No key contains a span of this kind.
template <class T> inline constexpr bool is_written_through = is_writable_span<T>;
template <class T> inline constexpr bool is_written_through<T&> = !std::is_const_v<T>;
template <class T> inline constexpr bool is_written_through<ignored<T>> = is_written_through<T>;

/// Contiguous bools for spans: a std::vector<bool> stores bits.
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
    std::unique_ptr<bool[]> all_; // NOLINT(*-avoid-c-arrays): the size is not a constant
};

template <class View> struct owner_of { using type = std::vector<typename View::value_type>; };
template <class C, class T> struct owner_of<std::basic_string_view<C, T>> {
    using type = std::basic_string<C, T>;
};
template <std::size_t Count> struct owner_of<std::span<bool, Count>> { using type = bools; };
template <std::size_t Count> struct owner_of<std::span<bool const, Count>> { using type = bools; };

/// A copy of a view's elements. It creates the view at each use, because it may have moved.
///
/// T               the view, or memo::ignored or memo::as_set of it
template <class T> class owned_view {
    using view = typename view_in<T>::type;

  public:
    explicit owned_view(view const& argument) : elements_(argument.begin(), argument.end()) {}
    operator T&() { return argument_.emplace(view(elements_.data(), elements_.size())); }

  private:
    typename owner_of<view>::type elements_;
    std::optional<T> argument_;
};

/// A copy of a polymorphic object that was passed by reference.
///
/// Throws:         memo::error (argument) if its class derives from T
template <class T> class owned_object {
  public:
    template <class Object>
        requires std::derived_from<std::remove_cvref_t<Object>, T>
    // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): constrained not to
    explicit owned_object(Object&& object) : object_(check(std::forward<Object>(object))) {}
    operator T&() noexcept { return object_; }

  private:
    template <class Object> static Object&& check(Object&& object) {
        if (typeid(object) != typeid(T)) {
            throw error(errc::argument,
                        "try_claim: an argument's class derives from the parameter's class, and a "
                        "copy would be the base class alone; take it as a std::shared_ptr, or call "
                        "the function instead of try_claim()");
        }
        return std::forward<Object>(object);
    }

    T object_;
};

/// Refuses arguments that a claim cannot copy.
///
/// T               type of the copy
/// From            type of its source
template <class T, class From> consteval bool check_copied() {
    static_assert(std::is_constructible_v<T, From>,
                  "memo: a claim owns a copy of each argument, and this one cannot be copied. "
                  "Take it as a std::shared_ptr, or call the function instead of try_claim()");
    static_assert(!contains_view<T>,
                  "memo: a claim owns a copy of each argument, and this one holds a view or a "
                  "reference, whose target may be destroyed before the claim runs. Take a "
                  "std::string, a std::vector or a value there, or call the function instead of "
                  "try_claim()");
    return true;
}

/// That type as a std::type_identity; refuses arguments that a claim cannot copy.
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
        return std::type_identity<owned_view<argument>>();
    } else {
        static_assert(check_copied<argument, P&&>());
        constexpr bool may_be_sliced =
            std::is_reference_v<P> && std::is_polymorphic_v<argument> && !std::is_final_v<argument>;
        return std::type_identity<
            std::conditional_t<may_be_sliced, owned_object<argument>, argument>>();
    }
}

/// The type that a claim stores for a parameter P.
template <class P> using owned_argument = typename decltype(owned_as<P>())::type;

} // namespace memo::detail
