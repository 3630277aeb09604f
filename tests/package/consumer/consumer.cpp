// SPDX-License-Identifier: BSL-1.0
// A user's program with xxHash of its own, included before memo. Exits 0 when the target gave it
// all that it promises.

// clang-format off
#if defined(MEMO_COMPILED) // then memo's headers do not define xxHash's functions
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>
#include <memo/memo.hpp>
// clang-format on

#include <cstdio>
#include <cstring>
#include <elf.h>
#include <link.h>
#include <string>

static_assert(CEREAL_THREAD_SAFE == 1, "the target must define CEREAL_THREAD_SAFE=1");
#if defined(CONSUMER_COMPILED) != defined(MEMO_COMPILED)
#error "the target memo::compiled must define MEMO_COMPILED, and no other target"
#endif

int square_after_memo(int x);

namespace {

int square(int x) {
    return x * x;
}

// Looks at the program itself, which is the first module, and stops there.
int find_build_id(dl_phdr_info* module, std::size_t /*size*/, void* found) {
    for (int i = 0; i < module->dlpi_phnum; ++i) {
        auto const& segment = module->dlpi_phdr[i];
        if (segment.p_type != PT_NOTE) {
            continue;
        }
        auto const* at = reinterpret_cast<char const*>(module->dlpi_addr + segment.p_vaddr);
        auto const* const end = at + segment.p_memsz;
        while (at < end) {
            ElfW(Nhdr) note;
            std::memcpy(&note, at, sizeof note);
            if (note.n_type == NT_GNU_BUILD_ID && note.n_descsz > 0) {
                *static_cast<bool*>(found) = true;
            }
            auto const padded = [](auto size) { return (size + 3U) & ~3U; };
            at += sizeof note + padded(note.n_namesz) + padded(note.n_descsz);
        }
    }
    return 1;
}

} // namespace

#ifdef CONSUMER_DISK
bool remembers_on_disk(std::string const& directory); // in disk.cpp
#endif

int main() {
    bool has_build_id = false;
    dl_iterate_phdr(find_build_id, &has_build_id);
    if (!has_build_id) {
        std::puts("the program has no build-id");
        return 1;
    }
    auto memoized = memo::memoize<memo::memory>(memo::fn<&square>{});
    if (memoized(7) != 49 || memoized(7) != 49 || memoized.stats().hits != 1) {
        std::puts("the second call was no hit");
        return 1;
    }
    if (XXH_versionNumber() != XXH_VERSION_NUMBER || square_after_memo(7) != 49) {
        std::puts("memo and the program's own xxHash do not get along");
        return 1;
    }
#ifdef CONSUMER_DISK
    if (!remembers_on_disk("consumer-cache")) {
        std::puts("the disk backend does not remember");
        return 1;
    }
#endif
    return 0;
}
