// SPDX-License-Identifier: BSL-1.0

// Builds of one source, each a process of its own. PROGRAM_3 and PROGRAM_4 are rebuilt.cpp with
// CONSTANT 3 and 4, LIBRARY_3 and LIBRARY_4 the folders of the library that they load, which was
// built with these.

#include <catch2/catch.hpp>

#include <cstdio>
#include <map>
#include <memory>
#include <sstream>
#include <string>

namespace {

using lines = std::map<std::string, std::string>;

lines run(std::string const& program, std::string const& library) {
    std::string const command = "LD_LIBRARY_PATH='" + library + "' '" + program + "'";
    std::unique_ptr<FILE, int (*)(FILE*)> const pipe(popen(command.c_str(), "r"), &pclose);
    REQUIRE(pipe != nullptr);
    std::string output;
    for (int c = std::fgetc(pipe.get()); c != EOF; c = std::fgetc(pipe.get())) {
        output += static_cast<char>(c);
    }
    std::istringstream in(output);
    lines read;
    for (std::string what, text; in >> what >> text;) {
        read[what] = text;
    }
    INFO(output);
    REQUIRE(read.size() == 12);
    return read;
}

} // namespace

TEST_CASE("one build has the same keys in every process") {
    CHECK(run(PROGRAM_3, LIBRARY_3) == run(PROGRAM_3, LIBRARY_3));
}

TEST_CASE("a rebuild with an edited constant has other keys") {
    auto const before = run(PROGRAM_3, LIBRARY_3);
    auto const after = run(PROGRAM_4, LIBRARY_3);
    CHECK(before.at("lambda.value") == "8");
    CHECK(after.at("lambda.value") == "9");
    for (auto const* what : {"lambda.key", "fn.key", "pointer.key", "labelled.key"}) {
        INFO(what);
        CHECK(before.at(what) != after.at(what));
    }
}

TEST_CASE("an edited library changes the keys of the unchanged program that calls it") {
    auto const before = run(PROGRAM_3, LIBRARY_3);
    auto const after = run(PROGRAM_3, LIBRARY_4);
    CHECK(before.at("library.value") == "15");
    CHECK(after.at("library.value") == "20");
    for (auto const* what :
         {"lambda.key", "fn.key", "pointer.key", "library.key", "labelled.key"}) {
        INFO(what);
        CHECK(before.at(what) != after.at(what));
    }
}

TEST_CASE("a name and a version have one key through every rebuild") {
    auto const key = run(PROGRAM_3, LIBRARY_3).at("named.key");
    CHECK(run(PROGRAM_4, LIBRARY_3).at("named.key") == key);
    CHECK(run(PROGRAM_3, LIBRARY_4).at("named.key") == key);
}
