// SPDX-License-Identifier: BSL-1.0
#pragma once

// A chained hash table: the part of std::unordered_map that memo needs, for a third of its compile time
// (docs/decisions/0040-compile-time.md).

#include <cstddef>
#include <functional>
#include <utility>

namespace memo::detail {

/// The address of a value is stable until the value is erased.
///
/// Thread safety:  none
template <class Key, class Value> class hash_map {
  public:
    hash_map() = default;
    hash_map(hash_map const&) = delete;
    hash_map& operator=(hash_map const&) = delete;
    ~hash_map() {
        clear();
        delete[] chains_;
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// Returns:        null if there is none
    [[nodiscard]] Value* find(Key const& key) const noexcept {
        if (size_ == 0) {
            return nullptr;
        }
        node* const found = *place_of(key);
        return found != nullptr ? &found->value : nullptr;
    }

    /// Adds a value for a key that has none.
    ///
    /// Throws:         std::bad_alloc, exceptions of the value's constructor; the map is unchanged
    template <class... Args> Value& add(Key const& key, Args&&... args) {
        if (size_ == count_) {
            grow();
        }
        node*& first = chain_of(key);
        // No braces: for a type that can be a list of itself, such as JSON values, they would create one.
        first = new node{key, first, Value(std::forward<Args>(args)...)};
        ++size_;
        return first->value;
    }

    /// The value of a key; adds a default value if there is none.
    Value& operator[](Key const& key) {
        Value* const found = find(key);
        return found != nullptr ? *found : add(key);
    }

    void erase(Key const& key) noexcept {
        node** const place = size_ == 0 ? nullptr : place_of(key);
        if (place != nullptr && *place != nullptr) {
            unlink(*place);
        }
    }

    void clear() noexcept {
        for (std::size_t i = 0; i < count_; ++i) {
            while (chains_[i] != nullptr) {
                unlink(chains_[i]);
            }
        }
    }

    /// Calls visit(key, value) for all entries, in unspecified order.
    template <class Visit> void for_each(Visit visit) const {
        for (std::size_t i = 0; i < count_; ++i) {
            for (node* each = chains_[i]; each != nullptr; each = each->next) {
                visit(each->key, each->value);
            }
        }
    }

  private:
    struct node {
        Key key;
        node* next;
        Value value;
    };

    [[nodiscard]] node*& chain_of(Key const& key) const noexcept {
        return chains_[std::hash<Key>()(key) & (count_ - 1)]; // the count is a power of two
    }

    /// The link to the key's node, or the end of its chain.
    [[nodiscard]] node** place_of(Key const& key) const noexcept {
        node** place = &chain_of(key);
        while (*place != nullptr && (*place)->key != key) {
            place = &(*place)->next;
        }
        return place;
    }

    void unlink(node*& place) noexcept {
        node* const erased = place;
        place = erased->next;
        delete erased;
        --size_;
    }

    void grow() {
        std::size_t const old_count = count_;
        node** const old = chains_;
        std::size_t const count = old_count == 0 ? 8 : 2 * old_count;
        chains_ = new node*[count]();
        count_ = count;
        for (std::size_t i = 0; i < old_count; ++i) {
            while (node* const each = old[i]) {
                old[i] = each->next;
                node*& first = chain_of(each->key);
                each->next = first;
                first = each;
            }
        }
        delete[] old;
    }

    node** chains_ = nullptr;
    std::size_t count_ = 0; ///< of chains
    std::size_t size_ = 0;
};

} // namespace memo::detail
