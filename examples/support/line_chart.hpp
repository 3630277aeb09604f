// SPDX-License-Identifier: BSL-1.0
#pragma once

// A chart of panels side by side, each with the same lines, as an SVG file.

#include "gnuplot.hpp"
#include <array>
#include <cstddef>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

namespace examples {

struct curve {
    std::string label;
    std::vector<double> x;
    std::vector<double> y; ///< as many as x
};

struct panel {
    std::string title;
    std::vector<curve> curves; ///< at most 6, in the same order in every panel
};

/// The texts of all panels.
struct line_chart_frame {
    std::string title;
    std::string x_axis;
    std::string y_axis;
    double y_min;
    double y_max;
};

namespace line_chart {

struct line_style {
    char const* colour;
    char const* dash;
};

/// Colours that colour-blind readers can tell apart (Okabe, Ito 2008, Color Universal Design);
/// lines that often lie on each other differ in their dashes too.
inline constexpr std::array<line_style, 6> styles{{{"#0072b2", "solid"},
                                                   {"#e69f00", "'_'"},
                                                   {"#009e73", "'-'"},
                                                   {"#cc79a7", "'_.'"},
                                                   {"#56b4e9", "'.'"},
                                                   {"#000000", "solid"}}};

inline void write_curves(std::ostream& script, std::vector<curve> const& curves) {
    for (std::size_t c = 0; c < curves.size(); ++c) {
        script << "$curve" << c << " << END\n";
        for (std::size_t i = 0; i < curves[c].x.size(); ++i) {
            script << curves[c].x[i] << ' ' << curves[c].y[i] << '\n';
        }
        script << "END\n";
    }
}

inline void write_plot(std::ostream& script, std::vector<curve> const& curves) {
    script << "plot ";
    for (std::size_t c = 0; c < curves.size(); ++c) {
        auto const& [colour, dash] = styles.at(c);
        script << (c == 0 ? "" : ", ") << "$curve" << c << " with lines linewidth 2.2 linecolor '"
               << colour << "' dashtype " << dash << " title " << gnuplot::literal(curves[c].label);
    }
    script << '\n';
}

} // namespace line_chart

/// Throws:         as `gnuplot::run`
inline void draw_line_chart(std::filesystem::path const& svg, std::vector<panel> const& panels,
                            line_chart_frame const& frame) {
    using gnuplot::literal;
    std::ostringstream script;
    script << gnuplot::preamble(svg, 1100, 520) << "set multiplot layout 1," << panels.size()
           << " title " << literal(frame.title)
           << " font ',17' margins 0.075,0.985,0.13,0.83 spacing 0.06,0\n"
           << "set xlabel " << literal(frame.x_axis) << "\n"
           << "set ylabel " << literal(frame.y_axis) << "\n"
           << "set yrange [" << frame.y_min << ':' << frame.y_max << "]\n"
           << "set key bottom left Left reverse samplen 3 spacing 1.15\n";
    for (panel const& each : panels) {
        line_chart::write_curves(script, each.curves);
        script << "set title " << literal(each.title) << " font ',14'\n";
        line_chart::write_plot(script, each.curves);
        script << "unset key\nunset ylabel\n"; // the first panel has them
    }
    script << "unset multiplot\n";
    gnuplot::run(script.str());
}

} // namespace examples
