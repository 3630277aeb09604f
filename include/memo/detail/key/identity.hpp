// SPDX-License-Identifier: BSL-1.0
#pragma once

// The identity of a callable's code: every process that runs the same binaries computes the same one, and
// any relink changes it.
//
// The identity consists of the build-ids of all loaded modules, the build-id of the module that contains a
// hidden per-type variable, the anchor, and the anchor's offset in that module. All modules, because a
// function in one library may call another library. By names of types, source locations or bytes of code,
// two functions had one identity in experiments (docs/decisions/0004-code-identity.md).

#include <memo/detail/system/compiled.hpp>

#include <cstdint>
#include <string>
#include <vector>

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

/// The code at an address; without ELF, the address alone.
///
/// Complexity:     5 to 15 us for six modules
code_identity identity_of(void const* address);

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "identity.ipp"
#endif
