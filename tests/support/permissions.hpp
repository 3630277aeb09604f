// SPDX-License-Identifier: BSL-1.0
#pragma once

// The permissions of a test's process.

#include <array>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace memo_test {

/// Makes permissions apply to this process, even if root runs it: it owns its files and may do what their
/// owner may.
inline bool heed_permissions() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> none{};
    return ::syscall(SYS_capset, &header, none.data()) == 0;
}

} // namespace memo_test
