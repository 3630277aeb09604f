// SPDX-License-Identifier: BSL-1.0
#pragma once

// The names that callables of this process have claimed. A second, different callable under one name and
// version is refused before it can serve the first one's values.

#include <memo/detail/key_map.hpp>
#include <memo/detail/system/compiled.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/key128.hpp>

#include <cstdint>
#include <string>
#include <typeinfo>

namespace memo::detail {

/// Whether types of this name in two modules are one type: true for classes in headers and lambdas in inline
/// functions; false for lambdas in other functions, static entities and unnamed namespaces. If the name is
/// ambiguous, false.
[[nodiscard]] bool is_one_in_all_modules(std::type_info const& type);

/// A callable that claims a name.
struct claimant : mapped {
    std::string type;   ///< mangled
    std::string target; ///< type of a std::function's target; otherwise empty
    std::string module; ///< build-id of its module; empty if that has none
    std::uint64_t offset = 0;
    bool one_in_all_modules = false; ///< whether the types alone identify the function

    /// The types, demangled.
    [[nodiscard]] std::string readable() const;

    /// Whether both are one function: the same code, or an inline function in two modules. The other
    /// module may be closed.
    [[nodiscard]] bool same_function(claimant const& other) const;
};

/// One per process, see process_wide: any module may wrap functions, even at exit.
class name_registry {
  public:
    /// Throws: memo::error (name_conflict) if a different callable has claimed this name
    void claim(key128 claim, std::string const& name, claimant const& who);

  private:
    struct claimed : mapped {
        claimant const* by = nullptr;
    };

    mutex mutex_;
    // Claims are never erased: records under a name may outlive all its claimants.
    key_map<claimed> claims_;
    key_map<claimant> claimants_; ///< by their digests: one copy of each, shared by all its names
};

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "name_registry.ipp"
#endif
