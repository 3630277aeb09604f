// SPDX-License-Identifier: BSL-1.0
// What including memo costs a compiler.
//
// Measured: a program that includes <memo/memo.hpp> and calls one memoized lambda, or two of different signatures;
//           header-only, and with MEMO_COMPILED as a program that links memo::compiled.
// Base:     a program that makes a key of its arguments by hand: it writes a string, a vector and a number to cereal's
//           binary archive and hashes the bytes with XXH3. It includes the functions of xxHash, as memo does.
// All are compiled to an object file by turns, without and with -O2, in CPU time and peak memory of the compiler with
// all its parts.

#include <support/measure.hpp>
#include <support/program.hpp>
#include <support/report.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <optional>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

enum class linking : std::uint8_t { header_only, compiled };

struct program_text {
    char const* name;
    char const* text;
    linking way = linking::header_only;
};

constexpr char const* by_hand = R"(#include <cereal/archives/binary.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>
#define XXH_INLINE_ALL
#include <sstream>
#include <string>
#include <vector>
#include <xxhash.h>
int main() {
    std::ostringstream bytes;
    cereal::BinaryOutputArchive archive(bytes);
    archive(std::string("utility"), std::vector<double>{2.0}, 3);
    std::string const text = bytes.str();
    return static_cast<int>(XXH3_128bits(text.data(), text.size()).low64 & 1);
}
)";
constexpr char const* one_lambda = R"(#include <memo/memo.hpp>
int main() {
    auto const f = memo::memoize<memo::memory>([](double x, int n) { return x * n; });
    return f(2.0, 3) == 6.0 ? 0 : 1;
}
)";
constexpr char const* two_lambdas = R"(#include <memo/memo.hpp>
int main() {
    auto const f = memo::memoize<memo::memory>([](double x, int n) { return x * n; });
    auto const g = memo::memoize<memo::memory>([](long a, float b) { return a + static_cast<long>(b); });
    return f(2.0, 3) == 6.0 && g(2, 3) == 5 ? 0 : 1;
}
)";

constexpr program_text programs[] = {
    {"a key by hand: cereal and xxHash", by_hand},
    {"one lambda", one_lambda},
    {"two lambdas", two_lambdas},
    {"one lambda, memo::compiled", one_lambda, linking::compiled},
    {"two lambdas, memo::compiled", two_lambdas, linking::compiled},
    {"a key by hand, again", by_hand},
};
constexpr std::size_t count = std::size(programs);
/// Indices of programs, by linking.
constexpr std::size_t one[] = {1, 3};
constexpr std::size_t two[] = {2, 4};
constexpr std::size_t control = count - 1;

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

/// What a command used, with all that it ran itself.
struct usage {
    double seconds; ///< of CPU
    double bytes;   ///< at its peak, of the largest process
};

/// Runs a command; nothing if there is no such command.
std::optional<usage> usage_of(std::vector<std::string> words) {
    std::vector<char*> arguments;
    for (auto& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    pid_t child = 0;
    if (::posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) {
        return std::nullopt;
    }
    int status = 0;
    rusage used{};
    if (::wait4(child, &status, 0, &used) != child || status != 0) {
        throw std::runtime_error(words[0] + " did not compile the program");
    }
    return usage{seconds(used.ru_utime) + seconds(used.ru_stime),
                 static_cast<double>(used.ru_maxrss) * 1024};
}

/// What all programs use with one compiler and one set of options.
class trial {
  public:
    trial(std::string compiler, std::string level, folder const& room)
        : compiler_(std::move(compiler)), level_(std::move(level)), room_(room) {}

    void round() {
        for (std::size_t i = 0; i < count; ++i) {
            std::vector<std::string> command{compiler_, "-std=c++20", level_,
                                             "-DCEREAL_THREAD_SAFE=1", "-I" MEMO_BENCHMARK_INCLUDE};
            if (programs[i].way == linking::compiled) {
                command.emplace_back("-DMEMO_COMPILED=1");
            }
            for (auto const& word : {std::string("-c"), room_ / source_of(i), std::string("-o"),
                                     room_ / "compiled.o"}) {
                command.push_back(word);
            }
            usage const used = usage_of(command).value();
            seconds_[i].push_back(used.seconds);
            bytes_[i].push_back(used.bytes);
        }
    }

    void print() const {
        print("CPU time of " + compiler_ + ' ' + level_, "s", seconds_, 1);
        print("peak memory of " + compiler_ + ' ' + level_, "MiB", bytes_, 1024 * 1024);
    }

    void add_goals(benchmark::goals& goals) const {
        bool const is_optimized = level_ != "-O0";
        std::string const of =
            std::string(compiler_ == "g++" ? "gcc" : "clang") + '_' + level_.substr(1);
        goals.at_most("compiled_" + of, ratio(seconds_, one[1]), 2.0);
        goals.at_most("header_" + of, ratio(seconds_, one[0]), is_optimized ? 3.2 : 2.3);
        if (is_optimized) {
            goals.at_most("further_" + of, further(two[0], one[0]), 0.35);
            goals.at_most("compiled_further_" + of, further(two[1], one[1]), 0.35);
        }
        goals.at_most("compiled_memory_" + of, ratio(bytes_, one[1]), 1.6);
        goals.at_most("header_memory_" + of, ratio(bytes_, one[0]), 1.6);
    }

    [[nodiscard]] static std::string source_of(std::size_t i) { return std::to_string(i) + ".cpp"; }

  private:
    using samples = std::array<std::vector<double>, count>;

    static void print(std::string const& title, std::string const& unit, samples const& of,
                      double units) {
        benchmark::table all{title, programs[0].name, {}, {}, {}, unit};
        for (std::size_t i = 0; i < count; ++i) {
            double const median = benchmark::quantile(of[i], 0.5);
            double const spread =
                benchmark::quantile(of[i], 0.75) - benchmark::quantile(of[i], 0.25);
            (i == control ? all.controls : all.rows)
                .push_back({programs[i].name, median / units, spread / median, ratio(of, i)});
        }
        benchmark::print(all);
    }

    /// A program's value divided by the base's in the same round.
    [[nodiscard]] static benchmark::comparison to_base(samples const& of,
                                                       std::vector<double> const& values) {
        auto const again = benchmark::compare_rounds(of[control], of[0], std::divides<>());
        return benchmark::controlled(benchmark::compare_rounds(values, of[0], std::divides<>()),
                                     again.median);
    }
    [[nodiscard]] static benchmark::comparison ratio(samples const& of, std::size_t i) {
        return to_base(of, of[i]);
    }

    /// CPU time of a second lambda, beside the base's.
    [[nodiscard]] benchmark::comparison further(std::size_t with, std::size_t without) const {
        std::vector<double> more(seconds_[with].size());
        std::ranges::transform(seconds_[with], seconds_[without], more.begin(), std::minus<>());
        return to_base(seconds_, more);
    }

    std::string compiler_;
    std::string level_;
    folder const& room_;
    samples seconds_;
    samples bytes_;
};

void run(bool quick, std::string const& file) {
    folder const room;
    for (std::size_t i = 0; i < count; ++i) {
        std::ofstream(room / trial::source_of(i)) << programs[i].text;
    }
    std::vector<trial> trials;
    for (std::string const compiler : compilers) {
        if (quick && !trials.empty()) {
            break;
        }
        if (!usage_of({compiler, "-E", "-o", room / "read", room / trial::source_of(0)})) {
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
        each.add_goals(goals);
    }
    goals.report(file);
}

} // namespace

int main(int argc, char** argv) {
    return benchmark::program(argc, argv, "What including memo costs a compiler", run);
}
