// SPDX-License-Identifier: BSL-1.0
// What including memo costs a compiler.
//
// Measured: a program that includes <memo/memo.hpp> and calls one memoized lambda.
// Base:     a program that includes <cereal/cereal.hpp> and <xxhash.h>, calls nothing of them, and has an empty main. As
//           memo links no xxHash it includes its functions too, and so does the base: XXH_INLINE_ALL.
// Both are compiled to an object file by turns, without and with -O2, in CPU time of the compiler and all its parts. The
// goal is a ratio of 1.6 with either compiler and without optimization, as programs are compiled while they are written.

#include <support/measure.hpp>
#include <support/program.hpp>
#include <support/report.hpp>

#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

struct program_text {
    char const* name;
    char const* text;
};

constexpr program_text base{"cereal and xxHash", R"(#include <cereal/cereal.hpp>
#define XXH_INLINE_ALL
#include <xxhash.h>
int main() {}
)"};
constexpr program_text including{"memo.hpp, nothing called", R"(#include <memo/memo.hpp>
int main() {}
)"};
constexpr program_text memoizing{"memo.hpp, one lambda memoized", R"(#include <memo/memo.hpp>
int main() {
    auto const f = memo::memoize<memo::memory>([](double x, int n) { return x * n; });
    return f(2.0, 3) == 6.0 ? 0 : 1;
}
)"};
constexpr std::array programs{base, including, memoizing};

constexpr std::array compilers{"g++", "clang++-19"};

/// A folder of this run, and gone with it.
class folder {
  public:
    folder() {
        std::string path = (std::filesystem::temp_directory_path() / "memo-XXXXXX").string();
        if (::mkdtemp(path.data()) == nullptr) {
            throw std::runtime_error("cannot make a folder like " + path);
        }
        path_ = path;
    }
    folder(folder const&) = delete;
    folder& operator=(folder const&) = delete;
    ~folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string operator/(std::string const& name) const {
        return (path_ / name).string();
    }

  private:
    std::filesystem::path path_;
};

double seconds(timeval const& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

/// Runs a command; its CPU seconds and those of all that it ran itself. Negative if there is no
/// such command.
double cpu_time_of(std::vector<std::string> words) {
    std::vector<char*> arguments;
    for (auto& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    pid_t child = 0;
    if (::posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) {
        return -1;
    }
    int status = 0;
    rusage used{};
    if (::wait4(child, &status, 0, &used) != child || status != 0) {
        throw std::runtime_error(words[0] + " did not compile the program");
    }
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// The times of all programs with one compiler and one set of options.
class trial {
  public:
    trial(std::string compiler, std::string level, folder const& room)
        : compiler_(std::move(compiler)), level_(std::move(level)), room_(room) {}

    [[nodiscard]] std::string name() const { return compiler_ + ' ' + level_; }
    [[nodiscard]] std::string id() const {
        return "compile_time_" + std::string(compiler_ == "g++" ? "gcc" : "clang") +
               (level_ == "-O0" ? "" : "_optimized");
    }

    void round() {
        for (std::size_t i = 0; i < programs.size(); ++i) {
            times_[i].push_back(
                cpu_time_of({compiler_, "-std=c++20", level_, "-DCEREAL_THREAD_SAFE=1",
                             "-I" MEMO_BENCHMARK_INCLUDE, "-c", room_ / std::to_string(i) + ".cpp",
                             "-o", room_ / "compiled.o"}));
        }
    }

    /// The median over the rounds of a program's time divided by the base's in the same round.
    [[nodiscard]] double ratio(std::size_t i) const {
        std::vector<double> ratios(times_[i].size());
        std::ranges::transform(times_[i], times_[0], ratios.begin(), std::divides<>());
        return benchmark::quantile(std::move(ratios), 0.5);
    }

    void print() const {
        std::cout << '\n' << name() << "\n   CPU s  spread   ratio\n" << std::fixed;
        for (std::size_t i = 0; i < programs.size(); ++i) {
            double const median = benchmark::quantile(times_[i], 0.5);
            double const spread =
                benchmark::quantile(times_[i], 0.75) - benchmark::quantile(times_[i], 0.25);
            std::cout << std::setprecision(2) << std::setw(8) << median << std::setprecision(1)
                      << std::setw(7) << 100 * spread / median << '%' << std::setprecision(2)
                      << std::setw(8) << ratio(i) << "  " << programs[i].name << '\n';
        }
    }

  private:
    std::string compiler_;
    std::string level_;
    folder const& room_;
    std::array<std::vector<double>, programs.size()> times_;
};

void run(bool quick, std::string const& file) {
    folder const room;
    for (std::size_t i = 0; i < programs.size(); ++i) {
        std::ofstream(room / std::to_string(i) + ".cpp") << programs[i].text;
    }
    std::vector<trial> trials;
    for (std::string const compiler : compilers) {
        if (quick && !trials.empty()) {
            break;
        }
        if (cpu_time_of({compiler, "-E", "-o", room / "read", room / "0.cpp"}) < 0) {
            std::cout << compiler << " is not here: nothing is measured with it\n";
            continue;
        }
        trials.emplace_back(compiler, "-O0", room);
        if (!quick) {
            trials.emplace_back(compiler, "-O2", room);
        }
    }
    for (int round = 0; round < (quick ? 1 : 5); ++round) {
        for (auto& each : trials) {
            each.round();
        }
    }
    benchmark::goals goals;
    for (auto const& each : trials) {
        each.print();
        goals.at_most(each.id(), each.ratio(programs.size() - 1), 1.6);
    }
    goals.report(file);
}

} // namespace

int main(int argc, char** argv) {
    return benchmark::program(argc, argv, "What including memo costs a compiler", run);
}
