// SPDX-License-Identifier: BSL-1.0
#pragma once

// Replaces the file of a directory that nobody has open by a smaller copy.

#include <memo/detail/lmdb/disk_directory.hpp>
#include <memo/detail/lmdb/environment_files.hpp>
#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/lmdb/lmdb.hpp>

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace memo::detail {

/// A temporary directory that only its owner can enter. The destructor removes it.
class temporary_directory {
  public:
    explicit temporary_directory(std::string path) : path_(std::move(path)) {
        std::filesystem::remove_all(path_);
        if (::mkdir(path_.c_str(), S_IRWXU) != 0) { // fails if another process created it meanwhile
            throw_file_error("compact", path_, errno);
        }
    }
    temporary_directory(temporary_directory const&) = delete;
    temporary_directory& operator=(temporary_directory const&) = delete;
    ~temporary_directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string const& path() const noexcept { return path_; }

  private:
    std::string path_;
};

/// Copies the group and mode of a file to another file.
inline void copy_access(std::string const& from, std::string const& path) {
    struct stat status {};
    if (::stat(from.c_str(), &status) != 0 ||
        (::chown(path.c_str(), static_cast<uid_t>(-1), status.st_gid) != 0 && errno != EPERM) ||
        ::chmod(path.c_str(), status.st_mode & 0777U) != 0) {
        throw_file_error("compact", path, errno);
    }
}

/// fsync(2) of a file or a directory.
inline void synchronize(std::string const& path) {
    file const opened = open_file(path, O_RDONLY);
    if (::fsync(opened.descriptor()) != 0) {
        throw_file_error("compact", path, errno);
    }
}

/// Callers hold open.lock and users.lock, and have checked all pages, because the copy by LMDB checks none.
/// `state` says that all of the file is on disk, so the copy is synchronized before it replaces the file.
inline void compact_data(disk_directory const& directory) {
    temporary_directory const temporary(directory.path("v1.compact"));
    std::string const copy = temporary.path() + "/data.mdb";
    {
        auto const environment = open_environment(
            {directory, false, false, directory.state().map_size}, directory.open_data());
        lmdb_check("compact",
                   mdb_env_copy2(environment.get(), temporary.path().c_str(), MDB_CP_COMPACT));
    }
    copy_access(directory.data_file(), copy);
    synchronize(copy);
    std::filesystem::rename(copy, directory.data_file());
    synchronize(directory.data());
}

} // namespace memo::detail
