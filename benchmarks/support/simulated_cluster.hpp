// SPDX-License-Identifier: BSL-1.0
#pragma once

// A discrete-event simulation of workers that share memcached servers through memo: the requests of each
// call in memo's order, memo's own ring and circuit breaker, and queues at the servers and at the cores.
// It answers what no single machine can: what 10 000 workers do to 100 servers.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace benchmark {

/// What the simulation is fed with, in seconds.
struct cluster_times {
    double client = 0;  ///< of a core, for one request of a worker
    double server = 0;  ///< of a core, for one request at a server
    double network = 0; ///< from worker to server and back, without either
};

/// A server that ends or starts again, empty, once a share of the distinct keys is evaluated.
struct cluster_fault {
    double share;
    std::size_t server; ///< of all rings, in order
    bool ends;
};

/// The cluster and its work. Times in seconds.
struct cluster_plan {
    std::size_t workers = 64;
    std::vector<std::vector<std::string>> rings; ///< the servers' names of each tier, near first
    std::size_t server_cores = 1;                ///< that one server uses
    std::size_t shared_cores = 0; ///< on which all workers and servers run; 0: each has its own
    std::size_t keys = 0;         ///< 0 … keys - 1
    std::size_t calls = 0;        ///< of each worker
    std::function<std::size_t(std::size_t worker, std::size_t call)> key_of;
    std::function<double(std::size_t key)> evaluation;
    bool evaluation_uses_core = true; ///< false: it waits
    bool is_warm = false;             ///< all records are stored before the start
    double lease = 10;
    double operation_timeout = 1;
    bool waits_grow = true; ///< under a lease, as memo's do; false: at most 16 ms
    std::vector<cluster_fault> faults;
    std::uint64_t seed = 1;
};

struct cluster_outcome {
    double seconds = 0;
    double longest_call = 0;
    double mean_request = 0;    ///< from its begin to its end
    std::uint64_t distinct = 0; ///< keys that were asked for
    std::uint64_t evaluations = 0;
    std::uint64_t calls = 0;
    std::uint64_t near_hits = 0;
    std::uint64_t timeouts = 0;
    std::uint64_t breaker_opens = 0;
    std::uint64_t lease_waits = 0;
    std::vector<std::uint64_t> requests; ///< of each server
    std::vector<double> busy;            ///< seconds of a core, of each server

    [[nodiscard]] std::uint64_t all_requests() const;
    /// The largest share of the requests, as a multiple of the mean.
    [[nodiscard]] double imbalance() const;
    [[nodiscard]] double evaluations_per_key() const {
        return static_cast<double>(evaluations) / static_cast<double>(distinct);
    }
};

/// Deterministic: equal plans have equal outcomes.
[[nodiscard]] cluster_outcome simulate(cluster_plan const& plan, cluster_times const& times);

} // namespace benchmark
