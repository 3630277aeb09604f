// SPDX-License-Identifier: BSL-1.0

#include <memo/backends/disk.hpp>
#include <memo/memo.hpp>

#include <string>

/// Whether the second of two wrappers finds on disk what the first one stored there.
bool remembers_on_disk(std::string const& directory) {
    auto const wrapped = [&] {
        return memo::memoize<memo::disk>([](int x) { return 0.5 * x; },
                                         {.name = "consumer/half", .version = "1"},
                                         memo::disk{{.directory = directory}});
    };
    wrapped()(3);
    auto const again = wrapped();
    return again(3) == 1.5 && again.stats().hits == 1;
}
