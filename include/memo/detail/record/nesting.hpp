// SPDX-License-Identifier: BSL-1.0
#pragma once

// Measures how deeply the classes of one record are nested, so that no bytes overflow the stack. A
// shared pointee counts with its full depth wherever a pointer leads to it: a sequence of pointees
// that each point to the previous one is decoded without recursion, but its destruction recurses.
// Pointees are numbered from 1 in the order of their first occurrence.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace memo::detail {

/// The maximal depth of nested classes. A class counts once more per KiB of its size: it is decoded
/// on the stack.
inline constexpr std::size_t max_class_depth = 1000;
/// The byte that follows every class.
inline constexpr std::uint8_t class_end = 0xc5;
/// The charge per element of a size tag, which a user's function writes: the element type is
/// unknown.
inline constexpr std::size_t tagged_element_charge = 16;

class nesting {
  public:
    /// Counts a class of `size` bytes while it lives.
    class step {
      public:
        step(nesting& owner, std::size_t size) : owner_(owner), depth_(1 + size / 1024) {
            owner_.depth_ += depth_;
            owner_.update_max(owner_.depth_);
        }
        step(step const&) = delete;
        step& operator=(step const&) = delete;
        ~step() { owner_.depth_ -= depth_; }

      private:
        nesting& owner_;
        std::size_t const depth_;
    };

    [[nodiscard]] bool too_deep() const noexcept { return max_depth_ > max_class_depth; }

    /// Runs body(), which decodes or encodes a new pointee, and records the depth of the pointee.
    template <class Body> decltype(auto) measure_pointee(Body const& body) {
        heights_.push_back(0);
        struct measurement {
            nesting& owner;
            std::size_t const index = owner.heights_.size() - 1;
            std::size_t const outer = std::exchange(owner.max_depth_, owner.depth_);
            ~measurement() {
                owner.heights_[index] = owner.max_depth_ - owner.depth_;
                owner.max_depth_ = (std::max)(outer, owner.max_depth_);
            }
        } const measurement{*this};
        return body();
    }

    /// Counts a repeated pointee. An unfinished one has height 0: the pointer closes a cycle.
    void count_repeated(std::uint32_t number) { update_max(depth_ + heights_[number - 1]); }

  private:
    void update_max(std::size_t depth) noexcept { max_depth_ = (std::max)(max_depth_, depth); }

    std::size_t depth_ = 0;
    std::size_t max_depth_ = 0;        ///< of the current pointee, or of the record
    std::vector<std::size_t> heights_; ///< of the pointees, by number - 1
};

/// cereal's wrapper of a pointer (cereal/types/memory.hpp), which it encodes after the name of a
/// derived class.
template <class Wrapper>
concept wraps_pointer = requires(Wrapper& wrapper) {
    wrapper.ptr;
};

} // namespace memo::detail
