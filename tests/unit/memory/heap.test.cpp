// SPDX-License-Identifier: BSL-1.0

// The heap usage of a store that is filled and cleared repeatedly.

#include "support/failing_memory.hpp"
#include "support/keys.hpp"
#include <memo/backends/memory.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using memo_test::key_of;

namespace {

constexpr std::uint64_t many = 5000; // several segments

/// Live allocations, without retired objects.
std::size_t allocations() {
    static_cast<void>(memo::detail::this_thread_slot()); // allocated once
    memo::detail::process_wide<memo::detail::reclaimer>().reclaim();
    return memo_test::heap.live;
}

template <class Record> Record record_of(std::uint64_t number);
template <> double record_of(std::uint64_t number) {
    return 0.5 * static_cast<double>(number);
}
template <> std::string record_of(std::uint64_t number) {
    return std::string(60, 'a') + std::to_string(number);
}
template <> std::vector<std::string> record_of(std::uint64_t number) {
    return {record_of<std::string>(number), record_of<std::string>(number + 1)};
}

} // namespace

TEMPLATE_TEST_CASE("each clear frees the same memory as the first one", "", double, std::string,
                   std::vector<std::string>) {
    auto const settings =
        GENERATE(memo::memory::settings{}, memo::memory::settings{.max_entries = many / 2});
    std::size_t const without_store = allocations();
    {
        memo::memory const store(settings);
        auto const records = store.partition<TestType>({11, 12});
        auto const fill = [&] {
            for (std::uint64_t number = 0; number < many; ++number) {
                REQUIRE(records.put(key_of(number), record_of<TestType>(number), {}));
            }
        };
        fill();
        records.clear();
        std::size_t const cleared = allocations();
        CHECK(cleared - without_store < many / 50); // segments and directories
        for (int round = 0; round < 4; ++round) {
            fill();
            records.clear();
            CHECK(allocations() == cleared);
        }
    }
    CHECK(allocations() == without_store);
}
