// SPDX-License-Identifier: BSL-1.0
//
// replay DIRECTORY: gives every file in it to a fuzzer's function once, with any compiler. It ends by
// a signal where the fuzzer would.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size);

int main(int argc, char** argv) {
    std::size_t count = 0;
    if (argc == 2) {
        for (auto const& entry : std::filesystem::directory_iterator(argv[1])) {
            std::ifstream in(entry.path(), std::ios::binary);
            std::vector<char> const text{std::istreambuf_iterator<char>(in), {}};
            std::vector<std::uint8_t> const bytes(text.begin(), text.end());
            std::cout << entry.path().filename().string() << std::endl; // known if it is the last
            LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
            ++count;
        }
    }
    std::cout << count << " inputs\n";
    return count > 0 ? 0 : 1;
}
