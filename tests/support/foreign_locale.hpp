// SPDX-License-Identifier: BSL-1.0
#pragma once

// A locale that writes 1234.5 as "1.234,5", for texts that no locale may change.

#include <clocale>
#include <locale>
#include <string>

namespace memo_test {

/// Sets the locale of the process while it lives: always that of streams; that of C's functions if the
/// machine has one with a comma.
class foreign_locale {
  public:
    foreign_locale() : before_(std::locale::global(std::locale(std::locale(), new grouped))) {
        for (char const* const name :
             {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8", "de_DE", "fr_FR"}) {
            if (std::setlocale(LC_ALL, name) != nullptr) {
                break;
            }
        }
    }
    foreign_locale(foreign_locale const&) = delete;
    foreign_locale& operator=(foreign_locale const&) = delete;
    ~foreign_locale() {
        std::locale::global(before_);
        std::setlocale(LC_ALL, "C");
    }

  private:
    struct grouped : std::numpunct<char> {
        char do_decimal_point() const override { return ','; }
        char do_thousands_sep() const override { return '.'; }
        std::string do_grouping() const override { return "\3"; }
    };

    std::locale before_;
};

} // namespace memo_test
