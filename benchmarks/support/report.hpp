// SPDX-License-Identifier: BSL-1.0
#pragma once

// Measurements in, a table and a JSON file out. What was printed is kept for the file: a benchmark need not hand its tables
// around.

#include <string>
#include <vector>

namespace benchmark {

/// What a table says of one variant.
struct row {
    std::string name;
    double ns;     ///< the median
    double spread; ///< a share of the median
    double ratio;  ///< to the base
};

/// Has the file say what `print` prints: per variant ns, spread and ratio as shares, not percent.
void record(std::string const& title, std::vector<row> const& rows, std::string const& base);

/// Prints every variant with its median, its spread and its time relative to `base`.
void print(std::string const& title, std::vector<row> const& rows, std::string const& base);

/// The rows of variants that were measured, in the order in which the group names them.
///
/// Group           `interleaved`, or what has its names, median, spread and ratio
template <class Group> std::vector<row> rows_of(Group const& group, std::string const& base) {
    std::vector<row> rows;
    for (auto const& name : group.names()) {
        rows.push_back({name, group.median(name), group.spread(name), group.ratio(name, base)});
    }
    return rows;
}
template <class Group>
void record(std::string const& title, Group const& group, std::string const& base) {
    record(title, rows_of(group, base), base);
}
template <class Group>
void print(std::string const& title, Group const& group, std::string const& base) {
    print(title, rows_of(group, base), base);
}

/// The goals of a benchmark and whether they were met. One that is not is void if the machine failed
/// its control, a goal that was added before.
class goals {
  public:
    void at_most(std::string const& id, double value, double bound,
                 std::string const& control = {}) {
        add({id, value, "<=", bound, value <= bound}, control);
    }
    void at_least(std::string const& id, double value, double bound,
                  std::string const& control = {}) {
        add({id, value, ">=", bound, value >= bound}, control);
    }
    void exactly(std::string const& id, double value, double bound) {
        add({id, value, "=", bound, value == bound});
    }
    void below(std::string const& id, double value, double bound) {
        add({id, value, "<", bound, value < bound});
    }

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
        bool is_void = false;
    };

    void add(goal added, std::string const& control = {});
    void print() const;
    void write(std::string const& file) const;

    std::vector<goal> goals_;
};

} // namespace benchmark
