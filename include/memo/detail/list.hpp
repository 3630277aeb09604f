// SPDX-License-Identifier: BSL-1.0
#pragma once

// A singly linked list that only grows: the part of std::forward_list that memo needs, for a tenth of its
// compile time (docs/decisions/0040-compile-time.md).

#include <utility>

namespace memo::detail {

/// The address of a value is stable for the lifetime of the list.
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

    /// Constructs a value at the front.
    ///
    /// Throws:         std::bad_alloc, exceptions of the constructor; the list is unchanged
    template <class... Args> T& add(Args&&... args) {
        first_ = new node{first_, T(std::forward<Args>(args)...)};
        return first_->value;
    }

    /// The newest value. The list must not be empty.
    [[nodiscard]] T& newest() const noexcept { return first_->value; }

    /// Calls visit(value) for all values, newest first.
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
