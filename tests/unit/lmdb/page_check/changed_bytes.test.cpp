// SPDX-License-Identifier: BSL-1.0

// Every byte of the file changed in turn. With the address sanitizer a read behind the file is a failure.

#include "support/page_builder.hpp"
#include <memo/detail/lmdb/page_check/page_accounting.hpp>
#include <memo/detail/lmdb/page_check/page_cursor.hpp>
#include <memo/detail/lmdb/page_check/page_validator.hpp>
#include <memo/detail/lmdb/page_check/page_view.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace detail = memo::detail;
namespace page_format = memo::detail::page_format;
using detail::lookup_status;
using memo_test::sample_file;

namespace {

/// Whether bytes lie in the file.
bool lies_in(sample_file& file, detail::bytes_view bytes) {
    auto const all = file.pages.bytes();
    return bytes.data() >= all.data() && bytes.data() + bytes.size() <= all.data() + all.size();
}

/// Uses a file in every way; how many entries a cursor visits, or -1 if it returned bytes that are not
/// the file's.
int use(sample_file& file) {
    auto const snapshot = file.view.latest_snapshot();
    if (!snapshot) {
        return 0;
    }
    detail::page_validator const validator(file.view);
    for (auto const& [key, record] : file.records) {
        auto const place = memo_test::bytes_of(key);
        detail::bytes_view value;
        if (file.view.find(*snapshot, place, value) == lookup_status::found &&
            !lies_in(file, value)) {
            return -1;
        }
        static_cast<void>(validator.path_is_valid(snapshot->records, place, snapshot->page_count,
                                                  detail::page_validator::change::remove));
    }
    static_cast<void>(validator.free_lists_are_valid(snapshot->free_pages, snapshot->page_count));
    if (auto const begin = file.view.snapshot_to_write()) {
        static_cast<void>(detail::page_accounting(file.view, *begin).has_single_uses());
    }
    detail::page_cursor cursor(file.view, *snapshot);
    detail::key_and_value entry;
    int count = 0;
    for (auto status = cursor.seek({}, entry); status == lookup_status::found;
         status = cursor.next(entry)) {
        ++count;
        if (!lies_in(file, entry.value)) {
            return -1;
        }
    }
    return count;
}

} // namespace

TEST_CASE("no changed byte makes a check read beyond the file or loop endlessly") {
    sample_file file;
    auto const bytes = file.pages.bytes();
    REQUIRE(use(file) == 8);
    std::size_t changed = 0;
    int max_visited = 0;
    int min_visited = 8;
    for (std::byte& each : bytes) {
        std::size_t const place =
            static_cast<std::size_t>(&each - bytes.data()) % page_format::page_size;
        if (place >= 160 && each == std::byte{0}) { // room between the offsets and the nodes
            continue;
        }
        std::byte const before = each;
        for (unsigned const flip : {0x01U, 0x02U, 0x10U, 0x80U, 0xffU}) {
            each = before ^ static_cast<std::byte>(flip);
            int const visited = use(file);
            max_visited = (std::max)(max_visited, visited);
            min_visited = (std::min)(min_visited, visited);
            ++changed;
        }
        each = before;
    }
    CHECK(changed > 30'000);
    CHECK(min_visited >= 0);
    CHECK(max_visited <= 8);
    CHECK(use(file) == 8);
}
