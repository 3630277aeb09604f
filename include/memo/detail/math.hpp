// SPDX-License-Identifier: BSL-1.0
#pragma once

// The functions of <cmath> that memo needs, for double. <cmath> declares all functions for all arithmetic
// types, and takes a tenth of the compile time of memo.hpp (docs/decisions/0040-compile-time.md).

namespace memo::detail::math {

inline bool is_finite(double x) noexcept {
    return __builtin_isfinite(x) != 0;
}
inline double abs(double x) noexcept {
    return __builtin_fabs(x);
}
inline double floor(double x) noexcept {
    return __builtin_floor(x);
}
inline double ceil(double x) noexcept {
    return __builtin_ceil(x);
}
inline double sqrt(double x) noexcept {
    return __builtin_sqrt(x);
}
inline double hypot(double x, double y) noexcept {
    return __builtin_hypot(x, y);
}
inline double pow(double x, double y) noexcept {
    return __builtin_pow(x, y);
}
inline double exp(double x) noexcept {
    return __builtin_exp(x);
}
inline double log(double x) noexcept {
    return __builtin_log(x);
}
inline double log1p(double x) noexcept {
    return __builtin_log1p(x);
}
inline double log10(double x) noexcept {
    return __builtin_log10(x);
}
inline double sin(double x) noexcept {
    return __builtin_sin(x);
}
inline double cos(double x) noexcept {
    return __builtin_cos(x);
}
inline double atan(double x) noexcept {
    return __builtin_atan(x);
}
inline double erf(double x) noexcept {
    return __builtin_erf(x);
}

} // namespace memo::detail::math
