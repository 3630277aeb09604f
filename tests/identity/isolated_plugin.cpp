// SPDX-License-Identifier: BSL-1.0

// A plugin of a program that sees none of its symbols, nor it any of the program's.

#include "isolated.hpp"
#include <memory>
#include <string>

namespace {

/// Of which the code to copy and to destroy it is here alone.
struct own_result {
    explicit own_result(int number) : text(std::to_string(number)) {}
    own_result(own_result const&) = default;
    own_result& operator=(own_result const&) = default;
    virtual ~own_result() = default;

    std::string text;
    std::shared_ptr<int> deleted_here{new int(1), [](int const* number) { delete number; }};
};

} // namespace

extern "C" [[gnu::visibility("default")]] void* isolated_object() {
    return &memo::detail::process_wide<memo_test::one_per_process>();
}

extern "C" [[gnu::visibility("default")]] long isolated_calls(memo::memory const& store, int calls,
                                                              int step) {
    return memo_test::wrong_results(store, calls, step);
}

extern "C" [[gnu::visibility("default")]] void isolated_fill(memo::memory const& store,
                                                             int results) {
    auto const f = memo::memoize<memo::memory>([](int x) { return own_result(x); }, {}, store);
    for (int i = 0; i < results; ++i) {
        static_cast<void>(f(i));
    }
}

/// Whether another function is refused the name of the program's.
extern "C" [[gnu::visibility("default")]] bool isolated_claim_is_refused() {
    try {
        static_cast<void>(memo::memoize<memo::memory>([](int x) { return x + 1; },
                                                      {.name = "claimed", .version = "1"}));
        return false;
    } catch (memo::error const& refusal) {
        return refusal.code() == memo::errc::name_conflict;
    }
}

/// Whether the program's store is refused.
extern "C" [[gnu::visibility("default")]] bool
isolated_store_is_refused(memo::memory const& store) {
    try {
        static_cast<void>(memo::memoize<memo::memory>([](int x) { return x; }, {}, store));
        return false;
    } catch (memo::error const& refusal) {
        return refusal.code() == memo::errc::configuration;
    }
}
