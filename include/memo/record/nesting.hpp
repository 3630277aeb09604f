// SPDX-License-Identifier: BSL-1.0
#pragma once

// How deep the classes of one record lie in one another, so that no chain of bytes ends the stack. A
// shared pointee counts wherever it is pointed to: a row of them of which each points to the one
// before takes a single step of reading, but as many of destroying.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>

namespace memo::detail {

/// How deep classes may lie in one another.
inline constexpr std::size_t deepest_class = 1000;
/// Follows every class.
inline constexpr std::uint8_t class_end = 0xc5;

class nesting {
  public:
    /// One step deeper, for as long as it lives.
    class step {
      public:
        explicit step(nesting& in) : in_(in) { in_.reach(++in_.depth_); }
        step(step const&) = delete;
        step& operator=(step const&) = delete;
        ~step() { --in_.depth_; }

      private:
        nesting& in_;
    };

    [[nodiscard]] bool too_deep() const noexcept { return reached_ > deepest_class; }

    /// Runs body(), which reads or writes a new pointee, and keeps how much of the depth it takes.
    template <class Body> decltype(auto) pointee(std::uint32_t number, Body const& body) {
        struct measure {
            nesting& in;
            std::uint32_t const number = 0;
            std::size_t const outer = std::exchange(in.reached_, in.depth_);
            ~measure() {
                in.heights_[number] = in.reached_ - in.depth_;
                in.reached_ = (std::max)(outer, in.reached_);
            }
        } const here{*this, number};
        return body();
    }

    /// A pointee that was there before. One that is under way counts nothing: it closes a circle.
    void again(std::uint32_t number) {
        auto const known = heights_.find(number);
        reach(depth_ + (known == heights_.end() ? 0 : known->second));
    }

  private:
    void reach(std::size_t depth) noexcept { reached_ = (std::max)(reached_, depth); }

    std::size_t depth_ = 0;
    std::size_t reached_ = 0; ///< the most of the pointee under way, or of the record
    std::unordered_map<std::uint32_t, std::size_t> heights_;
};

/// Whether this is cereal's wrapper of a shared pointer, from its cereal/types/memory.hpp: what it
/// reads and writes behind the name of a derived class.
template <class Wrapper>
concept wraps_pointer = requires(Wrapper& wrapper) {
    wrapper.ptr;
};

} // namespace memo::detail
