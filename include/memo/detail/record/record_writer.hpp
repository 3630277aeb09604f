// SPDX-License-Identifier: BSL-1.0
#pragma once

// The cereal archive that encodes records. Types with a codec of the library bypass cereal.

#include <memo/detail/key/archive.hpp>
#include <memo/detail/record/bytes.hpp>
#include <memo/detail/record/codec_values.hpp>
#include <memo/detail/record/nesting.hpp>
#include <memo/error.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <typeindex>
#include <typeinfo>
#include <utility>

namespace memo::detail {

/// Encodes one record: pointer numbers and class versions count from its start.
class record_writer : public cereal::OutputArchive<record_writer> {
    using base = cereal::OutputArchive<record_writer>;

  public:
    explicit record_writer(byte_sink sink) : base(this), sink_(sink) {}

    // These hide cereal's operators, so that every value tries the library's codecs first.
    template <class... Ts> record_writer& operator()(Ts const&... values) {
        (write(values), ...);
        return *this;
    }
    template <class T> record_writer& operator&(T const& value) { return (*this)(value); }
    template <class T> record_writer& operator<<(T const& value) { return (*this)(value); }

    template <class T> void put(T value) { sink_.put(value); }
    void put_count(std::size_t count) { sink_.put_count(count); }
    void put_bytes(void const* bytes, std::size_t size) { sink_.put_bytes(bytes, size); }
    [[nodiscard]] std::size_t size() const noexcept { return sink_.size(); }
    void charge(std::size_t count, std::size_t each) noexcept { sink_.charge(count, each); }
    [[nodiscard]] bool is_decodable() const noexcept { return sink_.is_decodable(); }

    /// The number of a pointee. The highest bit is set at its first occurrence as a T. Hides cereal's function,
    /// which compares addresses alone: a pointer to a base class or to the first member has the address of the
    /// whole object, and the decoder refuses the number of an object of another type.
    // NOLINTBEGIN(readability-identifier-naming): cereal's name
    template <class T>
    [[nodiscard]] std::uint32_t registerSharedPointer(std::shared_ptr<T> const& pointer) {
        if (base::registerSharedPointer(pointer) == 0) { // keeps the pointee, and so its address
            return 0;
        }
        auto const next = static_cast<std::uint32_t>(numbers_.size() + 1);
        auto const [entry, is_new] =
            numbers_.try_emplace({pointer.get(), std::type_index(typeid(T))}, next);
        return is_new ? next | cereal::detail::msb_32bit : entry->second;
    }
    // NOLINTEND(readability-identifier-naming)

    /// Writes the number of a pointee and, at its first occurrence, the pointee.
    template <class T> void put_shared(std::shared_ptr<T> const& pointer) {
        std::uint32_t const tag = registerSharedPointer(pointer);
        std::uint32_t const number = tag & ~cereal::detail::msb_32bit;
        put(tag);
        if (tag != number) {
            charge(1, sizeof(T));
            nesting_.measure_pointee([&] { put_value(*this, *pointer); });
        } else if (tag != 0) {
            nesting_.count_repeated(number);
            require_allowed_depth();
        }
    }

    template <class T> void put_class(T const& value) {
        nesting::step const step(nesting_, sizeof(T));
        require_allowed_depth();
        virtual_bases::object const object(virtual_bases_);
        base::operator()(value);
        put(class_end);
    }

  private:
    void require_allowed_depth() const {
        if (nesting_.too_deep()) {
            throw error(errc::backend, "a result nests classes more than " +
                                           std::to_string(max_class_depth) +
                                           " deep; return it as a flat container");
        }
    }

    template <template <class> class Wrapper, class T>
        requires wraps_pointer < Wrapper < std::shared_ptr<T>
    const& >> void write(Wrapper<std::shared_ptr<T> const&> const& wrapper) {
        put_shared(wrapper.ptr);
    }
    template <template <class> class Wrapper, class T, class Deleter>
        requires wraps_pointer < Wrapper < std::unique_ptr<T, Deleter>
    const& >> void write(Wrapper<std::unique_ptr<T, Deleter> const&> const& wrapper) {
        charge(1, sizeof(T));
        base::operator()(wrapper);
    }
    template <class T> void write(cereal::NameValuePair<T> const& pair) { write(pair.value); }
    template <class T> void write(cereal::SizeTag<T> const& tag) {
        auto const count = static_cast<std::size_t>(tag.size);
        put_count(count);
        charge(count, tagged_element_charge);
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
            using target = typename serialized_class<T>::type;
            require_own_function<target, written_by_base<target, record_writer>()>();
            // A base class, or a type for which only cereal has functions.
            if (auto* const rest = virtual_bases_.unvisited(value)) {
                base::operator()(*rest);
            }
        }
    }

    byte_sink sink_;
    nesting nesting_;
    virtual_bases virtual_bases_;
    std::map<std::pair<void const*, std::type_index>, std::uint32_t>
        numbers_; ///< of the pointees, from 1
};

} // namespace memo::detail
