// SPDX-License-Identifier: BSL-1.0
#pragma once

// A chart of points with error bars, side by side for each player: values in, SVG file out.

#include "exact_shapley.hpp"
#include "gnuplot.hpp"
#include <array>
#include <cstddef>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

namespace examples {

/// One estimate of every player's value.
struct estimates {
    std::string label;
    std::vector<double> values;
    std::vector<error_bar> bars; ///< empty if there are none
};

/// The texts of the chart.
struct error_bar_chart_text {
    std::string title;
    std::string x_axis;
    std::string y_axis;
};

/// all             1 to 4, of the same players, who are numbered from 1
/// Throws:         as `gnuplot::run`; std::out_of_range for more estimates than there are colours
inline void draw_error_bar_chart(std::filesystem::path const& svg,
                                 std::vector<estimates> const& all,
                                 error_bar_chart_text const& text) {
    using gnuplot::literal;
    // Okabe, Ito 2008, Color Universal Design; and a shape each.
    constexpr std::array colours{"#000000", "#0072b2", "#d55e00", "#009e73"};
    constexpr std::array shapes{5, 7, 9, 13};
    std::ostringstream script;
    script << gnuplot::preamble(svg, 1000, 520);
    for (std::size_t e = 0; e < all.size(); ++e) {
        script << "$estimates" << e << " << END\n";
        double const beside =
            0.16 * (static_cast<double>(e) - (static_cast<double>(all.size()) - 1) / 2);
        for (std::size_t player = 0; player < all[e].values.size(); ++player) {
            double const value = all[e].values[player];
            error_bar const bar = all[e].bars.empty() ? error_bar{} : all[e].bars[player];
            script << static_cast<double>(player + 1) + beside << ' ' << value << ' '
                   << value - bar.below << ' ' << value + bar.above << '\n';
        }
        script << "END\n";
    }
    script << "set title " << literal(text.title) << " font ',17' offset 0,0.5\n"
           << "set xlabel " << literal(text.x_axis) << "\n"
           << "set ylabel " << literal(text.y_axis) << "\n"
           << "set key bottom left reverse Left samplen 1.5\n"
           << "set xtics 1,1," << all.front().values.size() << " scale 0\n"
           << "set xzeroaxis linetype 1 linecolor '#606060'\n"
           << "set bars 0.5\n"
           << "set offsets graph 0.03, graph 0.03, graph 0.05, graph 0.05\n"
           << "plot ";
    for (std::size_t e = 0; e < all.size(); ++e) {
        script << (e == 0 ? "" : ", ") << "$estimates" << e << " using 1:2:3:4 with "
               << (all[e].bars.empty() ? "points" : "yerrorbars") << " pointtype " << shapes.at(e)
               << " pointsize 0.6 linewidth 1.6 linecolor '" << colours.at(e) << "' title "
               << literal(all[e].label);
    }
    script << '\n';
    gnuplot::run(script.str());
}

} // namespace examples
