// SPDX-License-Identifier: BSL-1.0

// What others may put into the directory of a cache, and what a program that uses it does then.

#include "support/code_of.hpp"
#include "support/keys.hpp"
#include "support/permissions.hpp"
#include "support/planted.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <grp.h>
#include <iterator>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace fs = std::filesystem;
using memo_test::code_of;
using memo_test::in_process;
using memo_test::key_of;
using memo_test::plant;

namespace {

constexpr memo::key128 scope{1, 2};
constexpr uid_t nobody = 65534;
constexpr gid_t shared_group = 7777; // of the two users of a test
constexpr uid_t one_user = 7001;
constexpr uid_t other_user = 7002;

memo::disk open_cache(std::string const& directory, bool read_only = false) {
    return memo::disk({.directory = directory,
                       .max_bytes = 1'000'000,
                       .read_only = read_only,
                       .report = [](std::string const&) {}});
}

void store(memo::disk const& backend, std::uint64_t from, std::uint64_t to) {
    auto const values = backend.partition<std::uint64_t>(scope);
    for (std::uint64_t number = from; number < to; ++number) {
        values.put(key_of(number), number, {});
    }
}

std::uint64_t count(memo::disk const& backend, std::uint64_t among) {
    auto const values = backend.partition<std::uint64_t>(scope);
    std::uint64_t found = 0;
    for (std::uint64_t number = 0; number < among; ++number) {
        auto const kept = values.get(key_of(number));
        found += kept && kept->record == number ? 1U : 0U;
    }
    return found;
}

/// As if the machine had gone down while a program wrote.
void crash(std::string const& directory) {
    std::ofstream(directory + "/state") << "memo 1\nboot another\ndirty 1\nmap 1073741824\n";
}

struct operation {
    char const* name;
    void (*before)(std::string const& directory); ///< null: nothing is done before
    void (*run)(std::string const& directory);
};

constexpr std::array<operation, 6> operations{{
    {"open and put", nullptr,
     [](std::string const& directory) { store(open_cache(directory), 0, 9); }},
    {"put in what a stranger emptied",
     [](std::string const& directory) { fs::remove_all(directory + "/v1"); },
     [](std::string const& directory) { store(open_cache(directory), 0, 9); }},
    {"clear", nullptr,
     [](std::string const& directory) {
         open_cache(directory).partition<std::uint64_t>(scope).clear();
     }},
    {"set aside", crash, [](std::string const& directory) { store(open_cache(directory), 0, 9); }},
    {"read", nullptr,
     [](std::string const& directory) {
         static_cast<void>(count(open_cache(directory, true), 9));
     }},
    {"read when the machine went down", crash,
     [](std::string const& directory) {
         static_cast<void>(count(open_cache(directory, true), 9));
     }},
}};

/// A directory of somebody else's, and what was in it.
class precious_directory {
  public:
    precious_directory() {
        std::ofstream(directory_ / "precious") << "do not touch";
        fs::permissions(directory_ / "precious", fs::perms(0640));
        before_ = memo_test::contents_of(directory_.path());
    }
    [[nodiscard]] std::string const& path() const { return directory_.path(); }
    [[nodiscard]] bool is_untouched() const {
        return memo_test::contents_of(directory_.path()) == before_;
    }

  private:
    memo_test::temp_dir directory_;
    decltype(memo_test::contents_of("")) before_;
};

} // namespace

TEST_CASE("no planted link or FIFO is written through or waited for") {
    int runs = 0;
    int touched = 0;
    int hung = 0;
    memo_test::temp_dir const filled;
    REQUIRE(in_process([&] { store(open_cache(filled.path()), 0, 9); }) == 0);
    for (plant const what : memo_test::plants) {
        for (auto const& name : memo_test::names_of_cache) {
            bool const is_directory = name == "v1" || name == "v1.bad.1";
            if (what == plant::hard_link && is_directory) {
                continue; // directories have none
            }
            for (operation const& tried : operations) {
                CAPTURE(static_cast<int>(what), name, tried.name);
                memo_test::temp_dir const directory;
                precious_directory const precious;
                std::string const cache = directory / "cache";
                fs::copy(filled.path(), cache, fs::copy_options::recursive);
                fs::permissions(cache, fs::perms::owner_all);
                if (tried.before != nullptr) {
                    tried.before(cache);
                }
                std::string const place = cache + '/' + std::string(name);
                fs::create_directories(fs::path(place).parent_path());
                memo_test::put_in_place(what, place, precious.path());
                int const result = in_process([&] {
                    ::alarm(20);
                    try {
                        tried.run(cache);
                    } catch (memo::error const&) {
                    }
                });
                ++runs;
                CHECK(result == 0);
                CHECK(precious.is_untouched());
                hung += result == 0 ? 0 : 1;
                touched += precious.is_untouched() ? 0 : 1;
            }
        }
    }
    CHECK(runs >= 269);
    INFO(runs << " runs: " << touched << " touched what a link led to, " << hung
              << " hung or ended");
    CHECK(touched + hung == 0);
}

TEST_CASE("no link that is planted while the cache is open is written through") {
    for (plant const what : memo_test::plants) {
        for (auto const& name : memo_test::names_of_cache) {
            if (what == plant::hard_link && (name == "v1" || name == "v1.bad.1")) {
                continue;
            }
            CAPTURE(static_cast<int>(what), name);
            memo_test::temp_dir const directory;
            precious_directory const precious;
            std::string const cache = directory / "cache";
            CHECK(in_process([&] {
                      ::alarm(20);
                      memo::disk const backend = open_cache(cache);
                      memo_test::put_in_place(what, cache + '/' + std::string(name),
                                              precious.path());
                      for (std::uint64_t number = 0; number < 9; ++number) {
                          try {
                              store(backend, number, number + 1);
                          } catch (memo::error const&) {
                          }
                      }
                  }) == 0);
            CHECK(precious.is_untouched());
        }
    }
}

TEST_CASE("a directory that others can write is refused, and the text says what to do") {
    memo_test::temp_dir const directory;
    std::string const cache = directory / "cache";
    CHECK(in_process([&] { store(open_cache(cache), 0, 9); }) == 0);
    for (auto const& [mode, command] :
         {std::pair{0777, "chmod o-w "}, std::pair{01777, "chmod o-w "},
          std::pair{0770, "chmod g-w "}}) {
        for (std::string const& path : {cache, cache + "/v1"}) {
            CAPTURE(path, mode);
            REQUIRE(::chmod(path.c_str(), static_cast<mode_t>(mode)) == 0);
            CHECK_THROWS_WITH(open_cache(cache), Catch::Contains(command + path));
            CHECK(code_of([&] { open_cache(cache); }) == memo::errc::configuration);
            REQUIRE(::chmod(path.c_str(), 0700) == 0);
        }
    }
    CHECK(count(open_cache(cache), 9) == 9);
    // Who reads believes the group, and everybody only when told so.
    REQUIRE(::chmod(cache.c_str(), 0770) == 0);
    CHECK(in_process([&] { return count(open_cache(cache, true), 9) == 9 ? 0 : 1; }) == 0);
    REQUIRE(::chmod(cache.c_str(), 0777) == 0);
    CHECK(in_process([&] {
              return code_of([&] { open_cache(cache, true); }) == memo::errc::configuration ? 0 : 1;
          }) == 0);
    CHECK(in_process([&] {
              return count(memo::disk({.directory = cache, .mode = 0666, .read_only = true}), 9) ==
                             9
                         ? 0
                         : 1;
          }) == 0);
}

TEST_CASE("a new cache in a directory that everybody can write is refused with a place in it") {
    memo_test::temp_dir const directory;
    for (bool const read_only : {false, true}) {
        for (mode_t const mode : {01777U, 0777U}) {
            CAPTURE(read_only, mode);
            REQUIRE(::chmod(directory.path().c_str(), mode) == 0);
            CHECK_THROWS_WITH(open_cache(directory.path(), read_only),
                              Catch::Contains("such as " + directory.path() + "/memo") &&
                                  !Catch::Contains("chmod"));
        }
    }
    CHECK(std::filesystem::is_empty(directory.path()));
    store(open_cache(directory / "memo"), 0, 9);
    CHECK(count(open_cache(directory / "memo"), 9) == 9);
}

TEST_CASE("a directory with other files is not excluded from backups") {
    memo_test::temp_dir const directory;
    std::ofstream(directory / "thesis.tex") << "x";
    store(open_cache(directory.path()), 0, 9);
    CHECK(count(open_cache(directory.path()), 9) == 9);
    CHECK_FALSE(std::filesystem::exists(directory / "CACHEDIR.TAG"));
    std::filesystem::remove(directory / "thesis.tex");
    CHECK(count(open_cache(directory.path()), 9) == 9);
    CHECK(std::filesystem::exists(directory / "CACHEDIR.TAG"));
}

TEST_CASE("a directory that belongs to another user is refused, and can be read") {
    if (::geteuid() != 0) {
        WARN("only root can give directories to other users: run as root to see this");
        return;
    }
    memo_test::temp_dir const directory;
    std::string const cache = directory / "cache";
    REQUIRE(in_process([&] { store(open_cache(cache), 0, 9); }) == 0);
    REQUIRE(::chown(cache.c_str(), nobody, nobody) == 0);
    CHECK_THROWS_WITH(open_cache(cache), Catch::Contains("belongs to user 65534") &&
                                             Catch::Contains("run as its owner"));
    CHECK(in_process([&] { return count(open_cache(cache, true), 9) == 9 ? 0 : 1; }) == 0);
}

TEST_CASE("users of one group share a cache in a setgid directory of that group") {
    if (::geteuid() != 0) {
        WARN("only root can be several users: run as root to see this");
        return;
    }
    memo_test::temp_dir const directory;
    REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
    std::string const shared = directory / "shared";
    REQUIRE(::mkdir(shared.c_str(), 0700) == 0);
    REQUIRE(::chown(shared.c_str(), 0, shared_group) == 0);
    REQUIRE(::chmod(shared.c_str(), 02770) == 0);
    std::string const cache = shared + "/cache";
    auto const as_user = [&](uid_t user, std::function<bool()> const& body,
                             gid_t groups = shared_group) {
        return in_process([&] {
            ::umask(0077);
            // A folder above may be closed to other users.
            bool const is_user = ::chroot(directory.path().c_str()) == 0 && ::chdir("/") == 0 &&
                                 ::setgroups(1, &groups) == 0 &&
                                 ::setresgid(user, user, user) == 0 &&
                                 ::setresuid(user, user, user) == 0;
            return is_user && body() ? 0 : 1;
        });
    };
    auto const open = [] {
        return memo::disk({.directory = "/shared/cache", .max_bytes = 1'000'000, .mode = 0660});
    };
    CHECK(as_user(one_user, [&] {
              store(open(), 0, 9);
              return true;
          }) == 0);
    CHECK(as_user(other_user, [&] {
              memo::disk const backend = open();
              store(backend, 9, 18);
              return count(backend, 18) == 18;
          }) == 0);
    CHECK(as_user(one_user, [&] { return count(open(), 18) == 18; }) == 0);
    for (auto const* const name :
         {"", "/v1", "/state", "/open.lock", "/v1/data.mdb", "/v1/clock"}) {
        CAPTURE(name);
        struct stat now {};
        REQUIRE(::stat((cache + name).c_str(), &now) == 0);
        CHECK(now.st_gid == shared_group);
        CHECK((now.st_mode & 0777U) == (S_ISDIR(now.st_mode) ? 0770U : 0660U));
    }
    auto const is_refused = [&] { return code_of([&] { open(); }) == memo::errc::configuration; };
    CHECK(as_user(nobody, is_refused, nobody) == 0);
}

TEST_CASE("an impossible state file is ignored and costs no record") {
    for (std::string const map : {"9223372036854775808", "1", "18446744073709551615", "-1", "x"}) {
        CAPTURE(map);
        memo_test::temp_dir const directory;
        REQUIRE(in_process([&] { store(open_cache(directory.path()), 0, 9); }) == 0);
        std::ifstream in(directory / "state");
        std::string text{std::istreambuf_iterator<char>(in), {}};
        in.close();
        text.replace(text.find("map "), std::string::npos, "map " + map + "\n");
        std::ofstream(directory / "state") << text;
        CHECK(count(open_cache(directory.path()), 9) == 9);
        CHECK_FALSE(fs::exists(directory / "v1.bad.1"));
        CHECK(in_process(
                  [&] { return count(open_cache(directory.path(), true), 9) == 9 ? 0 : 1; }) == 0);
    }
}

TEST_CASE("a state file that is removed during use costs no record") {
    memo_test::temp_dir const directory;
    memo::disk const backend = open_cache(directory.path());
    store(backend, 0, 9);
    for (bool const is_read : {true, false}) {
        fs::remove(directory / "state");
        CHECK(in_process([&] {
                  return count(open_cache(directory.path(), is_read), 9) == 9 ? 0 : 1;
              }) == 0);
        CHECK_FALSE(fs::exists(directory / "v1.bad.1"));
    }
    store(backend, 9, 18);
    CHECK(in_process([&] { return count(open_cache(directory.path()), 18) == 18 ? 0 : 1; }) == 0);
    CHECK(fs::exists(directory / "state"));
}
