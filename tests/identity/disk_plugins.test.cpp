// SPDX-License-Identifier: BSL-1.0

// A program that exports nothing and its plugins, on one directory of a disk cache. PLUGIN_A is built as the
// program is, PLUGIN_DEBUG with another ABI of the standard library.

#include <support/crew.hpp>
#include <support/process.hpp>
#include <support/temp_dir.hpp>

#include <catch2/catch.hpp>

#include "disk_use.hpp"
#include <atomic>
#include <cstddef>
#include <dlfcn.h>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

namespace fs = std::filesystem;

namespace {

using use = int(char const*, int);

use* plugin_at(char const* path) {
    void* const handle = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
    REQUIRE(handle != nullptr);
    return reinterpret_cast<use*>(::dlsym(handle, "disk_plugin_use"));
}

/// How many descriptors of this process lead to a file.
int descriptors_of(std::string const& path) {
    int count = 0;
    for (auto const& each : fs::directory_iterator("/proc/self/fd")) {
        std::error_code ignored;
        count += fs::read_symlink(each.path(), ignored) == path ? 1 : 0;
    }
    return count;
}

} // namespace

TEST_CASE("a program and its plugin share one open directory") {
    memo_test::temp_dir const directory;
    use* const other = plugin_at(PLUGIN_A);
    memo::disk const kept({.directory = directory.path()});
    int const calls = memo_test::trials(20) * 200;
    std::atomic<int> not_right{0};
    memo_test::together(4, [&](std::size_t i) {
        int const outcome =
            i % 2 == 0 ? memo_test::use_directory(directory.path().c_str(), calls, "program")
                       : other(directory.path().c_str(), calls);
        not_right += outcome;
    });
    CHECK(not_right == 0);
    CHECK(descriptors_of(fs::canonical(directory.path()).string() + "/v1/lock.mdb") == 1);
}

TEST_CASE("a plugin that cannot share its program's open directory is refused") {
    memo_test::temp_dir const directory;
    use* const other = plugin_at(PLUGIN_DEBUG);
    std::optional<memo::disk> mine(std::in_place,
                                   memo::disk::settings{.directory = directory.path()});
    CHECK(other(directory.path().c_str(), 10) == 2);
    CHECK(memo_test::use_directory(directory.path().c_str(), 100, "program") == 0);
    mine.reset();
    CHECK(other(directory.path().c_str(), 10) == 0);
    CHECK(memo_test::use_directory(directory.path().c_str(), 100, "program") == 0);
}
