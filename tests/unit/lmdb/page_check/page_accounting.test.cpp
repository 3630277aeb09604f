// SPDX-License-Identifier: BSL-1.0

#include "support/page_builder.hpp"
#include <memo/detail/lmdb/page_check/page_accounting.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace detail = memo::detail;
namespace page_format = memo::detail::page_format;
using memo_test::page_builder;
using memo_test::sample_file;
using memo_test::store;
using memo_test::text_of_number;

namespace {

bool has_single_uses(sample_file const& file) {
    return detail::page_accounting(file.view, file.snapshot()).has_single_uses();
}

/// A list of free pages: the key and the value of an entry.
struct list {
    std::uint64_t freed_by;
    std::vector<std::uint64_t> pages;
};

bool accepts(std::vector<list> const& lists) {
    sample_file file;
    std::vector<page_builder::node> nodes;
    for (list const& each : lists) {
        nodes.push_back(page_builder::in_leaf(text_of_number(each.freed_by),
                                              page_builder::free_list(each.pages)));
    }
    file.pages.add_leaf(sample_file::free_leaf, nodes);
    return has_single_uses(file);
}

} // namespace

TEST_CASE("each page of a file that LMDB wrote has one use") {
    CHECK(has_single_uses(sample_file()));
    CHECK(accepts({{8, {9}}, {10, {10, 8}}}));
    CHECK(accepts({{10, {10, 9, 8}}}));
    CHECK(accepts({{9, {8}}, {10, {}}})); // a page that is counted nowhere is only lost
}

TEST_CASE("a page that is free and in use is refused") {
    for (std::uint64_t const page : std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5, 6, 7, 11}) {
        CAPTURE(page);
        CHECK_FALSE(accepts({{10, {page}}}));
    }
}

TEST_CASE("a page that is free twice is refused") {
    CHECK_FALSE(accepts({{10, {9, 9}}}));
    CHECK_FALSE(accepts({{8, {9}}, {10, {10, 9}}}));
}

TEST_CASE("a free page beyond the end of the file is refused") {
    CHECK_FALSE(accepts({{10, {12}}}));
    CHECK_FALSE(accepts({{10, {~std::uint64_t{0}}}}));
}

TEST_CASE("lists of free pages must be in order and end with the last commit") {
    CHECK_FALSE(accepts({{8, {9}}}));
    CHECK_FALSE(accepts({{8, {9}}, {9, {8}}}));
    CHECK_FALSE(accepts({{8, {9}}, {11, {8}}}));
    CHECK_FALSE(accepts({{10, {9}}, {8, {8}}}));
    CHECK_FALSE(accepts({{10, {9}}, {10, {8}}}));
    CHECK_FALSE(accepts({{0, {9}}}));
    // The first commit that stores a record frees no page.
    sample_file file;
    auto before = memo_test::load<page_format::meta>(file.pages.meta_at(1));
    before.records.root = page_format::no_page;
    store(file.pages.meta_at(1), before);
    file.pages.add_leaf(sample_file::free_leaf,
                        {page_builder::in_leaf(text_of_number(8), page_builder::free_list({9}))});
    CHECK(has_single_uses(file));
}

TEST_CASE("an invalid list of free pages is refused") {
    using p = page_builder;
    auto const with = [](page_builder::node const& node) {
        sample_file file;
        file.pages.add_leaf(sample_file::free_leaf, {node});
        return has_single_uses(file);
    };
    std::string const key = text_of_number(10);
    CHECK(with(p::in_leaf(key, p::free_list({9}))));
    CHECK_FALSE(with(p::in_leaf(key, "")));
    CHECK_FALSE(with(p::in_leaf(key, std::string(7, '\0'))));
    CHECK_FALSE(with(p::in_leaf(key, text_of_number(2) + text_of_number(9))));
    CHECK_FALSE(with(p::in_leaf(key, text_of_number(~std::uint64_t{0}))));
    CHECK_FALSE(with(p::in_leaf(key.substr(0, 7), p::free_list({9}))));
    CHECK_FALSE(with(p::in_leaf(key + '\0', p::free_list({9}))));
    CHECK_FALSE(with(p::in_overflow(key, 5000, 9))); // no overflow page is there
    CHECK_FALSE(with(p::in_overflow(key, 5000, 5))); // a record's
}

TEST_CASE("a page with two parents is refused") {
    using p = page_builder;
    sample_file file;
    SECTION("a leaf") {
        file.pages.add_branch(sample_file::root, {p::in_branch("", 3), p::in_branch("d", 3)});
    }
    SECTION("a branch of itself") {
        file.pages.add_branch(sample_file::root, {p::in_branch("", 2)});
    }
    SECTION("a leaf of the free pages") {
        file.pages.add_branch(sample_file::root, {p::in_branch("", 3), p::in_branch("d", 7)});
    }
    SECTION("overflow pages") {
        file.pages.add_leaf(sample_file::last_leaf, {p::in_overflow("g", 5000, 5)});
    }
    SECTION("one root of two trees") {
        file.change_meta([](auto& meta) { meta.free_pages.root = meta.records.root; });
    }
    CHECK_FALSE(has_single_uses(file));
}

TEST_CASE("an invalid child or leaf is refused") {
    sample_file file;
    SECTION("a meta") {
        store(file.pages.node_at(sample_file::root, 1), page_format::node_header::of_branch(1, 1));
    }
    SECTION("behind the file") {
        store(file.pages.node_at(sample_file::root, 1), page_format::node_header::of_branch(12, 1));
    }
    SECTION("a damaged header of a branch") {
        store(file.pages.page(sample_file::root), std::uint64_t{3});
    }
    SECTION("a damaged offset in a branch") {
        store(file.pages.offset_at(sample_file::root, 1), std::uint16_t{0xffff});
    }
    SECTION("a damaged header of a leaf") {
        store(file.pages.page(sample_file::last_leaf), std::uint64_t{3});
    }
    SECTION("a damaged offset in a leaf") {
        store(file.pages.offset_at(sample_file::last_leaf, 1), std::uint16_t{0xffff});
    }
    SECTION("a branch in the place of a leaf") {
        file.pages.add_branch(sample_file::last_leaf, {page_builder::in_branch("", 8)});
    }
    SECTION("a leaf in the place of a branch") {
        file.change_meta([](auto& meta) { meta.records.depth = 3; });
    }
    SECTION("a root behind the file") {
        file.change_meta([](auto& meta) { meta.records.root = 12; });
    }
    SECTION("the root of a commit before") {
        file.change_meta([](auto& meta) { meta.records.root = 8; });
    }
    CHECK_FALSE(has_single_uses(file));
}

TEST_CASE("trees that are larger than the file are refused") {
    std::vector<std::function<std::uint64_t&(page_format::meta&)>> const fields{
        [](auto& meta) -> std::uint64_t& { return meta.records.branch_pages; },
        [](auto& meta) -> std::uint64_t& { return meta.records.leaf_pages; },
        [](auto& meta) -> std::uint64_t& { return meta.records.overflow_pages; },
        [](auto& meta) -> std::uint64_t& { return meta.free_pages.branch_pages; },
        [](auto& meta) -> std::uint64_t& { return meta.free_pages.leaf_pages; },
        [](auto& meta) -> std::uint64_t& { return meta.free_pages.overflow_pages; },
    };
    for (std::size_t field = 0; field < fields.size(); ++field) {
        for (std::uint64_t const more :
             std::vector<std::uint64_t>{1, 12, 9000, ~std::uint64_t{0} - 3}) {
            CAPTURE(field, more);
            sample_file file; // whose pages are counted without a rest
            file.change_meta([&](auto& meta) { fields[field](meta) += more; });
            CHECK_FALSE(has_single_uses(file));
        }
    }
}
