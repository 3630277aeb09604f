// SPDX-License-Identifier: BSL-1.0
// The source of the precompiled header that the test programs share.
