// SPDX-License-Identifier: BSL-1.0

// Writes tests/golden/stored: a directory of memo::disk, and the items of memo::memcached as text. They are
// what users have: only a new format writes them again, with its decision, and keeps these.

#include "support/memcached_server.hpp"
#include <memo/backends/disk.hpp>
#include <memo/backends/memcached.hpp>

#include "golden/stored_functions.hpp"
#include "golden/stored_items.hpp"
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <tuple>

namespace {

std::chrono::system_clock::time_point clock_of_writer() {
    return golden::written_at;
}

template <class Backend> void write_all(Backend const& backend) {
    golden::stored_functions<Backend> const functions(backend, memo::compute);
    functions.for_each_exact([](auto const& memoized, auto const&, auto const& arguments) {
        static_cast<void>(std::apply(memoized, arguments));
    });
    static_cast<void>(functions.sharing()(3));
    for (std::int32_t job = 0; job < golden::samples; ++job) {
        static_cast<void>(functions.mean()(1.25, job));
        static_cast<void>(functions.mean_vector()(1.25, job));
        static_cast<void>(functions.mean_without_nan()(1.25, job));
        static_cast<void>(functions.numbered_mean()(1.25));
    }
}

} // namespace

int main(int count, char** arguments) {
    if (count != 2) {
        std::cerr << "usage: write_stored DIRECTORY\n";
        return 2;
    }
    std::filesystem::path const target = arguments[1];
    write_all(memo::disk({.directory = target / "disk", .clock = clock_of_writer}));
    memo_test::memcached_server const server;
    write_all(memo::memcached(
        {.servers = {server.address()}, .name_space = "golden", .clock = clock_of_writer}));
    std::ofstream(target / "memcached.txt") << golden::all_items(server.port());
}
