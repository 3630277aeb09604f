// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a test's process may do.

#include <array>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace memo_test {

/// From now on permissions hold for this process, even if it is root's: it owns its files and may no
/// more than their owner.
inline bool heed_permissions() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> none{};
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): there is no other way to call it
    return ::syscall(SYS_capset, &header, none.data()) == 0;
}

} // namespace memo_test
