// SPDX-License-Identifier: BSL-1.0
#pragma once

// Runs the tool memo-cache, for programs that are compiled with its path, MEMO_CACHE_PROGRAM.

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <string>
#include <sys/wait.h>

namespace memo_test {

struct result {
    int code = 0;
    std::string text; ///< of both its outputs
};

/// The tool at work; what it tells is in the pipe.
///
/// before          commands of the shell
inline std::FILE* start(std::string const& arguments, std::string const& directory,
                        std::string const& before = "") {
    std::string const command =
        before + MEMO_CACHE_PROGRAM + ' ' + arguments + " '" + directory + "' 2>&1";
    // NOLINTNEXTLINE(cert-env33-c): the shell is asked for
    std::FILE* const pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    return pipe;
}

inline result wait_for(std::FILE* pipe) {
    result told;
    std::array<char, 4096> part{};
    for (std::size_t size = 1; size > 0; told.text.append(part.data(), size)) {
        size = std::fread(part.data(), 1, part.size(), pipe);
    }
    told.code = WEXITSTATUS(::pclose(pipe));
    return told;
}

inline result run(std::string const& arguments, std::string const& directory) {
    return wait_for(start(arguments, directory));
}

inline bool has(std::string const& text, std::string const& part) {
    return text.find(part) != std::string::npos;
}

} // namespace memo_test
