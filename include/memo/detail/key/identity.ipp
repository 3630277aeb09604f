// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/key/identity.hpp>
#include <memo/detail/system/fork.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#if defined(__ELF__)
#include <elf.h>
#include <link.h>
#endif

namespace memo::detail {

#if defined(__ELF__)
namespace elf {

MEMO_DEFINITION std::string build_id_in(std::byte const* notes, std::size_t size) {
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

MEMO_DEFINITION int visit_module(dl_phdr_info* info, std::size_t, void* data) {
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
    for (std::size_t i = all.size() - 1; i > 0 && all[i] < all[i - 1]; --i) {
        all[i].swap(all[i - 1]);
    }
    return 0;
}

} // namespace elf
#endif

MEMO_DEFINITION code_identity identity_of(void const* address) {
    code_identity identity;
    identity.offset = reinterpret_cast<std::uintptr_t>(address);
#if defined(__ELF__)
    fork_section const section; // dl_iterate_phdr holds a lock of the loader
    dl_iterate_phdr(elf::visit_module, &identity);
#endif
    return identity;
}

} // namespace memo::detail
