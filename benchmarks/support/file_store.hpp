// SPDX-License-Identifier: BSL-1.0
#pragma once

// A file for each entry, in 256 folders; a new one is written beside and renamed. What one writes by hand, done well.

#include <memo/key128.hpp>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace benchmark {

class file_store {
  public:
    explicit file_store(std::filesystem::path const& root) : root_(root) {
        for (int folder = 0; folder < 256; ++folder) {
            std::filesystem::create_directories(
                root / memo::to_string(memo::key128{0, static_cast<std::uint64_t>(folder) << 56U})
                           .substr(0, 2));
        }
    }

    void put(memo::key128 key, std::string const& value) const {
        std::string const path = path_of(key);
        std::string const fresh = path + '.' + std::to_string(::getpid());
        int const file = open_file(fresh, O_WRONLY | O_CREAT | O_TRUNC);
        if (file < 0 ||
            ::write(file, value.data(), value.size()) != static_cast<ssize_t>(value.size()) ||
            ::close(file) != 0 || std::rename(fresh.c_str(), path.c_str()) != 0) {
            throw std::runtime_error("cannot write " + path);
        }
    }

    [[nodiscard]] std::string get(memo::key128 key) const {
        int const file = open_file(path_of(key), O_RDONLY);
        std::string value(4096, '\0');
        ssize_t const size = file < 0 ? 0 : ::read(file, value.data(), value.size());
        if (file >= 0) {
            ::close(file);
        }
        value.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
        return value;
    }

    /// Adds one to a counter, as one step among processes.
    void count(memo::key128 key) const {
        std::string const path = path_of(key);
        int const lock = open_file(path + ".lock", O_RDWR | O_CREAT);
        if (lock < 0 || ::flock(lock, LOCK_EX) != 0) {
            throw std::runtime_error("cannot lock " + path);
        }
        std::string bytes = get(key);
        std::uint64_t counter = 0;
        bytes.resize(sizeof counter);
        std::memcpy(&counter, bytes.data(), sizeof counter);
        ++counter;
        std::memcpy(bytes.data(), &counter, sizeof counter);
        put(key, bytes);
        ::close(lock);
    }

    /// The blocks of the files; their inodes come on top.
    [[nodiscard]] std::uint64_t bytes_on_disk() const {
        std::uint64_t sum = 0;
        for (auto const& entry : std::filesystem::recursive_directory_iterator(root_)) {
            struct stat now {};
            if (entry.is_regular_file() && ::stat(entry.path().c_str(), &now) == 0) {
                sum += static_cast<std::uint64_t>(now.st_blocks) * 512;
            }
        }
        return sum;
    }

  private:
    static int open_file(std::string const& path, int flags) {
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): open(2) is so
        return ::open(path.c_str(), flags | O_CLOEXEC, 0600);
    }

    [[nodiscard]] std::string path_of(memo::key128 key) const {
        std::string const name = memo::to_string(key);
        return root_.string() + '/' + name.substr(0, 2) + '/' + name;
    }

    std::filesystem::path root_;
};

} // namespace benchmark
