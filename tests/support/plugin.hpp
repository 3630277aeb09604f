// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <dlfcn.h>
#include <stdexcept>

namespace memo_test {

/// A loaded plugin. Never unloaded: a backend may hold what its code has made, and threads have
/// variables of its own. Global, as the loader makes one of what clang has compiled in two only where
/// each sees the other.
class plugin {
  public:
    explicit plugin(char const* path) : handle_(dlopen(path, RTLD_NOW | RTLD_GLOBAL)) {
        if (handle_ == nullptr) {
            throw std::runtime_error(dlerror());
        }
    }

    template <class Function> [[nodiscard]] Function* symbol(char const* name) const {
        return reinterpret_cast<Function*>(dlsym(handle_, name));
    }

  private:
    void* handle_;
};

} // namespace memo_test
