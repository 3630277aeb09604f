// SPDX-License-Identifier: BSL-1.0
#pragma once

// Objects by key. One std::unordered_map for all types of objects: each further type of map costs a compiler
// a hundred functions (docs/decisions/0067-compiled-library.md).

#include <memo/key128.hpp>

#include <cstddef>
#include <memory>
#include <unordered_map>
#include <utility>

namespace memo::detail {

/// The base of objects in a key_map.
struct mapped {
    mapped() = default;
    mapped(mapped const&) = default;
    mapped& operator=(mapped const&) = default;
    virtual ~mapped() = default;
};

/// Owns objects, by their keys.
///
/// Object          derives from mapped
/// Thread safety:  none
template <class Object> class key_map {
  public:
    [[nodiscard]] std::size_t size() const noexcept { return map_.size(); }

    /// Returns:        null if there is none
    [[nodiscard]] Object* find(key128 key) const {
        auto const found = map_.find(key);
        return found != map_.end() ? static_cast<Object*>(found->second.get()) : nullptr;
    }

    /// The owner of a key's object; null, and stays in the map, if there was none.
    ///
    /// Throws:         std::bad_alloc, and the map is unchanged
    [[nodiscard]] std::unique_ptr<mapped>& operator[](key128 key) { return map_[key]; }

    /// Creates the object of a key that has none.
    ///
    /// Throws:         std::bad_alloc, exceptions of the constructor; the map is unchanged
    template <class... Args> Object& add(key128 key, Args&&... args) {
        auto* const object = new Object(std::forward<Args>(args)...);
        std::unique_ptr<mapped> owner(object);
        map_[key] = std::move(owner);
        return *object;
    }

    void erase(key128 key) { map_.erase(key); }

    /// Calls visit(object) for all objects, in unspecified order, until it returns false.
    template <class Visit> void for_each(Visit visit) const {
        for (auto const& [key, object] : map_) {
            if (!visit(static_cast<Object&>(*object))) {
                return;
            }
        }
    }

  private:
    std::unordered_map<key128, std::unique_ptr<mapped>> map_;
};

} // namespace memo::detail
