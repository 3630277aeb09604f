// SPDX-License-Identifier: BSL-1.0

// A program that was linked as most are, without -rdynamic, and plugins with hidden visibility that it
// opens by RTLD_LOCAL and closes again. PLUGIN_A and PLUGIN_B are their paths.

#include <memo/process.hpp>

#include <catch2/catch.hpp>

#include "isolated.hpp"
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

TEST_CASE("modules that see nothing of each other find one object of the process") {
    void* mine = &memo::detail::process_wide<memo_test::one_per_process>();
    plugin const a(PLUGIN_A);
    plugin const b(PLUGIN_B);
    CHECK(object_of(a) == mine);
    CHECK(object_of(b) == mine);
}

TEST_CASE("a module that has used an object of the process stays loaded") {
    { CHECK(object_of(plugin(PLUGIN_A)) != nullptr); }
    void* const loaded = ::dlopen(PLUGIN_A, RTLD_NOW | RTLD_NOLOAD);
    CHECK(loaded != nullptr);
}
