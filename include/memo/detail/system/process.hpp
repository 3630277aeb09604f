// SPDX-License-Identifier: BSL-1.0
#pragma once

// process_wide<T>(): one object of a type per process, shared by all modules, including a program linked
// without -rdynamic and plugins with hidden visibility opened with RTLD_LOCAL. The loader merges static
// variables of two modules only if each sees the other's symbols; otherwise there are silently two.
//
// So each module has a root and publishes its address in an ELF note, which dl_iterate_phdr finds. The first
// module publishes the state of the process in its root, and the others adopt it; both happen under the lock
// that the loader holds during dl_iterate_phdr. Modules with another version of memo, or another library
// ABI, have another state. A module that used the state is never unloaded, because other modules may hold
// addresses of its functions (docs/decisions/0050-process-state.md).
//
// Without ELF, as on Windows, each module has a state of its own.

#include <memo/detail/system/compiled.hpp>
#include <memo/version.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <typeinfo>

// Only shared libraries are pinned. Pinning needs dlopen, which causes a warning in a program that is linked
// with -static. The library memo::compiled can be part of both, and leaves the choice to the other code.
#if defined(__ELF__) && defined(__PIC__) && !defined(__PIE__) && !defined(MEMO_COMPILES_LIBRARY)
#include <dlfcn.h>
#define MEMO_IN_SHARED_LIBRARY 1
#endif

namespace memo::detail {

/// The ABI that two modules must have in common to share objects: the version of memo, and the settings that
/// change the layout of the standard library's types.
[[nodiscard]] consteval std::uint64_t process_abi() {
    std::uint64_t hash = 0xcbf29ce484222325;
    auto const add = [&](std::uint64_t number) { hash = (hash ^ number) * 0x100000001b3; };
    add(MEMO_VERSION_MAJOR);
    add(MEMO_VERSION_MINOR);
    add(MEMO_VERSION_PATCH);
    add(sizeof(void*));
#if defined(_LIBCPP_ABI_VERSION)
    add(1);
    add(_LIBCPP_ABI_VERSION);
#elif defined(__GLIBCXX__)
    add(2);
    add(_GLIBCXX_USE_CXX11_ABI);
#if defined(_GLIBCXX_DEBUG)
    add(3);
#endif
#endif
    return hash;
}

/// A type of which the process has one object.
struct process_type {
    char const* name; ///< mangled
    std::size_t size;
    void* (*create)();
    void (*destroy)(void* unused);
};

/// The objects of the process, by the names and sizes of their types. They are never destroyed, because
/// threads and static objects use them until the end.
class process_state {
  public:
    process_state() = default;
    process_state(process_state const&) = delete;
    process_state& operator=(process_state const&) = delete;

    /// The object of a type; creates it if there is none. Lock-free, so that a fork leaves no lock held. If
    /// two threads create one at once, one of the objects is destroyed.
    ///
    /// Throws:         std::bad_alloc
    [[nodiscard]] void* find_or_create(process_type const& type);

  private:
    struct slot {
        char const* name;
        std::size_t size;
        void* object;
        slot* next;
    };

    std::atomic<slot*> slots_{nullptr};
};

/// The root of a module. Its layout is fixed: a change needs a new type of the note.
struct process_root {
    std::atomic<process_state*> state;
    std::uint64_t abi;
};

#if defined(__ELF__)

// One per module: hidden, with a name that the assembler can refer to.
[[gnu::visibility("hidden"), gnu::used]] inline constinit process_root
    root_of_this_module asm("memo_process_root_1"){{nullptr}, process_abi()};

// In each translation unit, because --gc-sections would remove a note in a section group. The descriptor is
// the root's address relative to its own.
asm(".pushsection .note.memo,\"a\",%note\n"
    ".balign 4\n"
    ".long 5, 4, 1\n" // bytes of the name, bytes of the descriptor, type
    ".asciz \"memo\"\n"
    ".balign 4\n"
    ".long memo_process_root_1 - .\n"
    ".popsection\n");

/// Prevents the unloading of a module; weak, for a program that is not a shared library has no such function.
#if defined(MEMO_IN_SHARED_LIBRARY)
[[gnu::visibility("hidden"), gnu::used]] inline void keep_loaded(char const* path) noexcept {
    static_cast<void>(::dlopen(path, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE));
}
#else
[[gnu::visibility("hidden"), gnu::weak]] void keep_loaded(char const* path) noexcept;
#endif

#else

inline process_root root_of_this_module{{nullptr}, process_abi()};

#endif

/// The state of the process. Pins the calling module.
///
/// Throws:         std::bad_alloc
[[gnu::visibility("hidden")]] process_state& state_of_process();

/// A module's cached pointer to an object of the process.
template <class T> struct [[gnu::visibility("hidden")]] process_slot {
    [[gnu::visibility("hidden")]] static inline constinit std::atomic<void*> object{nullptr};
};

/// Sets a module's pointer, and returns it.
///
/// Throws:         std::bad_alloc
[[gnu::visibility("hidden")]] void* set_process_slot(std::atomic<void*>& slot,
                                                     process_type const& type);

/// The object of a type in the process: the same in all modules with one ABI. The first call creates it; it is
/// never destroyed. Its constructor must have no other effect.
///
/// Complexity:     one load, except for the first call in a module
/// Thread safety:  safe; access to the object is as safe as T
/// Throws:         std::bad_alloc, only at the first call in a module
template <class T> [[nodiscard, gnu::visibility("hidden")]] inline T& process_wide() {
    void* found = process_slot<T>::object.load(std::memory_order_acquire);
    if (found == nullptr) [[unlikely]] {
        found = set_process_slot(process_slot<T>::object,
                                 {typeid(T).name(), sizeof(T), []() -> void* { return new T; },
                                  [](void* unused) { delete static_cast<T*>(unused); }});
    }
    return *static_cast<T*>(found);
}

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "process.ipp"
#endif
