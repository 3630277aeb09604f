// SPDX-License-Identifier: BSL-1.0
#pragma once

// The command line that every benchmark has.

#include <examples/support/command_line.hpp>
#include <functional>
#include <string>

namespace benchmark {

/// Runs run(quick, file) with what the command line says; gives the program's exit code.
int program(int argc, char** argv, std::string const& description,
            std::function<void(bool quick, std::string const& file)> const& run);

/// The same for a benchmark with options of its own, which `line` has.
int program(int argc, char** argv, examples::command_line& line,
            std::function<void(bool quick, std::string const& file)> const& run);

} // namespace benchmark
