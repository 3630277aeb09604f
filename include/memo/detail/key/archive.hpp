// SPDX-License-Identifier: BSL-1.0
#pragma once

// Encodes types with a cereal `serialize` or `save` as words of a key.
//
// The archive encodes all types that have an own_encoder by it, so a vector has the same words inside a
// user's class and as an argument, and cereal's own type headers are needed only for other types. Only keys
// that need an archive create one, because its bookkeeping costs 10 to 12 ns.

#include <memo/detail/key/cereal_traits.hpp>
#include <memo/detail/key/encode.hpp>
#include <memo/detail/key/encode_ranges.hpp>
#include <memo/detail/key/words.hpp>
#include <memo/detail/system/compiled.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace memo::detail {

template <class T> inline constexpr bool is_base_class = false;
template <class T> inline constexpr bool is_base_class<cereal::base_class<T>> = true;
template <class T> inline constexpr bool is_virtual_base_class = false;
template <class T>
inline constexpr bool is_virtual_base_class<cereal::virtual_base_class<T>> = true;
template <class T> inline constexpr bool is_base_class<cereal::virtual_base_class<T>> = true;

/// The class whose function cereal calls for a T: the base that cereal::base_class names, or T.
template <class T> struct serialized_class { using type = T; };
template <class T> struct serialized_class<cereal::base_class<T>> { using type = T; };
template <class T> struct serialized_class<cereal::virtual_base_class<T>> { using type = T; };

/// The virtual bases of the objects that an archive visits: one of an object is visited once. cereal knows them by their
/// addresses in the whole archive, and would skip those of the next object at an address.
class virtual_bases {
  public:
    /// The time in which one object is visited.
    class object {
      public:
        explicit object(virtual_bases& all) noexcept
            : all_(all), outer_(std::exchange(all.first_, all.visited_.size())) {}
        object(object const&) = delete;
        object& operator=(object const&) = delete;
        ~object() {
            all_.visited_.resize(all_.first_);
            all_.first_ = outer_;
        }

      private:
        virtual_bases& all_;
        std::size_t const outer_;
    };

    /// What is left to visit of a value: the base of a cereal::virtual_base_class, or null if it was visited; all else
    /// itself.
    template <class T> [[nodiscard]] auto* unvisited(T& value) {
        if constexpr (is_virtual_base_class<std::remove_const_t<T>>) {
            using base = typename serialized_class<std::remove_const_t<T>>::type;
            return add({value.base_ptr, &typeid(base)}) ? value.base_ptr : nullptr;
        } else {
            return std::addressof(value);
        }
    }

  private:
    struct address_and_type {
        void const* address = nullptr;
        std::type_info const* type = nullptr;
    };

    /// Returns:        false if the object has this base already
    [[nodiscard]] bool add(address_and_type base);

    std::vector<address_and_type> visited_;
    std::size_t first_ = 0; ///< of the innermost object
};

/// The types of the pointers to the pointees of one archive.
class pointee_types {
  public:
    /// Adds the type of a pointer to a pointee.
    ///
    /// number          of the pointee, from 1
    /// Returns:        false if a pointer of this type to it was added before
    [[nodiscard]] bool add(std::uint32_t number, std::type_info const& type);

  private:
    struct further_type {
        std::uint32_t number;
        std::type_info const* type;
    };

    std::vector<std::type_info const*> first_; ///< by number
    std::vector<further_type> further_;
};

/// Throws:         memo::error (argument): the object's class derives from the parameter's class
[[noreturn]] void throw_derived_class();

/// Throws:         memo::error (argument): pointers lead from an element of a container to the container
[[noreturn]] void throw_cycle();

/// A cereal archive that writes to a word stream. One archive serves one key, because cereal numbers
/// pointers and class versions per archive.
// A template, so that a program compiles cereal's bookkeeping only if an argument needs it.
template <class Stream>
class basic_word_archive : public cereal::OutputArchive<basic_word_archive<Stream>> {
    using base = cereal::OutputArchive<basic_word_archive>;

  public:
    explicit basic_word_archive(Stream& stream) : base(this), stream_(stream) {}

    /// For one element of a container, which is encoded by itself. So this archive knows no pointee of `around`, and
    /// would follow pointers that lead back to the container for ever.
    ///
    /// Throws:         memo::error (argument) if an archive around this one encodes an element of this container
    basic_word_archive(Stream& stream, basic_word_archive const& around, void const* container)
        : base(this), stream_(stream), around_(&around), container_(container) {
        for (auto const* each = around_; each != nullptr; each = each->around_) {
            if (each->container_ == container) {
                throw_cycle();
            }
        }
    }

    // These hide cereal's operators, so that own_encoder takes precedence.
    template <class... Ts> basic_word_archive& operator()(Ts const&... values) {
        (write(values), ...);
        return *this;
    }
    template <class T> basic_word_archive& operator&(T const& value) { return (*this)(value); }
    template <class T> basic_word_archive& operator<<(T const& value) { return (*this)(value); }

    void put(std::uint64_t word) { stream_.put(word); }
    void put_bytes(void const* bytes, std::size_t size) { stream_.put_bytes(bytes, size); }

    /// The number of a pointee. The highest bit is set for its first pointer of type T, which the pointee must
    /// follow. Hides cereal's function, which compares addresses alone: a pointer to a base class or to the
    /// first member has the same address, and writes less than the whole object.
    // NOLINTBEGIN(readability-identifier-naming): cereal's name
    template <class T>
    [[nodiscard]] std::uint32_t registerSharedPointer(std::shared_ptr<T> const& pointer) {
        std::uint32_t const number = base::registerSharedPointer(pointer);
        bool const is_known = number == 0 || !types_.add(number & ~new_pointee, typeid(T));
        return is_known ? number & ~new_pointee : number | new_pointee;
    }
    // NOLINTEND(readability-identifier-naming)

    /// Writes the number of the pointee; true if the pointee must follow.
    template <class T> [[nodiscard]] bool put_shared(std::shared_ptr<T> const& pointer) {
        std::uint32_t const number = registerSharedPointer(pointer);
        put(number);
        return (number & new_pointee) != 0;
    }

    /// Writes a class by its own serialize or save, then the number of its words. Without the number, two
    /// adjacent objects that write no sizes could have the same words as two different objects.
    template <class T> void put_class(T const& value) {
        if constexpr (std::is_polymorphic_v<T> && !std::is_final_v<T>) {
            if (typeid(value) != typeid(T)) {
                throw_derived_class();
            }
        }
        virtual_bases::object const object(virtual_bases_);
        put_with_count(value);
    }

  private:
    static constexpr std::uint32_t new_pointee = cereal::detail::msb_32bit;

    // An odd constant far from all counts and indices: 2^64 / pi.
    static constexpr std::uint64_t closing = 0x517cc1b727220a95;

    template <class T> void put_with_count(T const& value) {
        std::uint64_t const start = stream_.position();
        if (auto* const rest = virtual_bases_.unvisited(value)) {
            base::operator()(*rest);
        }
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
    // Not deferred: cereal's list of deferred data would write it after the class's count, and breaks if
    // deferred data defers data.
    template <class T> void write(cereal::DeferredData<T> const& deferred) {
        write(deferred.value);
    }
    template <class T> void write(T const& value) {
        if constexpr (is_base_class<T>) {
            using base_class = typename serialized_class<T>::type;
            require_own_function<base_class, written_by_base<base_class, basic_word_archive>()>();
            put_with_count(value); // two base classes are adjacent, as two members are
        } else {
            detail::encode(*this, value);
        }
    }

    Stream& stream_;
    basic_word_archive const* around_ = nullptr;
    void const* container_ = nullptr;
    pointee_types types_;
    virtual_bases virtual_bases_;
};

using word_archive = basic_word_archive<word_stream>;

// cereal requires these functions for every archive; its type headers call them for types without an
// own_encoder.
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

/// A class with a cereal function for saving it, a member or a free function. A class that derives from a
/// container needs a member: cereal's free function for maps accepts every class template with a
/// mapped_type. No function writes a comparator's state.
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

/// Writes all values into one stream, through one archive if any value needs it.
template <class... Ts> void encode_all(word_stream& stream, Ts const&... values) {
    if constexpr ((false || ... || needs_archive<Ts>)) {
        word_archive archive(stream);
        (detail::encode(archive, values), ...);
    } else {
        (detail::encode(stream, values), ...);
    }
}

/// The digest of one value.
template <class T> [[nodiscard]] key128 digest_of(T const& value) {
    word_stream stream;
    encode_all(stream, value);
    return stream.digest();
}

template <class Sink, class T>
key128 digest_of_element([[maybe_unused]] Sink const& sink, [[maybe_unused]] void const* container,
                         T const& value) {
    if constexpr (needs_archive<T>) { // then the sink is one
        word_stream stream;
        word_archive archive(stream, sink, container);
        detail::encode(archive, value);
        return stream.digest();
    } else {
        return digest_of(value);
    }
}

} // namespace memo::detail

CEREAL_REGISTER_ARCHIVE(memo::detail::word_archive)

#if !defined(MEMO_COMPILED)
#include "archive.ipp"
#endif
