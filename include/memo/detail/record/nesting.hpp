// SPDX-License-Identifier: BSL-1.0
#pragma once

// How deep the classes of one record lie in one another, so that no chain of bytes ends the stack. A
// shared pointee counts wherever it is pointed to: a row of them of which each points to the one
// before takes a single step of reading, but as many of destroying. Pointees are numbered from 1 in
// the order in which they are met.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace memo::detail {

/// How deep classes may lie in one another. One of more than a KiB counts once more for each: it is
/// read on the stack.
inline constexpr std::size_t deepest_class = 1000;
/// Follows every class.
inline constexpr std::uint8_t class_end = 0xc5;
/// What each element is charged that a user's own function announces by a size tag: its type is not
/// known.
inline constexpr std::size_t tagged_element_charge = 16;

class nesting {
  public:
    /// Within a class of so many bytes, for as long as it lives.
    class step {
      public:
        step(nesting& in, std::size_t size) : in_(in), depth_(1 + size / 1024) {
            in_.depth_ += depth_;
            in_.reach(in_.depth_);
        }
        step(step const&) = delete;
        step& operator=(step const&) = delete;
        ~step() { in_.depth_ -= depth_; }

      private:
        nesting& in_;
        std::size_t const depth_;
    };

    [[nodiscard]] bool too_deep() const noexcept { return reached_ > deepest_class; }

    /// Runs body(), which reads or writes a new pointee, and keeps how much of the depth it takes.
    template <class Body> decltype(auto) pointee(Body const& body) {
        heights_.push_back(0);
        struct measure {
            nesting& in;
            std::size_t const place = in.heights_.size() - 1;
            std::size_t const outer = std::exchange(in.reached_, in.depth_);
            ~measure() {
                in.heights_[place] = in.reached_ - in.depth_;
                in.reached_ = (std::max)(outer, in.reached_);
            }
        } const here{*this};
        return body();
    }

    /// A pointee that was there before. One that is under way counts nothing: it closes a circle.
    void again(std::uint32_t number) { reach(depth_ + heights_[number - 1]); }

  private:
    void reach(std::size_t depth) noexcept { reached_ = (std::max)(reached_, depth); }

    std::size_t depth_ = 0;
    std::size_t reached_ = 0; ///< the most of the pointee under way, or of the record
    std::vector<std::size_t> heights_;
};

/// Whether this is cereal's wrapper of a pointer, from its cereal/types/memory.hpp: what it reads and
/// writes behind the name of a derived class.
template <class Wrapper>
concept wraps_pointer = requires(Wrapper& wrapper) {
    wrapper.ptr;
};

} // namespace memo::detail
