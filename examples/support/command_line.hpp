// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the command lines of all examples have in common, and how their main() ends.

#include <CLI/CLI.hpp>

#include "output_files.hpp"
#include <exception>
#include <functional>
#include <iostream>
#include <string>

namespace examples {

/// plotted         what the chart shows, for the help text
inline void add_output_options(CLI::App& app, output_files& files, std::string const& plotted) {
    app.add_option("--csv", files.csv, "Write the values to this file, as CSV")->type_name("FILE");
    app.add_option("--json", files.json, "Write all results to this file, as JSON")
        ->type_name("FILE");
    app.add_option("--plot", files.plot,
                   "Draw " + plotted + " to this file, as SVG (needs gnuplot)")
        ->type_name("FILE");
}

/// Reads the command line, runs `program`, and gives back the exit status: what `program` returns,
/// 1 after an exception, or what the command line itself asks for (--help, a wrong option).
inline int run_program(CLI::App& app, int argc, char** argv, std::function<int()> const& program) {
    try {
        app.parse(argc, argv);
        return program();
    } catch (CLI::ParseError const& error) {
        return app.exit(error);
    } catch (std::exception const& error) {
        std::cerr << app.get_name() << ": " << error.what() << '\n';
        return 1;
    }
}

} // namespace examples
