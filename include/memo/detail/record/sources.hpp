// SPDX-License-Identifier: BSL-1.0
#pragma once

// Merges averaged records of one key that several caches computed, without counting a sample twice.
//
// A record has an incarnation of its own. Samples that a program draws into it are those of this
// incarnation; the record of the incarnation alone is a source. A record into which others were merged
// lists their sources behind its payload, as they were then. Its own source is the rest: the difference
// between the record and the list. So programs update the record as if there were no list.
//
// A source only grows, and only in its cache. Of two states of one source the larger one contains the
// other, and the union of two records is the sum of the larger states of all their sources. That holds
// for any order and number of merges. It fails if files were copied and both copies draw samples into
// one source; then it cannot be known which samples they share.
//
// Records of functions with a `replicate` need no list. Equal numbers have equal seeds in all caches, so
// the record with fewer samples has nothing that the other one lacks, except after failed evaluations.

#include <memo/detail/record/any_averaged.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/detail/record/kind.hpp>
#include <memo/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace memo::detail {

/// The result of merging two records.
enum class merge_outcome {
    unchanged,         ///< the first record has all samples of the second one
    changed,           ///< the merged record has more samples than the first one
    unknown_overlap,   ///< both have samples of one source that the other may lack
    different_samples, ///< samples of the same numbers differ
    different_lengths, ///< samples are vectors of different lengths
    malformed,         ///< one of the records cannot be decoded
    too_large,
};

/// The sources of an averaged record.
///
/// Thread safety:  none
class record_sources {
  public:
    /// frame           valid; of an averaged record
    /// Returns:        nothing if it is malformed
    [[nodiscard]] static std::optional<record_sources> decode(std::span<std::byte const> frame) {
        record_kind const kind = header_of(frame)->kind;
        auto own = any_averaged::decode(payload_of(frame), kind);
        if (!own) {
            return std::nullopt;
        }
        record_sources all(own->incarnation());
        auto list = sources_of(frame);
        list = list.first(list.size() - (std::min)(list.size(), size_bytes));
        while (!list.empty()) {
            std::uint64_t size = 0;
            std::memcpy(&size, list.data(), (std::min)(list.size(), size_bytes));
            if (list.size() < size_bytes || list.size() - size_bytes < size) {
                return std::nullopt;
            }
            auto part = any_averaged::decode(
                list.subspan(size_bytes, static_cast<std::size_t>(size)), kind);
            if (!part || part->incarnation() == all.own_ || !part->has_shape_of(*own) ||
                part->samples().count() > own->samples().count() ||
                part->rejected() > own->rejected()) {
                return std::nullopt;
            }
            own->remove(*part);
            std::uint64_t const incarnation = part->incarnation();
            all.by_incarnation_.try_emplace(incarnation, *std::move(part));
            list = list.subspan(size_bytes + static_cast<std::size_t>(size));
        }
        all.by_incarnation_.insert_or_assign(all.own_, *std::move(own));
        return all;
    }

    /// Makes all samples those of other caches, for a record that is new in a cache.
    void adopt(std::uint64_t incarnation) {
        any_averaged none = by_incarnation_.at(own_);
        none.remove(none);
        none.set_incarnation(incarnation);
        own_ = incarnation;
        by_incarnation_.insert_or_assign(own_, std::move(none));
    }

    /// Adds the samples of another record; nothing if the outcome is neither `changed` nor `unchanged`.
    ///
    /// whole           the sum of both records, see any_averaged::equals()
    /// keeps_larger    resolves an unknown overlap: the state with more samples replaces the other one
    [[nodiscard]] merge_outcome merge(record_sources const& other, any_averaged const& whole,
                                      bool keeps_larger) {
        auto merged = by_incarnation_;
        auto outcome = merge_outcome::unchanged;
        for (auto const& [incarnation, theirs] : other.by_incarnation_) {
            auto const found = merged.find(incarnation);
            if (found == merged.end()) {
                if (theirs.draws() != 0) {
                    merged.emplace(incarnation, theirs);
                    outcome = merge_outcome::changed;
                }
                continue;
            }
            any_averaged& mine = found->second;
            if (mine.equals(theirs, whole)) {
                continue;
            }
            bool const grows = theirs.draws() > mine.draws();
            bool const is_one_state_of_other =
                grows ? theirs.may_contain(mine, whole) : mine.may_contain(theirs, whole);
            bool const both_draw = incarnation == own_ && incarnation == other.own_;
            if (!keeps_larger && (both_draw || !is_one_state_of_other)) {
                return merge_outcome::unknown_overlap;
            }
            if (grows) {
                mine = theirs;
                outcome = merge_outcome::changed;
            }
        }
        by_incarnation_ = std::move(merged);
        return outcome;
    }

    /// Completes a frame of all samples.
    ///
    /// Returns:        false if it is too large
    /// Throws:         memo::error (sample) if samples have different lengths
    [[nodiscard]] bool encode(std::vector<std::byte>& frame, frame_header header) const {
        frame.assign(frame_header_size, std::byte{0});
        any_averaged sum = by_incarnation_.at(own_);
        std::vector<std::byte> list;
        for (auto const& [incarnation, source] : by_incarnation_) {
            if (incarnation != own_ && source.draws() != 0) {
                sum.merge(source);
                std::vector<std::byte> bytes;
                source.encode(bytes);
                append_size(list, bytes.size());
                list.insert(list.end(), bytes.begin(), bytes.end());
            }
        }
        sum.encode(frame);
        header.has_sources = list.empty() ? 0 : 1;
        if (!list.empty()) {
            frame.insert(frame.end(), list.begin(), list.end());
            append_size(frame, list.size());
        }
        return seal(frame, header);
    }

  private:
    static constexpr std::size_t size_bytes = sizeof(std::uint64_t);

    explicit record_sources(std::uint64_t own) : own_(own) {}

    static void append_size(std::vector<std::byte>& out, std::uint64_t size) {
        auto const* const bytes = reinterpret_cast<std::byte const*>(&size);
        out.insert(out.end(), bytes, bytes + sizeof size);
    }

    std::uint64_t own_; ///< the incarnation into which this cache draws
    std::map<std::uint64_t, any_averaged> by_incarnation_;
};

/// Encodes a record that another cache stores, and decodes it again: the list of a forged record may
/// contain what no samples have, and so may its own source.
///
/// Returns:        changed, too_large or malformed
[[nodiscard]] inline merge_outcome encode_checked(record_sources const& sources,
                                                  frame_header const& header,
                                                  std::vector<std::byte>& frame) {
    if (!sources.encode(frame, header)) {
        return merge_outcome::too_large;
    }
    return record_sources::decode(frame) ? merge_outcome::changed : merge_outcome::malformed;
}

/// Whether the samples of a record have numbers.
[[nodiscard]] inline bool is_numbered(any_averaged const& record) {
    return record.begun() != 0;
}

/// Completes a frame of a record with numbered samples that another cache stored. Programs that draw samples
/// meanwhile do not add them to the new incarnation: the record may have samples of these numbers.
///
/// Returns:        changed or too_large
[[nodiscard]] inline merge_outcome encode_numbered(any_averaged record, frame_header header,
                                                   std::uint64_t incarnation,
                                                   std::vector<std::byte>& frame) {
    record.set_incarnation(incarnation);
    frame.assign(frame_header_size, std::byte{0});
    record.encode(frame);
    header.has_sources = 0;
    return seal(frame, header) ? merge_outcome::changed : merge_outcome::too_large;
}

/// The frame of a record as a new record of another cache; empty if it is malformed.
///
/// frame           valid; of an averaged record
/// incarnation     new
[[nodiscard]] inline std::vector<std::byte> adopted_frame(std::span<std::byte const> frame,
                                                          std::uint64_t incarnation) {
    std::vector<std::byte> adopted;
    frame_header const header = *header_of(frame);
    auto const record = any_averaged::decode(payload_of(frame), header.kind);
    if (record && is_numbered(*record)) {
        static_cast<void>(encode_numbered(*record, header, incarnation, adopted)); // no larger
        return adopted;
    }
    if (auto sources = record_sources::decode(frame)) {
        sources->adopt(incarnation);
        if (encode_checked(*sources, header, adopted) != merge_outcome::changed) {
            adopted.clear();
        }
    }
    return adopted;
}

/// Merges records with numbered samples.
[[nodiscard]] inline merge_outcome merge_numbered(any_averaged const& mine, any_averaged theirs,
                                                  frame_header const& header,
                                                  std::uint64_t incarnation, bool keeps_larger,
                                                  std::vector<std::byte>& merged) {
    auto const is_complete = [](any_averaged const& record) {
        return record.draws() == record.begun();
    };
    if (!keeps_larger && is_complete(mine) && is_complete(theirs) &&
        mine.draws() == theirs.draws() && !mine.equals(theirs, mine)) {
        return merge_outcome::different_samples;
    }
    if (theirs.draws() <= mine.draws()) {
        return merge_outcome::unchanged;
    }
    theirs.set_begun((std::max)(mine.begun(), theirs.begun()));
    return encode_numbered(std::move(theirs), header, incarnation, merged);
}

/// Merges the records of one key.
///
/// mine, theirs    valid frames of averaged records of one kind and type
/// incarnation     new; of a merged record with numbered samples
/// keeps_larger    see record_sources::merge(); for numbered samples also if some of them differ
/// merged          set to the merged frame if the outcome is `changed`
[[nodiscard]] inline merge_outcome merge_frames(std::span<std::byte const> mine,
                                                std::span<std::byte const> theirs,
                                                std::uint64_t incarnation, bool keeps_larger,
                                                std::vector<std::byte>& merged) {
    frame_header header = *header_of(mine);
    frame_header const other_header = *header_of(theirs);
    if (header.expires == 0 || other_header.expires == 0) {
        header.expires += other_header.expires;
    } else {
        header.expires = (std::min)(header.expires, other_header.expires);
    }
    auto my_record = any_averaged::decode(payload_of(mine), header.kind);
    auto their_record = any_averaged::decode(payload_of(theirs), header.kind);
    if (!my_record || !their_record) {
        return merge_outcome::malformed;
    }
    if (!my_record->has_shape_of(*their_record)) {
        return merge_outcome::different_lengths;
    }
    if (is_numbered(*my_record) || is_numbered(*their_record)) {
        return merge_numbered(*my_record, *std::move(their_record), header, incarnation,
                              keeps_larger, merged);
    }
    auto my_sources = record_sources::decode(mine);
    auto const their_sources = record_sources::decode(theirs);
    if (!my_sources || !their_sources) {
        return merge_outcome::malformed;
    }
    my_record->merge(*their_record);
    auto const outcome = my_sources->merge(*their_sources, *my_record, keeps_larger);
    return outcome == merge_outcome::changed ? encode_checked(*my_sources, header, merged)
                                             : outcome;
}

} // namespace memo::detail
