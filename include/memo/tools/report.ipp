// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/stats/function_registry.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/detail/text.hpp>
#include <memo/tools/report.hpp>

#include <cstdlib>
#include <unistd.h>

namespace memo {

MEMO_DEFINITION void stats_report_at_exit() {
    if (!detail::process_wide<detail::function_registry>().is_first_to_report()) {
        return;
    }
    static auto const process = ::getpid();
    std::atexit([] {
        try {
            if (::getpid() == process) {
                detail::print_error(detail::report_table());
            }
        } catch (...) { // nothing can handle it at exit
            return;
        }
    });
}

} // namespace memo
