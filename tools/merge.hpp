// SPDX-License-Identifier: BSL-1.0
#pragma once

// Merges the entries of other caches into one, and reports what cannot be merged: the commands merge and
// import --merge.

#include <memo/tools/maintenance.hpp>

#include "entries.hpp"
#include "readable.hpp"
#include <cstdint>
#include <iostream>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

namespace memo_cache {

/// Why a record was not merged, and what to do.
[[nodiscard]] inline std::string_view reason_of(memo::merging outcome) {
    switch (outcome) {
    case memo::merging::too_large:
        return "the record is too large for this cache";
    case memo::merging::malformed:
        return "one of the two records is damaged: forget it, and merge again";
    case memo::merging::different_values:
        return "the results differ, so one of them is wrong: forget it in its cache, and merge "
               "again";
    case memo::merging::different_types:
        return "the records have different types: give the two functions different names or "
               "versions";
    case memo::merging::different_lengths:
        return "the samples are vectors of different lengths: give the two functions different "
               "names or "
               "versions";
    case memo::merging::different_samples:
        return "samples of one replicate differ, so the function does not depend on its seed "
               "alone, and "
               "nobody knows which samples both have: --keep-larger keeps the record with more "
               "samples";
    case memo::merging::unknown_overlap:
        return "both began as one record whose file was copied, so nobody knows which samples they "
               "share: "
               "--keep-larger keeps the record with more samples";
    case memo::merging::stored:
    case memo::merging::merged:
    case memo::merging::unchanged:
    case memo::merging::expired:
        break;
    }
    return "";
}

/// Counts of entries, names of functions included.
struct merge_counts {
    std::uint64_t stored = 0;
    std::uint64_t merged = 0;
    std::uint64_t unchanged = 0;
    std::uint64_t expired = 0;
    std::uint64_t refused = 0;
};

/// Merges entries into a cache, names before the records of their functions.
class merger {
  public:
    /// takes_editions  whether to take an edition of a name of which the cache has only others
    merger(memo::cache_directory& into, memo::overlap_policy overlap, bool takes_editions)
        : into_(into),
          overlap_(overlap),
          takes_editions_(takes_editions),
          functions_(into.functions(shown_progress())) {}

    /// entry           intact
    /// origin          "line 3", or a directory
    void take(memo::stored_entry const& entry, std::string const& origin) {
        if (entry.is_name && !admits(entry, origin)) {
            refused_scopes_.insert(entry.scope);
        }
        if (refused_scopes_.contains(entry.scope)) {
            ++counts_.refused;
            return;
        }
        count(entry, into_.merge(entry, overlap_), origin);
    }

    /// Reports an entry that is not merged.
    void refuse(memo::stored_entry const& entry, std::string_view why, std::string const& origin) {
        ++counts_.refused;
        memo::stored_function const& of = function_of(entry.scope, functions_);
        std::cerr << "memo-cache: " << memo::printable(origin)
                  << (of.name.empty() ? "" : ": " + title_of(of.name, of.version)) << ", key "
                  << to_string(entry.key) << ": " << why << '\n';
    }

    /// Counts lines that have no entry.
    void add_refused(std::uint64_t lines) noexcept { counts_.refused += lines; }

    [[nodiscard]] merge_counts const& counts() const noexcept { return counts_; }

    void print(bool as_json) const {
        if (as_json) {
            print_json({{"stored", counts_.stored},
                        {"merged", counts_.merged},
                        {"unchanged", counts_.unchanged},
                        {"expired", counts_.expired},
                        {"refused", counts_.refused}});
        } else {
            std::cout << counts_.stored << " stored, " << counts_.merged << " merged, "
                      << counts_.unchanged << " there already, " << counts_.expired << " expired, "
                      << counts_.refused << " refused\n";
        }
    }

  private:
    [[nodiscard]] static std::string title_of(std::string const& name, std::string const& version) {
        return memo::printable(name) +
               (version.empty() ? "" : " (" + memo::printable(version) + ")");
    }

    /// Whether the cache takes the records of a function, by its name: it has records of no other edition
    /// of the name, or knows this one.
    [[nodiscard]] bool admits(memo::stored_entry const& entry, std::string const& origin) {
        auto const label = entry.function_name();
        if (!label || takes_editions_ || functions_.contains(entry.scope)) {
            return true;
        }
        auto const& [name, version] = *label;
        for (auto const& [scope, known] : functions_) {
            if (known.name != name || known.entries == 0) {
                continue;
            }
            std::cerr << "memo-cache: " << memo::printable(origin) << ": "
                      << title_of(name, version) << ": the cache has another edition of this name, "
                      << (known.version != version
                              ? "version " + memo::printable(known.version)
                              : "with other types, options, hash_prefix or state")
                      << ": its records do not serve the same calls. --editions stores both side "
                         "by side\n";
            return false;
        }
        return true;
    }

    void count(memo::stored_entry const& entry, memo::merging outcome, std::string const& origin) {
        switch (outcome) {
        case memo::merging::stored:
        case memo::merging::merged:
        case memo::merging::unchanged:
            ++(outcome == memo::merging::stored   ? counts_.stored
               : outcome == memo::merging::merged ? counts_.merged
                                                  : counts_.unchanged);
            remember(entry);
            break;
        case memo::merging::expired:
            ++counts_.expired;
            break;
        default:
            refuse(entry, reason_of(outcome), origin);
        }
    }

    void remember(memo::stored_entry const& entry) {
        auto& function = functions_[entry.scope];
        if (!entry.is_name) {
            ++function.entries;
        } else if (auto const label = entry.function_name()) {
            std::tie(function.name, function.version) = *label;
        }
    }

    memo::cache_directory& into_;
    memo::overlap_policy overlap_;
    bool takes_editions_;
    functions functions_; ///< of the cache, with those that were merged
    std::set<memo::key128> refused_scopes_;
    merge_counts counts_;
};

} // namespace memo_cache
