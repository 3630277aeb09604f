// SPDX-License-Identifier: BSL-1.0
#pragma once

// A subset of training samples as a canonical bitset. Equal sets have one key, whatever their order of
// insertion and their universe; the key of a set of indices below 1000 costs 44 to 60 ns instead of up
// to 290 as a list (docs/format.md, "index_set").

#include <memo/detail/system/compiled.hpp>
#include <memo/detail/wrong_arguments.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <span> // declared for ranges, it has their concepts; <ranges> brings the views as well
#include <type_traits>
#include <vector>

namespace memo {

/// A set of sample indices 0 … 2^32 - 1, as a bitset that iterates in ascending order.
///
/// Complexity:     one bit per index up to the largest one; iteration O(largest / 64 + size)
/// Thread safety:  as a standard container
class index_set {
  public:
    /// The first index that no set can hold.
    static constexpr std::size_t limit = std::size_t{1} << 32;

    class iterator;
    using value_type = std::size_t;
    using const_iterator = iterator;

    index_set() = default;

    /// An empty set with capacity for the indices 0 … universe - 1. The universe is not part of the
    /// set's value.
    explicit index_set(std::size_t universe);

    index_set(std::initializer_list<std::size_t> indices) { insert_all(indices); }

    /// The indices of a range, in any order, duplicates allowed.
    template <std::ranges::input_range Range>
        requires(std::unsigned_integral<std::ranges::range_value_t<Range>> &&
                 !std::same_as<std::remove_cvref_t<Range>, index_set>)
    // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): constrained not to
    explicit index_set(Range&& indices) { // some views are not to be iterated when const
        using index = std::ranges::range_value_t<Range>;
        static_assert(!std::same_as<index, bool>,
                      "memo: index_set takes the indices themselves, and a mask of true and false "
                      "would be read as the indices 1 and 0. Use memo::index_set::of_mask(mask)");
        static_assert(
            sizeof(index) <= sizeof(std::size_t),
            "memo: index_set takes indices of at most 64 bits. Convert these to std::size_t");
        insert_all(indices);
    }

    /// Refuses a range of signed indices, or of other things.
    template <std::ranges::input_range Range>
        requires(!std::unsigned_integral<std::ranges::range_value_t<Range>>)
    // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): deleted
    explicit index_set(Range&&,
                       detail::index_set_takes_unsigned_indices_such_as_std_size_t = {}) = delete
#if defined(__cpp_deleted_function)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wc++26-extensions"
        ("memo: index_set takes unsigned indices, such as std::vector<std::size_t>")
#pragma GCC diagnostic pop
#endif
        ;

    /// The positions of `true` in a range: {false, true, true} becomes the indices 1 and 2.
    ///
    /// mask            range of bool, such as std::vector<bool>
    template <std::ranges::input_range Range>
        requires(std::same_as<std::ranges::range_value_t<Range>, bool>)
    [[nodiscard]] static index_set of_mask(Range&& mask) {
        index_set members;
        std::size_t index = 0;
        for (bool const is_member : mask) {
            if (is_member) {
                members.insert(index);
            }
            ++index;
        }
        return members;
    }

    /// All of 0 … count - 1.
    [[nodiscard]] static index_set first(std::size_t count);

    /// Throws: std::out_of_range for an index of 2^32 or more
    void insert(std::size_t index) {
        if (index / bits >= words_.size()) {
            grow_for(index);
        }
        words_[index / bits] |= bit(index);
    }

    void erase(std::size_t index) noexcept;

    void clear() noexcept {
        words_.clear();
    }

    [[nodiscard]] bool contains(std::size_t index) const noexcept {
        return index / bits < words_.size() && (words_[index / bits] & bit(index)) != 0;
    }

    /// The number of indices in the set.
    [[nodiscard]] std::size_t size() const noexcept;

    [[nodiscard]] bool empty() const noexcept {
        return words_.empty();
    }

    [[nodiscard]] iterator begin() const noexcept;
    [[nodiscard]] iterator end() const noexcept;

    /// The bits, 64 indices a word, lowest first; the last word is never zero.
    [[nodiscard]] std::vector<std::uint64_t> const& words() const noexcept {
        return words_;
    }

    friend bool operator==(index_set const&, index_set const&) = default;

  private:
    static constexpr std::size_t bits = 64;

    static constexpr std::uint64_t bit(std::size_t index) noexcept {
        return std::uint64_t{1} << (index % bits);
    }

    template <class Range> void insert_all(Range&& indices) {
        for (auto const index : indices) {
            insert(index);
        }
    }

    void grow_for(std::size_t index);

    std::vector<std::uint64_t> words_;
};

/// Visits the indices of a set in ascending order.
class index_set::iterator {
  public:
    using value_type = std::size_t;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::forward_iterator_tag;
    using pointer = void;
    using reference = std::size_t;

    iterator() = default;

    [[nodiscard]] std::size_t operator*() const noexcept {
        return position_ * bits + static_cast<std::size_t>(std::countr_zero(rest_));
    }
    iterator& operator++() noexcept {
        rest_ &= rest_ - 1;
        skip_empty_words();
        return *this;
    }
    iterator operator++(int) noexcept {
        iterator const old = *this;
        ++*this;
        return old;
    }
    friend bool operator==(iterator const&, iterator const&) = default;

  private:
    friend index_set;

    iterator(std::vector<std::uint64_t> const& words, std::size_t position) noexcept
        : words_(&words),
          position_(position),
          rest_(position < words.size() ? words[position] : 0) {
        skip_empty_words();
    }

    void skip_empty_words() noexcept {
        while (rest_ == 0 && position_ < words_->size()) {
            if (++position_ < words_->size()) {
                rest_ = (*words_)[position_];
            }
        }
    }

    std::vector<std::uint64_t> const* words_ = nullptr;
    std::size_t position_ = 0;
    std::uint64_t rest_ = 0;
};

inline index_set::iterator index_set::begin() const noexcept {
    return {words_, 0};
}
inline index_set::iterator index_set::end() const noexcept {
    return {words_, words_.size()};
}

/// Bytes outside the object, for bounds in bytes.
[[nodiscard]] inline std::size_t memo_footprint(index_set const& set) noexcept {
    return set.words().size() * sizeof(std::uint64_t);
}

} // namespace memo

#if !defined(MEMO_COMPILED)
#include "index_set.ipp"
#endif
