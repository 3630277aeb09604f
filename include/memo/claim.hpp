// SPDX-License-Identifier: BSL-1.0
#pragma once

// A call that waits for no one: it is served, or it is ours to evaluate, or somebody else does that.

#include <memo/error.hpp>

#include <utility>

namespace memo {

/// What a claim has come to.
enum class claim_state {
    hit,     ///< the value is there
    claimed, ///< the caller may run the function; no other caller of this call does meanwhile
    busy,    ///< another caller evaluates it: here, in another process, on another machine
};

/// What memoized::try_claim gives. While it is `claimed`, callers of the same arguments wait for it,
/// as far as the backend tells processes of one another; its end gives it up, and one of them goes on.
///
/// It stays where it is made, `auto claim = f.try_claim(…)`, and belongs to the thread that made it.
///
/// It has its own copy of the arguments, with what a std::string_view or a std::span looks at. A view
/// or a reference in a class of yours is copied as that, and so is a pointer of any kind: what is
/// behind it must be there and be the same until run(). What is not in the key and may be written to,
/// by a non-const reference or a span of elements that are not const, stays where it is.
///
/// Way             see walk.hpp
/// Draw            runs the function with the claim's own copy of the arguments
///
/// Thread safety:  none
template <class Way, class Result, class Draw> class claim {
  public:
    claim(Way& way, typename Way::name const& called, Draw draw)
        : draw_(std::move(draw)), right_(way, called) {}
    claim(claim const&) = delete;
    claim& operator=(claim const&) = delete;
    ~claim() = default;

    [[nodiscard]] claim_state state() const noexcept {
        if (right_.reached() != nullptr) {
            return claim_state::hit;
        }
        return right_.is_held() ? claim_state::claimed : claim_state::busy;
    }

    /// The value of a hit, and of a claim that has run.
    ///
    /// Throws:         memo::error (configuration) if there is none
    [[nodiscard]] Result value() const {
        if (right_.reached() == nullptr) {
            throw error(errc::configuration,
                        "claim: there is no value; run() a claim that is claimed, and let one that "
                        "is busy go or call the function, which waits");
        }
        return Way::value_of(*right_.reached());
    }

    /// Evaluates what is claimed, as a call of the function does, stores it and ends the claim; of a
    /// hit it gives the value.
    ///
    /// Throws:         what the function throws; memo::error (configuration) if it is busy
    Result run() {
        if (right_.is_held()) {
            right_.use(draw_);
        }
        return value();
    }

  private:
    Draw draw_;
    typename Way::right right_;
};

} // namespace memo
