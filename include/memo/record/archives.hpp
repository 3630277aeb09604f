// SPDX-License-Identifier: BSL-1.0
#pragma once

// Classes with cereal functions in, bytes out, and back: cereal's archives for records. What the
// library knows passes through its own codecs, so cereal's type headers are needed only for the rest.
//
// A class is followed by a byte of its own, so it takes at least one, and how deep classes may lie
// in one another is bounded, so that no chain of bytes ends the stack.

#include <memo/error.hpp>
#include <memo/key/archive.hpp>
#include <memo/record/bytes.hpp>
#include <memo/record/codec_ranges.hpp>
#include <memo/record/codec_values.hpp>
#include <memo/record/codec_vocabulary.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <unordered_map>

namespace memo::detail {

/// How deep classes may lie in one another.
inline constexpr std::size_t deepest_class = 1000;
/// Follows every class.
inline constexpr std::uint8_t class_end = 0xc5;

/// One step deeper, for as long as it lives.
class deeper {
  public:
    explicit deeper(std::size_t& depth) : depth_(depth) { ++depth_; }
    deeper(deeper const&) = delete;
    deeper& operator=(deeper const&) = delete;
    ~deeper() { --depth_; }
    [[nodiscard]] bool too_deep() const noexcept { return depth_ > deepest_class; }

  private:
    std::size_t& depth_;
};

/// cereal's side of a byte sink. One archive writes one record: pointer numbers and class versions
/// count from its start.
class record_writer : public cereal::OutputArchive<record_writer> {
    using base = cereal::OutputArchive<record_writer>;

  public:
    explicit record_writer(byte_sink sink) : base(this), sink_(sink) {}

    // These hide cereal's, so that every value passes through the library's codecs first.
    template <class... Ts> record_writer& operator()(Ts const&... values) {
        (write(values), ...);
        return *this;
    }
    template <class T> record_writer& operator&(T const& value) { return (*this)(value); }
    template <class T> record_writer& operator<<(T const& value) { return (*this)(value); }

    template <class T> void put(T value) { sink_.put(value); }
    void put_count(std::size_t count) { sink_.put_count(count); }
    void put_bytes(void const* bytes, std::size_t size) { sink_.put_bytes(bytes, size); }

    /// Writes which pointee this is; true if it is seen for the first time, and so has to follow.
    template <class T> [[nodiscard]] bool put_shared(std::shared_ptr<T> const& pointer) {
        std::uint32_t const number = registerSharedPointer(pointer);
        put(number);
        return (number & cereal::detail::msb_32bit) != 0;
    }

    template <class T> void put_class(T const& value) {
        deeper const here(depth_);
        if (here.too_deep()) {
            throw error(errc::backend, "a result has classes more than " +
                                           std::to_string(deepest_class) +
                                           " deep in one another; return it as a flat container");
        }
        base::operator()(value);
        put(class_end);
    }

  private:
    template <class T> void write(cereal::NameValuePair<T> const& pair) { write(pair.value); }
    template <class T> void write(cereal::SizeTag<T> const& tag) {
        put_count(static_cast<std::size_t>(tag.size));
    }
    template <class T> void write(cereal::BinaryData<T> const& data) {
        put_count(static_cast<std::size_t>(data.size));
        put_bytes(data.data, static_cast<std::size_t>(data.size));
    }
    template <class T> void write(cereal::DeferredData<T> const& deferred) {
        write(deferred.value);
    }
    template <class T, std::size_t N> void write(T const (&array)[N]) {
        for (auto const& element : array) {
            write(element);
        }
    }
    template <class T> void write(T const& value) {
        if constexpr (codable<T>) {
            put_value(*this, value);
        } else {
            base::operator()(value); // a base class, or what only cereal's own headers know
        }
    }

    byte_sink sink_;
    std::size_t depth_ = 0;
};

/// cereal's side of a byte source: reads what one record_writer wrote.
///
/// Throws:         malformed
class record_reader : public cereal::InputArchive<record_reader> {
    using base = cereal::InputArchive<record_reader>;

  public:
    explicit record_reader(byte_source source) : base(this), source_(source) {}

    template <class... Ts> record_reader& operator()(Ts&&... values) {
        (read(values), ...);
        return *this;
    }
    template <class T> record_reader& operator&(T&& value) { return (*this)(value); }
    template <class T> record_reader& operator>>(T&& value) { return (*this)(value); }

    template <class T> [[nodiscard]] T take() { return source_.take<T>(); }
    [[nodiscard]] std::size_t take_count(std::size_t least = 1) {
        return source_.take_count(least);
    }
    void take_bytes(void* to, std::size_t size) { source_.take_bytes(to, size); }
    [[nodiscard]] std::size_t left() const noexcept { return source_.left(); }

    template <class T> void take_class(T& value) {
        deeper const here(depth_);
        if (here.too_deep()) {
            throw malformed();
        }
        base::operator()(value);
        if (take<std::uint8_t>() != class_end) {
            throw malformed();
        }
    }

    /// A pointee that was seen before, or a new one. A number that another type of pointee has is
    /// refused.
    template <class T> [[nodiscard]] std::shared_ptr<T> take_shared();

  private:
    struct pointee {
        std::shared_ptr<void> pointer;
        std::type_info const* type;
    };

    template <class T> void read(cereal::NameValuePair<T>& pair) { read(pair.value); }
    template <class T> void read(cereal::SizeTag<T>& tag) {
        tag.size = static_cast<std::remove_reference_t<decltype(tag.size)>>(take_count());
    }
    template <class T> void read(cereal::BinaryData<T>& data) {
        if (take_count() != data.size) {
            throw malformed();
        }
        take_bytes(data.data, static_cast<std::size_t>(data.size));
    }
    template <class T> void read(cereal::DeferredData<T>& deferred) { read(deferred.value); }
    template <class T, std::size_t N> void read(T (&array)[N]) {
        for (auto& element : array) {
            read(element);
        }
    }
    template <class T> void read(T& value);

    byte_source source_;
    std::size_t depth_ = 0;
    std::unordered_map<std::uint32_t, pointee> pointees_;
};

// What cereal asks of every archive; its own type headers call these where the library has no codec.
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

/// A class that cereal can write and read. One that derives from a container must say so by itself,
/// as for keys.
template <class T>
concept cereal_record = std::is_class_v<T> && !own_codable<T> && !is_base_class<T> &&
                        (derives_from_container<T>
                             ? cereal::traits::has_member_serialize<T, record_writer>::value ||
                                   (cereal::traits::has_member_save<T, record_writer>::value &&
                                    cereal::traits::has_member_load<T, record_reader>::value)
                             : cereal::traits::is_output_serializable<T, record_writer>::value &&
                                   cereal::traits::is_input_serializable<T, record_reader>::value);

template <cereal_record T> struct codec<T> {
    static constexpr bool plain = false;

    static void save(record_writer& archive, T const& value) { archive.put_class(value); }
    static T load(record_reader& archive) {
        static_assert(std::is_default_constructible_v<T>,
                      "memo: cereal reads into an object that is there already, so a class that is "
                      "kept outside of the process needs a default constructor. Give it one, or "
                      "return a class of plain members");
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
        base::operator()(value);
    }
}

template <class T> std::shared_ptr<T> record_reader::take_shared() {
    auto const tag = take<std::uint32_t>();
    if (tag == 0) {
        return nullptr;
    }
    std::uint32_t const number = tag & ~cereal::detail::msb_32bit;
    auto const known = pointees_.find(number);
    if (tag == number) {
        if (known == pointees_.end() || *known->second.type != typeid(T)) {
            throw malformed();
        }
        return std::static_pointer_cast<T>(known->second.pointer);
    }
    if (known != pointees_.end()) {
        throw malformed();
    }
    if constexpr (cereal_record<T> && std::is_default_constructible_v<T>) {
        auto const made = std::make_shared<T>();
        pointees_[number] =
            pointee{made, &typeid(T)}; // before its members, which may point back to it
        take_class(*made);
        return made;
    } else {
        auto const made = std::make_shared<T>(take_value<T>(*this));
        pointees_[number] = pointee{made, &typeid(T)};
        return made;
    }
}

} // namespace memo::detail

CEREAL_REGISTER_ARCHIVE(memo::detail::record_writer)
CEREAL_REGISTER_ARCHIVE(memo::detail::record_reader)
