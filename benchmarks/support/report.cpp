// SPDX-License-Identifier: BSL-1.0

#include <support/report.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <limits>
#include <sstream>
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
nlohmann::json& plain_tables() {
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
    nlohmann::json result = nlohmann::json::object();
    if (!std::isnan(of.lower)) {
        result = {{"lower", of.lower}, {"upper", of.upper}};
    }
    if (!std::isnan(of.control)) {
        result["control"] = of.control;
    }
    if (!of.doubt.empty()) {
        result["doubt"] = of.doubt;
    }
    return result;
}

nlohmann::json written(row const& of) {
    nlohmann::json result = {{"name", of.name}, {"value", of.value}, {"ratio", of.ratio.median}};
    if (!std::isnan(of.spread)) {
        result["spread"] = of.spread;
    }
    result.update(written(of.ratio));
    if (of.both) {
        result["modes"] = {{"low", of.both->low},
                           {"high", of.both->high},
                           {"share_of_high", of.both->share_of_high}};
    }
    return result;
}

/// Nothing of a number that is not there.
std::string text_of(double value, int places, std::string const& unit = {}) {
    std::ostringstream out;
    if (!std::isnan(value)) {
        out << std::fixed << std::setprecision(places) << value << unit;
    }
    return out.str();
}

/// Some four digits; none behind the point of a whole number.
int places_of(double value) {
    double const size = std::abs(value);
    return value == std::round(value) ? 0 : size < 1 ? 4 : size < 10 ? 3 : size < 100 ? 2 : 1;
}

void print(row const& of) {
    std::cout << std::setw(9) << text_of(of.value, places_of(of.value)) << std::setw(8)
              << text_of(100 * of.spread, 1, "%") << std::setw(8) << text_of(of.ratio.median, 2)
              << std::setw(8) << text_of(of.ratio.lower, 2) << std::setw(9)
              << text_of(of.ratio.upper, 2) << "  " << of.name;
    if (!of.ratio.doubt.empty()) {
        std::cout << "  VOID: " << of.ratio.doubt;
    }
    if (of.both) {
        std::cout << std::setprecision(0) << "  two modes: " << of.both->low << " and "
                  << of.both->high << " ns (" << 100 * of.both->share_of_high << " %)";
    }
    std::cout << '\n';
}

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

} // namespace

row row_of(std::string name, double value, double base) {
    return {std::move(name), value, nothing, {value / base, nothing, nothing, nothing}};
}

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
                        {"unit", of.unit},
                        {"rows", all(of.rows)},
                        {"controls", all(of.controls)},
                        {"missing", std::move(missing)}});
}

void print(table const& of) {
    record(of);
    std::cout << '\n'
              << of.title << '\n'
              << std::setw(9) << of.unit << "  spread   ratio   lower    upper quartile\n"
              << std::fixed;
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

void print(plain_table const& of) {
    auto rows = nlohmann::json::array();
    constexpr int width = 12;
    std::cout << '\n' << of.title << '\n';
    for (auto const& column : of.columns) {
        std::cout << std::setw((std::max)(width, static_cast<int>(column.size()) + 2)) << column;
    }
    std::cout << '\n';
    for (auto const& [name, values] : of.rows) {
        rows.push_back({{"name", name}, {"values", values}});
        for (std::size_t i = 0; i < values.size(); ++i) {
            std::cout << std::setw((std::max)(width, static_cast<int>(of.columns[i].size()) + 2))
                      << text_of(values[i], places_of(values[i]));
        }
        std::cout << "  " << name << '\n';
    }
    std::cout << std::flush;
    plain_tables().push_back({{"title", of.title}, {"columns", of.columns}, {"rows", rows}});
}

void goals::report(std::string const& file) const {
    print();
    if (!file.empty()) {
        write(file);
    }
}

void goals::missing(std::string const& id, std::string const& reason) {
    goal added{id, nothing, "", nothing, false};
    added.missing = reason;
    goals_.push_back(std::move(added));
}

void goals::add(goal added) {
    if (std::ranges::any_of(
            goals_, [&](goal const& each) { return each.id == added.control && !each.ok; })) {
        added.doubt = added.control;
    }
    added.ok = added.ok && added.doubt.empty();
    goals_.push_back(std::move(added));
}

void goals::add(comparison const& of, goal added, std::string const& control) {
    added.quartiles = of;
    added.doubt = of.doubt;
    added.control = control;
    add(std::move(added));
}

void goals::add(single const& of, goal added, std::string const& control) {
    added.single = of.reason;
    added.control = control;
    add(std::move(added));
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
        if (!each.control.empty()) {
            text["control_goal"] = each.control;
        }
        if (each.quartiles) {
            text.update(written(*each.quartiles));
        } else {
            text["single"] = each.single;
        }
        all.push_back(std::move(text));
    }
    nlohmann::json const report = {{"goals", all},
                                   {"tables", tables()},
                                   {"plain_tables", plain_tables()},
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
