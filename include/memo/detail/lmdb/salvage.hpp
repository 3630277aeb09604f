// SPDX-License-Identifier: BSL-1.0
#pragma once

// Extracts the latest valid version of each record from a damaged file. Ignores the structure of
// the database: searches for the magic number of frames and checks their checksums.

#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/lmdb/mapped_file.hpp>
#include <memo/detail/record/any_averaged.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/detail/record/kind.hpp>
#include <memo/key128.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <sys/stat.h>
#include <tuple>
#include <vector>

namespace memo::detail {

/// A read-only map of a damaged file.
class salvage_file {
  public:
    explicit salvage_file(std::string const& path) {
        file const opened = open_file(path, O_RDONLY);
        struct stat status {};
        if (::fstat(opened.descriptor(), &status) != 0 ||
            (status.st_size != 0 &&
             !map_.map(opened.descriptor(), static_cast<std::size_t>(status.st_size)))) {
            throw_file_error("open", path, errno);
        }
    }

    [[nodiscard]] std::span<std::byte const> bytes() const noexcept { return map_.memory(); }

  private:
    mapped_file map_;
};

/// Calls visit(header, bytes) for every valid frame, including older versions of records in free
/// pages.
///
/// progress        called with the number of searched bytes, once per MiB and at the end
template <class Visit, class Progress>
void for_each_frame(std::span<std::byte const> file, Visit const& visit, Progress const& progress) {
    constexpr std::size_t before_magic = 8;
    constexpr std::size_t portion = std::size_t{1} << 20U;
    std::size_t at = 0;
    std::size_t last_progress = 0;
    while (at + frame_header_size <= file.size()) {
        if (at >= last_progress + portion) {
            last_progress = at;
            progress(at);
        }
        std::uint32_t magic = 0;
        std::memcpy(&magic, file.data() + at + before_magic, sizeof magic);
        std::size_t length = 0;
        if (magic == frame_magic) {
            frame_header unchecked;
            std::memcpy(&unchecked, file.data() + at, sizeof unchecked);
            length = frame_header_size + unchecked.payload;
        }
        if (length != 0 && length <= file.size() - at) {
            auto const bytes = file.subspan(at, length);
            if (auto const header = check_frame(bytes)) {
                visit(*header, bytes);
                at += length + length % 2;
                continue;
            }
        }
        at += 2; // LMDB stores everything at even offsets
    }
    progress(file.size());
}

/// Whether a version of a record is later than another. All versions of an averaged record have the
/// creation time of the first one; each has at least the samples of its predecessors.
///
/// frame, other    valid frames
[[nodiscard]] inline bool is_later(std::span<std::byte const> frame,
                                   std::span<std::byte const> other) {
    auto const age = [](std::span<std::byte const> version) {
        auto const header = header_of(version);
        std::uint64_t samples = 0;
        std::uint64_t begun = 0;
        if (is_merged(header->kind)) {
            if (auto const found = any_averaged::decode(payload_of(version), header->kind)) {
                samples = found->draws();
                begun = found->begun();
            }
        }
        return std::tuple(header->created, samples, begun);
    };
    return age(frame) > age(other);
}

/// The latest versions of the records and names in a file.
struct latest_frames {
    /// By scope and key; a name has none.
    std::map<std::tuple<memo::key128, std::optional<memo::key128>>, std::span<std::byte const>>
        frames;
    std::uint64_t count = 0; ///< valid frames, including older versions
};

/// progress        see for_each_frame()
template <class Progress>
[[nodiscard]] latest_frames latest_frames_in(std::span<std::byte const> file,
                                             Progress const& progress) {
    latest_frames latest;
    for_each_frame(
        file,
        [&](frame_header const& header, std::span<std::byte const> frame) {
            ++latest.count;
            bool const is_name = header.kind == record_kind::name;
            auto const [entry, is_first] = latest.frames.try_emplace(
                {header.scope, is_name ? std::nullopt : std::optional(header.key)}, frame);
            if (!is_first && is_later(frame, entry->second)) {
                entry->second = frame;
            }
        },
        progress);
    return latest;
}

} // namespace memo::detail
