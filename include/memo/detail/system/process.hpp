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

#include <memo/version.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <typeinfo>

#if defined(__ELF__)
#include <elf.h>
#include <link.h>
// Only shared libraries are pinned. Pinning needs dlopen, which causes a warning in a program that is linked
// with -static.
#if defined(__PIC__) && !defined(__PIE__)
#include <dlfcn.h>
#define MEMO_IN_SHARED_LIBRARY 1
#endif
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
    template <class T> [[nodiscard]] T& object() {
        slot* first = slots_.load(std::memory_order_acquire);
        slot* found = find(first, typeid(T).name(), sizeof(T));
        if (found == nullptr) {
            auto* const fresh = new slot_of<T>;
            fresh->next = first;
            while (!slots_.compare_exchange_weak(fresh->next, fresh, std::memory_order_acq_rel)) {
                if (found = find(fresh->next, fresh->name, fresh->size); found != nullptr) {
                    delete fresh;
                    return static_cast<slot_of<T>*>(found)->object;
                }
            }
            found = fresh;
        }
        return static_cast<slot_of<T>*>(found)->object;
    }

  private:
    struct slot {
        char const* name; ///< of the type, mangled
        std::size_t size;
        slot* next;
    };
    template <class T> struct slot_of : slot {
        slot_of() : slot{typeid(T).name(), sizeof(T), nullptr} {}
        T object;
    };

    [[nodiscard]] static slot* find(slot* first, std::string_view name, std::size_t size) noexcept {
        while (first != nullptr && (first->name != name || first->size != size)) {
            first = first->next;
        }
        return first;
    }

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

/// Calls visit(root, module) for the root of each loaded module.
///
/// module          its path; empty for the main program
template <class Visit> void for_each_root(Visit visit) {
    constexpr auto visit_module = [](dl_phdr_info* module, std::size_t, void* data) {
        constexpr std::string_view owner{"memo", sizeof "memo"};
        constexpr auto aligned = [](std::size_t bytes) { return (bytes + 3) & ~std::size_t{3}; };
        for (std::size_t i = 0; i < module->dlpi_phnum; ++i) {
            auto const& segment = module->dlpi_phdr[i];
            if (segment.p_type != PT_NOTE) {
                continue;
            }
            auto const* note = reinterpret_cast<char*>(module->dlpi_addr + segment.p_vaddr);
            std::size_t remaining = segment.p_memsz;
            ElfW(Nhdr) header{};
            while (remaining >= sizeof header) {
                std::memcpy(&header, note, sizeof header);
                auto const* const name = note + sizeof header;
                auto const* const descriptor = name + aligned(header.n_namesz);
                std::size_t const total =
                    sizeof header + aligned(header.n_namesz) + aligned(header.n_descsz);
                if (total > remaining) {
                    break;
                }
                if (header.n_type == 1 && std::string_view(name, header.n_namesz) == owner) {
                    std::int32_t distance = 0;
                    std::memcpy(&distance, descriptor, sizeof distance);
                    auto const root = reinterpret_cast<std::uintptr_t>(descriptor) +
                                      static_cast<std::uintptr_t>(std::intptr_t{distance});
                    (*static_cast<Visit*>(data))(*reinterpret_cast<process_root*>(root),
                                                 module->dlpi_name);
                    break;
                }
                note += total;
                remaining -= total;
            }
        }
        return 0;
    };
    ::dl_iterate_phdr(visit_module, &visit);
}

/// Makes this module adopt the state of the process, or publish a fresh one.
///
/// Returns:        the state, and whether it is the fresh one
[[gnu::visibility("hidden")]] inline process_state& adopt_state(process_state& fresh) {
    // In the callback of an outer dl_iterate_phdr, which holds the loader's lock: two modules that start at
    // once get one state.
    constexpr auto under_lock = [](dl_phdr_info*, std::size_t, void* state) {
        process_state* found = nullptr;
        for_each_root([&](process_root& root, char const*) {
            if (found == nullptr && root.abi == process_abi()) {
                found = root.state.load(std::memory_order_acquire);
            }
        });
        auto& result = *static_cast<process_state**>(state);
        result = found != nullptr ? found : result;
        root_of_this_module.state.store(result, std::memory_order_release);
        return 1; // ends the iteration
    };
    process_state* state = &fresh;
    ::dl_iterate_phdr(under_lock, &state);
    return *state;
}

/// Prevents the unloading of this module: other modules may call its code.
[[gnu::visibility("hidden")]] inline void pin_this_module() noexcept {
#if defined(MEMO_IN_SHARED_LIBRARY)
    char const* path = "";
    for_each_root([&](process_root const& root, char const* module) {
        path = &root == &root_of_this_module ? module : path;
    });
    if (*path != '\0') { // the main program has no path, and is never unloaded
        static_cast<void>(::dlopen(path, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE));
    }
#endif
}

#else

// Without ELF each module has its own state.
inline process_root root_of_this_module{{nullptr}, process_abi()};

inline process_state& adopt_state(process_state& fresh) {
    process_state* none = nullptr;
    return root_of_this_module.state.compare_exchange_strong(none, &fresh) ? fresh : *none;
}

inline void pin_this_module() noexcept {}

#endif

/// The state of the process. Pins the calling module.
[[gnu::visibility("hidden")]] inline process_state& state_of_process() {
    process_state* state = root_of_this_module.state.load(std::memory_order_acquire);
    if (state == nullptr) [[unlikely]] {
        auto* const fresh = new process_state;
        state = &adopt_state(*fresh);
        if (state != fresh) {
            delete fresh;
        }
        pin_this_module();
    }
    return *state;
}

/// A module's cached pointer to an object of the process.
template <class T> struct [[gnu::visibility("hidden")]] process_slot {
    [[gnu::visibility("hidden")]] static inline constinit std::atomic<T*> object{nullptr};
};

/// The object of a type in the process: the same in all modules with one ABI. The first call creates it; it is
/// never destroyed. Its constructor must have no other effect.
///
/// Complexity:     one load, except for the first call in a module
/// Thread safety:  safe; access to the object is as safe as T
/// Throws:         std::bad_alloc, only at the first call in a module
template <class T> [[nodiscard, gnu::visibility("hidden")]] inline T& process_wide() {
    T* found = process_slot<T>::object.load(std::memory_order_acquire);
    if (found == nullptr) [[unlikely]] {
        found = &state_of_process().object<T>();
        process_slot<T>::object.store(found, std::memory_order_release);
    }
    return *found;
}

} // namespace memo::detail
