// SPDX-License-Identifier: BSL-1.0
#pragma once

// The ids and seeds of the samples of one key.

#include <memo/detail/system/compiled.hpp>
#include <memo/key128.hpp>
#include <memo/replicate.hpp>

#include <cstdint>

namespace memo::detail {

/// The number of a sample within a record.
struct sample_id {
    std::uint64_t number = 0;
    std::uint64_t incarnation = 0; ///< of the record that assigned it; 0: none did
};

/// A random number from the system, which a forked child does not share with its parent.
///
/// Throws:         std::system_error
[[nodiscard]] std::uint64_t random_word();

/// The incarnation of a new record. Never 0.
[[nodiscard]] std::uint64_t random_incarnation();

/// A sample number while the backend is unreachable: at least 2^63, above all numbers in records.
[[nodiscard]] std::uint64_t random_number();

/// Different numbers of one key have different seeds.
[[nodiscard]] replicate replicate_of(key128 key, sample_id by);

} // namespace memo::detail

#if !defined(MEMO_COMPILED)
#include "sample_id.ipp"
#endif
