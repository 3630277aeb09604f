// SPDX-License-Identifier: BSL-1.0
#pragma once

// A program that a test starts, and that ends with the test in any case.

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace memo_test {

class child_process {
  public:
    child_process() = default;

    /// arguments       the first one is the program, looked for in PATH
    explicit child_process(std::vector<std::string> arguments) {
        std::vector<char*> pointers;
        pointers.reserve(arguments.size() + 1);
        for (auto& argument : arguments) {
            pointers.push_back(argument.data());
        }
        pointers.push_back(nullptr);
        pid_t const parent = ::getpid();
        pid_t const forked = ::fork();
        if (forked == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL); // NOLINT(*-vararg): prctl(2) has no other form
            if (::getppid() == parent) {
                ::execvp(pointers.front(), pointers.data());
            }
            ::_exit(127);
        }
        if (forked < 0) {
            throw std::runtime_error("fork failed");
        }
        pid_ = forked; // NOLINT(*-prefer-member-initializer): known only now
    }

    /// Runs body() in a forked copy of this process; its result is the exit status.
    template <class Body> [[nodiscard]] static child_process running(Body const& body) {
        child_process child;
        child.pid_ = ::fork();
        if (child.pid_ == 0) {
            int status = 125;
            try {
                status = body();
            } catch (...) {
                status = 126;
            }
            ::_exit(status);
        }
        if (child.pid_ < 0) {
            throw std::runtime_error("fork failed");
        }
        return child;
    }

    child_process(child_process&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
    child_process& operator=(child_process&& other) noexcept {
        std::swap(pid_, other.pid_);
        return *this;
    }
    child_process(child_process const&) = delete;
    child_process& operator=(child_process const&) = delete;
    ~child_process() { kill(); }

    [[nodiscard]] bool has_ended() {
        if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) {
            pid_ = 0;
        }
        return pid_ <= 0;
    }

    /// Stops it for a while. It is stopped when this returns.
    void stop() const {
        signal(SIGSTOP);
        int status = 0;
        static_cast<void>(::waitpid(pid_, &status, WUNTRACED));
    }
    void go_on() const { signal(SIGCONT); }

    void kill() {
        signal(SIGKILL);
        static_cast<void>(wait());
    }

    /// Its exit code; 128 + n after signal n, as in a shell.
    [[nodiscard]] int wait() {
        int status = 0;
        if (pid_ > 0) {
            ::waitpid(std::exchange(pid_, 0), &status, 0);
        }
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }

  private:
    void signal(int number) const {
        if (pid_ > 0) {
            ::kill(pid_, number);
        }
    }

    pid_t pid_ = 0;
};

} // namespace memo_test
