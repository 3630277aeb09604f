// SPDX-License-Identifier: BSL-1.0
#pragma once

// A chart of one bar per player, the highest first: values in, SVG file out.

#include "gnuplot.hpp"
#include <algorithm>
#include <filesystem>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

namespace examples {

struct bar {
    std::string label;
    double height;
    bool marked; ///< drawn in the second colour
};

/// The texts of the chart.
struct bar_chart_text {
    std::string title;
    std::string x_axis;
    std::string y_axis;
    std::string plain_bars;  ///< label of the unmarked bars
    std::string marked_bars; ///< label of the marked bars
};

/// Throws:         as `gnuplot::run`
inline void draw_bar_chart(std::filesystem::path const& svg, std::vector<bar> bars,
                           bar_chart_text const& text) {
    using gnuplot::literal;
    std::ranges::sort(bars, std::ranges::greater{}, &bar::height);
    std::ostringstream script;
    script << gnuplot::preamble(svg, 900, 520) << "$bars << END\n";
    for (bar const& each : bars) {
        script << '"' << each.label << "\" " << each.height << ' ' << each.marked << '\n';
    }
    // Columns: label, height, marked. A series plots the bars of the other one as 1/0, so not at all.
    // The number is above a positive bar and below a negative one.
    script
        << "END\n"
        << "set title " << literal(text.title) << " font ',17' offset 0,0.5\n"
        << "set xlabel " << literal(text.x_axis) << "\n"
        << "set ylabel " << literal(text.y_axis) << "\n"
        << "set style fill solid 1 noborder\n"
        << "set boxwidth 0.7\n"
        << "set key top right reverse Left samplen 1.5\n"
        << "set border 2\n"
        << "set xtics scale 0\n"
        << "set xzeroaxis linetype 1 linecolor '#606060'\n"
        << "set offsets 0.2, 0.2, graph 0.08, graph 0.08\n"
        << "above(y) = y < 0 ? 1/0 : y\n"
        << "below(y) = y < 0 ? y : 1/0\n"
        << "plot $bars using 0:($3 == 0 ? $2 : 1/0):xtic(1) with boxes linecolor '#0072b2' title "
        << literal(text.plain_bars)
        << ", $bars using 0:($3 == 1 ? $2 : 1/0) with boxes linecolor '#d55e00' title "
        << literal(text.marked_bars)
        << ", $bars using 0:(above($2)):(sprintf('%.1f', $2)) with labels offset 0,0.6 font ',12' "
           "notitle"
        << ", $bars using 0:(below($2)):(sprintf('%.1f', $2)) with labels offset 0,-0.6 font ',12' "
           "notitle\n";
    gnuplot::run(script.str());
}

} // namespace examples
