// SPDX-License-Identifier: BSL-1.0
#pragma once

/// The version of the library, for `#if`. The build system reads it from here.
#define MEMO_VERSION_MAJOR 0
#define MEMO_VERSION_MINOR 1
#define MEMO_VERSION_PATCH 0
