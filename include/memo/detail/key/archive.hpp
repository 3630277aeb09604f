// SPDX-License-Identifier: BSL-1.0
#pragma once

// Types with a cereal `serialize` or `save` in, words out.
//
// The archive writes what the library knows by its own encoders, so a vector inside a user's class
// gives the words that it gives as an argument, and cereal's own type headers are needed only for
// what the library does not know. It is made only for keys that need one: cereal's bookkeeping
// costs 10 to 12 ns.

#include <memo/detail/key/cereal_traits.hpp>
#include <memo/detail/key/encode.hpp>
#include <memo/detail/key/encode_ranges.hpp>
#include <memo/detail/key/words.hpp>
#include <memo/error.hpp>

#include <cstdint>
#include <memory>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace memo::detail {

template <class T> inline constexpr bool is_base_class = false;
template <class T> inline constexpr bool is_base_class<cereal::base_class<T>> = true;
template <class T> inline constexpr bool is_base_class<cereal::virtual_base_class<T>> = true;

/// The class whose function cereal calls for a T: the base that cereal::base_class names, or T.
template <class T> struct called_for { using type = T; };
template <class T> struct called_for<cereal::base_class<T>> { using type = T; };
template <class T> struct called_for<cereal::virtual_base_class<T>> { using type = T; };

/// cereal's side of a word stream. One archive serves one key: pointer numbers and class versions
/// count from its start.
// A template, so that what cereal keeps books by is compiled only where an argument needs it.
template <class Stream>
class basic_word_archive : public cereal::OutputArchive<basic_word_archive<Stream>> {
    using base = cereal::OutputArchive<basic_word_archive>;

  public:
    explicit basic_word_archive(Stream& stream) : base(this), stream_(stream) {}

    // These hide cereal's, so that every value passes through the library's encoders first.
    template <class... Ts> basic_word_archive& operator()(Ts const&... values) {
        (write(values), ...);
        return *this;
    }
    template <class T> basic_word_archive& operator&(T const& value) { return (*this)(value); }
    template <class T> basic_word_archive& operator<<(T const& value) { return (*this)(value); }

    void put(std::uint64_t word) { stream_.put(word); }
    void put_bytes(void const* bytes, std::size_t size) { stream_.put_bytes(bytes, size); }

    /// The number of a pointee, its highest bit set if it has to follow: the first time that it is
    /// seen as a T. Hides cereal's, which asks for the address alone: what a pointer to the base, or
    /// to the first member, has written there is not all of a class.
    // NOLINTBEGIN(readability-identifier-naming): cereal's name
    template <class T>
    [[nodiscard]] std::uint32_t registerSharedPointer(std::shared_ptr<T> const& pointer) {
        std::uint32_t const number = base::registerSharedPointer(pointer);
        bool const is_seen = number == 0 || seen_as(number & ~new_pointee, typeid(T));
        return is_seen ? number & ~new_pointee : number | new_pointee;
    }
    // NOLINTEND(readability-identifier-naming)

    /// Writes which pointee this is; true if it has to follow.
    template <class T> [[nodiscard]] bool put_shared(std::shared_ptr<T> const& pointer) {
        std::uint32_t const number = registerSharedPointer(pointer);
        put(number);
        return (number & new_pointee) != 0;
    }

    /// Writes a class by its own serialize or save, and closes it with a count of its words: two
    /// neighbours whose functions write no sizes must not be able to pass elements to one another.
    template <class T> void put_class(T const& value) {
        if constexpr (std::is_polymorphic_v<T> && !std::is_final_v<T>) {
            if (typeid(value) != typeid(T)) {
                throw error(errc::argument, "an argument's class derives from the parameter's, "
                                            "whose serialize() does not see it "
                                            "whole; take it as a std::shared_ptr or "
                                            "std::unique_ptr and register the derived class "
                                            "with CEREAL_REGISTER_TYPE");
            }
        }
        put_closed(value);
    }

  private:
    static constexpr std::uint32_t new_pointee = cereal::detail::msb_32bit;

    /// Whether a pointee was seen as this type before; it is now.
    bool seen_as(std::uint32_t number, std::type_info const& type) {
        if (number > first_types_.size()) { // they count from 1
            first_types_.push_back(&type);
            return false;
        }
        if (*first_types_[number - 1] == type) {
            return true;
        }
        for (auto const& [other, as] : further_types_) {
            if (other == number && *as == type) {
                return true;
            }
        }
        further_types_.emplace_back(number, &type);
        return false;
    }

    // Any odd constant that no count or index comes near: 2^64 / pi.
    static constexpr std::uint64_t closing = 0x517cc1b727220a95;

    template <class T> void put_closed(T const& value) {
        std::uint64_t const start = stream_.position();
        base::operator()(value);
        put(closing + (stream_.position() - start));
    }

    template <class T> void write(cereal::NameValuePair<T> const& pair) { write(pair.value); }
    template <class T> void write(cereal::SizeTag<T> const& tag) {
        put(static_cast<std::uint64_t>(tag.size));
    }
    template <class T> void write(cereal::BinaryData<T> const& data) {
        put(data.size);
        put_bytes(data.data, static_cast<std::size_t>(data.size));
    }
    // At once: cereal's deferred list would write it behind the class's count, and breaks where
    // deferred data defers.
    template <class T> void write(cereal::DeferredData<T> const& deferred) {
        write(deferred.value);
    }
    template <class T> void write(T const& value) {
        if constexpr (is_base_class<T>) {
            using named = typename called_for<T>::type;
            require_own_function<named, written_by_base<named, basic_word_archive>()>();
            put_closed(value); // two base classes are neighbours as two members are
        } else {
            detail::encode(*this, value);
        }
    }

    Stream& stream_;
    std::vector<std::type_info const*> first_types_; ///< by number
    std::vector<std::pair<std::uint32_t, std::type_info const*>> further_types_;
};

using word_archive = basic_word_archive<word_stream>;

// What cereal asks of every archive; its own type headers call these where the library has no
// encoder.
template <word_scalar T> void CEREAL_SAVE_FUNCTION_NAME(word_archive& archive, T const& value) {
    archive(value);
}
template <class T>
void CEREAL_SAVE_FUNCTION_NAME(word_archive& archive, cereal::NameValuePair<T> const& pair) {
    archive(pair);
}
template <class T>
void CEREAL_SAVE_FUNCTION_NAME(word_archive& archive, cereal::SizeTag<T> const& tag) {
    archive(tag);
}
template <class T>
void CEREAL_SAVE_FUNCTION_NAME(word_archive& archive, cereal::BinaryData<T> const& data) {
    archive(data);
}

template <class T>
    requires(std::is_class_v<T> && !own_encodable<T>)
inline constexpr bool saved_by_base<T> = written_by_base<T, word_archive>();

/// A class that says by itself, or by a function beside it, how it is saved. A class that derives
/// from a container must say so by itself: cereal's function for maps takes any template of a class
/// that has a mapped_type, as if it were for that class. No function writes a comparator's state.
template <class T>
concept cereal_class =
    std::is_class_v<T> && !own_encodable<T> && !compares_by_state<T> &&
    (derives_from_container<T> ? cereal::traits::has_member_serialize<T, word_archive>::value ||
                                     cereal::traits::has_member_save<T, word_archive>::value
                               : cereal::traits::is_output_serializable<T, word_archive>::value) &&
    !saved_by_base<T>;

template <class T>
    requires(std::is_class_v<T> && !own_encodable<T> && !derives_from_container<T>)
inline constexpr bool saved_in_several_ways<T> =
    cereal::traits::detail::count_output_serializers<T, word_archive>::value > 1;

template <cereal_class T> struct encoder<T> {
    static constexpr std::size_t words = varying;
    static constexpr bool needs_archive = true;

    static void encode(word_archive& archive, T const& value) { archive.put_class(value); }
};

/// Writes all values into one stream, through one archive if any of them needs it.
template <class... Ts> void encode_all(word_stream& stream, Ts const&... values) {
    if constexpr ((false || ... || needs_archive<Ts>)) {
        word_archive archive(stream);
        (detail::encode(archive, values), ...);
    } else {
        (detail::encode(stream, values), ...);
    }
}

template <class T> key128 digest_of(T const& value) {
    word_stream stream;
    encode_all(stream, value);
    return stream.digest();
}

} // namespace memo::detail

CEREAL_REGISTER_ARCHIVE(memo::detail::word_archive)
