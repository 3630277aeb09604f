// SPDX-License-Identifier: BSL-1.0
// The component eigen brings what its header needs.

#include <memo/types/eigen.hpp>
