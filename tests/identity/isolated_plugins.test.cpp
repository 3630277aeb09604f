// SPDX-License-Identifier: BSL-1.0

// A program that was linked as most are, without -rdynamic, and plugins with hidden visibility that it
// opens by RTLD_LOCAL and closes again. PLUGIN_A and PLUGIN_B are their paths.

#include <memo/memo.hpp>
#include <support/crew.hpp>
#include <support/process.hpp>

#include <catch2/catch.hpp>

#include "isolated.hpp"
#include <atomic>
#include <cstddef>
#include <dlfcn.h>
#include <stdexcept>

namespace {

/// A plugin, for as long as it is open.
class plugin {
  public:
    explicit plugin(char const* path) : handle_(::dlopen(path, RTLD_NOW | RTLD_LOCAL)) {
        if (handle_ == nullptr) {
            throw std::runtime_error(::dlerror());
        }
    }
    plugin(plugin const&) = delete;
    plugin& operator=(plugin const&) = delete;
    ~plugin() { ::dlclose(handle_); }

    template <class Function> [[nodiscard]] Function* symbol(char const* name) const {
        return reinterpret_cast<Function*>(::dlsym(handle_, name));
    }

  private:
    void* handle_;
};

void* object_of(plugin const& asked) {
    return asked.symbol<void*()>("isolated_object")();
}

} // namespace

TEST_CASE("isolated modules find one object of the process") {
    void* mine = &memo::detail::process_wide<memo_test::one_per_process>();
    plugin const a(PLUGIN_A);
    plugin const b(PLUGIN_B);
    CHECK(object_of(a) == mine);
    CHECK(object_of(b) == mine);
}

TEST_CASE("a program and its plugin share one bounded store, and read and evict concurrently") {
    memo::memory const store({.max_entries = 100});
    plugin const other(PLUGIN_A);
    auto* const calls_there = other.symbol<long(memo::memory const&, int, int)>("isolated_calls");
    int const calls = memo_test::trials(20) * 1000;
    std::atomic<long> wrong{0};
    memo_test::together(4, [&](std::size_t i) {
        int const step = i < 2 ? 1 : 7;
        wrong += i % 2 == 0 ? memo_test::wrong_results(store, calls, step)
                            : calls_there(store, calls, step);
    });
    CHECK(wrong == 0);
    CHECK(store.stats().evictions > 0);
}

TEST_CASE("a plugin's records are evicted and destroyed after the plugin was closed") {
    memo::memory const store({.max_entries = 100});
    {
        plugin const other(PLUGIN_B);
        other.symbol<void(memo::memory const&, int)>("isolated_fill")(store, 100);
        other.symbol<long(memo::memory const&, int, int)>("isolated_calls")(store, 10, 1);
    }
    CHECK(store.stats().entries == 100);
    CHECK(memo_test::wrong_results(store, 1000, 1) == 0); // evicts some, the store's end the rest
}

TEST_CASE("a thread that has used a plugin's functions ends after the plugin was closed") {
    memo::memory const store;
    memo_test::together(1, [&](std::size_t) {
        plugin const other(PLUGIN_A);
        other.symbol<void(memo::memory const&, int)>("isolated_fill")(store, 10);
    });
    CHECK(store.stats().entries == 10);
}

TEST_CASE("a name that the program claims is refused to a different function of a plugin") {
    auto const f =
        memo::memoize<memo::memory>([](int x) { return x; }, {.name = "claimed", .version = "1"});
    CHECK(f(3) == 3);
    CHECK(plugin(PLUGIN_A).symbol<bool()>("isolated_claim_is_refused")());
}

TEST_CASE("a plugin of another library ABI is refused the program's store") {
    memo::memory const store;
    CHECK(
        plugin(PLUGIN_DEBUG).symbol<bool(memo::memory const&)>("isolated_store_is_refused")(store));
    CHECK_FALSE(
        plugin(PLUGIN_A).symbol<bool(memo::memory const&)>("isolated_store_is_refused")(store));
}

TEST_CASE("a module that has used an object of the process stays loaded") {
    { CHECK(object_of(plugin(PLUGIN_A)) != nullptr); }
    void* const loaded = ::dlopen(PLUGIN_A, RTLD_NOW | RTLD_NOLOAD);
    CHECK(loaded != nullptr);
}
