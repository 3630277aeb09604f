// SPDX-License-Identifier: BSL-1.0
#pragma once

// A program's options and the variables that they set in, its exit status out. Only command_line.cpp sees the library that
// reads them: it takes longer to compile than most examples.

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

/// What is asked of an option's value; empty: nothing.
using condition = std::shared_ptr<CLI::Validator const>;

/// From `least` to `most`, both included.
[[nodiscard]] condition between(int least, int most);
[[nodiscard]] condition between(std::size_t least, std::size_t most);
[[nodiscard]] condition between(double least, double most);
/// A number above 0.
[[nodiscard]] condition positive();
/// One of the words, in its letters.
[[nodiscard]] condition one_of(std::vector<std::string> const& words);

/// The command line of a program. Variables are set by run(), and must live until then.
class command_line {
  public:
    command_line(std::string const& program, std::string const& purpose);
    command_line(command_line const&) = delete;
    command_line& operator=(command_line const&) = delete;
    ~command_line();

    /// Adds an option without a value: it makes `value` true.
    void flag(std::string const& name, bool& value, std::string const& help);

    /// Adds an option; the help shows what `value` is without it.
    ///
    /// Value           std::size_t, std::uint64_t, double, std::string
    template <class Value>
    void option(std::string const& name, Value& value, std::string const& help,
                condition const& asked = {});

    /// Has an option that is not given take its value from the environment.
    void from_environment(std::string const& name, std::string const& variable);

    /// Adds an option for a path, which need not exist.
    void file(std::string const& name, std::filesystem::path& value, std::string const& help);
    void directory(std::string const& name, std::string& value, std::string const& help);

    /// Adds the options for what a run leaves behind.
    ///
    /// plotted         what the chart shows, for the help
    void outputs(output_files& files, std::string const& plotted);

    /// Reads the command line, runs `program`, and gives back the exit status: what `program`
    /// returns, 1 after an exception, or what the command line itself asks for (--help, a wrong
    /// option).
    [[nodiscard]] int run(int argc, char** argv, std::function<int()> const& program);

  private:
    std::unique_ptr<CLI::App> app_;
};

} // namespace examples
