// SPDX-License-Identifier: BSL-1.0

#define UNIT unit_b
#define CONSTANT 103
#include "unit.hpp"
