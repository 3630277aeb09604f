// SPDX-License-Identifier: BSL-1.0
#pragma once

// A read-only map of a data file.

#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/lmdb/page_check/page_source.hpp>

#include <cstddef>
#include <optional>
#include <sys/mman.h>
#include <sys/stat.h>

namespace memo::detail {

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never destroyed through its base
class mapped_file final : public page_source {
  public:
    mapped_file() = default;
    mapped_file(mapped_file const&) = delete;
    mapped_file& operator=(mapped_file const&) = delete;
    ~mapped_file() { unmap(); }

    /// Maps a file that may grow to max_bytes. False without that much address space.
    [[nodiscard]] bool map(int descriptor, std::size_t max_bytes) noexcept {
        unmap();
        void* const start = ::mmap(nullptr, max_bytes, PROT_READ, MAP_SHARED, descriptor, 0);
        if (start == MAP_FAILED) { // NOLINT(cppcoreguidelines-pro-type-cstyle-cast): its macro
            return false;
        }
        descriptor_ = descriptor;
        identity_ = identity_of_descriptor(descriptor).value_or(file_identity{});
        set_memory({static_cast<std::byte const*>(start), max_bytes});
        return true;
    }

    /// Precondition: no concurrent readers.
    void unmap() noexcept {
        if (is_mapped()) {
            // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): munmap(2) takes void*
            ::munmap(const_cast<std::byte*>(memory().data()), memory().size());
            set_memory({});
        }
    }

    using page_source::memory;
    [[nodiscard]] bool is_mapped() const noexcept { return !memory().empty(); }

  private:
    [[nodiscard]] std::optional<std::size_t> length() const noexcept override {
        struct stat status {};
        if (::fstat(descriptor_, &status) != 0 ||
            file_identity{status.st_dev, status.st_ino} != identity_) { // the program closed it
            return std::nullopt;
        }
        return static_cast<std::size_t>(status.st_size);
    }

    int descriptor_ = -1;
    file_identity identity_;
};

} // namespace memo::detail
