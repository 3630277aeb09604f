// SPDX-License-Identifier: BSL-1.0

// A sandbox that comes into force while the program runs.

#include <memo/memo.hpp>
#include <support/process.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <linux/filter.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <string>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

/// Makes membarrier(2) fail with EPERM in all threads of the process.
bool refuse_membarrier() {
    constexpr auto number = static_cast<std::uint32_t>(SYS_membarrier);
    constexpr std::uint32_t refused = SECCOMP_RET_ERRNO | EPERM;
    std::vector<sock_filter> filter{
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0}, // of seccomp_data: the number of the call
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, number},
        {BPF_RET | BPF_K, 0, 0, refused},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    };
    sock_fprog const program{static_cast<unsigned short>(filter.size()), filter.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) ==
               0 &&
           ::syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) == -1;
}

/// The resident memory of the process, MiB.
std::size_t resident() {
    std::ifstream status("/proc/self/statm");
    std::size_t pages = 0;
    status >> pages >> pages;
    return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) >> 20U;
}

using bytes = std::vector<std::uint8_t>;

bytes kilobytes_of(int n) {
    return bytes(100'000, static_cast<std::uint8_t>(n));
}

} // namespace

TEST_CASE("the bound in bytes holds after a sandbox starts to refuse membarrier(2)") {
    CHECK(memo_test::in_process([] {
              auto const f = memo::memoize<memo::memory>(memo::fn<&kilobytes_of>{}, {},
                                                         memo::memory({.max_bytes = 4 << 20}));
              std::atomic<int> wrong{0};
              std::atomic<int> begun{0};
              std::atomic<bool> done{false};
              std::thread idle([&] { // has read, but reads no more
                  wrong += f(1) == kilobytes_of(1) ? 0 : 1;
                  begun += 1;
                  while (!done) {
                      std::this_thread::sleep_for(std::chrono::milliseconds(1));
                  }
              });
              std::thread reads([&] {
                  begun += 1;
                  for (int n = 0; !done; ++n) {
                      wrong += f(n % 50) == kilobytes_of(n % 50) ? 0 : 1;
                  }
              });
              while (begun != 2) {
                  std::this_thread::yield();
              }
              bool const refuses = refuse_membarrier();
              std::size_t const before = resident();
              for (int n = 0; n < 12'000; ++n) { // 1.2 GB
                  wrong += f(n)[99'999] == static_cast<std::uint8_t>(n) ? 0 : 1;
              }
              std::size_t const more = resident() - std::min(before, resident());
              done = true;
              idle.join();
              reads.join();
              std::size_t const max_growth =
                  memo_test::has_address_sanitizer ? 600 : 64; // its quarantine
              return !refuses ? 1 : wrong != 0 ? 2 : more > max_growth ? 3 : 0;
          }) == 0);
}

TEST_CASE(
    "pthread_cancel() ends a thread normally after a sandbox starts to refuse membarrier(2)") {
    CHECK(memo_test::in_process([] {
              auto const body = [](void*) -> void* {
                  auto const f = memo::memoize(memo::fn<&kilobytes_of>{});
                  f(0);
                  if (!refuse_membarrier()) {
                      return nullptr;
                  }
                  ::pthread_cancel(::pthread_self());
                  for (int n = 1; n < 10; ++n) {
                      f(n);
                      f.forget(n); // reclaims after 256 KiB
                  }
                  ::pthread_testcancel();
                  return nullptr;
              };
              pthread_t thread{};
              void* result = nullptr;
              return ::pthread_create(&thread, nullptr, body, nullptr) == 0 &&
                             ::pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED
                         ? 0
                         : 1;
          }) == 0);
}
