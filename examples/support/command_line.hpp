// SPDX-License-Identifier: BSL-1.0
#pragma once

// The command line of a program: sets variables from options, and returns the exit status. Only
// command_line.cpp includes CLI11, which takes longer to compile than most examples.

#include "output_files.hpp"
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace CLI { // NOLINT(readability-identifier-naming): the library's name
class App;
class Validator;
} // namespace CLI

namespace examples {

/// A check of an option's value; empty: none.
using condition = std::shared_ptr<CLI::Validator const>;

/// From `least` to `most`, both included.
[[nodiscard]] condition between(int least, int most);
[[nodiscard]] condition between(std::size_t least, std::size_t most);
[[nodiscard]] condition between(double least, double most);
/// A number above 0.
[[nodiscard]] condition positive();
/// One of the words, case-sensitive.
[[nodiscard]] condition one_of(std::vector<std::string> const& words);

/// The command line of a program. Variables are set by run(), and must live until then.
class command_line {
  public:
    command_line(std::string const& program, std::string const& purpose);
    command_line(command_line const&) = delete;
    command_line& operator=(command_line const&) = delete;
    ~command_line();

    /// Adds an option without a value: it sets `value` to true.
    void flag(std::string const& name, bool& value, std::string const& help);

    /// Adds an option; the help shows the default, which is `value` now.
    ///
    /// Value           std::size_t, std::uint64_t, double, std::string
    template <class Value>
    void option(std::string const& name, Value& value, std::string const& help,
                condition const& asked = {});

    /// The environment variable is the default of an option.
    void from_environment(std::string const& name, std::string const& variable);

    /// Adds an option for a path, which need not exist.
    void file(std::string const& name, std::filesystem::path& value, std::string const& help);
    void directory(std::string const& name, std::string& value, std::string const& help);

    /// Adds the options for the output files of a run.
    ///
    /// plotted         subject of the chart, for the help
    void outputs(output_files& files, std::string const& plotted);

    /// Reads the command line, runs `program`, and returns the exit status: that of `program`, 1 after
    /// an exception, or that of the command line (--help, a wrong option).
    [[nodiscard]] int run(int argc, char** argv, std::function<int()> const& program);

  private:
    std::unique_ptr<CLI::App> app_;
};

} // namespace examples
