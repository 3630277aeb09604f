// SPDX-License-Identifier: BSL-1.0

// Which operations of a partition a call makes, in which order, and why a lookup missed.

#include "support/contract.hpp"
#include "support/crew.hpp"
#include <memo/memo.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using memo::miss_reason;
using memo_test::at_rest;
using namespace std::chrono_literals;

namespace {

/// The operations that a partition received, and its planned answers.
struct script {
    std::vector<std::string> operations;
    std::vector<miss_reason> reasons; ///< of the lookups that come, one each; then what is stored
    std::string failing;              ///< the operation that throws
};

struct scripted {
    static constexpr bool persistent = false;
    static constexpr bool stores = true;

    template <class Record> struct partition_type {
        std::shared_ptr<script> told;
        std::shared_ptr<std::optional<Record>> record = std::make_shared<std::optional<Record>>();

        void note(std::string const& operation) const {
            told->operations.push_back(operation);
            if (told->failing == operation) {
                throw std::runtime_error("told to fail");
            }
        }

        [[nodiscard]] memo::lookup_result<Record> find() const {
            if (!told->reasons.empty()) {
                miss_reason const reason = told->reasons.front();
                told->reasons.erase(told->reasons.begin());
                return reason;
            }
            return *record ? std::optional(memo::cached_value<Record>{**record}) : std::nullopt;
        }
        [[nodiscard]] memo::lookup_result<Record> get(memo::key128) const {
            note("get");
            return find();
        }
        [[nodiscard]] memo::lookup_result<Record> peek(memo::key128) const {
            note("peek");
            return find();
        }
        bool put(memo::key128, Record const& stored, memo::put_options) const {
            note("put");
            *record = stored;
            return true;
        }
        template <class Merge>
        std::optional<Record> update(memo::key128, Merge const& merge, memo::put_options) const {
            note("update");
            *record = merge(*record ? &**record : nullptr);
            return *record;
        }
        [[nodiscard]] bool erase(memo::key128) const {
            note("erase");
            record->reset();
            return true;
        }
        void clear() const { note("clear"); }
        [[nodiscard]] static memo::backend_statistics stats() { return {}; }
    };

    template <class Record> [[nodiscard]] partition_type<Record> partition(memo::key128) const {
        return {told};
    }
    [[nodiscard]] static memo::backend_statistics stats() { return {}; }

    std::shared_ptr<script> told = std::make_shared<script>();
};

using operations = std::vector<std::string>;

operations taken(scripted const& backend) {
    return std::exchange(backend.told->operations, {});
}

std::uint64_t misses_for(memo::statistics const& s, miss_reason reason) {
    switch (reason) {
    case miss_reason::absent:
        return s.misses_absent;
    case miss_reason::expired:
        return s.misses_expired;
    case miss_reason::corrupt:
        return s.misses_corrupt;
    case miss_reason::other_stream:
        return s.misses_other_stream;
    case miss_reason::unsettled:
        return s.misses_unsettled;
    case miss_reason::unavailable:
        return s.misses_unavailable;
    case miss_reason::version:
        return s.misses_version;
    }
    return 0;
}

} // namespace

TEST_CASE("a miss looks up before it leads and after, then stores, and a hit looks up once") {
    scripted const backend;
    auto const f = memo::memoize([](int x) { return 2 * x; }, {}, backend);
    CHECK(f(1) == 2);
    CHECK(taken(backend) == operations{"get", "peek", "put"});
    CHECK(f(1) == 2);
    CHECK(taken(backend) == operations{"get"});
    CHECK(f.outcome(1).source == memo::source::hit);
    CHECK(taken(backend) == operations{"get"});
    CHECK(f.forget(1));
    CHECK(taken(backend) == operations{"erase"});
}

TEST_CASE("a call without single flight looks up once") {
    scripted const backend;
    auto const f = memo::memoize([](int x) { return 2 * x; }, {.single_flight = false}, backend);
    CHECK(f(1) == 2);
    CHECK(taken(backend) == operations{"get", "put"});
}

TEST_CASE("a record that a leader before this one stored is a hit") {
    scripted const backend;
    auto const f = memo::memoize([](int x) { return 2 * x; }, {}, backend);
    CHECK(f(1) == 2);
    backend.told->reasons = {miss_reason::absent}; // as if it were stored after the first lookup
    taken(backend);
    auto const late = f.outcome(1);
    CHECK(late.source == memo::source::hit);
    CHECK_FALSE(late.reason);
    CHECK(taken(backend) == operations{"get", "peek"});
    CHECK(at_rest(f).hits == 1);
}

TEST_CASE("a refinement merges into the record that it looked up") {
    scripted const backend;
    double next = 0;
    auto const f = memo::memoize<scripted, memo::averaged>(
        memo::ignore_state([&next](int) { return next += 1; }), {.min_repetitions = 3}, backend);
    CHECK(f.outcome(1).reason == miss_reason::absent);
    CHECK(taken(backend) == operations{"get", "peek", "update"});
    auto const second = f.outcome(1);
    CHECK(second.source == memo::source::refined);
    CHECK(second.reason == miss_reason::unsettled);
    CHECK(taken(backend) == operations{"get", "peek", "update"});
    auto const s = at_rest(f);
    CHECK(s.misses == 1);
    CHECK(s.misses_absent == 1);
    CHECK(s.refinements == 1);
}

TEST_CASE("a coalesced call looks up once") {
    scripted const backend;
    std::atomic<bool> runs{false};
    std::atomic<bool> may_end{false};
    auto const f = memo::memoize(memo::ignore_state([&](int x) {
                                     runs = true;
                                     memo_test::until([&] { return may_end.load(); });
                                     return x;
                                 }),
                                 {}, backend);
    std::thread leader([&] { static_cast<void>(f(1)); });
    memo_test::until([&] { return runs.load(); });
    CHECK(taken(backend) == operations{"get", "peek"});
    backend.told->reasons = {miss_reason::expired};
    std::optional<memo::outcome<int>> followed;
    std::thread follower([&] { followed = f.outcome(1); });
    memo_test::until_waiting(1);
    CHECK(taken(backend) == operations{"get"});
    may_end = true;
    leader.join();
    follower.join();
    CHECK(taken(backend) == operations{"put"});
    CHECK(followed->source == memo::source::coalesced);
    CHECK(followed->reason == miss_reason::expired);
    CHECK(at_rest(f).coalesced == 1);
}

TEST_CASE("each reason of a lookup reaches the outcome and its counter") {
    auto const reason =
        GENERATE(miss_reason::absent, miss_reason::expired, miss_reason::corrupt,
                 miss_reason::other_stream, miss_reason::unavailable, miss_reason::version);
    CAPTURE(to_string(reason));
    scripted const backend;
    auto const f = memo::memoize([](int x) { return 2 * x; }, {}, backend);
    backend.told->reasons = {reason}; // the second lookup finds nothing any more
    auto const missed = f.outcome(1);
    CHECK(missed.source == memo::source::computed);
    CHECK(missed.reason == reason);
    auto const s = at_rest(f);
    CHECK(s.misses == 1);
    CHECK(misses_for(s, reason) == 1);

    backend.told->reasons = {reason};
    auto const explained = f.explain(1);
    CHECK(explained.miss == reason);
    CHECK_THAT(to_string(explained),
               Catch::Contains("lookup      miss, " + std::string(to_string(reason)) + '\n'));
    CHECK_FALSE(f.explain(1).miss); // stored by now
    CHECK(at_rest(f).calls == 1);
}

TEST_CASE("elements of many and claims have reasons, too") {
    scripted const backend;
    auto const f = memo::memoize([](int x) { return 2 * x; }, {}, backend);
    backend.told->reasons = {miss_reason::corrupt, miss_reason::expired, miss_reason::absent,
                             miss_reason::absent};
    static_cast<void>(f.many(std::vector<int>{1, 2}));
    backend.told->reasons = {miss_reason::unavailable};
    f.forget(3);
    auto claim = f.try_claim(3);
    claim.run();
    auto const s = at_rest(f);
    CHECK(s.misses == 3);
    CHECK(s.misses_corrupt == 1);
    CHECK(s.misses_expired == 1);
    CHECK(s.misses_unavailable == 1);
}

TEST_CASE("a replay that fails says why the call missed") {
    scripted const backend;
    auto const f = memo::memoize([](int x) { return 2 * x; }, {.on_miss = memo::fail}, backend);
    backend.told->reasons = {miss_reason::expired};
    CHECK_THROWS_WITH(f(1), Catch::Contains("lookup      miss, expired"));
    CHECK(at_rest(f).misses_expired == 1);
}

TEST_CASE("a failing operation is counted, and the call goes on without the store") {
    auto const failing = GENERATE("get", "peek", "put");
    CAPTURE(failing);
    scripted const backend;
    auto const f = memo::memoize([](int x) { return 2 * x; }, {}, backend);
    backend.told->failing = failing;
    auto const missed = f.outcome(1);
    CHECK(missed.value == 2);
    CHECK(missed.reason ==
          (std::string(failing) == "put" ? miss_reason::absent : miss_reason::unavailable));
    CHECK(taken(backend) == operations{"get", "peek", "put"});
    CHECK(at_rest(f).errors == 1);
    CHECK(at_rest(f).sets == (std::string(failing) == "put" ? 0U : 1U));
}

TEST_CASE("a call leads at once if its key seems absent") {
    auto const f = memo::memoize<memo::memory>([](int x) { return 2 * x; });
    for (int x = 0; x < 10000; ++x) {
        CHECK(f(x) == 2 * x);
    }
    for (int x = 0; x < 10000; ++x) {
        CHECK(f.outcome(x).source == memo::source::hit);
    }
    auto const s = at_rest(f);
    CHECK(s.misses_absent == 10000);
    CHECK(s.hits == 10000);
}

TEST_CASE("an expired record in memory is a miss with the reason expired") {
    auto now = std::chrono::steady_clock::time_point();
    memo::memory const backend({.clock = [&now] { return now; }});
    auto const f = memo::memoize([](int x) { return 2 * x; }, {.ttl = 1s}, backend);
    CHECK(f.outcome(1).reason == miss_reason::absent);
    now += 2s;
    CHECK(f.outcome(1).reason == miss_reason::expired);
    CHECK(f(1) == 2);
    now += 2s;
    CHECK(f(1) == 2); // by the fast path's way
    auto const s = at_rest(f);
    CHECK(s.misses_absent == 1);
    CHECK(s.misses_expired == 2);
}
