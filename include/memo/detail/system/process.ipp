// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/system/process.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__ELF__)
#include <elf.h>
#include <link.h>
#elif defined(_WIN32)
// As <windows.h> declares it, whose macros users may not want.
extern "C" __declspec(dllimport) int __stdcall GetModuleHandleExW(unsigned long flags,
                                                                  wchar_t const* address,
                                                                  struct HINSTANCE__** module);
#endif

namespace memo::detail {

MEMO_DEFINITION void* process_state::find_or_create(process_type const& type) {
    auto const find = [&](slot const* first) -> void* {
        while (first != nullptr &&
               (std::strcmp(first->name, type.name) != 0 || first->size != type.size)) {
            first = first->next;
        }
        return first != nullptr ? first->object : nullptr;
    };
    slot* first = slots_.load(std::memory_order_acquire);
    if (void* const found = find(first); found != nullptr) {
        return found;
    }
    auto* const fresh = new slot{type.name, type.size, nullptr, first};
    try {
        fresh->object = type.create();
    } catch (...) {
        delete fresh;
        throw;
    }
    while (!slots_.compare_exchange_weak(fresh->next, fresh, std::memory_order_acq_rel)) {
        if (void* const found = find(fresh->next); found != nullptr) {
            type.destroy(fresh->object);
            delete fresh;
            return found;
        }
    }
    return fresh->object;
}

#if defined(__ELF__)

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
[[gnu::visibility("hidden")]] MEMO_DEFINITION process_state& adopt_state(process_state& fresh) {
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
[[gnu::visibility("hidden")]] MEMO_DEFINITION void pin_this_module() noexcept {
    char const* path = "";
    for_each_root([&](process_root const& root, char const* module) {
        path = &root == &root_of_this_module ? module : path;
    });
    auto const keeps = reinterpret_cast<std::uintptr_t>(&keep_loaded); // 0: not linked
    if (*path != '\0' && keeps != 0) { // the main program has no path, and is never unloaded
        keep_loaded(path);
    }
}

#else

MEMO_DEFINITION process_state& adopt_state(process_state& fresh) {
    process_state* none = nullptr;
    return root_of_this_module.state.compare_exchange_strong(none, &fresh) ? fresh : *none;
}

MEMO_DEFINITION void pin_this_module() noexcept {
#if defined(_WIN32) // threads call its code when they end
    constexpr unsigned long pin = 1;
    constexpr unsigned long from_address = 4;
    HINSTANCE__* module = nullptr;
    static_cast<void>(GetModuleHandleExW(
        pin | from_address, reinterpret_cast<wchar_t const*>(&root_of_this_module), &module));
#endif
}

#endif

MEMO_DEFINITION process_state& state_of_process() {
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

MEMO_DEFINITION void* set_process_slot(std::atomic<void*>& slot, process_type const& type) {
    void* const object = state_of_process().find_or_create(type);
    slot.store(object, std::memory_order_release);
    return object;
}

} // namespace memo::detail
