// SPDX-License-Identifier: BSL-1.0
// Nothing but the home of the precompiled header that the cases share.
