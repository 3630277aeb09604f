// SPDX-License-Identifier: BSL-1.0
#pragma once

// How much memory processes and what they have the kernel keep of files may take.

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <unistd.h>

namespace benchmark {

/// A control group for some processes, while it lives; needs the right to make one. What the kernel
/// keeps of a file counts for the group that reads or writes it first, so files that are to count
/// must be made within.
class memory_limit {
  public:
    /// bytes           0: no limit
    memory_limit(std::string const& name, std::size_t bytes) {
        auto const parent = own_group();
        if (!parent || bytes == 0) {
            return;
        }
        group_ = parent->path / ("memo-" + name + '-' + std::to_string(::getpid()));
        std::error_code failure;
        std::filesystem::create_directory(group_, failure);
        holds_ = !failure && write(group_ / parent->setting, bytes);
    }
    memory_limit(memory_limit const&) = delete;
    memory_limit& operator=(memory_limit const&) = delete;
    ~memory_limit() {
        std::error_code ignored;
        if (!group_.empty()) {
            std::filesystem::remove(group_, ignored);
        }
    }

    [[nodiscard]] bool holds() const noexcept { return holds_; }

    /// Puts the calling process into the group until it ends.
    void enter() const {
        if (holds_ && !write(group_ / "cgroup.procs", ::getpid())) {
            throw std::runtime_error("cannot enter " + group_.string());
        }
    }

  private:
    struct group {
        std::filesystem::path path;
        char const* setting; ///< the file that takes the limit
    };

    /// Where this process is: in the first version's tree of memory, or in the second version's one.
    [[nodiscard]] static std::optional<group> own_group() {
        std::ifstream groups("/proc/self/cgroup");
        std::optional<group> found;
        for (std::string line; std::getline(groups, line);) {
            auto const at = line.rfind(':');
            std::string const path = line.substr(at + 1);
            if (line.find(":memory:") != std::string::npos) {
                return group{"/sys/fs/cgroup/memory" + path, "memory.limit_in_bytes"};
            }
            if (line.starts_with("0::")) {
                found = group{"/sys/fs/cgroup" + path, "memory.max"};
            }
        }
        return found;
    }

    template <class Value> static bool write(std::filesystem::path const& file, Value value) {
        std::ofstream out(file);
        out << value << std::flush;
        return out.good();
    }

    std::filesystem::path group_;
    bool holds_ = false;
};

} // namespace benchmark
