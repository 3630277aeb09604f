// SPDX-License-Identifier: BSL-1.0
#pragma once

// Worker processes that share several memcached servers, all on this machine, and what they did: each
// worker has its own memory, connections and circuit breakers, as on a machine of its own.

#include <memo/backends/disk.hpp>
#include <memo/backends/memcached.hpp>
#include <memo/backends/tiered.hpp>
#include <memo/memo.hpp>
#include <support/wall.hpp>

#include "tests/support/memcached_client.hpp"
#include "tests/support/memcached_server.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_dir.hpp"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <thread>
#include <utility>
#include <vector>

namespace benchmark {

// Servers and workers share two cores here, so a response may take longer than on servers of their own.
inline constexpr std::chrono::seconds operation_timeout{1};
inline constexpr std::chrono::seconds lease{10};

/// What a server has done so far.
struct server_counts {
    std::uint64_t requests = 0;
    double cpu = 0;   ///< seconds
    double bytes = 0; ///< of items at the moment
    double items = 0;
};

class server_group {
  public:
    explicit server_group(std::size_t count) : is_up_(count, true), ended_(count) {
        for (std::size_t i = 0; i < count; ++i) {
            servers_.emplace_back(memo_test::memcached_server::transport::tcp,
                                  std::vector<std::string>{"-t", "1"});
        }
    }

    [[nodiscard]] std::size_t size() const { return servers_.size(); }

    [[nodiscard]] std::vector<std::string> addresses(std::size_t first, std::size_t count) const {
        std::vector<std::string> all;
        for (std::size_t i = first; i < first + count; ++i) {
            all.push_back(servers_[i].address());
        }
        return all;
    }

    void kill(std::size_t i) {
        add(ended_[i], running(i));
        servers_[i].kill();
        is_up_[i] = false;
    }
    void start(std::size_t i) {
        servers_[i].restart();
        is_up_[i] = true;
    }
    void restart(std::size_t i) {
        kill(i);
        start(i);
    }

    [[nodiscard]] std::vector<server_counts> counts() const {
        std::vector<server_counts> all = ended_;
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (is_up_[i]) {
                add(all[i], running(i));
            }
        }
        return all;
    }

  private:
    static void add(server_counts& sum, server_counts const& more) {
        sum.requests += more.requests;
        sum.cpu += more.cpu;
        sum.bytes = more.bytes;
        sum.items = more.items;
    }

    [[nodiscard]] server_counts running(std::size_t i) const {
        memo_test::memcached_client const client(servers_[i].port());
        std::istringstream answer(client.ask("stats", "END\r\n"));
        server_counts counts;
        for (std::string stat, name, value; answer >> stat >> name >> value;) {
            constexpr std::string_view requests[] = {"cmd_get",      "cmd_set",     "cmd_touch",
                                                     "incr_hits",    "incr_misses", "delete_hits",
                                                     "delete_misses"};
            if (std::ranges::find(requests, name) != std::end(requests)) {
                counts.requests += std::stoull(value);
            } else if (name == "rusage_user" || name == "rusage_system") {
                counts.cpu += std::stod(value);
            } else if (name == "bytes") {
                counts.bytes = std::stod(value);
            } else if (name == "curr_items") {
                counts.items = std::stod(value);
            }
        }
        return counts;
    }

    std::deque<memo_test::memcached_server> servers_;
    std::vector<bool> is_up_;
    std::vector<server_counts> ended_; ///< of processes that were killed
};

/// What the workers and the program that started them tell each other.
struct progress {
    std::atomic<std::uint32_t> ready;
    std::atomic<std::uint32_t> signal; ///< how many parts of the run may begin
    std::atomic<std::uint64_t> evaluations;
    std::atomic<std::uint64_t> calls;
    std::atomic<std::uint64_t> near_hits;
    std::atomic<std::uint64_t> wrong;
    std::atomic<std::uint64_t> errors;
    std::atomic<std::uint64_t> timeouts;
    std::atomic<std::uint64_t> reconnects;
    // Of the last part of the run, in us:
    std::atomic<std::uint64_t> cpu;     ///< of all workers
    std::atomic<std::uint64_t> seconds; ///< until the last worker was done
    std::atomic<std::uint64_t> longest; ///< one call
};

inline void raise_to(std::atomic<std::uint64_t>& largest, std::uint64_t value) {
    std::uint64_t before = largest.load();
    while (before < value && !largest.compare_exchange_weak(before, value)) {
    }
}

inline std::uint64_t microseconds(double ns) {
    return static_cast<std::uint64_t>(ns / 1e3);
}

inline double cpu_of_this_process() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    auto const ns = [](timeval const& time) {
        return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_usec) * 1e3;
    };
    return ns(used.ru_utime) + ns(used.ru_stime);
}

/// What a run was.
struct run_result {
    std::string name;
    double seconds = 0;
    double longest = 0; ///< seconds, of a call
    std::uint64_t distinct = 0;
    std::uint64_t evaluations = 0;
    std::uint64_t calls = 0;
    std::uint64_t near_hits = 0;
    std::uint64_t wrong = 0;
    std::uint64_t errors = 0;
    std::uint64_t timeouts = 0;
    std::uint64_t reconnects = 0;
    double worker_cpu = 0; ///< seconds
    std::vector<server_counts> servers;

    [[nodiscard]] double evaluations_per_key() const {
        return static_cast<double>(evaluations) / static_cast<double>(distinct);
    }
    [[nodiscard]] double near_share() const {
        return static_cast<double>(near_hits) / static_cast<double>(calls);
    }
    [[nodiscard]] std::uint64_t requests() const {
        return std::accumulate(
            servers.begin(), servers.end(), std::uint64_t{0},
            [](std::uint64_t sum, server_counts const& each) { return sum + each.requests; });
    }
    /// Of the servers from first on: the largest share of the requests, as a multiple of the mean.
    [[nodiscard]] double imbalance(std::size_t first, std::size_t count) const {
        std::uint64_t largest = 0;
        std::uint64_t sum = 0;
        for (std::size_t i = first; i < first + count; ++i) {
            largest = std::max(largest, servers[i].requests);
            sum += servers[i].requests;
        }
        return static_cast<double>(largest) * static_cast<double>(count) / static_cast<double>(sum);
    }
};

/// How workers and servers are put together.
enum class topology { one_ring, two_rings, disk_and_ring };

inline memo::memcached ring_of(server_group const& servers, std::size_t first, std::size_t count,
                               std::string const& name_space) {
    memo::memcached_settings chosen;
    chosen.servers = servers.addresses(first, count);
    chosen.name_space = name_space;
    chosen.operation_timeout = operation_timeout;
    chosen.lease = lease;
    return memo::memcached(std::move(chosen));
}

/// One of the processes of a run.
class worker {
  public:
    using utility = std::function<double(memo::index_set const&)>;

    worker(std::size_t number, utility evaluate,
           std::function<bool(memo::index_set const&)> is_near, progress& shared)
        : number_(number),
          utility_(std::move(evaluate)),
          is_near_(std::move(is_near)),
          shared_(shared) {}

    [[nodiscard]] std::size_t number() const { return number_; }

    double call(memo::index_set const& argument) {
        ++calls_;
        if (is_near_(argument)) {
            ++near_hits_;
            return utility_(argument);
        }
        double const begin = wall_time();
        double const value = utility_(argument);
        raise_to(shared_.longest, microseconds(wall_time() - begin));
        return value;
    }

    /// Waits until all workers are here and the program that started them lets them go.
    void begin_part(std::uint32_t part) {
        ++shared_.ready;
        while (shared_.signal < part) {
            std::this_thread::sleep_for(std::chrono::microseconds(200));
        }
        begin_ = wall_time();
        cpu_ = cpu_of_this_process();
    }
    void end_part() {
        raise_to(shared_.seconds, microseconds(wall_time() - begin_));
        shared_.cpu += microseconds(cpu_of_this_process() - cpu_);
    }

    void report(std::uint64_t wrong, memo::statistics const& counts) const {
        shared_.calls += calls_;
        shared_.near_hits += near_hits_;
        shared_.wrong += wrong;
        shared_.errors += counts.errors;
        shared_.timeouts += counts.timeouts;
        shared_.reconnects += counts.reconnects;
    }

  private:
    std::size_t number_;
    utility utility_;
    std::function<bool(memo::index_set const&)> is_near_;
    progress& shared_;
    std::uint64_t calls_ = 0;
    std::uint64_t near_hits_ = 0;
    double begin_ = 0;
    double cpu_ = 0;
};

/// A function that many processes evaluate together.
class cluster_run {
  public:
    /// evaluate        the function; counted
    /// work            the calls of one worker; returns how many values are wrong
    cluster_run(server_group& servers, std::size_t workers, worker::utility evaluate,
                std::function<std::uint64_t(worker&)> work)
        : servers_(servers),
          workers_(workers),
          evaluate_(std::move(evaluate)),
          work_(std::move(work)) {}

    /// during          runs beside the workers, and calls begin_part(1)
    run_result over(topology chosen, std::string const& name,
                    std::function<void(cluster_run&)> const& during) {
        static int runs = 0;
        name_space_ = "cluster-" + std::to_string(::getpid()) + '-' + std::to_string(++runs);
        std::vector<memo_test::process> processes;
        for (std::size_t number = 0; number < workers_; ++number) {
            processes.emplace_back([&, number] { open(chosen, number); });
        }
        during(*this);
        for (auto& each : processes) {
            if (int const code = each.wait(); code != 0) {
                throw std::runtime_error("a worker ended with " + std::to_string(code));
            }
        }
        return result(name);
    }

    /// Lets the workers begin, once all are ready.
    void begin_part(std::uint32_t part) {
        wait_until_ready(part);
        before_ = servers_.counts();
        shared_->cpu = 0;
        shared_->seconds = 0;
        shared_->longest = 0;
        shared_->signal = part;
    }

    void wait_until_ready(std::uint32_t part) const {
        while (shared_->ready < workers_ * part) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }

    void wait_for_evaluations(std::uint64_t count) const {
        while (shared_->evaluations < count) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }

    [[nodiscard]] server_group& servers() const { return servers_; }
    [[nodiscard]] progress const& shared() const { return *shared_; }

  private:
    void open(topology chosen, std::size_t number) {
        std::size_t const all = servers_.size();
        if (chosen == topology::one_ring) {
            run(number, ring_of(servers_, 0, all, name_space_));
        } else if (chosen == topology::two_rings) {
            run(number, memo::tiered(ring_of(servers_, 0, all / 2, name_space_),
                                     ring_of(servers_, all / 2, all / 2, name_space_)));
        } else {
            run(number, memo::tiered(memo::disk({.directory = folder_ / name_space_}),
                                     ring_of(servers_, 0, all, name_space_)));
        }
    }

    template <class Far> void run(std::size_t number, Far far) {
        memo::memory const near;
        memo::options<double> const options{.name = "cluster", .version = "1"};
        auto const function = memo::ignore_state([this](memo::index_set const& argument) {
            double const value = evaluate_(argument);
            ++shared_->evaluations;
            return value;
        });
        auto const utility = memo::memoize(function, options, memo::tiered(near, std::move(far)));
        auto const near_only = memo::memoize(function, options, near);
        worker self(
            number, [&](memo::index_set const& argument) { return utility(argument); },
            [&](memo::index_set const& argument) { return near_only.contains(argument); },
            *shared_);
        std::uint64_t const wrong = work_(self);
        self.report(wrong, utility.stats());
    }

    [[nodiscard]] run_result result(std::string const& name) const {
        run_result done;
        done.name = name;
        done.seconds = static_cast<double>(shared_->seconds) / 1e6;
        done.longest = static_cast<double>(shared_->longest) / 1e6;
        done.evaluations = shared_->evaluations;
        done.calls = shared_->calls;
        done.near_hits = shared_->near_hits;
        done.wrong = shared_->wrong;
        done.errors = shared_->errors;
        done.timeouts = shared_->timeouts;
        done.reconnects = shared_->reconnects;
        done.worker_cpu = static_cast<double>(shared_->cpu) / 1e6;
        done.servers = servers_.counts();
        for (std::size_t i = 0; i < before_.size(); ++i) {
            done.servers[i].requests -= before_[i].requests;
            done.servers[i].cpu -= before_[i].cpu;
        }
        return done;
    }

    server_group& servers_;
    std::size_t workers_;
    worker::utility evaluate_;
    std::function<std::uint64_t(worker&)> work_;
    memo_test::temp_dir folder_;
    std::string name_space_;
    memo_test::shared<progress> shared_;
    std::vector<server_counts> before_;
};

inline void begin(cluster_run& run) {
    run.begin_part(1);
}

/// A server is killed once a quarter of the distinct keys is evaluated, and starts again, empty, at the
/// half.
inline std::function<void(cluster_run&)> kill_and_start(std::size_t server, std::size_t distinct) {
    return [=](cluster_run& run) {
        run.begin_part(1);
        run.wait_for_evaluations(distinct / 4);
        run.servers().kill(server);
        run.wait_for_evaluations(distinct / 2);
        run.servers().start(server);
    };
}

} // namespace benchmark
