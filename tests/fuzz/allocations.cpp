// SPDX-License-Identifier: BSL-1.0

#include "fuzz/allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> total{0};

} // namespace

std::size_t memo_test::allocated() noexcept {
    return total.load(std::memory_order_relaxed);
}

// A sanitizer has all forms of its own, and they must not be mixed; without one the others call these.
void* operator new(std::size_t size, std::nothrow_t const& /*none*/) noexcept {
    total.fetch_add(size, std::memory_order_relaxed);
    return std::malloc(size == 0 ? 1 : size);
}
void* operator new(std::size_t size) {
    if (void* const memory = operator new(size, std::nothrow)) {
        return memory;
    }
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/) noexcept {
    std::free(memory);
}
