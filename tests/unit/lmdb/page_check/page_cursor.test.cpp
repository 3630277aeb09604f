// SPDX-License-Identifier: BSL-1.0

#include "support/page_builder.hpp"
#include <memo/detail/lmdb/page_check/page_cursor.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace detail = memo::detail;
namespace page_format = memo::detail::page_format;
using detail::lookup_status;
using memo_test::page_builder;
using memo_test::sample_file;
using memo_test::store;

namespace {

/// The entries that a cursor visits from a key on, and how the scan ended.
struct walk {
    std::vector<std::string> keys;
    std::vector<std::string> values;
    lookup_status end = lookup_status::found;
};

walk walk_from(sample_file const& file, std::string const& key) {
    detail::page_cursor cursor(file.view, file.snapshot());
    detail::key_and_value entry;
    walk result;
    for (result.end = cursor.seek(memo_test::bytes_of(key), entry);
         result.end == lookup_status::found; result.end = cursor.next(entry)) {
        result.keys.push_back(memo_test::text_of(entry.key));
        result.values.push_back(memo_test::text_of(entry.value));
    }
    return result;
}

bool is_refused(sample_file const& file) {
    return walk_from(file, "").end == lookup_status::corrupt;
}

} // namespace

TEST_CASE("a cursor visits all entries in order") {
    sample_file const file;
    walk const all = walk_from(file, "");
    CHECK(all.keys == std::vector<std::string>{"a", "bb", "c", "d", "e", "f", "g", "h"});
    CHECK(all.end == lookup_status::absent);
    for (std::size_t i = 0; i < all.keys.size(); ++i) {
        CHECK(all.values[i] == file.records.at(all.keys[i]));
    }
}

TEST_CASE("a cursor begins with the first key that is not less") {
    sample_file const file;
    std::map<std::string, std::size_t> const remaining{
        {"A", 8},  {"a", 8},  {"aa", 7}, {"bb", 7}, {"bc", 6},
        {"c", 6},  {"cz", 5}, {"d", 5},  {"e", 4},  {"ez", 3},
        {"fz", 2}, {"g", 2},  {"h", 1},  {"hh", 0}, {std::string(600, 'z'), 0}};
    for (auto const& [key, count] : remaining) {
        CAPTURE(key);
        walk const rest = walk_from(file, key);
        CHECK(rest.keys.size() == count);
        CHECK(rest.end == lookup_status::absent);
    }
}

TEST_CASE("a cursor over an empty tree visits nothing") {
    sample_file file;
    file.change_meta([](auto& meta) { meta.records.root = page_format::no_page; });
    walk const all = walk_from(file, "");
    CHECK(all.keys.empty());
    CHECK(all.end == lookup_status::absent);
}

TEST_CASE("a cursor refuses keys that do not ascend") {
    using p = page_builder;
    sample_file file;
    SECTION("within a leaf") {
        file.pages.add_leaf(sample_file::first_leaf, {p::in_leaf("b", ""), p::in_leaf("a", "")});
    }
    SECTION("twice within a leaf") {
        file.pages.add_leaf(sample_file::first_leaf, {p::in_leaf("a", ""), p::in_leaf("a", "")});
    }
    SECTION("from leaf to leaf") {
        file.pages.add_leaf(sample_file::last_leaf, {p::in_leaf("f", "")});
    }
    SECTION("twice in two leaves") {
        file.pages.add_leaf(sample_file::first_leaf, {p::in_leaf("a", ""), p::in_leaf("d", "")});
    }
    SECTION("behind the separator of the next leaf") {
        file.pages.add_leaf(sample_file::first_leaf, {p::in_leaf("a", ""), p::in_leaf("dd", "")});
    }
    SECTION("before the separator of its own leaf") {
        file.pages.add_leaf(sample_file::last_leaf, {p::in_leaf("ff", ""), p::in_leaf("h", "")});
    }
    SECTION("separators") {
        file.pages.add_branch(sample_file::root,
                              {p::in_branch("", sample_file::first_leaf),
                               p::in_branch("g", sample_file::last_leaf), p::in_branch("d", 4)});
    }
    SECTION("an empty key behind others") {
        file.pages.add_leaf(sample_file::first_leaf, {p::in_leaf("a", ""), p::in_leaf("", "")});
    }
    SECTION("one leaf twice") {
        file.pages.add_branch(sample_file::root, {p::in_branch("", sample_file::first_leaf),
                                                  p::in_branch("b", sample_file::first_leaf)});
    }
    CHECK(is_refused(file));
}

TEST_CASE("a cursor refuses a key above LMDB's maximal size") {
    using p = page_builder;
    for (std::size_t const size : {511U, 512U}) {
        sample_file file;
        file.pages.add_leaf(sample_file::first_leaf, {p::in_leaf(std::string(size, 'b'), "")});
        CHECK(is_refused(file) == (size == 512U));
    }
}

TEST_CASE("a cursor refuses a page without nodes") {
    for (std::uint64_t const page : {sample_file::first_leaf, sample_file::last_leaf}) {
        sample_file file;
        file.pages.add_leaf(page, {});
        CHECK(is_refused(file));
    }
}

TEST_CASE("a cursor refuses a cycle of pages") {
    for (std::size_t const child : {0U, 1U, 2U}) {
        CAPTURE(child);
        sample_file file;
        std::string const key = std::vector<std::string>{"", "d", "g"}[child];
        store(file.pages.node_at(sample_file::root, child),
              page_format::node_header::of_branch(sample_file::root, key.size()));
        CHECK(is_refused(file));
        CHECK(walk_from(file, "h").end != lookup_status::found);
    }
}

TEST_CASE("a cursor refuses the pages that a lookup refuses") {
    sample_file file;
    SECTION("a header") {
        store(file.pages.page(4), std::uint64_t{3});
    }
    SECTION("an offset") {
        store(file.pages.offset_at(4, 2), std::uint16_t{0xffff});
    }
    SECTION("the offset of a child") {
        store(file.pages.offset_at(sample_file::root, 2), std::uint16_t{4095});
    }
    SECTION("a child") {
        store(file.pages.node_at(sample_file::root, 2),
              page_format::node_header::of_branch(sample_file::page_count, 1));
    }
    SECTION("overflow pages") {
        store(file.pages.page(5) + 12, std::uint32_t{1});
    }
    SECTION("a value") {
        store(file.pages.node_at(sample_file::last_leaf, 0),
              page_format::node_header::of_leaf(4096, 0, 1));
    }
    SECTION("a root") {
        file.change_meta([](auto& meta) { meta.records.root = 1; });
    }
    SECTION("the end of the file") {
        file.pages.set_length(11 * page_format::page_size);
    }
    CHECK(is_refused(file));
}
