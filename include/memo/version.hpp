// SPDX-License-Identifier: BSL-1.0
#pragma once

/// Version of the library, for `#if`; the build system reads the same three numbers from here.
#define MEMO_VERSION_MAJOR 0
#define MEMO_VERSION_MINOR 1
#define MEMO_VERSION_PATCH 0
