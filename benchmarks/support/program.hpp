// SPDX-License-Identifier: BSL-1.0
#pragma once

// The command line that every benchmark has.

#include <CLI/CLI.hpp>

#include <exception>
#include <iostream>
#include <string>

namespace benchmark {

/// Runs run(quick, file) with what the command line says; gives the program's exit code.
template <class Run>
int program(int argc, char** argv, std::string const& description, Run const& run) {
    CLI::App app(description);
    bool quick = false;
    std::string file;
    app.add_flag("--quick", quick, "Less of everything; the figures mean nothing");
    app.add_option("--json", file, "Write the goals, the tables and the machine to this file");
    CLI11_PARSE(app, argc, argv);
    try {
        run(quick, file);
    } catch (std::exception const& failure) {
        std::cerr << failure.what() << '\n';
        return 1;
    }
    return 0;
}

} // namespace benchmark
