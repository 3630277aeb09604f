// SPDX-License-Identifier: BSL-1.0
#pragma once

// Allocations that fail when a test requests it. Include it in one file of a program; it replaces operator
// new and delete.

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <new>

namespace memo_test {

/// The allocations of the program, and which of them will fail.
struct heap_state {
    std::atomic<std::size_t> live{0};  ///< live allocations
    std::atomic<std::size_t> first{0}; ///< the number of the next one that fails; 0: none
    std::atomic<std::size_t> fails{0}; ///< how many fail from that one on

    /// Whether the next allocation succeeds.
    bool grants() noexcept {
        if (first == 0 || --first != 0) {
            return true;
        }
        first = --fails != 0 ? 1 : 0;
        return false;
    }
};

inline constinit heap_state heap;

/// While it lives, the n-th allocation fails; without a number, all do.
class failing_memory {
  public:
    failing_memory() : failing_memory(1, std::numeric_limits<std::size_t>::max()) {}
    explicit failing_memory(std::size_t n) : failing_memory(n, 1) {}
    failing_memory(failing_memory const&) = delete;
    failing_memory& operator=(failing_memory const&) = delete;
    ~failing_memory() { heap.first = 0; }

  private:
    failing_memory(std::size_t n, std::size_t count) {
        heap.fails = count;
        heap.first = n;
    }
};

/// Runs `act` while its n-th allocation fails, for n = 1, 2, 3, … until it succeeds, and `check`
/// after each time that it threw. Returns how often it did.
template <class Act, class Check> int until_it_succeeds(Act act, Check check) {
    for (std::size_t n = 1;; ++n) {
        try {
            failing_memory const failing(n);
            act();
            return static_cast<int>(n) - 1;
        } catch (std::bad_alloc const&) { // what follows needs memory
        }
        check();
    }
}

inline void* allocate(std::size_t size, std::size_t alignment) {
    void* const memory =
        heap.grants()
            ? std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment)
            : nullptr;
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    ++heap.live;
    return memory;
}

inline void give_back(void* memory) noexcept {
    heap.live -= memory != nullptr ? 1 : 0;
    std::free(memory); // NOLINT(cppcoreguidelines-no-malloc): it is what operator delete is made of
}

} // namespace memo_test

// All forms that are used: a sanitizer has its own of each, and they must not be mixed.
// NOLINTBEGIN(misc-definitions-in-headers): one file of a program includes this
void* operator new(std::size_t size) {
    return memo_test::allocate(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::nothrow_t const& /*none*/) noexcept {
    try {
        return operator new(size);
    } catch (std::bad_alloc const&) {
        return nullptr;
    }
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    return memo_test::allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size) {
    return operator new(size);
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
    return operator new(size, alignment);
}
void operator delete(void* memory) noexcept {
    memo_test::give_back(memory);
}
void operator delete(void* memory, std::size_t /*size*/) noexcept {
    memo_test::give_back(memory);
}
void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept {
    memo_test::give_back(memory);
}
void operator delete(void* memory, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept {
    memo_test::give_back(memory);
}
void operator delete[](void* memory) noexcept {
    memo_test::give_back(memory);
}
void operator delete[](void* memory, std::size_t /*size*/) noexcept {
    memo_test::give_back(memory);
}
void operator delete[](void* memory, std::align_val_t /*alignment*/) noexcept {
    memo_test::give_back(memory);
}
void operator delete[](void* memory, std::size_t /*size*/,
                       std::align_val_t /*alignment*/) noexcept {
    memo_test::give_back(memory);
}
// NOLINTEND(misc-definitions-in-headers)
