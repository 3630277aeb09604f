// SPDX-License-Identifier: BSL-1.0

#include "support/foreign_locale.hpp"
#include <memo/detail/text.hpp>

#include <catch2/catch.hpp>

#include <limits>
#include <string>

using memo::detail::fixed_text;
using memo::detail::number_text;
using memo::detail::printable;
using memo::detail::utf8_text;

TEST_CASE("a double is the same text in any locale, and reading it restores it") {
    memo_test::foreign_locale const locale;
    CHECK(number_text(0.1) == "0.1");
    CHECK(number_text(1234567.25) == "1234567.25");
    CHECK(number_text(-std::numeric_limits<double>::denorm_min()) == "-5e-324");
    CHECK(number_text(std::numeric_limits<double>::max()) == "1.7976931348623157e+308");
    CHECK(fixed_text(1234.5678, 2) == "1234.57");
    CHECK(fixed_text(std::numeric_limits<double>::max(), 17).size() == 309 + 1 + 17);
}

TEST_CASE("exactly the invalid UTF-8 bytes are replaced") {
    std::string const whole = "a\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xef\xbf\xbf"
                              "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf";
    CHECK(utf8_text(whole) == whole);
    std::string const bad = "\xef\xbf\xbd";
    for (std::string const text :
         {"\x80", "\xbf", "\xc0", "\xc1", "\xf5", "\xff", "\xc2", "\xe0", "\xf4"}) {
        CHECK(utf8_text(text) == bad);
        CHECK(utf8_text("a" + text + "b") == "a" + bad + "b");
    }
    CHECK(utf8_text("\xc0\x80") == bad + bad);                     // a zero, too long
    CHECK(utf8_text("\xe0\x9f\xbf") == bad + bad + bad);           // too long
    CHECK(utf8_text("\xed\xa0\x80") == bad + bad + bad);           // half of a pair
    CHECK(utf8_text("\xf4\x90\x80\x80") == bad + bad + bad + bad); // beyond U+10FFFF
    CHECK(utf8_text("\xe2\x82") == bad + bad);                     // cut
    CHECK(utf8_text("\xf0\x9f\x98") == bad + bad + bad);           // cut
}

TEST_CASE("a name for a terminal is one line without control characters") {
    CHECK(printable("knn5 (accuracy), \xc3\xbc") == "knn5 (accuracy), \xc3\xbc");
    CHECK(printable("a\nb\tc\rd") == "a\\nb\\tc\\x0dd");
    CHECK(printable("\x1b[2J\x07\x7f") == "\\x1b[2J\\x07\\x7f");
    CHECK(printable(std::string("\0", 1)) == "\\x00");
    CHECK(printable("\xc2\x9b") == "\\xc2\\x9b");          // the control character CSI
    CHECK(printable("\xe2\x80\xae") == "\\xe2\\x80\\xae"); // right to left from here on
    CHECK(printable("\xff") == "\\xff");
    CHECK(printable("\\x1b") == "\\\\x1b"); // not what it looks like
}
