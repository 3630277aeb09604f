// SPDX-License-Identifier: BSL-1.0
#pragma once

// The entries of the programs that measure the disk, and their directory.

#include <memo/detail/key/hash.hpp>
#include <memo/key128.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

namespace benchmark {

/// Removes a directory, however a run ends.
struct removed_at_the_end {
    std::filesystem::path const& directory;

    ~removed_at_the_end() {
        std::error_code ignored;
        std::filesystem::remove_all(directory, ignored);
    }
};

inline constexpr memo::key128 scope_of_entries{0x243f6a8885a308d3, 0x13198a2e03707344};

inline memo::key128 key_of(std::uint64_t number) {
    return memo::detail::hash128(&number, sizeof number);
}

/// Bytes that begin with a number.
///
/// size            at least that of the number
inline std::string value_of(std::uint64_t number, std::size_t size = 100) {
    std::string value(size, 'v');
    std::memcpy(value.data(), &number, sizeof number);
    return value;
}

} // namespace benchmark
