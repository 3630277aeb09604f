// SPDX-License-Identifier: BSL-1.0
#pragma once

// Values one behind the other, all of them there until the end: what memo needs of std::forward_list,
// for a tenth of what that one costs a compiler (docs/decisions/0040-compile-time.md).

#include <utility>

namespace memo::detail {

/// A value stays where it is, and none goes before the list does.
///
/// Thread safety:  none
template <class T> class list {
  public:
    list() = default;
    list(list const&) = delete;
    list& operator=(list const&) = delete;
    ~list() {
        while (first_ != nullptr) {
            delete std::exchange(first_, first_->next);
        }
    }

    /// Makes a value before all others.
    ///
    /// Throws:         std::bad_alloc and what making it throws; nothing is changed
    template <class... Args> T& add(Args&&... args) {
        first_ = new node{first_, T(std::forward<Args>(args)...)};
        return first_->value;
    }

    /// The last one that was made. There must be one.
    [[nodiscard]] T& newest() const noexcept { return first_->value; }

    /// Calls visit(value) for all, the last one that was made first.
    template <class Visit> void for_each(Visit visit) const {
        for (node* each = first_; each != nullptr; each = each->next) {
            visit(each->value);
        }
    }

  private:
    struct node {
        node* next;
        T value;
    };

    node* first_ = nullptr;
};

} // namespace memo::detail
