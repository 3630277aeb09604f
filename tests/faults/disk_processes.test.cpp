// SPDX-License-Identifier: BSL-1.0

// What processes do to one another, and to the directory that they share.

#include "support/code_of.hpp"
#include "support/keys.hpp"
#include "support/permissions.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/detail/lmdb/disk_directory.hpp>
#include <memo/detail/lmdb/disk_store.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/lmdb/read_transaction.hpp>
#include <memo/detail/lmdb/scan.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace fs = std::filesystem;
using memo_test::code_of;
using memo_test::heed_permissions;
using memo_test::in_process;
using memo_test::key_of;
using memo_test::process;
using namespace std::chrono_literals;

namespace {

constexpr memo::key128 scope{1, 2};

std::string value_of(std::uint64_t number) {
    return std::string(100, static_cast<char>('a' + number % 26)) + std::to_string(number);
}

/// How many of the first values are there; -1 if one is wrong.
int count_values(memo::disk const& backend, std::uint64_t among) {
    auto const values = backend.partition<std::string>(scope);
    int count = 0;
    for (std::uint64_t number = 0; number < among; ++number) {
        if (auto const kept = values.get(key_of(number))) {
            if (kept->record != value_of(number)) {
                return -1;
            }
            ++count;
        }
    }
    return count;
}

void store_values(memo::disk const& backend, std::uint64_t from, std::uint64_t to) {
    auto const values = backend.partition<std::string>(scope);
    for (std::uint64_t number = from; number < to; ++number) {
        values.put(key_of(number), value_of(number), {});
    }
}

bool try_to_write(std::string const& path) {
    return static_cast<bool>(std::ofstream(path) << "x");
}

/// A record like that of an averaged function (Welford's moments).
struct sums {
    std::uint64_t count = 0;
    double mean = 0;
    double m2 = 0;
    template <class Archive> void serialize(Archive& archive) { archive(count, mean, m2); }
};

void add(sums& to, double sample) {
    ++to.count;
    double const delta = sample - to.mean;
    to.mean += delta / static_cast<double>(to.count);
    to.m2 += delta * (sample - to.mean);
}

double sample_of(int number) {
    return std::sin(number);
}

} // namespace

TEST_CASE("a state that cannot be read costs an error and no cache") {
    memo_test::temp_dir const directory;
    store_values(memo::disk({.directory = directory.path()}), 0, 100);
    fs::permissions(directory / "state", fs::perms::none);
    CHECK(in_process([&] {
              if (!heed_permissions()) {
                  return 2;
              }
              try {
                  memo::disk const refused({.directory = directory.path()});
              } catch (memo::error const&) {
                  return 0;
              }
              return 1;
          }) == 0);
    fs::permissions(directory / "state", fs::perms::owner_read | fs::perms::owner_write);
    CHECK(count_values(memo::disk({.directory = directory.path()}), 100) == 100);
    CHECK_FALSE(fs::exists(directory / "v1.bad.1"));
}

TEST_CASE("a replaced state file keeps its group") {
    if (::geteuid() != 0) {
        WARN("only root can give files to other groups: run as root to see this");
        return;
    }
    memo_test::temp_dir const directory;
    store_values(memo::disk({.directory = directory.path(), .mode = 0660}), 0, 10);
    constexpr gid_t others = 7777;
    REQUIRE(::chown((directory / "state").c_str(), static_cast<uid_t>(-1), others) == 0);
    store_values(memo::disk({.directory = directory.path(), .mode = 0660}), 10, 20);
    struct stat now {};
    REQUIRE(::stat((directory / "state").c_str(), &now) == 0);
    CHECK(now.st_gid == others);
}

TEST_CASE("parent and children continue with an open cache after fork") {
    memo_test::temp_dir const directory;
    memo::disk const backend({.directory = directory.path()});
    store_values(backend, 0, 100);
    std::vector<process> children;
    for (std::uint64_t child = 1; child <= 4; ++child) {
        children.emplace_back([&, child] {
            if (count_values(backend, 100) != 100) {
                return 1;
            }
            store_values(backend, child * 1000, child * 1000 + 200);
            return in_process([&] { return count_values(backend, 100) == 100 ? 0 : 2; });
        });
    }
    store_values(backend, 100, 200);
    CHECK(count_values(backend, 200) == 200);
    for (process& child : children) {
        CHECK(child.wait() == 0);
    }
    CHECK(backend.stats().entries == 200 + 4 * 200);
    CHECK(count_values(backend, 6000) == 1000);
}

TEST_CASE("two paths to one directory are one cache") {
    memo_test::temp_dir const directory;
    memo_test::temp_dir const elsewhere;
    fs::create_directory_symlink(directory.path(), elsewhere / "link");
    memo::disk const one({.directory = directory.path()});
    store_values(one, 0, 500);
    {
        memo::disk const two({.directory = elsewhere / "link"});
        CHECK(count_values(two, 500) == 500);
        store_values(two, 500, 600);
    } // closing it must not end the locks of the first
    memo_test::shared<std::atomic<bool>> stop;
    process writer([&] {
        memo::disk const backend({.directory = directory.path()});
        for (std::uint64_t i = 0; !*stop; ++i) {
            store_values(backend, 600 + i % 300, 601 + i % 300);
        }
    });
    for (int i = 0; i < 20; ++i) {
        CHECK(count_values(one, 600) == 600);
    }
    *stop = true;
    CHECK(writer.wait() == 0);
    CHECK(memo::disk({.directory = directory.path() + "/."}).stats().entries ==
          one.stats().entries);
}

TEST_CASE("a killed reader does not let the file grow") {
    memo_test::temp_dir const directory;
    memo_test::shared<std::atomic<bool>> holds;
    memo::disk const backend({.directory = directory.path()});
    store_values(backend, 0, 200);
    process reader([&] {
        memo::detail::disk_store store({.directory = directory.path()});
        memo::detail::read_transaction const snapshot(store.current());
        *holds = true;
        while (true) {
            ::pause();
        }
    });
    memo_test::seconds_until([&] { return holds->load(); });
    reader.kill();
    auto const size = [&] { return fs::file_size(directory / "v1/data.mdb"); };
    for (int round = 0; round < 25; ++round) { // beyond the next check for dead readers
        store_values(backend, 0, 200);
    }
    auto const before = size();
    for (int round = 0; round < 50; ++round) {
        store_values(backend, 0, 200);
    }
    CHECK(size() < before + 1'000'000);
}

TEST_CASE("a directory that is removed during use is created again") {
    memo_test::temp_dir const directory;
    std::string const path = directory / "cache";
    memo::disk const backend({.directory = path});
    store_values(backend, 0, 100);
    fs::remove_all(path);
    CHECK(count_values(backend, 100) >= 0);
    double const seconds = memo_test::seconds_until([&] {
        store_values(backend, 100, 101);
        return fs::exists(path + "/v1/data.mdb");
    });
    CHECK(seconds < 5);
    store_values(backend, 0, 50);
    CHECK(count_values(backend, 100) == 50);
    CHECK(in_process([&] {
              return count_values(memo::disk({.directory = path}), 100) == 50 ? 0 : 1;
          }) == 0);
}

TEST_CASE("a read-only cache serves records and stores none") {
    memo_test::temp_dir const directory;
    {
        memo::disk const backend({.directory = directory.path(), .mode = 0644});
        store_values(backend, 0, 100);
    }
    fs::permissions(directory.path(), fs::perms(0555));
    fs::permissions(directory / "v1", fs::perms(0555));
    int const result = in_process([&] {
        if (!heed_permissions()) {
            return 1;
        }
        if (try_to_write(directory / "x")) {
            return 2;
        }
        memo::disk const backend({.directory = directory.path(), .read_only = true});
        store_values(backend, 100, 200);
        if (count_values(backend, 200) != 100) {
            return 3;
        }
        try {
            memo::disk const writing({.directory = directory.path()});
            return 4;
        } catch (memo::error const& failure) {
            return std::string(failure.what()).find(directory.path()) != std::string::npos ? 0 : 5;
        }
    });
    fs::permissions(directory.path(), fs::perms(0700));
    fs::permissions(directory / "v1", fs::perms(0700));
    CHECK(result == 0);
    CHECK_THROWS_WITH(memo::disk({.directory = directory / "empty", .read_only = true}),
                      Catch::Contains("empty"));
}

TEST_CASE("a reader without write permission on the lock file gets no wrong value") {
    memo_test::temp_dir const directory;
    constexpr std::uint64_t keys = 4;
    using values = std::vector<double>; // all equal, and which key's they are can be seen of them
    struct state {
        std::atomic<std::uint64_t> wanted; ///< puts
        std::atomic<std::uint64_t> done;
        std::atomic<bool> stop;
    };
    memo_test::shared<state> told;
    process writer([&] {
        auto const backend = memo::disk({.directory = directory.path()});
        auto const records = backend.partition<values>(scope);
        while (!told->stop) {
            if (std::uint64_t const put = told->done; put < told->wanted) {
                records.put(key_of(put % keys), values(20'000, static_cast<double>(put)), {});
                ++told->done;
            }
        }
    });
    auto const write_more = [&](std::uint64_t puts) {
        told->wanted += puts;
        memo_test::seconds_until([&] { return told->done == told->wanted; });
    };
    write_more(10 * keys);
    fs::permissions(directory / "v1/lock.mdb", fs::perms(0444));
    int const result = in_process([&] {
        if (!heed_permissions()) {
            return 1;
        }
        memo::disk_settings const reading{.directory = directory.path(), .read_only = true};
        memo::detail::disk_store store(reading);
        int runs = 0;
        store.inspect([&](memo::detail::read_transaction const& snapshot) {
            static_cast<void>(snapshot.entries().seek());
            if (++runs == 1) {
                write_more(10 * keys);
            }
            return 0;
        });
        if (runs != 2) { // what was read the first time was written over
            return 2;
        }
        auto const records = memo::disk(reading).partition<values>(scope);
        told->wanted = std::numeric_limits<std::uint64_t>::max();
        int const gets = memo_test::trials(500);
        int hits = 0;
        for (int i = 0; i < gets; ++i) {
            std::uint64_t const number = static_cast<std::uint64_t>(i) % keys;
            if (auto const kept = records.get(key_of(number))) {
                ++hits;
                values const& found = kept->record;
                if (std::ranges::count(found, found.front()) != std::ssize(found) ||
                    static_cast<std::uint64_t>(found.front()) % keys != number) {
                    return 4;
                }
            }
        }
        return hits > gets / 2 ? 0 : 5;
    });
    told->stop = true;
    CHECK(result == 0);
    CHECK(writer.wait() == 0);
}

TEST_CASE("no sample is numbered twice by a read-only cache") {
    memo_test::temp_dir const directory;
    store_values(memo::disk({.directory = directory.path()}), 0, 1);
    std::set<std::uint64_t> seeds;
    auto const f = memo::memoize<memo::disk, memo::averaged>(
        memo::ignore_state([&seeds](int, memo::replicate which) {
            seeds.insert(which.seed);
            return 1.0;
        }),
        {.name = "numbered", .version = "1", .min_repetitions = 20, .repeat = memo::until_settled},
        memo::disk({.directory = directory.path(), .read_only = true}));
    CHECK(f(1) == 1);
    CHECK(seeds.size() == 20);
    CHECK(f.stats().sets == 0);
}

TEST_CASE("unusual names of directories work") {
    memo_test::temp_dir const directory;
    for (std::string const name : {"with space", "a\nb", "quote'\"", "%s%n", "..hidden", "\xff\xfe",
                                   "-rf", "$HOME", "deep/er"}) {
        CAPTURE(name);
        {
            memo::disk const backend({.directory = directory / name});
            store_values(backend, 0, 10);
        }
        CHECK(count_values(memo::disk({.directory = directory / name}), 10) == 10);
        CHECK(fs::exists(directory / name + "/v1/data.mdb"));
        CHECK(fs::exists(directory / name + "/CACHEDIR.TAG"));
    }
    std::ofstream(directory / "file") << "not a directory";
    for (std::string const& bad :
         {directory / "file", directory / "file/below", directory / std::string(5000, 'x'),
          directory / std::string("zero\0byte", 9)}) {
        CHECK(code_of([&] { memo::disk({.directory = bad}); }) == memo::errc::configuration);
    }
}

TEST_CASE("an unusable directory is refused, and the text says what to do") {
    memo_test::temp_dir const directory;
    auto const is_refused = [](std::string const& path, std::string const& why) {
        try {
            memo::disk({.directory = path});
        } catch (memo::error const& failure) {
            return failure.what() == "memo: disk: cannot use directory " + path + ": " + why +
                                         "; set .directory to one that can be created and written";
        }
        return false;
    };
    std::string const file = directory / "file";
    std::ofstream(file) << "not a directory";
    CHECK(is_refused(file, "Not a directory"));
    CHECK(is_refused(file + "/below", "Not a directory"));
    std::string const closed = directory / "closed";
    fs::create_directory(closed);
    fs::permissions(closed, fs::perms(0555));
    CHECK(in_process([&] {
              return heed_permissions() && is_refused(closed, "Permission denied") &&
                             is_refused(closed + "/a/b", "Permission denied")
                         ? 0
                         : 1;
          }) == 0);
    std::string const none = directory / "none";
    CHECK_THROWS_WITH(memo::disk({.directory = none, .read_only = true}),
                      "memo: disk: " + none +
                          " holds no cache, and .read_only creates none; check .directory");
    CHECK_FALSE(fs::exists(none));
}

TEST_CASE("a tilde in the name of a directory is not expanded") {
    memo_test::temp_dir const directory;
    fs::path const before = fs::current_path();
    fs::current_path(directory.path());
    for (auto const* const name : {"~", "~/cache"}) {
        CHECK_THROWS_WITH(memo::disk({.directory = name}), Catch::Contains("set the full path"));
        CHECK(code_of([&] { memo::disk({.directory = name}); }) == memo::errc::configuration);
    }
    CHECK_FALSE(fs::exists("~"));
    CHECK(memo::disk({.directory = "~name"}).directory() == directory / "~name");
    fs::current_path(before);
}

TEST_CASE("invalid settings of a directory are refused") {
    memo_test::temp_dir const directory;
    CHECK_THROWS_WITH(memo::disk({.directory = directory / "a", .max_wait = -1ms}),
                      Catch::Contains(".max_wait is negative; set"));
    CHECK_THROWS_WITH(memo::disk({.directory = directory / "a", .max_age = -1s}),
                      Catch::Contains(".max_age is negative; set"));
    CHECK_FALSE(fs::exists(directory / "a"));
}

TEST_CASE("a bound beyond the address space is refused, and the directory stays usable") {
    memo_test::temp_dir const directory;
    for (std::uint64_t const bound :
         {std::uint64_t{1'000'000'000'000'000}, std::numeric_limits<std::uint64_t>::max()}) {
        CHECK_THROWS_WITH(memo::disk({.directory = directory.path(), .max_bytes = bound}),
                          Catch::Contains("address space") && Catch::Contains(".max_bytes"));
        CHECK(in_process(
                  [&] { store_values(memo::disk({.directory = directory.path()}), 0, 1); }) == 0);
    }
}

TEST_CASE("address space for one map only is refused, not used without page checks") {
    memo_test::temp_dir const directory;
    CHECK(in_process([&] {
              constexpr std::uint64_t map = std::uint64_t{64} << 30U;
              std::uint64_t pages = 0;
              std::ifstream("/proc/self/statm") >> pages;
              std::uint64_t const used =
                  pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
              rlimit const room{used + map + map / 2, used + map + map / 2};
              if (::setrlimit(RLIMIT_AS, &room) != 0) {
                  return 2;
              }
              try {
                  memo::disk const refused({.directory = directory.path()});
              } catch (memo::error const& failure) {
                  return std::string(failure.what()).find("address space") != std::string::npos &&
                                 failure.code() == memo::errc::configuration
                             ? 0
                             : 3;
              }
              return 1;
          }) == 0);
}

TEST_CASE("only the owner can read a cache, unless its mode says more") {
    memo_test::temp_dir const directory;
    mode_t const before = ::umask(0);
    memo::disk const secret({.directory = directory / "secret"});
    ::umask(0077);
    memo::disk const open({.directory = directory / "open", .max_bytes = 1'000'000, .mode = 0664});
    store_values(secret, 0, 1);
    store_values(open, 0, 1);
    ::umask(before);
    auto const mode = [&](std::string const& path) {
        return static_cast<unsigned>(fs::status(directory / path).permissions());
    };
    CHECK(mode("secret") == 0700);
    CHECK(mode("secret/v1/data.mdb") == 0600);
    CHECK(mode("open") == 0775);
    CHECK(mode("open/v1") == 0775);
    CHECK(mode("open/v1/data.mdb") == 0664);
    CHECK(mode("open/v1/lock.mdb") == 0664);
    CHECK(mode("open/v1/write.lock") == 0664);
    CHECK(mode("open/v1/clock") == 0664);
    CHECK(mode("open/CACHEDIR.TAG") == 0664);
}

TEST_CASE("a started program inherits no file of the cache") {
    memo_test::temp_dir const directory;
    memo::disk const backend({.directory = directory.path(), .max_bytes = 1'000'000});
    store_values(backend, 0, 1);
    std::string const root = fs::canonical(directory.path());
    std::vector<std::string> files;
    for (auto const& each : fs::directory_iterator("/proc/self/fd")) {
        std::error_code ignored;
        std::string const path = fs::read_symlink(each.path(), ignored);
        if (path.starts_with(root)) {
            files.push_back(path);
            CAPTURE(path);
            int const descriptor = std::stoi(each.path().filename());
            CHECK((::fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0);
        }
    }
    CHECK(std::ranges::count(files, root + "/v1/data.mdb") >= 1);
}

TEST_CASE("a program with the process id of another one gets an error that says what to do") {
    memo_test::temp_dir const directory;
    store_values(memo::disk({.directory = directory.path()}), 0, 1);
    {
        // As a program with this id does it, which another container may have.
        auto const other = memo::detail::open_file(directory / "v1/write.lock", O_RDWR);
        REQUIRE(memo::detail::lock_byte(other, F_WRLCK, ::getpid()));
        CHECK_THROWS_WITH(memo::disk({.directory = directory.path()}),
                          Catch::Contains(directory.path()) && Catch::Contains("pid namespace"));
    }
    CHECK(count_values(memo::disk({.directory = directory.path()}), 1) == 1);
}

TEST_CASE("file systems of the network are refused by their magic numbers") {
    CHECK(memo::detail::is_network_file_system(0x6969));           // NFS
    CHECK(memo::detail::is_network_file_system(0xff534d42));       // CIFS
    CHECK_FALSE(memo::detail::is_network_file_system(0xef53));     // ext4
    CHECK_FALSE(memo::detail::is_network_file_system(0x01021994)); // tmpfs
}

TEST_CASE("no update is lost among processes") {
    memo_test::temp_dir const directory;
    constexpr int processes = 4;
    int const updates = memo_test::trials(500);
    std::vector<process> running;
    for (int worker = 0; worker < processes; ++worker) {
        running.emplace_back([&, worker] {
            memo::disk const backend({.directory = directory.path()});
            auto const partition = backend.partition<sums>(scope);
            for (int i = worker; i < processes * updates; i += processes) {
                partition.update(key_of(1),
                                 [&](sums const* old) {
                                     sums now = old != nullptr ? *old : sums{};
                                     add(now, sample_of(i));
                                     return now;
                                 },
                                 {});
            }
        });
    }
    for (process& each : running) {
        REQUIRE(each.wait() == 0);
    }
    sums serial;
    for (int i = 0; i < processes * updates; ++i) {
        add(serial, sample_of(i));
    }
    auto const kept =
        memo::disk({.directory = directory.path()}).partition<sums>(scope).get(key_of(1));
    REQUIRE(kept.has_value());
    CHECK(kept->record.count == serial.count);
    CHECK(kept->record.mean == Approx(serial.mean).margin(1e-9));
    CHECK(kept->record.m2 == Approx(serial.m2).epsilon(1e-9));
}

TEST_CASE("processes with the same calls evaluate each once") {
    memo_test::temp_dir const directory;
    memo_test::shared<std::atomic<int>> evaluations;
    constexpr int calls = 300;
    std::vector<process> running;
    for (int worker = 0; worker < 4; ++worker) {
        running.emplace_back([&] {
            auto const f = memo::memoize<memo::disk>(memo::ignore_state([&](int x) {
                                                         ++*evaluations;
                                                         ::usleep(200);
                                                         return 2 * x;
                                                     }),
                                                     {.name = "faults/once", .version = "1"},
                                                     memo::disk{{.directory = directory.path()}});
            for (int x = 0; x < calls; ++x) {
                if (f(x) != 2 * x) {
                    return 1;
                }
            }
            return 0;
        });
    }
    for (process& each : running) {
        CHECK(each.wait() == 0);
    }
    CHECK(*evaluations == calls);
}

TEST_CASE("a record that is renewed during an eviction of old ones stays") {
    memo_test::temp_dir const directory;
    memo::disk const before({.directory = directory.path(),
                             .clock = [] { return std::chrono::system_clock::now() - 1h; }});
    store_values(before, 0, 3);
    memo::disk const now({.directory = directory.path()});
    memo::detail::disk_store store({.directory = directory.path()});
    auto const made_since = std::chrono::system_clock::now() - 30min;
    bool is_first = true;
    auto const is_old = [&](memo::detail::key_and_value const& found) {
        auto const header = memo::detail::header_of(found.value).value();
        if (std::exchange(is_first, false)) { // as another process does between look and write
            store_values(now, 1, 2);
        }
        return std::chrono::seconds(header.created) < made_since.time_since_epoch();
    };
    CHECK(memo::detail::erase_records(store, is_old) == 2);
    CHECK(count_values(now, 3) == 1);
}

TEST_CASE("a bound holds while processes write") {
    memo_test::temp_dir const directory;
    constexpr std::uint64_t bound = 4'000'000;
    std::vector<process> running;
    for (std::uint64_t worker = 0; worker < 4; ++worker) {
        running.emplace_back([&, worker] {
            memo::disk const backend({.directory = directory.path(), .max_bytes = bound});
            std::uint64_t most = 0;
            for (std::uint64_t i = 0; i < 10'000; ++i) {
                store_values(backend, i * 4 + worker, i * 4 + worker + 1);
                if (i % 100 == 0) {
                    most = std::max(most, backend.stats().bytes);
                }
            }
            return most > bound / 2 && most <= bound + bound / 10 ? 0 : 1;
        });
    }
    for (process& each : running) {
        CHECK(each.wait() == 0);
    }
    auto const stats = memo::disk({.directory = directory.path(), .max_bytes = bound}).stats();
    CHECK(stats.bytes <= bound + bound / 10);
    CHECK(fs::file_size(directory / "v1/data.mdb") <= 4 * bound);
}

TEST_CASE("a process that writes without a pause leaves the lock to others") {
    memo_test::temp_dir const directory;
    struct state {
        std::atomic<bool> begun;
        std::atomic<bool> stop;
    };
    memo_test::shared<state> shared;
    process busy([&] {
        memo::detail::disk_store store({.directory = directory.path()});
        while (!shared->stop) {
            store.write([&](memo::detail::write_transaction const&) {
                shared->begun = true;
                ::usleep(20'000);
                return true;
            });
        }
    });
    memo_test::seconds_until([&] { return shared->begun.load(); });
    memo::disk const backend({.directory = directory.path(), .max_wait = 3s});
    CHECK_NOTHROW(store_values(backend, 0, 10));
    shared->stop = true;
    CHECK(busy.wait() == 0);
    CHECK(count_values(backend, 10) == 10);
}

TEST_CASE("used records stay, and unused ones are evicted") {
    memo_test::temp_dir const directory;
    memo::disk const backend({.directory = directory.path(), .max_bytes = 2'000'000});
    store_values(backend, 0, 100);
    for (std::uint64_t i = 1000; i < 20'000; ++i) {
        store_values(backend, i, i + 1);
        if (i % 100 == 0) {
            static_cast<void>(count_values(backend, 100));
        }
    }
    CHECK(count_values(backend, 100) > 80);
    CHECK(count_values(backend, 20'000) < 15'000);
    CHECK(backend.stats().evictions > 1000);
}
