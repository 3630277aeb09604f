// SPDX-License-Identifier: BSL-1.0
#pragma once

// Whether a history of operations on one register is linearizable: whether one thread could have done them
// in some order with the same results (Herlihy and Wing 1990, ACM TOPLAS 12(3); the search is Wing and
// Gong's, with the memoization of Lowe 2017). Keys are independent: a map is linearizable if each key is.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace memo_test {

enum class action : std::uint8_t { get, put, erase, update };

struct operation {
    action what;
    std::uint64_t given;               ///< to put, or to update nothing with
    std::optional<std::uint64_t> seen; ///< get: the value; erase: 1 or 0; update: what it stored
    std::uint64_t begun;               ///< moments of one clock
    std::uint64_t ended;
};

using state = std::optional<std::uint64_t>;

/// The result of an update of a value.
inline std::uint64_t updated(state const& before, std::uint64_t given) {
    return before ? *before * 31 + given : given;
}

/// Applies an operation; false if it contradicts the recorded result.
inline bool redo(state& now, operation const& done) {
    state const before = now;
    switch (done.what) {
    case action::get:
        return done.seen == before;
    case action::put:
        now = done.given;
        return true;
    case action::erase:
        now.reset();
        return done.seen == (before ? 1U : 0U);
    case action::update:
        now = updated(before, done.given);
        return done.seen == now;
    }
    return false;
}

/// At most 64 operations, on a register that is empty at first.
class linearization {
  public:
    explicit linearization(std::vector<operation> history) : history_(std::move(history)) {}

    [[nodiscard]] bool exists() { return search(0, state()); }

  private:
    bool search(std::uint64_t done, state const& now) {
        if (done == (history_.size() == 64 ? ~std::uint64_t{0}
                                           : (std::uint64_t{1} << history_.size()) - 1)) {
            return true;
        }
        if (!tried_.emplace(done, now).second) {
            return false;
        }
        std::uint64_t first_end = ~std::uint64_t{0};
        for (std::size_t i = 0; i < history_.size(); ++i) {
            if ((done >> i & 1U) == 0) {
                first_end = std::min(first_end, history_[i].ended);
            }
        }
        // An operation that began after another one ended comes after it.
        for (std::size_t i = 0; i < history_.size(); ++i) {
            if ((done >> i & 1U) == 0 && history_[i].begun <= first_end) {
                state next = now;
                if (redo(next, history_[i]) && search(done | std::uint64_t{1} << i, next)) {
                    return true;
                }
            }
        }
        return false;
    }

    std::vector<operation> history_;
    std::set<std::pair<std::uint64_t, state>> tried_;
};

} // namespace memo_test
