// SPDX-License-Identifier: BSL-1.0

// A disk that takes no more. The program's own write functions stand before the C library's, for LMDB
// too, and refuse the n-th write, or all that would make a file larger than the disk.

#include "support/keys.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/detail/lmdb/disk_store.hpp>
#include <memo/detail/lmdb/function_names.hpp>
#include <memo/detail/lmdb/read_transaction.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

using memo_test::key_of;

namespace {

// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables): C functions have no other state
std::atomic<std::int64_t> writes{0};
std::atomic<std::int64_t> refused_write{-1}; ///< -1: none
std::atomic<int> refusal{ENOSPC};
std::atomic<off_t> end_of_disk{std::numeric_limits<off_t>::max()};
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)

bool refuses(off_t end) {
    if (writes.fetch_add(1) == refused_write || end > end_of_disk) {
        errno = refusal;
        return true;
    }
    return false;
}

off_t total(iovec const* parts, int count) {
    off_t sum = 0;
    for (int i = 0; i < count; ++i) {
        sum += static_cast<off_t>(parts[i].iov_len);
    }
    return sum;
}

} // namespace

extern "C" {
ssize_t pwrite64(int file, void const* bytes, size_t size, off_t at) {
    return refuses(at + static_cast<off_t>(size)) ? -1
                                                  : ::syscall(SYS_pwrite64, file, bytes, size, at);
}
ssize_t pwrite(int file, void const* bytes, size_t size, off_t at) {
    return pwrite64(file, bytes, size, at);
}
ssize_t pwritev64(int file, iovec const* parts, int count, off_t at) {
    return refuses(at + total(parts, count))
               ? -1
               : ::syscall(SYS_pwritev, file, parts, count, at, off_t{0});
}
ssize_t pwritev(int file, iovec const* parts, int count, off_t at) {
    return pwritev64(file, parts, count, at);
}
ssize_t writev(int file, iovec const* parts, int count) {
    off_t const at = ::lseek(file, 0, SEEK_CUR);
    return refuses(at + total(parts, count)) ? -1 : ::syscall(SYS_writev, file, parts, count);
}
int fallocate(int file, int mode, off_t at, off_t size) {
    return refuses(at + size) ? -1
                              : static_cast<int>(::syscall(SYS_fallocate, file, mode, at, size));
}
int fdatasync(int file) {
    return refuses(0) ? -1 : static_cast<int>(::syscall(SYS_fdatasync, file));
}
}

namespace {

std::string value_of(int x) {
    return std::string(1000, static_cast<char>('a' + x % 26)) + std::to_string(x);
}

auto remembering(memo::disk const& backend, int& runs) {
    return memo::memoize<memo::disk>(memo::ignore_state([&runs](int x) {
                                         ++runs;
                                         return value_of(x);
                                     }),
                                     {.name = "faults/full", .version = "1"}, backend);
}

/// Calls for numbers that are stored and numbers that are not, while writes are refused or were.
/// 0: every value came, and what had been stored was a hit.
int use(memo::disk const& backend, int stored, int fresh) {
    int runs = 0;
    auto const f = remembering(backend, runs);
    for (int x = 0; x < stored; ++x) {
        if (f(x) != value_of(x)) {
            return 1;
        }
    }
    if (runs != 0) {
        return 2;
    }
    for (int x = stored; x < stored + fresh; ++x) {
        if (f(x) != value_of(x)) {
            return 3;
        }
    }
    return 0;
}

} // namespace

TEST_CASE("a full disk ends no call, loses no record, and is used again when there is room") {
    memo_test::temp_dir const directory;
    int const result = memo_test::in_process([&] {
        memo::disk const backend({.directory = directory.path()});
        constexpr int stored = 300;
        int runs = 0;
        auto const f = remembering(backend, runs);
        for (int x = 0; x < stored; ++x) {
            f(x);
        }
        end_of_disk = 1'500'000;
        int fresh = stored;
        while (f.stats().errors < 5) {
            if (f(fresh) != value_of(fresh)) {
                return 10;
            }
            ++fresh;
        }
        if (int const failed = use(backend, stored, 0); failed != 0) {
            return failed;
        }
        end_of_disk = std::numeric_limits<off_t>::max();
        auto const errors = f.stats().errors;
        for (int x = 0; x < fresh + 500; ++x) {
            if (f(x) != value_of(x)) {
                return 11;
            }
        }
        if (f.stats().errors != errors) {
            return 12;
        }
        runs = 0;
        for (int x = 0; x < fresh + 500; ++x) {
            f(x);
        }
        return runs == 0 ? 0 : 13;
    });
    CHECK(result == 0);
}

TEST_CASE("a lock file without room on the disk is an error, not a signal") {
    memo_test::temp_dir const directory;
    std::string const lock_file = directory / "v1/lock.mdb";
    auto const open = [&] { return memo::disk({.directory = directory.path()}); };
    CHECK(memo_test::in_process([&] {
              end_of_disk = 100'000;
              try {
                  open();
                  return 1;
              } catch (memo::error const&) {
                  return ::access(lock_file.c_str(), F_OK) == 0 ? 2 : 0;
              }
          }) == 0);
    open();
    struct stat status {};
    REQUIRE(::stat(lock_file.c_str(), &status) == 0);
    CHECK(status.st_size > 200'000);
    CHECK(status.st_blocks * 512 >= status.st_size); // LMDB writes to it through a map
}

TEST_CASE("a function has its name although the disk was full at its first record") {
    memo_test::temp_dir const directory;
    CHECK(memo_test::in_process([&] {
              memo::disk const backend({.directory = directory.path()});
              int runs = 0;
              backend.partition<int>({1, 2}).put(key_of(1), 1, {}); // which marks the directory
              auto const f = remembering(backend, runs);
              refused_write = writes.load();
              f(1);
              if (f.stats().errors != 1) {
                  return 1;
              }
              f(2);
              memo::detail::disk_store store({.directory = directory.path()});
              return store.inspect([](memo::detail::read_transaction const& snapshot) {
                  return memo::detail::count_names(snapshot) == 1 ? 0 : 2;
              });
          }) == 0);
}

TEST_CASE("no failed write ends a call or loses a stored record") {
    std::int64_t failing = 0;
    int const most = memo_test::trials(150);
    for (int const code : {ENOSPC, EIO}) {
        for (failing = 0; failing<most; failing += most> 200 ? 1 : 5) {
            CAPTURE(failing, code);
            memo_test::temp_dir const directory;
            memo_test::shared<std::atomic<bool>> happened;
            int const result = memo_test::in_process([&] {
                memo::disk const backend({.directory = directory.path()});
                constexpr int stored = 20;
                int runs = 0;
                auto const f = remembering(backend, runs);
                for (int x = 0; x < stored; ++x) {
                    f(x);
                }
                refusal = code;
                refused_write = writes + failing;
                if (int const failed = use(backend, stored, 40); failed != 0) {
                    return failed;
                }
                *happened = writes > refused_write;
                refused_write = -1;
                // It goes on by itself: all of these are stored, whatever failed before.
                runs = 0;
                for (int x = 1000; x < 1020; ++x) {
                    f(x);
                }
                auto const g = remembering(backend, runs);
                for (int x = 1000; x < 1020; ++x) {
                    g(x);
                }
                return runs == 20 ? 0 : 20;
            });
            REQUIRE(result == 0);
            // What the next process finds is right.
            REQUIRE(memo_test::in_process([&] {
                        memo::disk const backend({.directory = directory.path()});
                        return use(backend, 20, 60);
                    }) == 0);
            if (!*happened) {
                break;
            }
        }
        CHECK(failing > 20);
    }
}
