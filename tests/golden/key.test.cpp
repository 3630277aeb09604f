// SPDX-License-Identifier: BSL-1.0

#include <catch2/catch.hpp>

#include "key_cases.hpp"
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace {

std::vector<std::string> golden_lines() {
    std::ifstream file(std::filesystem::path(__FILE__).parent_path() / "keys.txt");
    REQUIRE(file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) {
        lines.push_back(line);
    }
    return lines;
}

} // namespace

TEST_CASE("keys do not change, on any compiler at any optimization level") {
    auto const lines = golden_lines();
    auto const cases = golden::key_cases();
    REQUIRE(lines.size() == cases.size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
        CHECK(golden::line_of(cases[i]) == lines[i]);
    }
}

TEST_CASE("no two golden calls share a key") {
    std::set<memo::key128> keys;
    std::set<std::string> labels;
    for (auto const& named : golden::key_cases()) {
        CAPTURE(named.label);
        CHECK(keys.insert(named.key).second);
        CHECK(labels.insert(named.label).second);
    }
}
