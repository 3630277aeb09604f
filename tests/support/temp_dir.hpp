// SPDX-License-Identifier: BSL-1.0
#pragma once

// A directory for one test, which removes it at its end.

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

namespace memo_test {

class temp_dir {
  public:
    temp_dir() : path_((std::filesystem::temp_directory_path() / "memo-XXXXXX").string()) {
        if (::mkdtemp(path_.data()) == nullptr) {
            throw std::runtime_error("cannot make " + path_);
        }
    }
    temp_dir(temp_dir const&) = delete;
    temp_dir& operator=(temp_dir const&) = delete;
    ~temp_dir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] std::string const& path() const noexcept { return path_; }
    [[nodiscard]] std::string operator/(std::string const& name) const {
        return path_ + '/' + name;
    }

  private:
    std::string path_;
};

} // namespace memo_test
