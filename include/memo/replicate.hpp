// SPDX-License-Identifier: BSL-1.0
#pragma once

// What tells the samples of one call apart.

#include <cstdint>

namespace memo {

/// The last parameter of an averaged function that wants to know which sample it is asked for. Not
/// in the key and not a parameter of the wrapper.
///
/// No two samples of one key have the same index or seed, in any thread or process that shares the
/// backend. With one worker they are 0, 1, 2, … in every run that begins with an empty backend, so
/// the seeds are the same, too. While the backend is out of reach, indices are random from 2^63 on.
struct replicate {
    std::uint64_t index; ///< which sample of this call this is
    std::uint64_t seed;  ///< for a random generator; the index and the key, mixed
};

} // namespace memo
