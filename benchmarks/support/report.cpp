// SPDX-License-Identifier: BSL-1.0

#include <support/report.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <limits>
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

/// The values of a comparison, under the names that they have in the file.
nlohmann::json written(comparison const& of) {
    nlohmann::json result = {{"lower", of.lower}, {"upper", of.upper}};
    if (!std::isnan(of.control)) {
        result["control"] = of.control;
    }
    if (!of.doubt.empty()) {
        result["doubt"] = of.doubt;
    }
    return result;
}

nlohmann::json written(row const& of) {
    nlohmann::json result = {
        {"name", of.name}, {"ns", of.ns}, {"spread", of.spread}, {"ratio", of.ratio.median}};
    result.update(written(of.ratio));
    if (of.both) {
        result["modes"] = {{"low", of.both->low},
                           {"high", of.both->high},
                           {"share_of_high", of.both->share_of_high}};
    }
    return result;
}

void print(row const& of) {
    std::cout << std::setprecision(1) << std::setw(9) << of.ns << std::setw(7) << 100 * of.spread
              << '%' << std::setprecision(2) << std::setw(8) << of.ratio.median << std::setw(8)
              << of.ratio.lower << " -" << std::setw(6) << of.ratio.upper << "  " << of.name;
    if (!of.ratio.doubt.empty()) {
        std::cout << "  VOID: " << of.ratio.doubt;
    }
    if (of.both) {
        std::cout << std::setprecision(0) << "  two modes: " << of.both->low << " and "
                  << of.both->high << " ns (" << 100 * of.both->share_of_high << " %)";
    }
    std::cout << '\n';
}

} // namespace

table table_of(std::string title, interleaved const& group, std::string base, double operations) {
    table result{std::move(title), std::move(base), {}, {}, group.missing()};
    for (auto const& name : group.names()) {
        auto both = group.modes_of(name);
        if (both) {
            both->low *= operations;
            both->high *= operations;
        }
        double const ns = operations * group.median(name);
        result.rows.push_back({name, ns, group.spread(name), group.ratio(name, result.base), both});
        if (auto const control = group.control(name)) {
            result.controls.push_back({name + ", again", ns * control->median,
                                       (control->upper - control->lower) / control->median,
                                       *control});
        }
    }
    return result;
}

void record(table const& of) {
    auto const all = [](std::vector<row> const& rows) {
        auto result = nlohmann::json::array();
        for (auto const& each : rows) {
            result.push_back(written(each));
        }
        return result;
    };
    auto missing = nlohmann::json::array();
    for (auto const& [name, reason] : of.missing) {
        missing.push_back({{"name", name}, {"reason", reason}});
    }
    tables().push_back({{"title", of.title},
                        {"base", of.base},
                        {"rows", all(of.rows)},
                        {"controls", all(of.controls)},
                        {"missing", std::move(missing)}});
}

void print(table const& of) {
    record(of);
    std::cout << '\n' << of.title << "\n       ns  spread   ratio   quartiles\n" << std::fixed;
    for (auto const& each : of.rows) {
        print(each);
    }
    if (!of.controls.empty()) {
        std::cout << "null control\n";
    }
    for (auto const& each : of.controls) {
        print(each);
    }
    for (auto const& [name, reason] : of.missing) {
        std::cout << "missing: " << name << ": " << reason << '\n';
    }
}

void print(std::string const& title, interleaved const& group, std::string const& base) {
    print(table_of(title, group, base));
}

void goals::report(std::string const& file) const {
    print();
    if (!file.empty()) {
        write(file);
    }
}

void goals::missing(std::string const& id, std::string const& reason) {
    constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
    goal added{id, nothing, "", nothing, false};
    added.missing = reason;
    goals_.push_back(std::move(added));
}

void goals::add(goal added, std::string const& control) {
    if (std::ranges::any_of(goals_,
                            [&](goal const& each) { return each.id == control && !each.ok; })) {
        added.doubt = control;
    }
    added.ok = added.ok && added.doubt.empty();
    goals_.push_back(std::move(added));
}

void goals::add(comparison const& of, goal added, std::string const& control) {
    added.quartiles = of;
    added.doubt = of.doubt;
    add(std::move(added), control);
}

void goals::print() const {
    std::cout << "\n    value     goal\n" << std::fixed << std::setprecision(3);
    for (auto const& each : goals_) {
        if (!each.missing.empty()) {
            std::cout << std::setw(18) << "missing"
                      << "  " << each.id << ": " << each.missing << '\n';
            continue;
        }
        std::cout << std::setw(9) << each.value << std::setw(9) << each.bound
                  << (!each.doubt.empty() ? "  void    "
                      : each.ok           ? "  ok      "
                                          : "  MISSED  ")
                  << each.id << (each.doubt.empty() ? "" : ": " + each.doubt) << '\n';
    }
}

void goals::write(std::string const& file) const {
    auto all = nlohmann::json::array();
    for (auto const& each : goals_) {
        if (!each.missing.empty()) {
            all.push_back({{"id", each.id}, {"ok", false}, {"missing", each.missing}});
            continue;
        }
        nlohmann::json text = {
            {"id", each.id},      {"value", each.value}, {"relation", each.relation},
            {"goal", each.bound}, {"ok", each.ok},       {"void", !each.doubt.empty()}};
        if (!each.doubt.empty()) {
            text["doubt"] = each.doubt;
        }
        if (each.quartiles) {
            text.update(written(*each.quartiles));
        }
        all.push_back(std::move(text));
    }
    nlohmann::json const report = {{"goals", all},
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
