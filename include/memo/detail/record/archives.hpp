// SPDX-License-Identifier: BSL-1.0
#pragma once

// The codec of classes with cereal functions, and the registration of the two archives with cereal.
// Types with a codec of the library need no header of cereal.
//
// A byte follows every class, so that each has at least one; nesting.hpp bounds the depth of
// classes.

#include <memo/detail/key/archive.hpp>
#include <memo/detail/record/bytes.hpp>
#include <memo/detail/record/codec_ranges.hpp>
#include <memo/detail/record/codec_values.hpp>
#include <memo/detail/record/codec_vocabulary.hpp>
#include <memo/detail/record/record_reader.hpp>
#include <memo/detail/record/record_writer.hpp>

#include <cstdint>
#include <memory>
#include <type_traits>
#include <typeinfo>

namespace memo::detail {

// cereal requires these functions of every archive; its type headers call them.
template <word_scalar T> void CEREAL_SAVE_FUNCTION_NAME(record_writer& archive, T const& value) {
    archive(value);
}
template <class T>
void CEREAL_SAVE_FUNCTION_NAME(record_writer& archive, cereal::NameValuePair<T> const& pair) {
    archive(pair);
}
template <class T>
void CEREAL_SAVE_FUNCTION_NAME(record_writer& archive, cereal::SizeTag<T> const& tag) {
    archive(tag);
}
template <class T>
void CEREAL_SAVE_FUNCTION_NAME(record_writer& archive, cereal::BinaryData<T> const& data) {
    archive(data);
}
template <word_scalar T> void CEREAL_LOAD_FUNCTION_NAME(record_reader& archive, T& value) {
    archive(value);
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(record_reader& archive, cereal::NameValuePair<T>& pair) {
    archive(pair);
}
template <class T> void CEREAL_LOAD_FUNCTION_NAME(record_reader& archive, cereal::SizeTag<T>& tag) {
    archive(tag);
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(record_reader& archive, cereal::BinaryData<T>& data) {
    archive(data);
}

} // namespace memo::detail

CEREAL_SETUP_ARCHIVE_TRAITS(memo::detail::record_reader, memo::detail::record_writer)

namespace memo::detail {

/// Whether cereal would encode or decode T by a function of a base of T.
template <class T> inline constexpr bool recorded_by_base = false;
template <class T>
    requires(std::is_class_v<T> && !own_codable<T>)
inline constexpr bool recorded_by_base<T> =
    written_by_base<T, record_writer>() || read_by_base<T, record_reader>();

/// A class that cereal can encode and decode. A class that derives from a container needs member
/// functions of its own, as for keys.
template <class T>
concept cereal_record =
    std::is_class_v<T> && !own_codable<T> && !is_base_class<T> && !compares_by_state<T> &&
    (derives_from_container<T>
         ? cereal::traits::has_member_serialize<T, record_writer>::value ||
               (cereal::traits::has_member_save<T, record_writer>::value &&
                cereal::traits::has_member_load<T, record_reader>::value)
         : cereal::traits::is_output_serializable<T, record_writer>::value &&
               cereal::traits::is_input_serializable<T, record_reader>::value) &&
    !recorded_by_base<T>;

template <cereal_record T> struct codec<T> {
    static constexpr bool plain = false;

    static void save(record_writer& archive, T const& value) { archive.put_class(value); }
    static T load(record_reader& archive) {
        static_assert(
            std::is_default_constructible_v<T>,
            "memo: cereal decodes into an existing object, so a class that is stored outside "
            "of the process needs a default constructor. Add one, or return a standard "
            "container");
        T value{};
        archive.take_class(value);
        return value;
    }
};

template <class T> void record_reader::read(T& value) {
    if constexpr (cereal_record<T>) {
        take_class(value);
    } else if constexpr (codable<T>) {
        value = take_value<T>(*this);
    } else {
        using target = typename serialized_class<T>::type;
        require_own_function<target, read_by_base<target, record_reader>()>();
        if (auto* const rest = virtual_bases_.unvisited(value)) {
            base::operator()(*rest);
        }
    }
}

template <class T> std::shared_ptr<T> record_reader::take_shared() {
    auto const tag = take<std::uint32_t>();
    if (tag == 0) {
        return nullptr;
    }
    std::uint32_t const number = tag & ~cereal::detail::msb_32bit;
    if (tag == number) {
        return std::static_pointer_cast<T>(repeated_pointee(number, typeid(T)));
    }
    std::size_t const index = add_pointee<T>(number);
    return nesting_.measure_pointee([&] {
        if constexpr (cereal_record<T> && std::is_default_constructible_v<T>) {
            auto object = std::make_shared<T>();
            pointees_[index].pointer = object; // before its members, which may point to it
            take_class(*object);
            return object;
        } else {
            auto object = std::make_shared<T>(take_value<T>(*this));
            pointees_[index].pointer = object;
            return object;
        }
    });
}

// cereal would trust the type name before the number of a pointee.
template <template <class> class Wrapper, class T>
    requires wraps_pointer < Wrapper < std::shared_ptr<T>
& >> void record_reader::read(Wrapper<std::shared_ptr<T>&>& wrapper) {
    using object = std::remove_const_t<T>;
    if constexpr (!cereal::traits::has_load_and_construct<object, record_reader>::value) {
        wrapper.ptr = take_shared<object>();
    } else { // only cereal can construct the object
        auto const tag = byte_source(source_).take<std::uint32_t>();
        std::uint32_t const number = tag & ~cereal::detail::msb_32bit;
        if (tag == number) {
            if (tag != 0) {
                static_cast<void>(repeated_pointee(number, typeid(T)));
            }
            base::operator()(wrapper);
        } else {
            std::size_t const index = add_pointee<T>(number);
            nesting_.measure_pointee([&] { base::operator()(wrapper); });
            pointees_[index].pointer = std::const_pointer_cast<object>(wrapper.ptr);
        }
    }
}

} // namespace memo::detail

CEREAL_REGISTER_ARCHIVE(memo::detail::record_writer)
CEREAL_REGISTER_ARCHIVE(memo::detail::record_reader)
