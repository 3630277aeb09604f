// SPDX-License-Identifier: BSL-1.0

// A program that exports nothing, and two plugins with hidden visibility that it opens by RTLD_LOCAL.
// PLUGIN_A and PLUGIN_B are their paths.

#include "claims.hpp"

#include <support/crew.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cstddef>
#include <dlfcn.h>
#include <stdexcept>
#include <string>

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

    [[nodiscard]] bool claims(std::string const& what) const {
        return symbol<bool(std::string const&)>("plugin_claims")(what);
    }
    [[nodiscard]] int call(memo::memory const& store, int (*run)(int), int x) const {
        return symbol<int(memo::memory const&, int (*)(int), int)>("plugin_call")(store, run, x);
    }
    void forgets(memo::memory const& store, int x) const {
        symbol<void(memo::memory const&, int)>("plugin_forgets")(store, x);
    }

  private:
    template <class Function> [[nodiscard]] Function* symbol(char const* name) const {
        return reinterpret_cast<Function*>(::dlsym(handle_, name));
    }

    void* handle_;
};

} // namespace

TEST_CASE("one name for two functions of two plugins is refused, even after the first is closed") {
    for (std::string const what : {"lambda", "functor", "fn<function>", "fn<static function>",
                                   "local class", "std::function"}) {
        INFO(what);
        {
            plugin const a(PLUGIN_A);
            CHECK(a.claims(what));
            CHECK(a.claims(what));
        }
        plugin const b(PLUGIN_B);
        CHECK_FALSE(b.claims(what));
        CHECK(plugin(PLUGIN_A).claims(what));
    }
}

TEST_CASE("an inline function in a program and its plugins may have one name") {
    plugin const a(PLUGIN_A);
    plugin const b(PLUGIN_B);
    CHECK(claims::claim(memo::fn<&claims::doubled>(), "fn<inline function>"));
    CHECK(a.claims("fn<inline function>"));
    CHECK(b.claims("fn<inline function>"));
    CHECK(a.claims("inline lambda"));
    CHECK(b.claims("inline lambda"));
    CHECK(claims::claim(claims::lambda_of_an_inline_function(), "inline lambda"));
}

TEST_CASE("a program and its plugins share evaluations and invalidations") {
    static std::atomic<int> runs;
    static plugin const* forgetful;
    static memo::memory const* shared;
    plugin const a(PLUGIN_A);
    plugin const b(PLUGIN_B);
    memo::memory const store;
    shared = &store;
    forgetful = &b;
    runs = 0;
    int (*const run)(int) = [](int x) {
        ++runs;
        memo_test::until_waiting(3);
        return 2 * x;
    };
    auto const wrap = [&](int (*observed)(int)) {
        return memo::memoize<memo::memory>(memo::ignore_state(claims::observed{observed}),
                                           {.name = "observed", .version = "1"}, store);
    };
    std::atomic<int> right{0};
    memo_test::together(4, [&](std::size_t i) {
        int const value = i == 0   ? a.call(store, run, 21)
                          : i == 1 ? b.call(store, run, 21)
                                   : wrap(run)(21);
        right += value == 42 ? 1 : 0;
    });
    CHECK(right == 4);
    CHECK(runs == 1);

    auto const f = wrap([](int x) {
        forgetful->forgets(*shared, x);
        return x;
    });
    CHECK(f(7) == 7);
    CHECK_FALSE(f.contains(7));
}
