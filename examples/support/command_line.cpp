// SPDX-License-Identifier: BSL-1.0

#include "command_line.hpp"

#include <CLI/CLI.hpp>

#include <exception>
#include <iostream>

namespace examples {

namespace {

/// CLI11 keeps conditions by value, whatever made them.
condition share(CLI::Validator const& asked) {
    return std::make_shared<CLI::Validator const>(asked);
}

} // namespace

condition between(int least, int most) {
    return share(CLI::Range(least, most));
}
condition between(std::size_t least, std::size_t most) {
    return share(CLI::Range(least, most));
}
condition between(double least, double most) {
    return share(CLI::Range(least, most));
}
condition positive() {
    return share(CLI::PositiveNumber);
}
condition one_of(std::vector<std::string> const& words) {
    return share(CLI::IsMember(words));
}

command_line::command_line(std::string const& program, std::string const& purpose)
    : app_(std::make_unique<CLI::App>(purpose, program)) {}

command_line::~command_line() = default;

void command_line::flag(std::string const& name, bool& value, std::string const& help) {
    app_->add_flag(name, value, help);
}

template <class Value>
void command_line::option(std::string const& name, Value& value, std::string const& help,
                          condition const& asked) {
    auto* const added = app_->add_option(name, value, help)->capture_default_str();
    if (asked) {
        added->check(*asked);
    }
}

// std::size_t and std::uint64_t are among these, whichever they are.
template void command_line::option(std::string const& name, unsigned long& value,
                                   std::string const& help, condition const& asked);
template void command_line::option(std::string const& name, unsigned long long& value,
                                   std::string const& help, condition const& asked);
template void command_line::option(std::string const& name, double& value, std::string const& help,
                                   condition const& asked);
template void command_line::option(std::string const& name, std::string& value,
                                   std::string const& help, condition const& asked);

void command_line::from_environment(std::string const& name, std::string const& variable) {
    app_->get_option(name)->envname(variable);
}

void command_line::file(std::string const& name, std::filesystem::path& value,
                        std::string const& help) {
    app_->add_option(name, value, help)->type_name("FILE");
}

void command_line::directory(std::string const& name, std::string& value, std::string const& help) {
    app_->add_option(name, value, help)->type_name("DIR");
}

void command_line::outputs(output_files& files, std::string const& plotted) {
    file("--csv", files.csv, "Write the values to this file, as CSV");
    file("--json", files.json, "Write all results to this file, as JSON");
    file("--plot", files.plot, "Draw " + plotted + " to this file, as SVG (needs gnuplot)");
}

int command_line::run(int argc, char** argv, std::function<int()> const& program) {
    try {
        app_->parse(argc, argv);
        return program();
    } catch (CLI::ParseError const& error) {
        return app_->exit(error);
    } catch (std::exception const& error) {
        std::cerr << app_->get_name() << ": " << error.what() << '\n';
        return 1;
    }
}

} // namespace examples
