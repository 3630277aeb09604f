// SPDX-License-Identifier: BSL-1.0
#pragma once

// A file of which nothing is certain in, the records in it that are whole out, each in its latest
// state. The database's own structure is not asked: a frame is found by its magic number wherever it
// lies, and believed if its checksum holds.

#include <memo/detail/lmdb/file.hpp>
#include <memo/detail/record/averaged.hpp>
#include <memo/detail/record/codec.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/key128.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <sys/mman.h>
#include <tuple>
#include <vector>

namespace memo::detail {

/// The record of an averaged function, whatever type its samples are of.
struct averaged_numbers {
    averaged_record<std::vector<double>> record;
    bool is_vector = false; ///< of vectors: the count of numbers stands before them
};

/// Reads samples of any type: numbers, arrays and vectors of them differ in whether the count of
/// numbers stands before them.
///
/// Source: docs/format.md, "Payload"
[[nodiscard]] inline std::optional<averaged_numbers>
averaged_in(std::span<std::byte const> payload) {
    constexpr std::size_t count_size = 8;
    constexpr std::size_t spread_size = 3 * 8 + 1;
    constexpr std::size_t behind = 1 + 3 * 8 + 1;
    if (payload.size() < count_size + behind) {
        return std::nullopt;
    }
    std::vector<std::byte> bytes(payload.begin(), payload.end());
    std::size_t const spreads = payload.size() - count_size - behind;
    bool const counted = spreads % spread_size != 0;
    if (!counted) {
        std::uint64_t const size = spreads / spread_size;
        std::vector<std::byte> prefix(sizeof size);
        std::memcpy(prefix.data(), &size, sizeof size);
        bytes.insert(bytes.begin() + count_size, prefix.begin(), prefix.end());
    }
    try {
        return averaged_numbers{decode_record<averaged_record<std::vector<double>>>(bytes),
                                counted};
    } catch (malformed_record const&) {
        return std::nullopt;
    }
}

/// A file, to be read where it lies.
class salvage_file {
  public:
    explicit salvage_file(std::string const& path) {
        file const opened = open_file(path, O_RDONLY);
        struct stat now {};
        if (::fstat(opened.descriptor(), &now) != 0) {
            file_failed("open", path, errno);
        }
        size_ = static_cast<std::size_t>(now.st_size);
        if (size_ == 0) {
            return;
        }
        void* const memory = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, opened.descriptor(), 0);
        if (memory == MAP_FAILED) { // NOLINT(cppcoreguidelines-pro-type-cstyle-cast): its macro
            file_failed("open", path, errno);
        }
        memory_ = memory;
    }
    salvage_file(salvage_file const&) = delete;
    salvage_file& operator=(salvage_file const&) = delete;
    ~salvage_file() {
        if (memory_ != nullptr) {
            ::munmap(memory_, size_);
        }
    }

    [[nodiscard]] std::span<std::byte const> bytes() const noexcept {
        return {static_cast<std::byte const*>(memory_), size_};
    }

  private:
    void* memory_ = nullptr;
    std::size_t size_ = 0;
};

/// Visits every whole frame: visit(header, bytes of the frame). Older states of a record that lie in
/// pages that were given back are among them.
///
/// looked          told how many bytes were looked at, from time to time
template <class Visit, class Looked>
void for_each_frame(std::span<std::byte const> file, Visit const& visit, Looked const& looked) {
    constexpr std::size_t before_magic = 8;
    constexpr std::size_t portion = std::size_t{1} << 20U;
    std::size_t at = 0;
    std::size_t told = 0;
    while (at + frame_header_size <= file.size()) {
        if (at >= told + portion) {
            told = at;
            looked(at);
        }
        std::uint32_t magic = 0;
        std::memcpy(&magic, file.data() + at + before_magic, sizeof magic);
        std::size_t length = 0;
        if (magic == frame_magic) {
            frame_header claimed;
            std::memcpy(&claimed, file.data() + at, sizeof claimed);
            length = frame_header_size + claimed.payload;
        }
        if (length != 0 && length <= file.size() - at) {
            auto const bytes = file.subspan(at, length);
            if (auto const header = check_frame(bytes)) {
                visit(*header, bytes);
                at += length + length % 2;
                continue;
            }
        }
        at += 2; // LMDB puts everything at even places
    }
    looked(file.size());
}

/// Whether one state of a record was made after another. All states of an averaged record were
/// created when its first one was; each has at least the samples of those before.
///
/// frame, other    checked
[[nodiscard]] inline bool is_later(std::span<std::byte const> frame,
                                   std::span<std::byte const> other) {
    auto const made = [](std::span<std::byte const> state) {
        auto const header = header_of(state);
        std::uint64_t samples = 0;
        std::uint64_t begun = 0;
        if (header->kind == record_kind::moments) {
            if (auto const found = averaged_in(payload_of(state))) {
                samples = found->record.samples.count() + found->record.rejected;
                begun = found->record.begun;
            }
        }
        return std::tuple(header->created, samples, begun);
    };
    return made(frame) > made(other);
}

/// The latest states of the records and names in a file.
struct latest_frames {
    /// By scope and key; a name has none.
    std::map<std::tuple<memo::key128, std::optional<memo::key128>>, std::span<std::byte const>> of;
    std::uint64_t seen = 0; ///< whole frames, older states among them
};

/// looked          told how many bytes were looked at, from time to time
template <class Looked>
[[nodiscard]] latest_frames latest_frames_in(std::span<std::byte const> file,
                                             Looked const& looked) {
    latest_frames latest;
    for_each_frame(
        file,
        [&](frame_header const& header, std::span<std::byte const> frame) {
            ++latest.seen;
            bool const is_name = header.kind == record_kind::name;
            auto const [known, is_first] = latest.of.try_emplace(
                {header.scope, is_name ? std::nullopt : std::optional(header.key)}, frame);
            if (!is_first && is_later(frame, known->second)) {
                known->second = frame;
            }
        },
        looked);
    return latest;
}

} // namespace memo::detail
