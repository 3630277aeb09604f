// SPDX-License-Identifier: BSL-1.0
// The program around xxhash_after_memo.cpp, built with headers of another version than the library.

int square_after_memo(int x);

int main() {
    return square_after_memo(7) == 49 ? 0 : 1;
}
