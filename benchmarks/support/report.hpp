// SPDX-License-Identifier: BSL-1.0
#pragma once

// Measurements in, a table and a JSON file out. What was printed is kept for the file: a benchmark need not hand its tables
// around.

#include <support/measure.hpp>

#include <optional>
#include <string>
#include <vector>

namespace benchmark {

/// What a table says of one variant.
struct row {
    std::string name;
    double value;                ///< the median
    double spread;               ///< a share of the median; NaN: was measured once
    comparison ratio;            ///< to the base
    std::optional<modes> both{}; ///< where the times have two modes
};

/// A comparison of variants, with its null controls and the rivals that are not installed.
struct table {
    std::string title;
    std::string base;
    std::vector<row> rows;
    std::vector<row> controls{}; ///< second measurements of the references
    std::vector<missing_variant> missing{};
    std::string unit{"ns"};
};

/// The row of a figure without quartiles.
row row_of(std::string name, double value, double base);

/// Numbers by row and column, each of which has its unit in its name.
struct plain_table {
    struct row {
        std::string name;
        std::vector<double> values;
    };

    std::string title;
    std::vector<std::string> columns;
    std::vector<row> rows{};
};

/// The table of what was measured.
///
/// operations      of which a row gives the time together
table table_of(std::string title, interleaved const& group, std::string base,
               double operations = 1);

/// Has the file say what `print` prints.
void record(table const& of);

/// Prints every variant with its median, its spread and its time relative to the base, the controls, and what is missing.
void print(table const& of);
void print(std::string const& title, interleaved const& group, std::string const& base);
void print(plain_table const& of);

/// The goals of a benchmark and whether they were met. One is void, neither met nor missed, if the comparison is, or if
/// the machine failed its control, a goal that was added before.
class goals {
  public:
    /// control         a goal that was added before; empty: the comparison's own control is enough
    void at_most(std::string const& id, comparison const& of, double bound,
                 std::string const& control = {}) {
        add(of, {id, of.median, "<=", bound, of.median <= bound}, control);
    }
    void at_least(std::string const& id, comparison const& of, double bound,
                  std::string const& control = {}) {
        add(of, {id, of.median, ">=", bound, of.median >= bound}, control);
    }
    void at_most(std::string const& id, single const& of, double bound,
                 std::string const& control = {}) {
        add(of, {id, of.value, "<=", bound, of.value <= bound}, control);
    }
    void at_least(std::string const& id, single const& of, double bound,
                  std::string const& control = {}) {
        add(of, {id, of.value, ">=", bound, of.value >= bound}, control);
    }
    /// A count.
    void exactly(std::string const& id, double value, double bound) {
        add(counted(value), {id, value, "=", bound, value == bound}, {});
    }

    /// A goal that cannot be measured here.
    void missing(std::string const& id, std::string const& reason);

    /// Prints them, and writes them with the tables and the machine.
    ///
    /// file            empty: nothing is written
    void report(std::string const& file) const;

  private:
    struct goal {
        std::string id;
        double value;
        std::string relation;
        double bound;
        bool ok;
        std::string doubt{};                   ///< why it is void
        std::string missing{};                 ///< why there is no value
        std::string single{};                  ///< why there are no quartiles
        std::string control{};                 ///< a goal
        std::optional<comparison> quartiles{}; ///< where it is one
    };

    void add(goal added);
    void add(comparison const& of, goal added, std::string const& control);
    void add(single const& of, goal added, std::string const& control);
    void print() const;
    void write(std::string const& file) const;

    std::vector<goal> goals_;
};

} // namespace benchmark
