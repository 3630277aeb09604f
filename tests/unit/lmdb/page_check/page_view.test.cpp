// SPDX-License-Identifier: BSL-1.0

#include "support/page_builder.hpp"
#include <memo/detail/lmdb/page_check/page_view.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace detail = memo::detail;
namespace page_format = memo::detail::page_format;
using detail::lookup_status;
using memo_test::page_builder;
using memo_test::sample_file;
using memo_test::store;

namespace {

lookup_status find(sample_file const& file, std::string const& key) {
    detail::bytes_view value;
    return file.view.find(file.snapshot(), memo_test::bytes_of(key), value);
}

/// A change of a page's header that makes it invalid.
struct wrong_header {
    char const* name;
    std::function<void(page_format::page_header&)> change;
};

std::vector<wrong_header> const wrong_headers{
    {"number too small", [](auto& header) { header.number -= 1; }},
    {"number too large", [](auto& header) { header.number += 1; }},
    {"number of another file", [](auto& header) { header.number |= std::uint64_t{1} << 63U; }},
    {"no flags", [](auto& header) { header.flags = 0; }},
    {"flags of a leaf and a branch", [](auto& header) { header.flags = 3; }},
    {"flags of an overflow page", [](auto& header) { header.flags = page_format::overflow_page; }},
    {"flags of a meta", [](auto& header) { header.flags = page_format::meta_page; }},
    {"flags of pages that memo never writes", [](auto& header) { header.flags |= 0x20U; }},
    {"all flags", [](auto& header) { header.flags = 0xffff; }},
    {"odd lower", [](auto& header) { ++header.lower; }},
    {"lower within the header", [](auto& header) { header.lower = 14; }},
    {"lower of zero", [](auto& header) { header.lower = 0; }},
    {"lower behind upper", [](auto& header) { header.lower = 4094; }},
    {"lower behind the page", [](auto& header) { header.lower = 0xfffe; }},
    {"upper before lower", [](auto& header) { header.upper = 17; }},
    {"upper behind the page", [](auto& header) { header.upper = 4097; }},
    {"largest upper", [](auto& header) { header.upper = 0xffff; }},
};

} // namespace

TEST_CASE("a lookup finds each record with its value and no other key") {
    sample_file const file;
    for (auto const& [key, value] : file.records) {
        CAPTURE(key);
        detail::bytes_view bytes;
        REQUIRE(file.view.find(file.snapshot(), memo_test::bytes_of(key), bytes) ==
                lookup_status::found);
        CHECK(memo_test::text_of(bytes) == value);
    }
    for (std::string const key : {"", "A", "aa", "b", "bbb", "cc", "dd", "ee", "i", "zzzz"}) {
        CAPTURE(key);
        CHECK(find(file, key) == lookup_status::absent);
    }
}

TEST_CASE("keys compare as strings of unsigned bytes of any length") {
    std::vector<std::string> keys;
    for (std::string const prefix :
         {"", "seven b", "8 bytes_", "and fifteen byt", "and 16 bytes more"}) {
        for (std::string const end :
             {"", "a", "b", "ab", "ba", "abcdefgh", "hgfedcba", "\x7f", "\xff"}) {
            keys.push_back(prefix + end);
            keys.push_back(end + prefix);
        }
    }
    keys.push_back(std::string(32, '\0'));
    keys.push_back(std::string(16, '\0') + "a name's place..");
    for (auto const& one : keys) {
        for (auto const& other : keys) {
            CAPTURE(one, other);
            int const order =
                detail::page_view::compare(memo_test::bytes_of(one), memo_test::bytes_of(other));
            CHECK((order < 0) == (one < other)); // by char_traits: as unsigned bytes
            CHECK((order == 0) == (one == other));
        }
    }
}

TEST_CASE("an empty tree has no records") {
    sample_file file;
    file.change_meta([](auto& meta) { meta.records.root = page_format::no_page; });
    CHECK(find(file, "a") == lookup_status::absent);
}

TEST_CASE("a lookup refuses a branch or a leaf with a wrong header") {
    for (std::uint64_t const page : {sample_file::root, sample_file::first_leaf}) {
        for (auto const& wrong : wrong_headers) {
            CAPTURE(page, wrong.name);
            sample_file file;
            file.change_header(page, wrong.change);
            CHECK(find(file, "a") == lookup_status::corrupt);
            CHECK_FALSE(file.view.page_at(page, sample_file::page_count));
        }
    }
}

TEST_CASE("a lookup refuses a branch without nodes") {
    sample_file file;
    file.change_header(sample_file::root, [](auto& header) { header.lower = 16; });
    CHECK(find(file, "a") == lookup_status::corrupt);
}

TEST_CASE("a page with wrong flags is refused") {
    sample_file file;
    file.change_header(sample_file::first_leaf,
                       [](auto& header) { header.flags = page_format::branch_page; });
    CHECK(find(file, "a") == lookup_status::corrupt); // its children are no pages
}

TEST_CASE("a lookup refuses a node beyond the end of its page") {
    // "bb" is what the search in the first leaf reads first; "d" in the branch.
    for (std::uint64_t const page : {sample_file::root, sample_file::first_leaf}) {
        for (std::uint16_t const offset : std::vector<std::uint16_t>{4089, 4096, 0x7fff, 0xffff}) {
            CAPTURE(page, offset);
            sample_file file;
            store(file.pages.offset_at(page, 1), offset);
            CHECK(find(file, "a") == lookup_status::corrupt);
        }
        for (std::uint16_t const key_size : std::vector<std::uint16_t>{4096, 0x7fff, 0xffff}) {
            CAPTURE(page, key_size);
            sample_file file;
            store(file.pages.node_at(page, 1) + 6, key_size);
            CHECK(find(file, "a") == lookup_status::corrupt);
        }
    }
}

TEST_CASE("a lookup refuses an invalid child") {
    for (std::uint64_t const child :
         {std::uint64_t{0}, std::uint64_t{1}, sample_file::page_count,
          std::uint64_t{0xffff'ffff'ffff}, sample_file::overflow, std::uint64_t{8},
          sample_file::root}) { // the last one is a circle
        CAPTURE(child);
        sample_file file;
        store(file.pages.node_at(sample_file::root, 0),
              page_format::node_header::of_branch(child, 0));
        CHECK(find(file, "a") == lookup_status::corrupt);
        CHECK(find(file, "h") == lookup_status::found);
    }
}

TEST_CASE("the pages of the metas are never pages of a tree") {
    sample_file file;
    for (std::uint64_t const page : {std::uint64_t{0}, std::uint64_t{1}}) {
        file.change_header(page, [](auto& header) {
            header.flags = page_format::leaf_page;
            header.lower = sizeof(page_format::page_header);
            header.upper = page_format::page_size;
        });
        CHECK_FALSE(file.view.page_at(page, sample_file::page_count));
    }
}

TEST_CASE("a lookup refuses an invalid root") {
    for (std::uint64_t const root : {std::uint64_t{0}, std::uint64_t{1}, sample_file::page_count,
                                     sample_file::overflow, page_format::no_page - 1}) {
        CAPTURE(root);
        sample_file file;
        file.change_meta([&](auto& meta) { meta.records.root = root; });
        CHECK(find(file, "a") == lookup_status::corrupt);
    }
}

TEST_CASE("a lookup refuses a value beyond the end of its page") {
    sample_file file;
    std::byte* const node = file.pages.node_at(sample_file::first_leaf, 0);
    auto const room = static_cast<std::uint32_t>(file.pages.page(sample_file::first_leaf) +
                                                 page_format::page_size - node - 8 - 1);
    store(node, page_format::node_header::of_leaf(room, 0, 1));
    CHECK(find(file, "a") == lookup_status::found); // read, and refused by its checksum
    for (std::uint32_t const size : {room + 1, 4096U, 0x7fff'ffffU, 0xffff'ffffU}) {
        CAPTURE(size);
        store(node, page_format::node_header::of_leaf(size, 0, 1));
        CHECK(find(file, "a") == lookup_status::corrupt);
    }
}

TEST_CASE("a lookup refuses overflow pages of another value") {
    std::vector<std::pair<char const*, std::function<void(sample_file&)>>> const changes{
        {"number", [](auto& file) { store(file.pages.page(5), std::uint64_t{6}); }},
        {"flags of a leaf",
         [](auto& file) {
             file.change_header(5, [](auto& header) { header.flags = page_format::leaf_page; });
         }},
        {"more flags",
         [](auto& file) { file.change_header(5, [](auto& header) { header.flags |= 1U; }); }},
        {"too few", [](auto& file) { store(file.pages.page(5) + 12, std::uint32_t{1}); }},
        {"too many", [](auto& file) { store(file.pages.page(5) + 12, std::uint32_t{3}); }},
        {"most", [](auto& file) { store(file.pages.page(5) + 12, ~std::uint32_t{0}); }},
    };
    for (auto const& [name, change] : changes) {
        CAPTURE(name);
        sample_file file;
        change(file);
        CHECK(find(file, "e") == lookup_status::corrupt);
        CHECK(find(file, "d") == lookup_status::found);
    }
    auto const with_node = [](page_builder::node const& node) {
        sample_file file;
        file.pages.add_leaf(sample_file::leaf_with_overflow,
                            {page_builder::in_leaf("d", "4"), node});
        return find(file, "e");
    };
    CHECK(with_node(page_builder::in_overflow("e", 5000, 5)) == lookup_status::found);
    for (std::uint64_t const first :
         std::vector<std::uint64_t>{0, 1, 3, 6, 7, 11, 12, 0x7fff'ffff, ~std::uint64_t{0}}) {
        CAPTURE(first);
        CHECK(with_node(page_builder::in_overflow("e", 5000, first)) == lookup_status::corrupt);
    }
    for (std::uint32_t const size : {0U, 4080U, 8177U, 0xffff'ffffU}) { // other numbers of pages
        CAPTURE(size);
        CHECK(with_node(page_builder::in_overflow("e", size, 5)) == lookup_status::corrupt);
    }
}

TEST_CASE("a lookup refuses the number of an overflow page beyond the end of its page") {
    sample_file file;
    // The page ends with the first byte of the number, and zeros follow: page 5, an overflow page.
    file.pages.add_leaf(sample_file::free_leaf,
                        {{"a", page_format::node_header::of_leaf(5000, 1, 1), "\5"}});
    file.change_meta([](auto& meta) { meta.records.root = sample_file::free_leaf; });
    CHECK(find(file, "a") == lookup_status::corrupt);
}

TEST_CASE("a lookup refuses overflow pages outside of the snapshot") {
    sample_file file;
    file.change_meta([](auto& meta) { meta.last_page = sample_file::overflow; }); // of two
    CHECK(find(file, "d") == lookup_status::found);
    CHECK(find(file, "e") == lookup_status::corrupt);
}

TEST_CASE("a lookup refuses overflow pages beyond the end of the file") {
    sample_file file;
    file.pages.set_length(6 * page_format::page_size);
    CHECK(find(file, "a") == lookup_status::found);
    CHECK(find(file, "e") == lookup_status::corrupt);
    CHECK(find(file, "h") == lookup_status::corrupt);
    file.pages.grow_to(sample_file::page_count * page_format::page_size - 1);
    CHECK(find(file, "e") == lookup_status::found);
    CHECK(find(file, "h") == lookup_status::corrupt);
    file.pages.grow_to(sample_file::page_count * page_format::page_size);
    CHECK(find(file, "h") == lookup_status::found);
}

TEST_CASE("a file of unknown length has only the pages that were seen before") {
    sample_file file;
    file.pages.set_length(std::nullopt);
    CHECK_FALSE(file.view.snapshot_of(sample_file::transaction));
    CHECK_FALSE(file.view.latest_snapshot());
    CHECK_FALSE(file.view.snapshot_to_write());
}

TEST_CASE("the snapshot of a transaction exists until another one overwrites it") {
    sample_file file;
    detail::page_snapshot const snapshot = file.snapshot();
    CHECK(snapshot.records.root == sample_file::root);
    CHECK(snapshot.records.depth == 2);
    CHECK(snapshot.free_pages.root == sample_file::free_leaf);
    CHECK(snapshot.free_pages.depth == 1);
    CHECK(snapshot.page_count == sample_file::page_count);
    CHECK(file.view.snapshot_of(9).value().records.root == 8);
    CHECK_FALSE(file.view.snapshot_of(8));
    CHECK_FALSE(file.view.snapshot_of(11));
    CHECK(file.view.latest_snapshot().value().transaction == 10);
    file.pages.add_meta(page_builder::empty_meta(11));
    CHECK(file.view.is_intact(snapshot));
    CHECK(file.view.latest_snapshot().value().transaction == 11);
    file.pages.add_meta(page_builder::empty_meta(12));
    CHECK_FALSE(file.view.is_intact(snapshot));
    CHECK(file.view.latest_snapshot().value().transaction == 12);
}

TEST_CASE("a meta with an invalid field has no valid page") {
    std::vector<std::function<void(page_format::meta&)>> const changes{
        [](auto& meta) { meta.magic ^= 1U; },
        [](auto& meta) { meta.version = 2; },
        [](auto& meta) { meta.version = 0; },
        [](auto& meta) { meta.free_pages.flags = 0; },
        [](auto& meta) { meta.free_pages.flags |= 4U; },
        [](auto& meta) { meta.records.flags = page_format::integer_keys; },
        [](auto& meta) { meta.records.flags = 0xffff; },
        [](auto& meta) { meta.last_page = ~std::uint64_t{0}; },
        [](auto& meta) { meta.last_page = 1; },
    };
    for (std::size_t number = 0; number < changes.size(); ++number) {
        CAPTURE(number);
        sample_file file;
        file.change_meta(changes[number]);
        CHECK(find(file, "a") == lookup_status::corrupt);
        CHECK_FALSE(file.view.page_at(sample_file::root, file.snapshot().page_count));
        // A write begins with no such meta, or with one in which no page is valid.
        auto const begin = file.view.snapshot_to_write();
        CHECK((!begin || !file.view.page_at(begin->records.root, begin->page_count)));
    }
}

TEST_CASE("a write begins with the newest meta unless the file shrank") {
    sample_file file;
    CHECK(file.view.snapshot_to_write().value().transaction == 10);
    SECTION("the file shrank") {
        file.change_meta([](auto& meta) { meta.last_page -= 1; });
        CHECK_FALSE(file.view.snapshot_to_write());
    }
    SECTION("the meta before is damaged") { // then the file has no page that it could have lost
        auto meta = memo_test::load<page_format::meta>(file.pages.meta_at(1));
        meta.last_page = sample_file::page_count;
        store(file.pages.meta_at(1), meta);
        CHECK_FALSE(file.view.snapshot_to_write());
    }
    SECTION("it has more pages than the file may grow to") {
        file.change_meta([](auto& meta) { meta.last_page = sample_file::page_count; });
        CHECK_FALSE(file.view.snapshot_to_write());
        file.change_meta([](auto& meta) { meta.last_page = ~std::uint64_t{1}; });
        CHECK_FALSE(file.view.snapshot_to_write());
    }
    SECTION("the transactions of both metas are even") {
        file.change_meta([](auto& meta) { meta.transaction = 11; });
        CHECK_FALSE(file.view.snapshot_to_write());
    }
}

TEST_CASE("more entries than fit into the leaves are refused") {
    sample_file file;
    auto const size = file.view.size_of(file.snapshot()).value();
    CHECK(size.entries == file.records.size());
    CHECK(size.bytes == 6 * page_format::page_size);
    file.change_meta([](auto& meta) { meta.records.entries = std::uint64_t{3} * (4096 / 11); });
    CHECK(file.view.size_of(file.snapshot()));
    file.change_meta([](auto& meta) { meta.records.entries += 1; });
    CHECK_FALSE(file.view.size_of(file.snapshot()));
    file.change_meta([](auto& meta) { meta.records.entries = ~std::uint64_t{0}; });
    CHECK_FALSE(file.view.size_of(file.snapshot()));
}
