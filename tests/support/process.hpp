// SPDX-License-Identifier: BSL-1.0
#pragma once

// Processes that a test starts, talks to through shared memory, and ends.

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <type_traits>
#include <unistd.h>
#include <utility>

namespace memo_test {

/// A T that is shared with the processes that are started from here on. Begins as zeros.
template <class T> class shared {
    static_assert(std::is_trivially_destructible_v<T>);

  public:
    shared() {
        void* const memory =
            ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) { // NOLINT(cppcoreguidelines-pro-type-cstyle-cast): its macro
            throw std::runtime_error("no shared memory");
        }
        value_ = new (memory) T{};
    }
    shared(shared const&) = delete;
    shared& operator=(shared const&) = delete;
    ~shared() { ::munmap(value_, sizeof(T)); }

    T* operator->() const noexcept { return value_; }
    T& operator*() const noexcept { return *value_; }

  private:
    T* value_;
};

/// A copy of this process that runs a function and exits with its result, or with 99 if it throws. After two
/// minutes SIGALRM ends it.
class process {
  public:
    template <class Body> explicit process(Body const& body) : id_(forked()) {
        if (id_ == 0) {
            ::alarm(120);
            ::_exit(run(body));
        }
    }
    process(process&& other) noexcept : id_(std::exchange(other.id_, 0)) {}
    process& operator=(process&&) = delete;
    process(process const&) = delete;
    process& operator=(process const&) = delete;
    ~process() {
        if (id_ > 0) {
            kill();
        }
    }

    /// Kills it by SIGKILL, and waits for its end.
    void kill() {
        ::kill(id_, SIGKILL);
        static_cast<void>(wait());
    }

    /// Stops it for a while. It is stopped when this returns.
    void stop() const {
        int status = 0;
        ::kill(id_, SIGSTOP);
        ::waitpid(id_, &status, WUNTRACED);
    }
    void go_on() const { ::kill(id_, SIGCONT); }

    /// Its result; minus the number of the signal that ended it.
    [[nodiscard]] int wait() {
        int status = 0;
        ::waitpid(std::exchange(id_, 0), &status, 0);
        return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    }

  private:
    static pid_t forked() {
        std::fflush(nullptr);
        pid_t const id = ::fork();
        if (id < 0) {
            throw std::runtime_error("cannot fork");
        }
        return id;
    }

    template <class Body> static int run(Body const& body) noexcept {
        try {
            if constexpr (std::is_void_v<decltype(body())>) {
                body();
                return 0;
            } else {
                return body();
            }
        } catch (std::exception const& failure) {
            std::fputs((std::string("in a child: ") + failure.what() + '\n').c_str(), stderr);
        } catch (...) {
            std::fputs("in a child: no std::exception\n", stderr);
        }
        return 99;
    }

    pid_t id_ = 0;
};

/// Runs a function in a new process.
template <class Body> int in_process(Body const& body) {
    return process(body).wait();
}

/// Seconds until a condition held, at most `most`.
template <class Predicate> double seconds_until(Predicate const& holds, double most = 30) {
    auto const start = std::chrono::steady_clock::now();
    auto const passed = [&] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    while (!holds() && passed() < most) {
        std::this_thread::yield();
    }
    return passed();
}

/// Whether a memory sanitizer is active: freed memory stays resident for some time.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool has_address_sanitizer = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool has_address_sanitizer = true;
#else
inline constexpr bool has_address_sanitizer = false;
#endif
#else
inline constexpr bool has_address_sanitizer = false;
#endif

/// The number of tries of a fault: a few, or MEMO_FAULT_TRIALS.
inline int trials(int usual) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment
    auto const* const text = std::getenv("MEMO_FAULT_TRIALS");
    return text != nullptr ? std::atoi(text) : usual; // NOLINT(cert-err34-c): 0 tries nothing
}

} // namespace memo_test
