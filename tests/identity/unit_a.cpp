// SPDX-License-Identifier: BSL-1.0

#define UNIT unit_a
#define CONSTANT 3
#include "unit.hpp"
