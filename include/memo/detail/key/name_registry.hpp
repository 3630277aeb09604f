// SPDX-License-Identifier: BSL-1.0
#pragma once

// The names that callables of this process have claimed. A second, different callable under one name and
// version is refused before it can serve the first one's values.

#include <memo/detail/hash_map.hpp>
#include <memo/detail/key/identity.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/detail/text.hpp>
#include <memo/error.hpp>
#include <memo/key128.hpp>

#include <cstdlib>
#include <cxxabi.h>
#include <mutex>
#include <string>
#include <typeinfo>
#include <utility>

namespace memo::detail {

/// A demangled type name.
///
/// name            of std::type_info
inline std::string readable(char const* name) {
    int status = 0;
    struct freed {
        char* text;
        // NOLINTNEXTLINE(cppcoreguidelines-no-malloc): malloc allocated it; unique_ptr compiles slowly
        ~freed() { std::free(text); }
    } const demangled{abi::__cxa_demangle(name, nullptr, nullptr, &status)};
    return status == 0 ? demangled.text : name;
}
inline std::string readable(std::type_info const& type) {
    return readable(type.name());
}

/// Whether types of this name in two modules are one type: true for classes in headers and lambdas in inline
/// functions; false for lambdas in other functions, static entities and unnamed namespaces. If the name is
/// ambiguous, false.
[[nodiscard]] inline bool is_one_in_all_modules(std::type_info const& type) {
    std::string const name = type.name();
#if defined(__clang__)
    // clang names lambdas without linkage $_0, $_1, and puts an L before the length of a static name. A name
    // does not show whether the function of a local class is inline.
    bool is_static = false;
    char before = '\0'; // outside identifiers, which may contain any letter
    for (std::size_t i = 0; i < name.size();) {
        std::size_t length = 0;
        std::size_t const begin = i;
        for (; i < name.size() && name[i] >= '0' && name[i] <= '9'; ++i) {
            length = 10 * length + static_cast<std::size_t>(name[i] - '0');
        }
        bool const is_identifier = i != begin;
        is_static = is_static || (is_identifier && before == 'L');
        before = is_identifier ? '\0' : name[i];
        i += is_identifier ? length : 1;
    }
    bool const is_local_class = name.front() == 'Z' && name.find("Ul") == std::string::npos;
    return !is_static && !is_local_class && name.find("$_") == std::string::npos &&
           name.find("_GLOBAL__N_") == std::string::npos;
#else
    // g++ compares types without linkage by address.
    struct elsewhere : std::type_info {
        explicit elsewhere(char const* name) : std::type_info(name) {}
    };
    return type == elsewhere(name.c_str());
#endif
}

/// A callable that claims a name.
struct claimant {
    std::string type;     ///< mangled, to compare
    std::string readable; ///< demangled
    std::string module;   ///< build-id of its module; empty if that has none
    std::uint64_t offset = 0;
    bool one_in_all_modules = false; ///< whether the type alone identifies the function

    /// Whether both are one function: the same code, or an inline function in two modules. The other
    /// module may be closed.
    [[nodiscard]] bool same_function(claimant const& other) const {
        bool const same_code = module == other.module && offset == other.offset;
        bool const same_module = module == other.module && !module.empty();
        return type == other.type && (same_code || (!same_module && one_in_all_modules));
    }
};

/// One per process, see process_wide: any module may wrap functions, even at exit.
class name_registry {
  public:
    /// Throws: memo::error (name_conflict) if a different callable has claimed this name
    void claim(key128 claim, std::string const& name, claimant const& who) {
        std::scoped_lock const lock(mutex_);
        claimant const* const* const found = claims_.find(claim);
        claimant const* const first = found != nullptr ? *found : nullptr;
        if (first == nullptr) {
            claims_.add(claim, &interned(who));
        } else if (!first->same_function(who)) {
            throw error(
                errc::name_conflict,
                "memoize \"" + printable(name) +
                    "\": two different callables claim this name and version: " + first->readable +
                    " and " +
                    (first->readable == who.readable ? "another one of this type" : who.readable) +
                    "; they would serve each other's values. Give one of them another name "
                    "or version");
        }
    }

  private:
    /// The only copy of a claimant, shared by all its names. The caller holds the lock.
    claimant const& interned(claimant const& who) {
        std::string const key = who.type + '\n' + who.module + '\n' + std::to_string(who.offset);
        claimant const* const found = claimants_.find(key);
        return found != nullptr ? *found : claimants_.add(key, who);
    }

    mutex mutex_;
    // Claims are never erased: records under a name may outlive all its claimants.
    hash_map<key128, claimant const*> claims_;
    hash_map<std::string, claimant> claimants_;
};

} // namespace memo::detail
