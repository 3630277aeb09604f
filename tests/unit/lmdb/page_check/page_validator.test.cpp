// SPDX-License-Identifier: BSL-1.0

#include "support/page_builder.hpp"
#include <memo/detail/lmdb/page_check/page_validator.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace detail = memo::detail;
namespace page_format = memo::detail::page_format;
using change = detail::page_validator::change;
using memo_test::page_builder;
using memo_test::sample_file;
using memo_test::store;

namespace {

bool is_valid(sample_file const& file, std::string const& key, change what) {
    detail::page_snapshot const snapshot = file.snapshot();
    return detail::page_validator(file.view).path_is_valid(
        snapshot.records, memo_test::bytes_of(key), snapshot.page_count, what);
}

bool lists_are_valid(sample_file const& file) {
    detail::page_snapshot const snapshot = file.snapshot();
    return detail::page_validator(file.view).free_lists_are_valid(snapshot.free_pages,
                                                                  snapshot.page_count);
}

/// Whether a file with this value in the place of the last list of free pages has valid lists.
bool accepts(std::string const& list) {
    sample_file file;
    file.pages.add_leaf(sample_file::free_leaf,
                        {page_builder::in_leaf(memo_test::text_of_number(10), list)});
    return lists_are_valid(file);
}

} // namespace

TEST_CASE("every path of a file that LMDB wrote is valid") {
    sample_file const file;
    for (std::string const key : {"", "A", "a", "b", "c", "d", "dd", "e", "f", "g", "h", "zzz"}) {
        CAPTURE(key);
        CHECK(is_valid(file, key, change::insert));
        CHECK(is_valid(file, key, change::remove));
    }
}

TEST_CASE("an empty tree must have depth 0") {
    sample_file file;
    file.change_meta([](auto& meta) { meta.records.root = page_format::no_page; });
    CHECK_FALSE(is_valid(file, "a", change::insert));
    file.change_meta([](auto& meta) { meta.records.depth = 0; });
    CHECK(is_valid(file, "a", change::insert));
}

TEST_CASE("the length of a path must be the depth of the tree") {
    for (std::uint16_t const depth : std::vector<std::uint16_t>{0, 1, 3, 32, 0xffff}) {
        CAPTURE(depth);
        sample_file file;
        file.change_meta([&](auto& meta) { meta.records.depth = depth; });
        CHECK_FALSE(is_valid(file, "a", change::insert));
    }
}

TEST_CASE("a cyclic path is invalid") {
    sample_file file;
    store(file.pages.node_at(sample_file::root, 0),
          page_format::node_header::of_branch(sample_file::root, 0));
    CHECK_FALSE(is_valid(file, "a", change::insert));
    CHECK(is_valid(file, "h", change::insert));
}

TEST_CASE("the nodes of a page must fill it from upper without gaps") {
    using p = page_builder;
    std::uint64_t const leaf = sample_file::first_leaf;
    sample_file file;
    auto const offset_of = [&](std::size_t index) {
        return memo_test::load<std::uint16_t>(file.pages.offset_at(leaf, index));
    };
    SECTION("a gap before the nodes") {
        file.change_header(leaf, [](auto& header) {
            header.upper = static_cast<std::uint16_t>(header.upper - 2);
        });
    }
    SECTION("a node before upper") {
        file.change_header(leaf, [](auto& header) {
            header.upper = static_cast<std::uint16_t>(header.upper + 2);
        });
    }
    SECTION("a node in the room before the nodes") {
        std::uint16_t const free = 1000;
        std::memcpy(file.pages.page(leaf) + free, file.pages.node_at(leaf, 1), 10);
        store(file.pages.offset_at(leaf, 1), free);
    }
    SECTION("a node of the same size at an odd offset") {
        std::byte* const odd = file.pages.node_at(leaf, 2) + 21; // in the value of "c"
        store(odd, page_format::node_header::of_leaf(0, 0, 2));
        store(file.pages.offset_at(leaf, 1),
              static_cast<std::uint16_t>(odd - file.pages.page(leaf)));
    }
    SECTION("one node twice") {
        store(file.pages.offset_at(leaf, 0), offset_of(1));
    }
    SECTION("an odd offset") {
        store(file.pages.offset_at(leaf, 1), static_cast<std::uint16_t>(offset_of(1) + 1));
    }
    SECTION("an offset behind the page") {
        store(file.pages.offset_at(leaf, 1), std::uint16_t{4092});
    }
    SECTION("an offset in the header") {
        store(file.pages.offset_at(leaf, 1), std::uint16_t{0});
    }
    SECTION("a longer key") {
        store(file.pages.node_at(leaf, 0), page_format::node_header::of_leaf(5, 0, 3));
    }
    SECTION("a shorter value") {
        store(file.pages.node_at(leaf, 0), page_format::node_header::of_leaf(3, 0, 1));
    }
    SECTION("a value behind the page") {
        store(file.pages.node_at(leaf, 0), page_format::node_header::of_leaf(~0U, 0, 1));
    }
    SECTION("one node less") {
        file.change_header(leaf, [](auto& header) {
            header.lower = static_cast<std::uint16_t>(header.lower - 2);
        });
    }
    SECTION("one node more") {
        file.change_header(leaf, [](auto& header) {
            header.lower = static_cast<std::uint16_t>(header.lower + 2);
        });
    }
    SECTION("flags of nodes that memo never stores") {
        for (std::uint16_t const flags : std::vector<std::uint16_t>{2, 3, 4, 0xffff}) {
            store(file.pages.node_at(leaf, 1), page_format::node_header::of_leaf(0, flags, 2));
            CHECK_FALSE(is_valid(file, "a", change::insert));
        }
    }
    SECTION("a child of which the branch has no node") {
        file.pages.add_branch(sample_file::root, {p::in_branch("", sample_file::page_count)});
    }
    SECTION("a header") {
        store(file.pages.page(leaf), std::uint64_t{4});
    }
    CHECK_FALSE(is_valid(file, "a", change::insert));
    CHECK_FALSE(is_valid(file, "a", change::remove));
}

TEST_CASE("only a removal checks neighbouring pages") {
    sample_file file;
    store(file.pages.page(sample_file::first_leaf), std::uint64_t{0});
    CHECK_FALSE(is_valid(file, "a", change::insert));
    CHECK(is_valid(file, "d", change::insert));
    CHECK_FALSE(is_valid(file, "d", change::remove));
    CHECK(is_valid(file, "g", change::remove)); // two leaves away
}

TEST_CASE("the overflow pages of the key's own value must be valid") {
    sample_file file;
    store(file.pages.page(sample_file::overflow) + page_format::overflow_count, std::uint32_t{3});
    for (change const what : {change::insert, change::remove}) {
        CHECK_FALSE(is_valid(file, "e", what));
        CHECK(is_valid(file, "d", what));
        CHECK(is_valid(file, "ee", what));
    }
}

TEST_CASE("the lists of free pages that LMDB wrote are valid") {
    using p = page_builder;
    CHECK(lists_are_valid(sample_file()));
    CHECK(accepts(p::free_list({})));
    CHECK(accepts(p::free_list({11, 10, 2})));
    CHECK(
        accepts(p::free_list({10, 8}) + memo_test::text_of_number(0))); // room that it does not use
}

TEST_CASE("a list of free pages with an invalid number is refused") {
    using p = page_builder;
    CHECK_FALSE(accepts(p::free_list({8, 10})));    // ascends
    CHECK_FALSE(accepts(p::free_list({10, 10})));   // twice
    CHECK_FALSE(accepts(p::free_list({10, 8, 8}))); // twice at its end
    CHECK_FALSE(accepts(p::free_list({10, 1})));
    CHECK_FALSE(accepts(p::free_list({10, 0})));
    CHECK_FALSE(accepts(p::free_list({12})));
    CHECK_FALSE(accepts(p::free_list({~std::uint64_t{0}})));
}

TEST_CASE("a list of free pages with an invalid count is refused") {
    auto const with_count = [](std::uint64_t count) {
        return memo_test::text_of_number(count) + memo_test::text_of_number(10) +
               memo_test::text_of_number(8);
    };
    CHECK(accepts(with_count(1)));
    CHECK(accepts(with_count(2)));
    CHECK_FALSE(accepts(with_count(3)));
    CHECK_FALSE(accepts(with_count(std::uint64_t{1} << 61U)));
    CHECK_FALSE(accepts(with_count(~std::uint64_t{0})));
    CHECK_FALSE(accepts(""));
    CHECK_FALSE(accepts(std::string(7, '\0')));
}

TEST_CASE("a list of free pages ends with its value") {
    sample_file file; // whose page 8 is free and follows the list
    file.pages.add_leaf(
        sample_file::free_leaf,
        {page_builder::in_leaf(memo_test::text_of_number(10),
                               memo_test::text_of_number(2) + memo_test::text_of_number(10))});
    store(file.pages.page(8), std::uint64_t{8});
    CHECK_FALSE(lists_are_valid(file));
}

TEST_CASE("the tree of free pages must be valid at any depth") {
    using p = page_builder;
    sample_file file;
    SECTION("no page") {
        file.change_meta([](auto& meta) { meta.free_pages.root = 1; });
        CHECK_FALSE(lists_are_valid(file));
    }
    SECTION("a wrong depth") {
        file.change_meta([](auto& meta) { meta.free_pages.depth = 2; });
        CHECK_FALSE(lists_are_valid(file));
    }
    SECTION("empty") {
        file.change_meta([](auto& meta) { meta.free_pages.root = page_format::no_page; });
        CHECK_FALSE(lists_are_valid(file));
        file.change_meta([](auto& meta) { meta.free_pages.depth = 0; });
        CHECK(lists_are_valid(file));
    }
    SECTION("two levels") {
        file.pages.add_branch(8, {p::in_branch("", sample_file::free_leaf),
                                  p::in_branch(memo_test::text_of_number(11), 9)});
        file.pages.add_leaf(9, {p::in_leaf(memo_test::text_of_number(11), p::free_list({10}))});
        file.change_meta([](auto& meta) {
            meta.free_pages.depth = 2;
            meta.free_pages.root = 8;
        });
        CHECK(lists_are_valid(file));
        SECTION("the last page is damaged") {
            store(file.pages.page(9), std::uint64_t{8});
        }
        SECTION("the first list is damaged") {
            file.pages.add_leaf(sample_file::free_leaf,
                                {p::in_leaf(memo_test::text_of_number(8), p::free_list({9, 9}))});
        }
        SECTION("a circle") {
            file.pages.add_branch(8, {p::in_branch("", 8), p::in_branch("x", 8)});
        }
        CHECK_FALSE(lists_are_valid(file));
    }
    SECTION("a list in overflow pages") {
        std::vector<std::uint64_t> const pages(600, 10);
        file.pages.add_overflow(sample_file::overflow, 2, p::free_list({10, 9, 8}));
        file.pages.add_leaf(sample_file::free_leaf,
                            {p::in_overflow(memo_test::text_of_number(10), 5000, 5)});
        CHECK(lists_are_valid(file));
        file.pages.add_overflow(sample_file::overflow, 2, p::free_list(pages));
        CHECK_FALSE(lists_are_valid(file));
        file.pages.add_overflow(sample_file::overflow, 1, p::free_list({10, 9, 8}));
        CHECK_FALSE(lists_are_valid(file));
    }
}
