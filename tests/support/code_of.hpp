// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/error.hpp>

#include <exception>
#include <optional>

namespace memo_test {

/// The code of the memo::error that f() throws; nothing if it throws none.
template <class F> std::optional<memo::errc> code_of(F const& f) {
    try {
        f();
    } catch (memo::error const& e) {
        return e.code();
    }
    return std::nullopt;
}

/// The exception that f() throws; null if it throws none. Threads that may share an exception keep it, and one
/// of them reads all afterwards: its reference count is in libstdc++, where the thread sanitizer does not see it.
template <class F> std::exception_ptr exception_of(F const& f) {
    try {
        f();
    } catch (...) {
        return std::current_exception();
    }
    return nullptr;
}

inline std::optional<memo::errc> code_of(std::exception_ptr const& exception) {
    return code_of([&] {
        if (exception) {
            std::rethrow_exception(exception);
        }
    });
}

} // namespace memo_test
