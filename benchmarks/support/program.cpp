// SPDX-License-Identifier: BSL-1.0

#include <support/program.hpp>

#include <filesystem>

namespace benchmark {

int program(int argc, char** argv, std::string const& description,
            std::function<void(bool quick, std::string const& file)> const& run) {
    examples::command_line line(std::filesystem::path(*argv).filename().string(), description);
    return program(argc, argv, line, run);
}

int program(int argc, char** argv, examples::command_line& line,
            std::function<void(bool quick, std::string const& file)> const& run) {
    bool quick = false;
    std::filesystem::path file;
    line.flag("--quick", quick, "Less of everything; the figures mean nothing");
    line.file("--json", file, "Write the goals, the tables and the machine to this file");
    return line.run(argc, argv, [&] {
        run(quick, file.string());
        return 0;
    });
}

} // namespace benchmark
