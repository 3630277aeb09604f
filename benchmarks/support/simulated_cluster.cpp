// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/breaker.hpp>
#include <memo/detail/key/hash.hpp>
#include <memo/detail/memcached/ring.hpp>
#include <support/simulated_cluster.hpp>

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <numeric>
#include <queue>
#include <random>
#include <unordered_set>
#include <utility>
#include <vector>

namespace benchmark {

namespace {

/// The time of the simulation, for memo's breaker.
struct simulated_clock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<simulated_clock>;

    static time_point now() noexcept { return time_point(duration(current)); }

    inline static rep current = 0;
};

using breaker = memo::detail::breaker_by<simulated_clock>;

std::chrono::nanoseconds nanoseconds_of(double seconds) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

/// A part of a worker's program that others wait for.
template <class T> class task {
  public:
    struct promise_type {
        T value{};
        std::coroutine_handle<> caller;

        task get_return_object() {
            return task(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        auto final_suspend() noexcept {
            struct to_caller {
                bool await_ready() noexcept { return false; }
                std::coroutine_handle<>
                await_suspend(std::coroutine_handle<promise_type> ended) noexcept {
                    std::coroutine_handle<> const next = ended.promise().caller;
                    return next ? next : std::noop_coroutine();
                }
                void await_resume() noexcept {}
            };
            return to_caller{};
        }
        void return_value(T result) { value = result; }
        [[noreturn]] void unhandled_exception() { std::terminate(); }
    };

    task(task&& other) noexcept : program_(std::exchange(other.program_, nullptr)) {}
    task& operator=(task&&) = delete;
    task(task const&) = delete;
    task& operator=(task const&) = delete;
    ~task() {
        if (program_) {
            program_.destroy();
        }
    }

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) {
        program_.promise().caller = caller;
        return program_;
    }
    T await_resume() { return program_.promise().value; }

    [[nodiscard]] std::coroutine_handle<> handle() const { return program_; }

  private:
    explicit task(std::coroutine_handle<promise_type> program) : program_(program) {}

    std::coroutine_handle<promise_type> program_;
};

/// Who goes on when.
class schedule {
  public:
    [[nodiscard]] double now() const { return now_; }

    void at(double time, std::coroutine_handle<> what) {
        events_.push({std::max(time, now_), next_++, what});
    }

    /// Waits until a time.
    auto until(double time) {
        struct waiter {
            schedule* of;
            double time;
            [[nodiscard]] bool await_ready() const noexcept { return time <= of->now_; }
            void await_suspend(std::coroutine_handle<> self) const { of->at(time, self); }
            void await_resume() const noexcept {}
        };
        return waiter{this, time};
    }
    auto wait(double seconds) { return until(now_ + seconds); }

    void run() {
        while (!events_.empty()) {
            event const next = events_.top();
            events_.pop();
            now_ = next.time;
            simulated_clock::current = static_cast<std::int64_t>(now_ * 1e9);
            next.what.resume();
        }
    }

  private:
    struct event {
        double time;
        std::uint64_t number;
        std::coroutine_handle<> what;
        [[nodiscard]] bool operator<(event const& other) const {
            return std::pair(other.time, other.number) < std::pair(time, number);
        }
    };

    double now_ = 1; // a time of 0 has a meaning of its own for the breaker
    std::uint64_t next_ = 0;
    std::priority_queue<event> events_;
};

/// Cores that serve in the order of arrival.
class cores {
  public:
    explicit cores(std::size_t count) : free_at_(count, 0.0) {}

    /// When the work ends that arrives now.
    double serve(double now, double work) {
        auto const first = std::ranges::min_element(free_at_);
        *first = std::max(*first, now) + work;
        return *first;
    }

  private:
    std::vector<double> free_at_;
};

enum class reply { done, absent, conflict, failed };

/// What one server has of one key.
struct item {
    bool is_stored = false;
    double leased_until = 0; ///< 0: not leased
    std::size_t holder = 0;
};

struct server {
    cores processors;
    bool is_up = true;
    std::uint64_t incarnation = 1; ///< one more at each start
};

/// A worker's view of one server.
struct view {
    breaker guard;
    std::uint64_t connected_to = 0; ///< the incarnation; 0: no connection
    double generation_until = 0;
};

class cluster {
  public:
    cluster(cluster_plan const& plan, cluster_times const& times)
        : plan_(plan), times_(times), machine_(std::max<std::size_t>(plan.shared_cores, 1)) {
        for (auto const& names : plan.rings) {
            memo::detail::server_ring const ring(names);
            auto& places = server_of_.emplace_back(plan.keys);
            for (std::size_t key = 0; key < plan.keys; ++key) {
                places[key] =
                    servers_.size() + ring.server_of(memo::detail::hash128(&key, sizeof key));
            }
            for (std::size_t i = 0; i < names.size(); ++i) {
                servers_.push_back({cores(plan.server_cores)});
            }
            items_.emplace_back(plan.keys);
            for (auto& each : items_.back()) {
                each.is_stored = plan.is_warm;
            }
        }
        outcome_.requests.assign(servers_.size(), 0);
        outcome_.busy.assign(servers_.size(), 0);
        was_asked_.assign(plan.keys, false);
        for (std::size_t number = 0; number < plan.workers; ++number) {
            for (std::size_t call = 0; call < plan.calls; ++call) {
                was_asked_[plan.key_of(number, call)] = true;
            }
        }
        outcome_.distinct = static_cast<std::uint64_t>(std::ranges::count(was_asked_, true));
    }

    cluster_outcome run() {
        double const start = schedule_.now();
        std::vector<task<int>> programs;
        programs.reserve(plan_.workers);
        for (std::size_t i = 0; i < plan_.workers; ++i) {
            workers_.emplace_back(plan_, servers_.size(), i);
            programs.push_back(work(workers_.back()));
            schedule_.at(start, programs.back().handle());
        }
        schedule_.run();
        outcome_.seconds = schedule_.now() - start;
        outcome_.mean_request = requesting_ / static_cast<double>(outcome_.all_requests());
        return outcome_;
    }

  private:
    struct worker {
        worker(cluster_plan const& plan, std::size_t servers, std::size_t index)
            : number(index),
              views(std::make_unique<view[]>(servers)),
              random(static_cast<std::minstd_rand::result_type>(plan.seed * 7919 + index + 1)) {}

        std::size_t number;
        std::unordered_set<std::size_t> near;
        std::unique_ptr<view[]> views; // a breaker cannot be moved
        std::minstd_rand random;
    };

    /// Which rings failed to answer this call, and which lease it holds.
    struct call_state {
        std::vector<bool> failed;
        std::vector<bool> held;
    };

    /// Work on the worker's side of a request.
    auto use_core(double work) {
        double const now = schedule_.now();
        return schedule_.until(plan_.shared_cores == 0 ? now + work : machine_.serve(now, work));
    }

    double serve(std::size_t number) {
        outcome_.busy[number] += times_.server;
        ++outcome_.requests[number];
        double const now = schedule_.now();
        return plan_.shared_cores == 0 ? servers_[number].processors.serve(now, times_.server)
                                       : machine_.serve(now, times_.server);
    }

    /// One request: change(item) runs at the server.
    template <class Change>
    task<reply> ask(worker& self, std::size_t ring, std::size_t key, Change change) {
        std::size_t const number = server_of_[ring][key];
        view& seen = self.views[number];
        if (!seen.guard.lets_pass(nanoseconds_of(0.2 + plan_.operation_timeout))) {
            co_return reply::failed;
        }
        if (seen.connected_to != servers_[number].incarnation || !servers_[number].is_up) {
            co_await use_core(times_.client); // connects
            co_await schedule_.wait(times_.network);
            if (!servers_[number].is_up) {
                seen.connected_to = 0;
                fail(seen, true);
                co_return reply::failed;
            }
            seen.connected_to = servers_[number].incarnation;
            seen.generation_until = 0;
        }
        if (schedule_.now() >= seen.generation_until) {
            double const begun = schedule_.now();
            reply const got = co_await exchange(seen, number, [] { return reply::done; });
            if (got == reply::failed) {
                co_return got;
            }
            seen.generation_until = begun + 1;
        }
        item& of_key = items_[ring][key];
        co_return co_await exchange(seen, number, [&] { return change(of_key); });
    }

    /// A message to a server and back.
    template <class Change> task<reply> exchange(view& seen, std::size_t number, Change change) {
        double const begun = schedule_.now();
        double const deadline = begun + plan_.operation_timeout;
        co_await use_core(times_.client / 2);
        co_await schedule_.wait(times_.network / 2);
        double const served = serve(number);
        std::uint64_t const incarnation = servers_[number].incarnation;
        if (served > deadline) { // the server does it all the same, for nobody
            change();
            co_await schedule_.until(deadline);
            seen.connected_to = 0;
            ++outcome_.timeouts;
            fail(seen, false);
            co_return reply::failed;
        }
        co_await schedule_.until(served);
        if (!servers_[number].is_up || servers_[number].incarnation != incarnation) {
            seen.connected_to = 0;
            fail(seen, true);
            co_return reply::failed;
        }
        reply const result = change();
        co_await schedule_.wait(times_.network / 2);
        co_await use_core(times_.client / 2);
        seen.guard.succeeded();
        requesting_ += schedule_.now() - begun;
        co_return result;
    }

    void fail(view& seen, bool at_once) {
        if (seen.guard.failed(at_once)) {
            ++outcome_.breaker_opens;
        }
    }

    static reply look(item const& of_key) { return of_key.is_stored ? reply::done : reply::absent; }
    static reply store(item& of_key) {
        of_key.is_stored = true;
        return reply::done;
    }
    reply add(item& of_key, std::size_t holder) const {
        if (of_key.leased_until > schedule_.now()) {
            return reply::conflict;
        }
        of_key.leased_until = schedule_.now() + plan_.lease;
        of_key.holder = holder;
        return reply::done;
    }
    static reply end(item& of_key, std::size_t holder) {
        if (of_key.holder == holder) {
            of_key.leased_until = 0;
        }
        return reply::done;
    }

    /// Looks in all rings, near first; the number of the one that has it, or the number of rings.
    task<std::size_t> find(worker& self, call_state& state, std::size_t key) {
        std::size_t ring = 0;
        for (; ring < plan_.rings.size(); ++ring) {
            if (state.failed[ring]) {
                continue;
            }
            reply const got =
                co_await ask(self, ring, key, [](item const& each) { return look(each); });
            state.failed[ring] = got == reply::failed;
            if (got == reply::done) {
                break;
            }
        }
        co_return ring;
    }

    task<int> take_lease(worker& self, call_state& state, std::size_t ring, std::size_t key) {
        auto const take = [&, this](item& each) { return add(each, self.number); };
        reply got = co_await ask(self, ring, key, take);
        if (got == reply::conflict) {
            ++outcome_.lease_waits;
            double const begun = schedule_.now();
            double pause = 0.0005;
            while (got == reply::conflict && schedule_.now() < begun + plan_.lease + 2) {
                std::uniform_real_distribution<double> time(pause / 2, pause);
                co_await schedule_.wait(time(self.random));
                double const waited = plan_.waits_grow ? schedule_.now() - begun : 0;
                pause = std::min(2 * pause, std::clamp(waited / 8, 0.016, 0.25));
                got = co_await ask(self, ring, key, [](item const& each) { return look(each); });
                if (got == reply::absent) {
                    got = co_await ask(self, ring, key, take);
                } else if (got == reply::done) {
                    co_return 0; // stored
                }
            }
        }
        state.failed[ring] = got == reply::failed;
        state.held[ring] = got == reply::done;
        co_return 0;
    }

    task<int> end_leases(worker& self, call_state& state, std::size_t key) {
        for (std::size_t ring = plan_.rings.size(); ring-- > 0;) {
            if (state.held[ring]) {
                co_await ask(self, ring, key, [&](item& each) { return end(each, self.number); });
            }
        }
        co_return 0;
    }

    /// A call that missed in the worker's memory, as memo makes it.
    task<int> miss(worker& self, std::size_t key) {
        std::size_t const rings = plan_.rings.size();
        call_state state{std::vector<bool>(rings), std::vector<bool>(rings)};
        auto const put = [](item& each) { return store(each); };
        std::size_t const found = co_await find(self, state, key);
        if (found < rings) {
            self.near.insert(key);
            for (std::size_t ring = found; ring-- > 0;) {
                if (!state.failed[ring]) {
                    co_await ask(self, ring, key, put);
                }
            }
            co_return 0;
        }
        for (std::size_t ring = 0; ring < rings; ++ring) {
            if (plan_.lease > 0 && !state.failed[ring]) {
                co_await take_lease(self, state, ring, key);
            }
        }
        if (co_await find(self, state, key) == rings) {
            if (plan_.evaluation_uses_core) {
                co_await use_core(plan_.evaluation(key));
            } else {
                co_await schedule_.wait(plan_.evaluation(key));
            }
            evaluated();
            self.near.insert(key);
            for (std::size_t ring = 0; ring < rings; ++ring) {
                if (!state.failed[ring]) {
                    co_await ask(self, ring, key, put);
                }
            }
        }
        co_await end_leases(self, state, key);
        co_return 0;
    }

    task<int> work(worker& self) {
        for (std::size_t call = 0; call < plan_.calls; ++call) {
            std::size_t const key = plan_.key_of(self.number, call);
            ++outcome_.calls;
            if (self.near.contains(key)) {
                ++outcome_.near_hits;
                continue;
            }
            double const begun = schedule_.now();
            co_await miss(self, key);
            outcome_.longest_call = std::max(outcome_.longest_call, schedule_.now() - begun);
        }
        co_return 0;
    }

    void evaluated() {
        ++outcome_.evaluations;
        while (next_fault_ < plan_.faults.size() &&
               static_cast<double>(outcome_.evaluations) >=
                   plan_.faults[next_fault_].share * static_cast<double>(outcome_.distinct)) {
            cluster_fault const& fault = plan_.faults[next_fault_++];
            servers_[fault.server].is_up = !fault.ends;
            if (!fault.ends) {
                ++servers_[fault.server].incarnation;
            }
            for (std::size_t ring = 0; ring < plan_.rings.size(); ++ring) {
                for (std::size_t key = 0; key < plan_.keys; ++key) {
                    if (server_of_[ring][key] == fault.server) {
                        items_[ring][key] = {};
                    }
                }
            }
        }
    }

    cluster_plan const& plan_;
    cluster_times const& times_;
    schedule schedule_;
    cores machine_;
    std::vector<server> servers_;
    std::vector<std::vector<std::size_t>> server_of_; ///< of a ring and a key
    std::vector<std::vector<item>> items_;            ///< of a ring and a key
    std::deque<worker> workers_;
    std::vector<bool> was_asked_;
    std::size_t next_fault_ = 0;
    double requesting_ = 0; ///< seconds of all requests
    cluster_outcome outcome_;
};

} // namespace

std::uint64_t cluster_outcome::all_requests() const {
    return std::accumulate(requests.begin(), requests.end(), std::uint64_t{0});
}

double cluster_outcome::imbalance() const {
    return static_cast<double>(std::ranges::max(requests)) * static_cast<double>(requests.size()) /
           static_cast<double>(all_requests());
}

cluster_outcome simulate(cluster_plan const& plan, cluster_times const& times) {
    return cluster(plan, times).run();
}

} // namespace benchmark
