// SPDX-License-Identifier: BSL-1.0
#pragma once

// memo::fingerprint, a digest of values.

#include <memo/detail/key/parameter_types.hpp>
#include <memo/detail/key/state.hpp>
#include <memo/detail/refusal.hpp>
#include <memo/key128.hpp>

namespace memo {

/// The digest of any values that can be arguments, for naming a data set by its content.
///
/// Complexity:     linear in the bytes of the values, about 25 GB/s for contiguous scalars
template <class... Ts> [[nodiscard]] key128 fingerprint(Ts const&... values) {
    (detail::refuse<detail::key_mistake<Ts>(), Ts>(), ...);
    return detail::typed_digest(values...);
}

} // namespace memo
