// SPDX-License-Identifier: BSL-1.0
// Reads the headers of a source tree and refuses what the rules of the house forbid.
//
//   check_house ROOT        exit 0 when nothing is refused; else prints each refusal on a line
//   check_house ROOT RULE   exit 0 when something is refused, and by RULE alone
//
// Rules: circle, layer, third-party, first-lines, namespace, file-name, detail.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct source {
    std::string path; // from the root, with '/'
    std::vector<std::string> lines;
};

struct refusal {
    std::string rule;
    std::string text;
};

struct house {
    std::map<std::string, source> headers; // by the name they are included with: memo/key128.hpp
    std::map<std::string, std::vector<std::string>> includes; // the same names; own and foreign
    std::vector<source> readers; // what users read, and programs of the project that are users
};

source read(fs::path const& root, fs::path const& file) {
    source result{.path = fs::relative(file, root).generic_string(), .lines = {}};
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        result.lines.push_back(line);
    }
    return result;
}

std::vector<source> read_tree(fs::path const& root, fs::path const& below) {
    std::vector<source> result;
    if (fs::is_regular_file(root / below)) {
        result.push_back(read(root, root / below));
    } else if (fs::is_directory(root / below)) {
        for (auto const& entry : fs::recursive_directory_iterator(root / below)) {
            if (entry.is_regular_file()) {
                result.push_back(read(root, entry.path()));
            }
        }
    }
    return result;
}

house read_house(fs::path const& root) {
    static std::regex const include_line(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"].*)");
    house result;
    for (source& header : read_tree(root, "include")) {
        std::string const name = header.path.substr(std::string_view("include/").size());
        for (std::string const& line : header.lines) {
            if (std::smatch match; std::regex_match(line, match, include_line)) {
                fs::path const beside =
                    (fs::path(name).parent_path() / match[1].str()).lexically_normal();
                if (fs::path(match[1].str()).extension() == ".ipp") {
                    continue; // the definitions of this header, which include it again
                }
                bool const is_relative = fs::is_regular_file(root / "include" / beside);
                result.includes[name].push_back(is_relative ? beside.generic_string()
                                                            : match[1].str());
            }
        }
        result.headers.emplace(name, std::move(header));
    }
    for (auto const* place : {"examples", "docs", "README.md", "tools"}) {
        for (source& text : read_tree(root, place)) {
            result.readers.push_back(std::move(text));
        }
    }
    return result;
}

bool is_own(std::string_view name) {
    return name.starts_with("memo/");
}

// A header of the C++ library, whose names have neither a dot nor a folder.
bool is_standard(std::string_view name) {
    return name.find_first_of("./") == std::string_view::npos;
}

// A layer sees itself, what is named here, and what every layer sees: the public headers of "api", and
// "detail", "detail/types" and "detail/system" below. A name of a file stands for that file alone.
using layers = std::map<std::string, std::set<std::string>>;

layers const& visible_from() {
    static layers const table{
        {"memo.hpp",
         {"memoized.hpp", "backend.hpp", "backends", "tools", "detail/wrap", "detail/record",
          "detail/key"}},
        {"memoized.hpp",
         {"backend.hpp", "tools", "detail/cache", "detail/tools", "detail/record", "detail/key",
          "detail/stats"}},
        {"function.hpp", {"memoized.hpp", "tools"}},
        {"tools",
         {"backends/disk_settings.hpp", "detail/lmdb", "detail/record", "detail/stats",
          "detail/key"}},
        {"testing", {"memo.hpp", "function.hpp", "backend.hpp"}},
        {"types", {"detail/record", "detail/key"}},
        {"backends",
         {"backend.hpp", "detail/memory", "detail/lmdb", "detail/memcached", "detail/record",
          "detail/key", "detail/stats"}},
        {"byte_backend.hpp", {"backend.hpp", "detail/byte_store", "detail/record", "detail/key"}},
        {"backend.hpp", {"detail/key", "detail/stats"}},
        {"api", {"detail/key"}},
        {"detail/cache",
         {"backend.hpp", "tools/explanation.hpp", "detail/record", "detail/key", "detail/stats"}},
        {"detail/tools", {"tools", "detail/cache", "detail/record", "detail/key", "detail/stats"}},
        {"detail/wrap", {"memoized.hpp", "backend.hpp", "detail/record", "detail/key"}},
        {"detail/memory",
         {"backend.hpp", "backends/memory_settings.hpp", "detail/record", "detail/key",
          "detail/stats"}},
        {"detail/lmdb",
         {"backend.hpp", "backends/disk_settings.hpp", "detail/lmdb/page_check", "detail/record",
          "detail/key", "detail/stats"}},
        {"detail/lmdb/page_check", {}},
        {"detail/memcached",
         {"backend.hpp", "backends/memcached_settings.hpp", "detail/byte_store", "detail/record",
          "detail/key", "detail/stats"}},
        {"detail/byte_store", {"backend.hpp", "detail/record", "detail/key"}},
        {"detail/record", {"detail/key"}},
        {"detail/key", {}},
        {"detail/stats", {}},
        {"detail", {"backend.hpp", "detail/key", "detail/stats"}},
        {"detail/types", {}},
        {"detail/system", {}},
    };
    return table;
}

// The layer of a header: a room of detail/, a folder beside it, its own name for the files that have a
// layer, else "api".
std::string layer_of(std::string const& name) {
    std::string const rest = name.substr(std::string_view("memo/").size());
    auto const first = rest.find('/');
    if (first == std::string::npos) {
        return visible_from().contains(rest) ? rest : "api";
    }
    if (rest.substr(0, first) != "detail") {
        return rest.substr(0, first);
    }
    if (std::string folder = rest.substr(0, rest.rfind('/')); visible_from().contains(folder)) {
        return folder; // a room within a room
    }
    auto const second = rest.find('/', first + 1);
    return rest.substr(0, second == std::string::npos ? first : second);
}

// Layers that see nothing but themselves and the standard library: no public header and no system call.
bool sees_only_itself(std::string const& layer) {
    return layer == "detail/lmdb/page_check";
}

bool may_include(std::string const& from, std::string const& to) {
    std::string const layer = layer_of(to);
    if (sees_only_itself(layer_of(from))) {
        return layer == layer_of(from);
    }
    if (layer == "api" || layer == "detail" || layer == "detail/system" ||
        layer == "detail/types" || layer == layer_of(from)) {
        return true;
    }
    auto const& visible = visible_from().at(layer_of(from));
    return visible.contains(layer) || visible.contains(to.substr(std::string_view("memo/").size()));
}

void check_layers(house const& house, std::vector<refusal>& refusals) {
    for (auto const& [name, header] : house.headers) {
        if (!visible_from().contains(layer_of(name))) {
            refusals.push_back({"layer", header.path + ": no layer is named " + layer_of(name)});
        }
    }
    for (auto const& [name, includes] : house.includes) {
        for (std::string const& included : includes) {
            bool const is_refused =
                is_own(included)
                    ? visible_from().contains(layer_of(name)) && !may_include(name, included)
                    : sees_only_itself(layer_of(name)) && !is_standard(included);
            if (is_refused) {
                refusals.push_back({"layer", name + " must not include " + included});
            }
        }
    }
}

// Depth-first; `path` holds the headers between the first one and this one.
void find_circle(house const& house, std::string const& name, std::vector<std::string>& path,
                 std::set<std::string>& done, std::vector<refusal>& refusals) {
    if (auto const seen = std::find(path.begin(), path.end(), name); seen != path.end()) {
        std::string text;
        std::for_each(seen, path.end(), [&](auto const& step) { text += step + " > "; });
        refusals.push_back({"circle", text + name});
        return;
    }
    if (done.contains(name) || !house.includes.contains(name)) {
        return;
    }
    path.push_back(name);
    for (std::string const& included : house.includes.at(name)) {
        find_circle(house, included, path, done, refusals);
    }
    path.pop_back();
    done.insert(name);
}

void check_circles(house const& house, std::vector<refusal>& refusals) {
    std::set<std::string> done;
    for (auto const& [name, header] : house.headers) {
        std::vector<std::string> path;
        find_circle(house, name, path, done, refusals);
    }
}

// The library that a foreign header belongs to; nothing for the standard library and the system.
std::optional<std::string> library_of(std::string const& header) {
    for (auto const* library : {"Eigen", "catch2", "cereal", "libmemcached", "lmdb", "xxh"}) {
        if (header.starts_with(library)) {
            return library;
        }
    }
    return std::nullopt;
}

void check_third_parties(house const& house, std::vector<refusal>& refusals) {
    std::map<std::string, std::set<std::string>> users;
    for (auto const& [name, includes] : house.includes) {
        for (std::string const& included : includes) {
            if (auto const library = library_of(included)) {
                users[*library].insert(name);
            }
        }
    }
    for (auto const& [library, names] : users) {
        if (names.size() > 1) {
            std::string text = library + " is included by more than one header:";
            std::for_each(names.begin(), names.end(),
                          [&](auto const& name) { text += " " + name; });
            refusals.push_back({"third-party", text});
        }
    }
}

void check_shape(house const& house, std::vector<refusal>& refusals) {
    for (auto const& [name, header] : house.headers) {
        if (header.lines.size() < 2 || header.lines[0] != "// SPDX-License-Identifier: BSL-1.0" ||
            header.lines[1] != "#pragma once") {
            refusals.push_back({"first-lines", header.path +
                                                   " must begin with the SPDX line (BSL-1.0) and "
                                                   "then #pragma once"});
        }
    }
}

// namespace memo::detail and the folder detail/ are the same headers. Those of types/ specialize, for
// classes of other libraries, what is declared there.
void check_namespaces(house const& house, std::vector<refusal>& refusals) {
    static std::regex const opens_namespace(
        R"(^(?:inline )?namespace (memo\b\S*|detail\b\S*) \{$)");
    for (auto const& [name, header] : house.headers) {
        if (layer_of(name) == "types") {
            continue;
        }
        bool const is_private = name.starts_with("memo/detail/");
        for (std::string const& line : header.lines) {
            std::smatch match;
            if (std::regex_match(line, match, opens_namespace) &&
                (match[1].str().find("detail") != std::string::npos) != is_private) {
                refusals.push_back({"namespace", header.path + ": '" + line + "' belongs " +
                                                     (is_private ? "out of" : "into") +
                                                     " include/memo/detail"});
            }
        }
    }
}

void check_file_names(house const& house, std::vector<refusal>& refusals) {
    std::map<std::string, std::string> first_of;
    for (auto const& [name, header] : house.headers) {
        auto const [other, is_first] =
            first_of.emplace(fs::path(name).filename().generic_string(), header.path);
        if (!is_first) {
            refusals.push_back({"file-name", header.path + " has the name of " + other->second});
        }
    }
}

void check_detail(house const& house, std::vector<refusal>& refusals) {
    for (source const& text : house.readers) {
        for (std::size_t i = 0; i < text.lines.size(); ++i) {
            if (text.lines[i].find("detail::") != std::string::npos) {
                refusals.push_back({"detail", text.path + ":" + std::to_string(i + 1) +
                                                  " names detail::, which is not for users"});
            }
        }
    }
}

std::vector<refusal> check(house const& house) {
    std::vector<refusal> refusals;
    check_layers(house, refusals);
    check_circles(house, refusals);
    check_third_parties(house, refusals);
    check_shape(house, refusals);
    check_namespaces(house, refusals);
    check_file_names(house, refusals);
    check_detail(house, refusals);
    return refusals;
}

} // namespace

int main(int argc, char** argv) {
    std::vector<std::string> const arguments(argv + 1, argv + argc);
    if (arguments.empty() || arguments.size() > 2) {
        std::cerr << "usage: check_house ROOT [RULE]\n";
        return 2;
    }
    house const house = read_house(arguments[0]);
    if (house.headers.empty()) {
        std::cerr << arguments[0] << " has no headers\n";
        return 2;
    }
    std::vector<refusal> const refusals = check(house);
    for (refusal const& refusal : refusals) {
        std::cout << refusal.rule << ": " << refusal.text << '\n';
    }
    if (arguments.size() == 1) {
        return refusals.empty() ? 0 : 1;
    }
    bool const expected = std::all_of(refusals.begin(), refusals.end(), [&](auto const& refusal) {
        return refusal.rule == arguments[1];
    });
    return !refusals.empty() && expected ? 0 : 1;
}
