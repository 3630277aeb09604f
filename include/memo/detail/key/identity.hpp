// SPDX-License-Identifier: BSL-1.0
#pragma once

// The identity of a callable's code: every process that runs the same binaries computes the same one, and
// any relink changes it.
//
// The identity consists of the build-ids of all loaded modules, the build-id of the module that contains a
// hidden per-type variable, the anchor, and the anchor's offset in that module. All modules, because a
// function in one library may call another library. By names of types, source locations or bytes of code,
// two functions had one identity in experiments (docs/decisions/0004-code-identity.md).

#include <memo/detail/system/fork.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if defined(__ELF__)
#include <elf.h>
#include <link.h>
#endif

namespace memo::detail {

/// One variable per callable type and signature. Hidden, so that equal types of two plugins have two
/// variables; writable, so that no linker merges variables. All functions between the user's code and this
/// are hidden too: otherwise a plugin could run the function of another plugin, and use its variable.
template <class... Types> struct [[gnu::visibility("hidden")]] anchor {
    [[gnu::visibility("hidden")]] static inline char tag = 0;
};

/// The code at an address.
struct code_identity {
    std::vector<std::string> all_modules; ///< sorted build-ids; empty for a module without build-id
    std::string module;                   ///< build-id of the module with the address; may be empty
    std::uint64_t offset = 0; ///< in that module; without a build-id, the address itself
    std::string target;       ///< type of a std::function's target; otherwise empty

    /// Whether a change of any module would change this. If not, the identity is valid in this process
    /// only.
    [[nodiscard]] bool survives_process() const noexcept {
        return !module.empty() && !all_modules.front().empty();
    }
};

#if defined(__ELF__)
namespace elf {

inline std::string build_id_in(std::byte const* notes, std::size_t size) {
    constexpr std::string_view owner{ELF_NOTE_GNU, sizeof ELF_NOTE_GNU};
    auto const aligned = [](std::size_t bytes) { return (bytes + 3) & ~std::size_t{3}; };
    while (size >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) header{};
        std::memcpy(&header, notes, sizeof header);
        std::size_t const name = aligned(header.n_namesz);
        std::size_t const total = sizeof header + name + aligned(header.n_descsz);
        if (total > size) {
            break;
        }
        auto const* text = reinterpret_cast<char const*>(notes + sizeof header);
        if (header.n_type == NT_GNU_BUILD_ID && std::string_view(text, header.n_namesz) == owner) {
            return {text + name, header.n_descsz};
        }
        notes += total;
        size -= total;
    }
    return {};
}

inline int visit_module(dl_phdr_info* info, std::size_t, void* data) {
    auto& found = *static_cast<code_identity*>(data);
    if (std::string_view(info->dlpi_name).starts_with("linux-vdso")) {
        return 0; // belongs to the kernel, which may differ between machines
    }
    std::string build_id;
    bool holds_address = false;
    for (std::size_t i = 0; i < info->dlpi_phnum; ++i) {
        auto const& segment = info->dlpi_phdr[i];
        std::uintptr_t const start = info->dlpi_addr + segment.p_vaddr;
        if (segment.p_type == PT_NOTE && build_id.empty()) {
            build_id = build_id_in(reinterpret_cast<std::byte const*>(start), segment.p_memsz);
        } else if (segment.p_type == PT_LOAD && found.module.empty() &&
                   found.offset - start < segment.p_memsz) {
            holds_address = true;
        }
    }
    if (holds_address && !build_id.empty()) {
        found.module = build_id;
        found.offset -= info->dlpi_addr;
    }
    auto& all = found.all_modules;
    all.push_back(std::move(build_id));
    // Insertion sort: std::sort of strings compiles more slowly than the rest of this header.
    for (std::size_t i = all.size() - 1; i > 0 && all[i] < all[i - 1]; --i) {
        all[i].swap(all[i - 1]);
    }
    return 0;
}

} // namespace elf
#endif

/// The code at an address; without ELF, the address alone.
///
/// Complexity:     5 to 15 us for six modules
inline code_identity identity_of(void const* address) {
    code_identity identity;
    identity.offset = reinterpret_cast<std::uintptr_t>(address);
#if defined(__ELF__)
    fork_section const section; // dl_iterate_phdr holds a lock of the loader
    dl_iterate_phdr(elf::visit_module, &identity);
#endif
    return identity;
}

} // namespace memo::detail
