// SPDX-License-Identifier: BSL-1.0

// Records with bets, as several processes with several threads each add samples to one of them.

#include "support/bets.hpp"
#include "support/child_process.hpp"
#include "support/crew.hpp"
#include "support/memcached_server.hpp"
#include "support/temp_dir.hpp"
#include <memo/backends/disk.hpp>
#include <memo/backends/memcached.hpp>
#include <memo/backends/tiered.hpp>
#include <memo/detail/record/averaged.hpp>
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

namespace {

using namespace std::chrono_literals;
using evaluation = memo::detail::averaging<double, false, true>;

constexpr memo::key128 scope{1, 2};
constexpr memo::key128 key{3, 4};
constexpr std::size_t processes = 4;
constexpr std::size_t threads = 8;
constexpr std::size_t samples = 25; ///< of each thread

evaluation const& adding() {
    static evaluation const one({.range = memo::sample_range{-1, 1}, .interval = memo::betting});
    return one;
}

double sample_of(std::size_t number) {
    return std::sin(static_cast<double>(number));
}

/// Adds the samples of one process, in eight threads.
template <class Backend> bool add_samples(Backend const& backend, std::size_t process) {
    auto const partition = backend.template partition<evaluation::record>(scope);
    bool is_stored = true;
    std::vector<char> stored(threads, 1);
    memo_test::together(threads, [&](std::size_t thread) {
        for (std::size_t i = 0; i < samples; ++i) {
            double const sample = sample_of((process * threads + thread) * samples + i);
            auto const addend = adding().addend_of(sample);
            if (!partition.update(key, evaluation::add(addend, {}), {})) {
                stored[thread] = 0;
            }
        }
    });
    for (char const each : stored) {
        is_stored = is_stored && each != 0;
    }
    return is_stored;
}

/// open            returns a backend of the shared store; called in each process
template <class Open> void check_processes(Open const& open) {
    std::vector<memo_test::child_process> children;
    for (std::size_t process = 0; process < processes; ++process) {
        children.push_back(memo_test::child_process::running(
            [&] { return add_samples(open(), process) ? 0 : 1; }));
    }
    for (auto& child : children) {
        CHECK(child.wait() == 0);
    }
    memo::detail::betting_moments<double> serial;
    for (std::size_t i = 0; i < processes * threads * samples; ++i) {
        serial.add(sample_of(i), {-1, 1});
    }
    auto const backend = open();
    auto const found = backend.template partition<evaluation::record>(scope).get(key);
    REQUIRE(found.has_value());
    auto const& merged = found->record.samples;
    CHECK(merged.count() == serial.count());
    CHECK(merged.mean() == Approx(serial.mean()).margin(1e-9));
    CHECK(merged.variance() == Approx(serial.variance()).epsilon(1e-9));
    CHECK(memo_test::same_sums(merged.bets_on(), serial.bets_on()));
}

} // namespace

TEST_CASE("bets of four processes with eight threads on a disk are those of the serial samples") {
    memo_test::temp_dir const directory;
    check_processes([&] { return memo::disk({.directory = directory.path()}); });
}

TEST_CASE(
    "bets of four processes with eight threads in two tiers are those of the serial samples") {
    memo_test::temp_dir const directory;
    check_processes(
        [&] { return memo::tiered(memo::memory(), memo::disk({.directory = directory.path()})); });
}

TEST_CASE("bets of four processes with eight threads on a server are those of the serial samples") {
    memo_test::memcached_server const server;
    check_processes([&] {
        return memo::memcached(
            {.servers = {server.address()}, .connect_timeout = 10s, .operation_timeout = 10s});
    });
}

TEST_CASE("bets of eight threads in memory are those of the serial samples") {
    memo::memory const backend;
    for (std::size_t process = 0; process < processes; ++process) {
        CHECK(add_samples(backend, process));
    }
    memo::detail::betting_moments<double> serial;
    for (std::size_t i = 0; i < processes * threads * samples; ++i) {
        serial.add(sample_of(i), {-1, 1});
    }
    auto const found = backend.partition<evaluation::record>(scope).get(key);
    REQUIRE(found.has_value());
    CHECK(found->record.samples.count() == serial.count());
    CHECK(memo_test::same_sums(found->record.samples.bets_on(), serial.bets_on()));
}
