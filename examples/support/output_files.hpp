// SPDX-License-Identifier: BSL-1.0
#pragma once

// The output files of a run, by paths from the command line.

#include "gnuplot.hpp"
#include <filesystem>
#include <fstream>
#include <ostream>
#include <stdexcept>

namespace examples {

/// Paths of the results; an empty one is not written.
struct output_files {
    std::filesystem::path csv;
    std::filesystem::path json;
    std::filesystem::path plot;
};

/// Writes the file by `write`, if its path is not empty.
///
/// write           called as `write(std::ostream&)`
/// Throws:         std::runtime_error if the file cannot be written
template <class Writer> void write_file(std::filesystem::path const& file, Writer const& write) {
    if (file.empty()) {
        return;
    }
    std::ofstream out(file);
    write(out);
    out.close();
    if (!out) {
        throw std::runtime_error("cannot write " + file.string());
    }
}

/// Checks before a long run that its results can be written: finds gnuplot, creates the files.
///
/// Throws:         std::runtime_error that names the file or program
inline void require_writable(output_files const& files) {
    if (!files.plot.empty()) {
        gnuplot::require();
    }
    for (auto const& file : {files.csv, files.json, files.plot}) {
        write_file(file, [](std::ostream&) {});
    }
}

} // namespace examples
