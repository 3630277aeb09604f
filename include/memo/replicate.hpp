// SPDX-License-Identifier: BSL-1.0
#pragma once

// The number and the seed of one sample.

#include <cstdint>

namespace memo {

/// The last parameter of an averaged function that needs the number of its sample. It is neither in the
/// key nor a parameter of the wrapper.
///
/// No two samples of one key have the same index or seed, in any thread or process that shares the
/// backend. With one worker the indices are 0, 1, 2, … in every run that starts with an empty
/// backend, and the seeds are equal too. While the backend is unreachable, indices are random numbers
/// from 2^63 on.
struct replicate {
    std::uint64_t index; ///< number of this sample among those of its key
    std::uint64_t seed;  ///< for a random generator; a hash of the index and the key
};

} // namespace memo
