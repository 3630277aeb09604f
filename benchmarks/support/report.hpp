// SPDX-License-Identifier: BSL-1.0
#pragma once

// Measurements in, a table and a JSON file out.

#include <support/measure.hpp>

#include <nlohmann/json.hpp>

#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#ifndef MEMO_BENCHMARK_FLAGS
#define MEMO_BENCHMARK_FLAGS "unknown"
#endif

namespace benchmark {

/// Prints every variant with its median, its spread and its time relative to `base`.
inline void print(std::string const& title, interleaved const& group, std::string const& base) {
    std::printf("\n%-44s %10s %8s %8s\n", title.c_str(), "ns", "spread", "ratio");
    for (auto const& name : group.names()) {
        std::printf("  %-42s %10.1f %7.1f%% %8.2f\n", name.c_str(), group.median(name),
                    100 * group.spread(name), group.ratio(name, base));
    }
}

inline std::string processor() {
    std::ifstream information("/proc/cpuinfo");
    for (std::string line; std::getline(information, line);) {
        if (line.starts_with("model name")) {
            return line.substr(line.find(':') + 2);
        }
    }
    return "unknown";
}

/// The goals of a benchmark and whether they were met.
class goals {
  public:
    void at_most(std::string const& id, double value, double goal) {
        add(id, value, goal, value <= goal);
    }
    void below(std::string const& id, double value, double goal) {
        add(id, value, goal, value < goal);
    }

    void print() const {
        std::printf("\n%-44s %10s %8s\n", "goal", "value", "goal");
        for (auto const& each : goals_) {
            std::printf("  %-42s %10.3f %8.3f  %s\n", each["id"].get<std::string>().c_str(),
                        each["value"].get<double>(), each["goal"].get<double>(),
                        each["ok"].get<bool>() ? "ok" : "MISSED");
        }
    }

    void write(std::string const& file) const {
#if defined(__clang__)
        std::string const compiler = __VERSION__;
#else
        std::string const compiler = std::string("g++ ") + __VERSION__;
#endif
        nlohmann::json const report = {{"goals", goals_},
                                       {"machine",
                                        {{"cpu", processor()},
                                         {"cores", std::thread::hardware_concurrency()},
                                         {"compiler", compiler},
                                         {"flags", MEMO_BENCHMARK_FLAGS}}}};
        std::ofstream out(file);
        out << report.dump(2) << '\n';
        if (!out.flush()) {
            throw std::runtime_error("cannot write " + file);
        }
    }

  private:
    void add(std::string const& id, double value, double goal, bool ok) {
        goals_.push_back({{"id", id}, {"value", value}, {"goal", goal}, {"ok", ok}});
    }

    nlohmann::json goals_ = nlohmann::json::array();
};

} // namespace benchmark
