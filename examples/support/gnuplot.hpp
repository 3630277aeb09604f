// SPDX-License-Identifier: BSL-1.0
#pragma once

// Runs a gnuplot script that writes an SVG file.

#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

namespace examples::gnuplot {

/// Runs the command with `input` on its standard input; true if its exit status is 0.
[[nodiscard]] inline bool run_with(char const* command, std::string const& input) {
    std::FILE* const pipe = ::popen(command, "w");
    if (pipe == nullptr) {
        return false;
    }
    bool const written = std::fputs(input.c_str(), pipe) >= 0;
    return ::pclose(pipe) == 0 && written;
}

/// Throws:         std::runtime_error that says what to install, if there is no gnuplot
inline void require() {
    if (!run_with("gnuplot --version >/dev/null 2>&1", "")) {
        throw std::runtime_error("--plot needs the program gnuplot, which was not found "
                                 "(Debian: apt-get install gnuplot-nox)");
    }
}

/// The text as a string literal of gnuplot.
[[nodiscard]] inline std::string literal(std::string_view text) {
    std::string result = "'";
    for (char const c : text) {
        result += c == '\'' ? "''" : std::string(1, c);
    }
    return result + "'";
}

/// The first lines of every chart: size in pixels, font, and a grid behind the data.
[[nodiscard]] inline std::string preamble(std::filesystem::path const& svg, int width, int height) {
    return "set terminal svg size " + std::to_string(width) + "," + std::to_string(height) +
           " dynamic enhanced font 'DejaVu Sans,Helvetica,Arial,sans-serif,14' background "
           "'#ffffff'\n"
           "set output " +
           literal(svg.string()) +
           "\n"
           "set encoding utf8\n"
           "set border 3 linecolor '#606060'\n"
           "set tics nomirror out scale 0.5 textcolor '#303030'\n"
           "set grid ytics linecolor '#e0e0e0' linewidth 1 linetype 1\n";
}

/// Runs the script.
///
/// Throws:         std::runtime_error if gnuplot fails
inline void run(std::string const& script) {
    if (!run_with("gnuplot", script)) {
        throw std::runtime_error("gnuplot could not draw the chart");
    }
}

} // namespace examples::gnuplot
