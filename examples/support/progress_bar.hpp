// SPDX-License-Identifier: BSL-1.0
#pragma once

// A progress bar on stderr, if that is a terminal.

#include "stopwatch.hpp"
#include <algorithm>
#include <cstddef>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>
#include <unistd.h>

namespace examples {

/// Shows the share of `total` steps that are done, the time that has passed, and an estimate of the time that is
/// left, as if all steps took equally long. The destructor erases it.
class progress_bar {
  public:
    explicit progress_bar(std::size_t total)
        : total_(std::max<std::size_t>(total, 1)), visible_(::isatty(STDERR_FILENO) == 1) {
        draw();
    }

    progress_bar(progress_bar const&) = delete;
    progress_bar& operator=(progress_bar const&) = delete;

    ~progress_bar() {
        if (visible_) {
            std::cerr << '\r' << std::setw(line_length) << "" << '\r' << std::flush;
        }
    }

    /// Counts one step.
    void advance() {
        done_ = (std::min)(done_ + 1, total_);
        draw();
    }

  private:
    static constexpr std::size_t bar_length = 32;
    static constexpr int line_length = 76;

    void draw() const {
        if (!visible_) {
            return;
        }
        std::size_t const filled = bar_length * done_ / total_;
        double const elapsed = running_.seconds();
        std::ostringstream line;
        line << '[' << std::string(filled, '#') << std::string(bar_length - filled, '.') << "] "
             << std::setw(3) << 100 * done_ / total_ << " %  " << std::fixed << std::setprecision(0)
             << elapsed << " s elapsed";
        if (done_ > 0) {
            auto const left = static_cast<double>(total_ - done_) / static_cast<double>(done_);
            line << ", " << elapsed * left << " s left";
        }
        std::cerr << '\r' << std::left << std::setw(line_length) << line.str() << std::flush;
    }

    std::size_t total_;
    std::size_t done_ = 0;
    bool visible_;
    stopwatch running_;
};

} // namespace examples
