// SPDX-License-Identifier: BSL-1.0
#pragma once

// Bytes in, classes with cereal functions out: cereal's archive for reading records. What is read may
// be anything.

#include <memo/key/archive.hpp>
#include <memo/record/bytes.hpp>
#include <memo/record/codec_values.hpp>
#include <memo/record/nesting.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <typeinfo>
#include <unordered_map>

namespace memo::detail {

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
        nesting::step const deeper(nesting_);
        require_not_deep();
        base::operator()(value);
        if (take<std::uint8_t>() != class_end) {
            throw malformed();
        }
    }

    /// A pointee that was seen before, or a new one. A number that another type of pointee has is
    /// refused.
    template <class T> [[nodiscard]] std::shared_ptr<T> take_shared();

  private:
    void require_not_deep() const {
        if (nesting_.too_deep()) {
            throw malformed();
        }
    }

    struct pointee {
        std::shared_ptr<void> pointer;
        std::type_info const* type;
    };

    [[nodiscard]] std::shared_ptr<void> const& seen_before(std::uint32_t number,
                                                           std::type_info const& type) {
        auto const known = pointees_.find(number);
        if (known == pointees_.end() || *known->second.type != type) {
            throw malformed();
        }
        nesting_.again(number);
        require_not_deep();
        return known->second.pointer;
    }

    template <template <class> class Wrapper, class T>
        requires wraps_pointer < Wrapper < std::shared_ptr<T>
    & >> void read(Wrapper<std::shared_ptr<T>&>& wrapper);
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
    nesting nesting_;
    std::unordered_map<std::uint32_t, pointee> pointees_;
};

} // namespace memo::detail
