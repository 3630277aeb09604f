// SPDX-License-Identifier: BSL-1.0
#pragma once

// Measurements in, a table and a JSON file out.

#include <support/measure.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#ifndef MEMO_BENCHMARK_FLAGS
#define MEMO_BENCHMARK_FLAGS "unknown"
#endif

namespace benchmark {

/// What was printed so far, for the file: a benchmark need not hand its tables around.
inline nlohmann::json& tables() {
    static nlohmann::json all = nlohmann::json::array();
    return all;
}

/// Has the file say what `print` prints: per variant ns, spread and ratio as shares, not percent.
template <class Group>
void record(std::string const& title, Group const& group, std::string const& base) {
    auto rows = nlohmann::json::array();
    for (auto const& name : group.names()) {
        rows.push_back({{"name", name},
                        {"ns", group.median(name)},
                        {"spread", group.spread(name)},
                        {"ratio", group.ratio(name, base)}});
    }
    tables().push_back({{"title", title}, {"base", base}, {"rows", std::move(rows)}});
}

/// Prints every variant with its median, its spread and its time relative to `base`.
template <class Group>
void print(std::string const& title, Group const& group, std::string const& base) {
    record(title, group, base);
    std::cout << '\n' << title << "\n       ns  spread   ratio\n" << std::fixed;
    for (auto const& name : group.names()) {
        std::cout << std::setprecision(1) << std::setw(9) << group.median(name) << std::setw(7)
                  << 100 * group.spread(name) << '%' << std::setprecision(2) << std::setw(8)
                  << group.ratio(name, base) << "  " << name << '\n';
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

/// The goals of a benchmark and whether they were met. One that is not is void if the machine failed
/// its control, a goal that was added before.
class goals {
  public:
    void at_most(std::string const& id, double value, double goal,
                 std::string const& control = {}) {
        add(id, value, "<=", goal, value <= goal, control);
    }
    void at_least(std::string const& id, double value, double goal,
                  std::string const& control = {}) {
        add(id, value, ">=", goal, value >= goal, control);
    }
    void exactly(std::string const& id, double value, double goal) {
        add(id, value, "=", goal, value == goal);
    }
    void below(std::string const& id, double value, double goal) {
        add(id, value, "<", goal, value < goal);
    }

    /// Prints them, and writes them with the tables and the machine.
    ///
    /// file            empty: nothing is written
    void report(std::string const& file) const {
        print();
        if (!file.empty()) {
            write(file);
        }
    }

  private:
    void print() const {
        std::cout << "\n    value     goal\n" << std::fixed << std::setprecision(3);
        for (auto const& each : goals_) {
            std::cout << std::setw(9) << each["value"].get<double>() << std::setw(9)
                      << each["goal"].get<double>()
                      << (each["ok"].get<bool>()     ? "  ok      "
                          : each["void"].get<bool>() ? "  void    "
                                                     : "  MISSED  ")
                      << each["id"].get<std::string>() << '\n';
        }
    }

    void write(std::string const& file) const {
#if defined(__clang__)
        std::string const compiler = __VERSION__;
#else
        std::string const compiler = std::string("g++ ") + __VERSION__;
#endif
        nlohmann::json const report = {{"goals", goals_},
                                       {"tables", tables()},
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

    void add(std::string const& id, double value, char const* relation, double goal, bool ok,
             std::string const& control = {}) {
        bool const is_void = !ok && std::ranges::any_of(goals_, [&](auto const& each) {
            return each["id"] == control && !each["ok"].template get<bool>();
        });
        goals_.push_back({{"id", id},
                          {"value", value},
                          {"relation", relation},
                          {"goal", goal},
                          {"ok", ok},
                          {"void", is_void}});
    }

    nlohmann::json goals_ = nlohmann::json::array();
};

} // namespace benchmark
