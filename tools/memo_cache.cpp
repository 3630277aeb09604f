// SPDX-License-Identifier: BSL-1.0
// memo-cache: inspects and maintains the directory of a disk cache. See tools/memo-cache.1.

#include <memo/tools/maintenance.hpp>
#include <memo/version.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "diff.hpp"
#include "entries.hpp"
#include "lines.hpp"
#include "merge.hpp"
#include "readable.hpp"
#include "records.hpp"
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;
using memo::printable;
using memo_cache::print_json;
using memo_cache::scan_progress;
using memo_cache::shown_progress;

constexpr int ok = 0;
constexpr int trouble = 1;
constexpr int wrong_usage = 2;
constexpr int damage_found = 3;

/// Maximum of bytes of an imported record.
constexpr std::size_t longest_record = std::size_t{1} << 29U;

struct settings {
    std::string directory;
    std::string name;
    std::string one_key;
    std::string other_key;
    std::string format = "csv"; ///< or "jsonl"
    std::optional<std::uint64_t> max_bytes;
    std::optional<std::uint64_t> max_age; ///< seconds
    std::string file;
    std::vector<std::string> sources; ///< directories to merge
    bool as_records = false;
    bool merges = false;
    bool keeps_larger = false;
    bool takes_editions = false;
    bool as_json = false;
};

/// The directory of the command line, or the default of programs.
[[nodiscard]] std::string directory_of(settings const& chosen) {
    return chosen.directory.empty() ? memo::cache_directory::default_path() : chosen.directory;
}

/// The settings with which the owner of the directory opens it for writing. New files belong to the
/// owner, even if root runs the command, and have the mode of the data: opening a lock file with another
/// mode would change it.
[[nodiscard]] memo::disk_settings settings_of_owner(settings const& chosen) {
    memo::disk_settings result;
    result.directory = directory_of(chosen);
    struct stat directory {};
    if (::geteuid() == 0 && ::stat(result.directory.c_str(), &directory) == 0 &&
        (::setegid(directory.st_gid) != 0 || ::seteuid(directory.st_uid) != 0)) {
        throw std::runtime_error("cannot act as the owner of " + result.directory);
    }
    for (char const* const data : {"/v1/data.mdb", "/v1.bad.1/data.mdb"}) {
        std::error_code missing;
        fs::file_status const there = fs::symlink_status(result.directory + data, missing);
        if (fs::is_regular_file(there)) {
            result.mode = static_cast<unsigned>(there.permissions() & fs::perms::all);
            break;
        }
    }
    return result;
}

[[nodiscard]] memo::disk_settings opening(settings const& chosen, bool to_write) {
    std::string const directory = directory_of(chosen);
    if (!fs::exists(fs::path(directory) / "v1" / "data.mdb")) {
        throw memo::error(memo::errc::configuration, directory + " holds no cache of memo");
    }
    if (to_write) {
        return settings_of_owner(chosen);
    }
    // Reading commands accept a directory that anybody can write, and write nothing.
    memo::disk_settings result;
    result.directory = directory;
    result.read_only = true;
    result.mode = 0666;
    return result;
}

int stat(settings const& chosen) {
    memo::cache_directory cache(opening(chosen, false));
    memo::directory_statistics const now = cache.statistics();
    if (chosen.as_json) {
        print_json({{"directory", cache.path()},
                    {"functions", now.functions},
                    {"entries", now.entries},
                    {"live_bytes", now.live_bytes},
                    {"file_bytes", now.file_bytes},
                    {"max_file_bytes", now.max_file_bytes},
                    {"all_on_disk", now.all_on_disk},
                    {"set_aside", now.set_aside}});
        return ok;
    }
    for (auto const& [name, text] : {std::pair{"directory", printable(cache.path())},
                                     {"functions", std::to_string(now.functions)},
                                     {"entries", std::to_string(now.entries)},
                                     {"live", memo_cache::size_text(now.live_bytes)},
                                     {"file", memo_cache::size_text(now.file_bytes)},
                                     {"file at most", memo_cache::size_text(now.max_file_bytes)},
                                     {"all on disk", now.all_on_disk ? "yes" : "no"},
                                     {"set aside", now.set_aside ? "yes" : "no"}}) {
        std::cout << std::left << std::setw(14) << name << text << '\n';
    }
    return ok;
}

int ls(settings const& chosen) {
    memo::cache_directory cache(opening(chosen, false));
    auto const all = cache.functions(shown_progress());
    json list = json::array();
    for (auto const& [scope, one] : all) {
        if (one.entries != 0 || !one.name.empty()) {
            list.push_back({{"scope", to_string(scope)},
                            {"name", one.name},
                            {"version", one.version},
                            {"entries", one.entries},
                            {"bytes", one.bytes},
                            {"computing_seconds", one.seconds}});
        }
    }
    if (chosen.as_json) {
        print_json(list);
        return ok;
    }
    std::cout << "   entries          size   computing s  scope                             name "
                 "(version)\n";
    for (auto const& one : list) {
        std::string const name = one["name"].get<std::string>();
        std::cout << std::setw(10) << one["entries"].get<std::uint64_t>() << std::setw(14)
                  << memo_cache::size_text(one["bytes"].get<std::uint64_t>()) << std::setw(14)
                  << std::fixed << std::setprecision(1) << one["computing_seconds"].get<double>()
                  << "  " << one["scope"].get<std::string>()
                  << (name.empty() ? ""
                                   : "  " + printable(name) + " (" +
                                         printable(one["version"].get<std::string>()) + ")")
                  << '\n';
    }
    return ok;
}

int verify(settings const& chosen) {
    memo::cache_directory cache(opening(chosen, false));
    memo::verification const found = cache.verify(shown_progress());
    if (chosen.as_json) {
        print_json({{"whole", found.intact},
                    {"corrupt", found.corrupt},
                    {"functions", found.names},
                    {"corrupt_functions", found.corrupt_names},
                    {"damaged_pages", found.damaged_pages}});
    } else {
        std::cout << found.intact << " whole, " << found.corrupt << " corrupt";
        if (found.corrupt_names != 0) {
            std::cout << "; corrupt names of functions: " << found.corrupt_names;
        }
        std::cout << (found.damaged_pages ? "; the rest lies behind a damaged page\n" : "\n");
    }
    return found.corrupt == 0 && found.corrupt_names == 0 && !found.damaged_pages ? ok
                                                                                  : damage_found;
}

void report_dropped(settings const& chosen, std::size_t dropped) {
    if (chosen.as_json) {
        print_json({{"dropped", dropped}});
    } else {
        std::cout << dropped << " dropped\n";
    }
}

int prune(settings const& chosen) {
    memo::cache_directory cache(opening(chosen, true));
    std::optional<std::chrono::seconds> max_age;
    if (chosen.max_age) {
        constexpr std::int64_t longest = std::chrono::seconds::max().count();
        max_age.emplace(static_cast<std::int64_t>(
            (std::min)(*chosen.max_age, static_cast<std::uint64_t>(longest))));
    }
    report_dropped(chosen, cache.prune(max_age, chosen.max_bytes));
    return ok;
}

int clear(settings const& chosen) {
    memo::cache_directory cache(opening(chosen, true));
    std::size_t dropped = 0;
    bool known = false;
    for (auto const& [scope, one] : cache.functions(shown_progress())) {
        if (one.name == chosen.name || to_string(scope) == chosen.name) {
            known = true;
            dropped += cache.erase(scope);
        }
    }
    if (!known && !chosen.as_json) {
        std::cout << "no function is named " << printable(chosen.name)
                  << "; memo-cache ls shows those that are\n";
    }
    report_dropped(chosen, dropped);
    return ok;
}

int compact(settings const& chosen) {
    auto const result = memo::cache_directory::compact(opening(chosen, true), shown_progress());
    if (!result) {
        std::cerr << "memo-cache: " << memo::cache_directory(opening(chosen, false)).path()
                  << " is in use; end the programs that use it, or compact it later\n";
        return trouble;
    }
    if (chosen.as_json) {
        print_json({{"bytes_before", result->bytes_before}, {"bytes_after", result->bytes_after}});
    } else {
        std::cout << memo_cache::size_text(result->bytes_before) << " before, "
                  << memo_cache::size_text(result->bytes_after) << " after\n";
    }
    return ok;
}

int salvage(settings const& chosen) {
    memo::disk_settings const owned = settings_of_owner(chosen);
    auto const result = memo::cache_directory::salvage(owned, shown_progress());
    if (!result) {
        std::cerr << "memo-cache: nothing was set aside in " << owned.directory << '\n';
        return trouble;
    }
    if (chosen.as_json) {
        print_json({{"carried_over", result->stored}, {"passed_over", result->passed_over}});
    } else {
        std::cout << result->stored << " carried over, " << result->passed_over
                  << " passed over: older states, present already, or expired. Remove "
                  << owned.directory << "/v1.bad.1 when you no longer need it.\n";
    }
    return ok;
}

/// The records as stored, for import.
int export_as_they_are(memo::cache_directory& cache, memo_cache::functions const& functions) {
    std::uint64_t corrupt = 0;
    cache.for_each(
        [&](memo::stored_entry const& entry) {
            if (!entry.is_intact()) {
                ++corrupt;
                return;
            }
            memo::stored_function const& from = memo_cache::function_of(entry.scope, functions);
            std::cout << memo_cache::to_text(memo_cache::line_of(from, entry)) << '\n';
        },
        shown_progress());
    if (corrupt != 0) {
        std::cerr << "memo-cache: left out as corrupt: " << corrupt << '\n';
        return damage_found;
    }
    return ok;
}

int export_records(settings const& chosen) {
    memo::cache_directory cache(opening(chosen, false));
    auto const functions = cache.functions(shown_progress());
    if (chosen.as_records) {
        return export_as_they_are(cache, functions);
    }
    bool const csv = !chosen.as_json && chosen.format == "csv";
    bool const to_terminal = ::isatty(STDOUT_FILENO) != 0;
    auto const print = [&](json const& row, auto const& field) {
        char const* between = "";
        for (auto const& [name, value] : row.items()) {
            std::cout << between << field(name, value);
            between = ",";
        }
        std::cout << '\n';
    };
    if (csv) {
        print(memo_cache::row_of("", "", {}),
              [](std::string const& name, json const&) { return name; });
    }
    auto const print_entry = [&](memo::stored_entry const& entry) {
        if (!entry.is_intact() || entry.is_name) {
            return;
        }
        memo::stored_function const& from = memo_cache::function_of(entry.scope, functions);
        json const row = memo_cache::row_of(from.name, from.version, entry);
        if (csv) {
            print(row, [&](std::string const&, json const& value) {
                std::string const cell = memo_cache::to_csv(value);
                return to_terminal ? printable(cell) : cell;
            });
        } else {
            std::cout << memo_cache::to_text(row) << '\n';
        }
    };
    cache.for_each(print_entry, shown_progress());
    return ok;
}

[[nodiscard]] memo::overlap_policy overlap_of(settings const& chosen) {
    return chosen.keeps_larger ? memo::overlap_policy::keep_larger : memo::overlap_policy::refuse;
}

int merge(settings const& chosen) {
    std::vector<std::unique_ptr<memo::cache_directory>> sources; // opened with the caller's rights
    for (auto const& source : chosen.sources) {
        settings one = chosen;
        one.directory = source;
        sources.push_back(std::make_unique<memo::cache_directory>(opening(one, false)));
        if (fs::exists(chosen.directory) && fs::equivalent(source, chosen.directory)) {
            std::cerr << "memo-cache: " << source << " is the cache itself; name other ones\n";
            return wrong_usage;
        }
    }
    memo::cache_directory into(settings_of_owner(chosen));
    memo_cache::merger merger(into, overlap_of(chosen), chosen.takes_editions);
    bool all_read = true;
    for (std::size_t i = 0; i < sources.size(); ++i) {
        std::string const& source = chosen.sources[i];
        bool is_reading = true;
        auto const take = [&](memo::stored_entry const& entry) {
            is_reading = false;
            if (entry.is_intact()) {
                merger.take(entry, source);
            } else {
                merger.refuse(entry, "the record is damaged", source);
            }
            is_reading = true;
        };
        try {
            sources[i]->for_each(take, shown_progress());
        } catch (memo::error const& failure) {
            if (!is_reading) {
                throw;
            }
            all_read = false;
            std::cerr << "memo-cache: " << printable(source) << ": " << failure.what()
                      << "; its other records are not merged\n";
        }
    }
    merger.print(chosen.as_json);
    return all_read && merger.counts().refused == 0 ? ok : damage_found;
}

int import_records(settings const& chosen) {
    bool const from_input = chosen.file == "-";
    std::ifstream file;
    if (!from_input) {
        file.open(chosen.file);
        if (!file || fs::is_directory(chosen.file)) {
            std::cerr << "memo-cache: cannot read " << chosen.file << '\n';
            return trouble;
        }
    }
    std::istream& in = from_input ? std::cin : file;
    std::optional<scan_progress> progress;
    if (!from_input && fs::is_regular_file(chosen.file)) {
        progress.emplace(fs::file_size(chosen.file));
    }
    memo::cache_directory cache(settings_of_owner(chosen));
    std::optional<memo_cache::merger> merger;
    if (chosen.merges) {
        merger.emplace(cache, overlap_of(chosen), chosen.takes_editions);
    }
    std::uint64_t number = 0;
    std::size_t read = 0;
    std::uint64_t imported = 0;
    std::uint64_t passed_over = 0;
    std::uint64_t refused = 0;
    for (;;) {
        memo_cache::line_reader line(longest_record);
        auto const length =
            memo_cache::read_line(in, [&](std::string_view part) { line.take(part); });
        if (!length) {
            break;
        }
        ++number;
        try {
            auto const bytes = memo_cache::entry_in(line);
            auto const entry = memo::stored_entry::of(bytes);
            if (merger) {
                merger->take(entry, "line " + std::to_string(number));
            } else {
                auto const became = cache.insert(entry);
                if (became == memo::insertion::too_large) {
                    throw memo_cache::refusal("the record is too large for this cache");
                }
                ++(became == memo::insertion::stored ? imported : passed_over);
            }
        } catch (memo_cache::refusal const& why) {
            ++refused;
            std::cerr << "memo-cache: line " << number
                      << (line.is_object() && memo_cache::key_of(line.key()) ? ", key " + line.key()
                                                                             : "")
                      << ": " << why.what() << '\n';
        }
        read += *length + 1;
        if (progress) {
            progress->reached(read);
        }
    }
    progress.reset(); // clears the bar from the terminal
    bool const broken_off = from_input && std::ferror(stdin) != 0; // std::cin reports it as the end
    if (in.bad() || broken_off) {
        throw std::runtime_error("cannot read on behind line " + std::to_string(number));
    }
    if (merger) {
        merger->add_refused(refused);
        merger->print(chosen.as_json);
        refused = merger->counts().refused;
    } else if (chosen.as_json) {
        print_json({{"imported", imported}, {"passed_over", passed_over}, {"refused", refused}});
    } else {
        std::cout << imported << " imported, " << passed_over
                  << " passed over: there already, or their time is over; " << refused
                  << " refused\n";
    }
    return refused == 0 ? ok : damage_found;
}

int diff(settings const& chosen) {
    memo::cache_directory cache(opening(chosen, false));
    auto const functions = cache.functions(shown_progress());
    auto const one = memo_cache::find_record(cache, functions, chosen.one_key);
    auto const other = memo_cache::find_record(cache, functions, chosen.other_key);
    for (auto const* each : {&one, &other}) {
        if (each->row.is_null()) {
            std::cerr << "memo-cache: "
                      << (each->is_corrupt ? "corrupt is the record of the key "
                                           : "no record has the key ")
                      << printable(each->key) << '\n';
            return each->is_corrupt ? damage_found : trouble;
        }
    }
    if (chosen.as_json) {
        print_json(memo_cache::difference_as_json(one.row, other.row));
    } else {
        memo_cache::print_difference(std::cout, one.row, other.row);
    }
    return ok;
}

/// The factor of a unit behind a number.
using units = std::vector<std::pair<std::string, std::uint64_t>>;

units const spans{{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86'400}, {"w", 604'800}};

/// Powers of 1024: 5, 5kb, 5KiB, 5k.
[[nodiscard]] units sizes() {
    units all{{"", 1}, {"b", 1}};
    std::uint64_t factor = 1;
    for (char const letter : {'k', 'm', 'g', 't', 'p'}) {
        factor *= 1024;
        for (char const* const rest : {"", "b", "i", "ib"}) {
            all.emplace_back(letter + std::string(rest), factor);
        }
    }
    return all;
}

[[nodiscard]] std::string lower_case(std::string text) {
    for (char& c : text) {
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return text;
}

/// A whole number with a unit: "12h".
///
/// Throws:         CLI::ValidationError
[[nodiscard]] std::uint64_t amount_of(char const* option, std::string const& text,
                                      units const& known) {
    std::uint64_t number = 0;
    char const* const end = text.data() + text.size();
    auto const [behind, failure] = std::from_chars(text.data(), end, number);
    auto const unit = std::ranges::find(known, std::string(behind, end), &units::value_type::first);
    std::uint64_t amount = 0;
    if (failure != std::errc() || unit == known.end() ||
        __builtin_mul_overflow(number, unit->second, &amount)) {
        throw CLI::ValidationError(option, printable(text) + " is no whole number from 0 on, with "
                                                             "or without a unit");
    }
    return amount;
}

[[nodiscard]] std::string version() {
    return std::to_string(MEMO_VERSION_MAJOR) + '.' + std::to_string(MEMO_VERSION_MINOR) + '.' +
           std::to_string(MEMO_VERSION_PATCH);
}

/// The word in place of a command, if it is no command. CLI11 would report a missing command.
[[nodiscard]] std::optional<std::string> unknown_command(CLI::App const& app,
                                                         std::vector<std::string> const& words) {
    auto const named =
        std::ranges::find_if(words, [](auto const& each) { return !each.starts_with('-'); });
    auto const is_named = [&](CLI::App const* each) { return each->get_name() == *named; };
    return named != words.end() && app.get_subcommands(is_named).empty() ? std::optional(*named)
                                                                         : std::nullopt;
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app("Inspects and maintains the directory of a disk cache of memo", "memo-cache");
    app.require_subcommand(1);
    settings chosen;
    int (*chosen_command)(settings const&) = nullptr;
    auto const command = [&](char const* name, char const* text, int (*run)(settings const&),
                             std::vector<std::pair<char const*, std::string*>> const& before = {}) {
        CLI::App* const one = app.add_subcommand(name, text);
        for (auto const& [argument, place] : before) {
            one->add_option(argument, *place)->required();
        }
        one->add_option("directory", chosen.directory,
                        "The directory of the cache; default: as for programs");
        one->add_flag("--json", chosen.as_json, "Print JSON");
        one->callback([&chosen_command, run] { chosen_command = run; });
        return one;
    };
    command("stat", "Print the numbers and bytes of functions and records", stat);
    command("ls", "List the functions that have or had records", ls);
    command("verify", "Check every record; exit status 3 if one is corrupt", verify);
    auto* const pruned =
        command("prune", "Remove old records, and others until a bound holds", prune);
    pruned->add_option_function<std::string>(
        "--max-bytes",
        [&](std::string const& text) {
            chosen.max_bytes = amount_of("--max-bytes", lower_case(text), sizes());
        },
        "Bound on live bytes; 500kb, 20mb, 4gb");
    pruned->add_option_function<std::string>(
        "--max-age",
        [&](std::string const& text) { chosen.max_age = amount_of("--max-age", text, spans); },
        "Maximum age of a record in seconds; 90m, 12h, 30d");
    command("diff", "Compare the records of two keys, and show which part of the keys differs",
            diff, {{"key", &chosen.one_key}, {"other", &chosen.other_key}});
    command("compact", "Shrink the file", compact);
    command("clear", "Remove all records of a name or of one scope", clear)
        ->add_option(
            "--name", chosen.name,
            "A name, with all its versions, prefixes and types; or a scope as ls prints it")
        ->required()
        ->check([](std::string const& name) {
            return std::string(name.empty() ? "which function? This name is empty" : "");
        });
    command("salvage", "Recover the intact records of data that was set aside", salvage);
    auto* const exported =
        command("export", "Print the records with their plain values", export_records);
    auto* const format = exported->add_option("--format", chosen.format, "csv or jsonl")
                             ->check(CLI::IsMember({"csv", "jsonl"}));
    format->excludes("--json"); // it means jsonl, and --records prints it
    exported->add_flag("--records", chosen.as_records, "Print whole records, for import")
        ->excludes(format);
    auto* const imported = command(
        "import", "Store what export --records printed; exit status 3 if a record is refused",
        import_records, {{"file", &chosen.file}});
    auto* const as_merge =
        imported->add_flag("--merge", chosen.merges, "Merge averaged records, compare exact ones");
    auto* const merged = app.add_subcommand(
        "merge", "Merge the records of other caches; exit status 3 if a record is refused");
    merged->add_option("into", chosen.directory, "The directory that gets all records")->required();
    merged->add_option("from", chosen.sources, "The directories to read")->required();
    merged->add_flag("--json", chosen.as_json, "Print JSON");
    merged->callback([&] { chosen_command = merge; });
    for (auto* const one : {imported, merged}) {
        auto* const larger =
            one->add_flag("--keep-larger", chosen.keeps_larger,
                          "Where two records may share samples, keep the larger one");
        auto* const editions =
            one->add_flag("--editions", chosen.takes_editions,
                          "Take functions of which the cache has only other editions");
        if (one == imported) {
            larger->needs(as_merge);
            editions->needs(as_merge);
        }
    }
    app.set_version_flag("--version", "memo-cache " + version());
    try {
        app.parse(argc, argv);
        int const status = chosen_command(chosen);
        if (!std::cout.flush()) {
            throw std::runtime_error("cannot write what there is to print");
        }
        return status;
    } catch (CLI::ParseError const& error) {
        auto const unknown = unknown_command(app, {argv + 1, argv + argc});
        if (error.get_exit_code() != 0 && unknown) {
            std::cerr << "memo-cache: no command is named " << printable(*unknown)
                      << "; memo-cache --help shows those that are\n";
            return wrong_usage;
        }
        return app.exit(error) == 0 ? ok : wrong_usage;
    } catch (std::exception const& error) {
        std::cerr << "memo-cache: " << error.what() << '\n';
        return trouble;
    }
}
