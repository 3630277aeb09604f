// SPDX-License-Identifier: BSL-1.0
#pragma once

// The result of try_claim(), a call that never waits: a hit, the right to evaluate, or neither because
// another caller evaluates.

#include <memo/error.hpp>

#include <utility>

namespace memo {

/// The state of a claim.
enum class claim_state {
    hit,     ///< value() returns the cached value
    claimed, ///< this caller may run the function; no other caller of this key runs it meanwhile
    busy,    ///< another caller evaluates it, in this process, another one, or on another machine
};

/// The result of memoized::try_claim. While it is `claimed`, callers with the same arguments wait for it,
/// in other processes too if the backend supports that. Its destructor releases the claim, and one of
/// the waiting callers evaluates.
///
/// It cannot be moved or copied: `auto claim = f.try_claim(…)`. It belongs to the thread that made it.
///
/// It owns a copy of the arguments, including the elements of a std::string_view or std::span. A view or
/// reference inside a class of yours is copied as such, and so is any pointer: its target must stay
/// unchanged until run(). An argument outside the key that the function may write (a non-const
/// reference, a span of non-const elements) is not copied.
///
/// Cache           see function_cache.hpp
/// Call            the call with the claim's own copy of the arguments
///
/// Thread safety:  none
template <class Cache, class Result, class Call> class claim {
  public:
    template <class Self, class... Args>
    claim(Self const& self, Cache& cache, typename Cache::call_id const& id, Args&&... args)
        : id_(id),
          call_(self, cache, id_, cache.evaluation(), std::forward<Args>(args)...),
          right_(cache, call_) {}
    claim(claim const&) = delete;
    claim& operator=(claim const&) = delete;
    ~claim() = default;

    [[nodiscard]] claim_state state() const noexcept {
        if (right_.is_served()) {
            return claim_state::hit;
        }
        return right_.is_held() ? claim_state::claimed : claim_state::busy;
    }

    /// The value of a hit, and of a claim that has run.
    ///
    /// Throws:         memo::error (configuration) if there is none
    [[nodiscard]] Result value() const {
        if (!right_.is_served()) {
            throw error(errc::configuration,
                        "claim: no value yet; run() the claim if it is claimed; if it is busy, "
                        "discard it, or call the function, which waits");
        }
        return right_.value();
    }

    /// Claimed: runs the function as a call does, stores the result and ends the claim. Hit: returns the
    /// value.
    ///
    /// Throws:         exceptions of the function; memo::error (configuration) if the claim is busy
    Result run() {
        if (right_.is_held()) {
            right_.use();
        }
        return value();
    }

  private:
    typename Cache::call_id const id_;
    Call call_;
    typename Cache::right right_;
};

} // namespace memo
