// SPDX-License-Identifier: BSL-1.0
#pragma once

// Plants links and other files in place of the files of a cache, and checks that their targets are unchanged.

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <tuple>
#include <unistd.h>

namespace memo_test {

/// Every name that a cache uses.
inline constexpr std::array<std::string_view, 12> names_of_cache{
    "CACHEDIR.TAG", "open.lock",   "users.lock",    "state",    "state.new", "v1",
    "v1/data.mdb",  "v1/lock.mdb", "v1/write.lock", "v1/clock", "v1.bad.1",  "v1/flight.lock"};

enum class plant { link, dangling_link, hard_link, fifo };
inline constexpr std::array<plant, 4> plants{plant::link, plant::dangling_link, plant::hard_link,
                                             plant::fifo};

/// Replaces a file or directory.
///
/// target          a directory of somebody else's, which holds a file `precious`; `missing` is not there
inline void put_in_place(plant what, std::string const& place, std::string const& target) {
    namespace fs = std::filesystem;
    fs::remove_all(place);
    bool const is_directory = place.ends_with("/v1") || place.ends_with("/v1.bad.1");
    bool done = true;
    switch (what) {
    case plant::link:
        fs::create_symlink(is_directory ? target : target + "/precious", place);
        break;
    case plant::dangling_link:
        fs::create_symlink(target + "/missing", place);
        break;
    case plant::hard_link:
        fs::create_hard_link(target + "/precious", place);
        break;
    case plant::fifo:
        done = ::mkfifo(place.c_str(), 0666) == 0;
        break;
    }
    if (!done) {
        throw std::runtime_error("cannot make " + place);
    }
}

/// All that lies below a directory: type and permissions, and what it holds.
inline auto contents_of(std::string const& directory) {
    namespace fs = std::filesystem;
    std::map<std::string, std::tuple<unsigned, std::string>> contents;
    for (auto const& each : fs::recursive_directory_iterator(directory)) {
        struct stat now {};
        static_cast<void>(::lstat(each.path().c_str(), &now));
        std::string text;
        if (S_ISREG(now.st_mode)) {
            std::ifstream in(each.path(), std::ios::binary);
            text.assign(std::istreambuf_iterator<char>(in), {});
        }
        contents.emplace(each.path(), std::tuple(unsigned{now.st_mode}, std::move(text)));
    }
    return contents;
}

} // namespace memo_test
