// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a program and its plugin have in common.

#include <memo/memo.hpp>

#include <atomic>
#include <thread>

namespace memo_test {

/// A type of which the process has one object.
struct one_per_process {
    int number = 0;
};

/// A result of which a copy is bad if it was made of one that was destroyed meanwhile.
class fragile {
  public:
    explicit fragile(int number) : number_(number) {}
    fragile(fragile const& other) : number_(other.number_) {
        for (int i = 0; i < 4; ++i) { // into whose time its end would fall
            std::this_thread::yield();
        }
        number_ = other.number_ == number_ ? number_ : destroyed;
    }
    fragile& operator=(fragile const& other) {
        number_ = other.number_ != destroyed ? other.number_ : destroyed;
        return *this;
    }
    ~fragile() { number_ = destroyed; }

    [[nodiscard]] int number() const { return number_; }

  private:
    static constexpr int destroyed = -1;
    int volatile number_;
};

inline fragile make_fragile(int number) {
    return fragile(number);
}

/// Calls a function of more results than a store keeps, which other modules call, too.
///
/// Returns:        how many results were wrong
inline long wrong_results(memo::memory const& store, int calls, int step) {
    auto const f = memo::memoize<memo::memory>(memo::fn<&make_fragile>{},
                                               {.name = "fragile", .version = "1"}, store);
    long wrong = 0;
    for (int i = 0; i < calls; ++i) {
        int const number = i * step % 300;
        wrong += f(number).number() != number ? 1 : 0;
    }
    return wrong;
}

} // namespace memo_test
