// SPDX-License-Identifier: BSL-1.0
#pragma once

// The cereal archive that decodes records from hostile bytes.

#include <memo/detail/key/archive.hpp>
#include <memo/detail/record/bytes.hpp>
#include <memo/detail/record/codec_values.hpp>
#include <memo/detail/record/nesting.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <vector>

namespace memo::detail {

/// Decodes the output of one record_writer.
///
/// Throws:         malformed_record
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
    [[nodiscard]] std::size_t take_count(std::size_t min_size = 1) {
        return source_.take_count(min_size);
    }
    void take_bytes(void* to, std::size_t size) { source_.take_bytes(to, size); }
    [[nodiscard]] std::size_t remaining() const noexcept { return source_.remaining(); }
    void charge(std::size_t count, std::size_t each) { source_.charge(count, each); }

    template <class T> void take_class(T& value) {
        nesting::step const step(nesting_, sizeof(T));
        require_allowed_depth();
        virtual_bases::object const object(virtual_bases_);
        base::operator()(value);
        if (take<std::uint8_t>() != class_end) {
            throw malformed_record();
        }
    }

    /// A new or a repeated pointee. Refuses a number that belongs to a pointee of another type.
    template <class T> [[nodiscard]] std::shared_ptr<T> take_shared();

    // These hide cereal's functions, which store names of any number in a hash table. The writer
    // numbers names from 1.
    void registerPolymorphicName(std::uint32_t number, std::string const& name) {
        if ((number & ~cereal::detail::msb_32bit) != class_names_.size() + 1) {
            throw malformed_record();
        }
        class_names_.push_back(name);
    }
    [[nodiscard]] std::string const& getPolymorphicName(std::uint32_t number) const {
        if (number == 0 || number > class_names_.size()) {
            throw malformed_record();
        }
        return class_names_[number - 1];
    }

  private:
    void require_allowed_depth() const {
        if (nesting_.too_deep()) {
            throw malformed_record();
        }
    }

    struct pointee {
        std::shared_ptr<void> pointer; ///< null until the object exists
        std::type_info const* type;
    };

    /// Adds a pointee, whose number must be the next one; returns its index.
    template <class T> [[nodiscard]] std::size_t add_pointee(std::uint32_t number) {
        if (number != pointees_.size() + 1) {
            throw malformed_record();
        }
        charge(1, sizeof(T));
        pointees_.push_back({nullptr, &typeid(T)});
        return pointees_.size() - 1;
    }

    [[nodiscard]] std::shared_ptr<void> const& repeated_pointee(std::uint32_t number,
                                                                std::type_info const& type) {
        if (number == 0 || number > pointees_.size() || !pointees_[number - 1].pointer ||
            *pointees_[number - 1].type != type) {
            throw malformed_record();
        }
        nesting_.count_repeated(number);
        require_allowed_depth();
        return pointees_[number - 1].pointer;
    }

    template <template <class> class Wrapper, class T>
        requires wraps_pointer < Wrapper < std::shared_ptr<T>
    & >> void read(Wrapper<std::shared_ptr<T>&>& wrapper);
    template <template <class> class Wrapper, class T, class Deleter>
        requires wraps_pointer < Wrapper < std::unique_ptr<T, Deleter>
    & >> void read(Wrapper<std::unique_ptr<T, Deleter>&>& wrapper) {
        charge(1, sizeof(T));
        base::operator()(wrapper);
    }
    /// An object that its load_and_construct() constructs. The writer writes it as a class.
    template <class T>
    void read(cereal::memory_detail::LoadAndConstructLoadWrapper<record_reader, T>& object) {
        take_class(object);
    }
    template <class T> void read(cereal::NameValuePair<T>& pair) { read(pair.value); }
    template <class T> void read(cereal::SizeTag<T>& tag) {
        std::size_t const count = take_count();
        charge(count, tagged_element_charge);
        tag.size = static_cast<std::remove_reference_t<decltype(tag.size)>>(count);
    }
    template <class T> void read(cereal::BinaryData<T>& data) {
        if (take_count() != data.size) {
            throw malformed_record();
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
    nesting nesting_;
    virtual_bases virtual_bases_;
    std::vector<pointee> pointees_;        ///< by number, from 1
    std::vector<std::string> class_names_; ///< by number, from 1
};

} // namespace memo::detail
