// SPDX-License-Identifier: BSL-1.0
#pragma once

// The files that a run leaves behind: paths from the command line in, files written out.

#include "gnuplot.hpp"
#include <filesystem>
#include <fstream>
#include <ostream>
#include <stdexcept>

namespace examples {

/// Where results go; a path that is empty was not asked for.
struct output_files {
    std::filesystem::path csv;
    std::filesystem::path json;
    std::filesystem::path plot;
};

/// Has `write` fill the file, if it was asked for.
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

/// Makes sure before a long run that its results can be kept: looks for gnuplot, creates the files.
///
/// Throws:         std::runtime_error that says which file or program is the trouble
inline void require_writable(output_files const& files) {
    if (!files.plot.empty()) {
        gnuplot::require();
    }
    for (auto const& file : {files.csv, files.json, files.plot}) {
        write_file(file, [](std::ostream&) {});
    }
}

} // namespace examples
