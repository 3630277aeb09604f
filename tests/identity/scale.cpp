// SPDX-License-Identifier: BSL-1.0

int scale(int x);
int scale(int x) {
    return x * CONSTANT;
}
