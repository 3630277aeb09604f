// SPDX-License-Identifier: BSL-1.0

#include <support/report.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <thread>
#include <utility>

namespace benchmark {

namespace {

/// What was printed so far.
nlohmann::json& tables() {
    static nlohmann::json all = nlohmann::json::array();
    return all;
}

std::string processor() {
    std::ifstream information("/proc/cpuinfo");
    for (std::string line; std::getline(information, line);) {
        if (line.starts_with("model name")) {
            return line.substr(line.find(':') + 2);
        }
    }
    return "unknown";
}

std::string compiler() {
#if defined(__clang__)
    return __VERSION__;
#else
    return std::string("g++ ") + __VERSION__;
#endif
}

} // namespace

void record(std::string const& title, std::vector<row> const& rows, std::string const& base) {
    auto written = nlohmann::json::array();
    for (auto const& [name, ns, spread, ratio] : rows) {
        written.push_back({{"name", name}, {"ns", ns}, {"spread", spread}, {"ratio", ratio}});
    }
    tables().push_back({{"title", title}, {"base", base}, {"rows", std::move(written)}});
}

void print(std::string const& title, std::vector<row> const& rows, std::string const& base) {
    record(title, rows, base);
    std::cout << '\n' << title << "\n       ns  spread   ratio\n" << std::fixed;
    for (auto const& [name, ns, spread, ratio] : rows) {
        std::cout << std::setprecision(1) << std::setw(9) << ns << std::setw(7) << 100 * spread
                  << '%' << std::setprecision(2) << std::setw(8) << ratio << "  " << name << '\n';
    }
}

void goals::report(std::string const& file) const {
    print();
    if (!file.empty()) {
        write(file);
    }
}

void goals::add(goal added, std::string const& control) {
    added.is_void = !added.ok && std::ranges::any_of(goals_, [&](goal const& each) {
        return each.id == control && !each.ok;
    });
    goals_.push_back(std::move(added));
}

void goals::print() const {
    std::cout << "\n    value     goal\n" << std::fixed << std::setprecision(3);
    for (auto const& each : goals_) {
        std::cout << std::setw(9) << each.value << std::setw(9) << each.bound
                  << (each.ok        ? "  ok      "
                      : each.is_void ? "  void    "
                                     : "  MISSED  ")
                  << each.id << '\n';
    }
}

void goals::write(std::string const& file) const {
    auto written = nlohmann::json::array();
    for (auto const& each : goals_) {
        written.push_back({{"id", each.id},
                           {"value", each.value},
                           {"relation", each.relation},
                           {"goal", each.bound},
                           {"ok", each.ok},
                           {"void", each.is_void}});
    }
    nlohmann::json const report = {{"goals", written},
                                   {"tables", tables()},
                                   {"machine",
                                    {{"cpu", processor()},
                                     {"cores", std::thread::hardware_concurrency()},
                                     {"compiler", compiler()},
                                     {"flags", MEMO_BENCHMARK_FLAGS}}}};
    std::ofstream out(file);
    out << report.dump(2) << '\n';
    if (!out.flush()) {
        throw std::runtime_error("cannot write " + file);
    }
}

} // namespace benchmark
