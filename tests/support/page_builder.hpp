// SPDX-License-Identifier: BSL-1.0
#pragma once

// LMDB's pages, made by hand: a data file as LMDB would write it, in which a test then changes single
// fields. The pages end where their allocation ends, so that the address sanitizer sees a read behind.

#include <memo/detail/lmdb/page_check/page_format.hpp>
#include <memo/detail/lmdb/page_check/page_source.hpp>
#include <memo/detail/lmdb/page_check/page_view.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace memo_test {

namespace page_format = memo::detail::page_format;

template <class T> void store(std::byte* at, T const& value) {
    std::memcpy(at, &value, sizeof value);
}
template <class T> T load(std::byte const* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

inline memo::detail::bytes_view bytes_of(std::string const& text) {
    return std::as_bytes(std::span(text));
}
inline std::string text_of(memo::detail::bytes_view bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}
inline std::string text_of_number(std::uint64_t number) {
    return {reinterpret_cast<char const*>(&number), sizeof number};
}

/// A file of n pages, all zeros at first.
class page_builder final : public memo::detail::page_source {
  public:
    explicit page_builder(std::size_t count)
        : size_(count * page_format::page_size),
          length_(size_),
          bytes_(std::make_unique<std::byte[]>(size_)) {
        set_memory({bytes_.get(), size_});
    }
    page_builder(page_builder const& other) : page_builder(other.size_ / page_format::page_size) {
        std::memcpy(bytes_.get(), other.bytes_.get(), size_);
    }

    [[nodiscard]] std::byte* page(std::uint64_t number) {
        return bytes_.get() + number * page_format::page_size;
    }
    [[nodiscard]] std::span<std::byte> bytes() { return {bytes_.get(), size_}; }

    /// Sets the length of the file; without one it is unknown.
    void set_length(std::optional<std::size_t> length) {
        length_ = length;
        set_memory({bytes_.get(), size_});
    }
    void grow_to(std::size_t length) { length_ = length; }

    struct node {
        std::string key;
        page_format::node_header header;
        std::string content; ///< behind the key
    };
    static node in_leaf(std::string key, std::string value) {
        auto const header = page_format::node_header::of_leaf(
            static_cast<std::uint32_t>(value.size()), 0, key.size());
        return {std::move(key), header, std::move(value)};
    }
    static node in_overflow(std::string key, std::uint32_t value_size, std::uint64_t first) {
        auto const header =
            page_format::node_header::of_leaf(value_size, page_format::overflow_node, key.size());
        return {std::move(key), header, text_of_number(first)};
    }
    static node in_branch(std::string key, std::uint64_t child) {
        auto const header = page_format::node_header::of_branch(child, key.size());
        return {std::move(key), header, {}};
    }

    void add_tree_page(std::uint64_t number, std::uint16_t flags, std::vector<node> const& nodes) {
        std::byte* const to = page(number);
        std::size_t upper = page_format::page_size;
        std::size_t lower = sizeof(page_format::page_header);
        for (node const& each : nodes) {
            std::size_t const size = sizeof each.header + each.key.size() + each.content.size();
            upper -= size + size % 2;
            store(to + upper, each.header);
            std::byte* const behind = to + upper + sizeof each.header;
            std::memcpy(behind, each.key.data(), each.key.size());
            std::memcpy(behind + each.key.size(), each.content.data(), each.content.size());
            store(to + lower, static_cast<std::uint16_t>(upper));
            lower += 2;
        }
        store(to, page_format::page_header{number, 0, flags, static_cast<std::uint16_t>(lower),
                                           static_cast<std::uint16_t>(upper)});
    }
    void add_leaf(std::uint64_t number, std::vector<node> const& nodes) {
        add_tree_page(number, page_format::leaf_page, nodes);
    }
    void add_branch(std::uint64_t number, std::vector<node> const& nodes) {
        add_tree_page(number, page_format::branch_page, nodes);
    }
    void add_overflow(std::uint64_t first, std::uint32_t count, std::string const& value) {
        store(page(first), page_format::page_header{first, 0, page_format::overflow_page, 0, 0});
        store(page(first) + page_format::overflow_count, count);
        std::memcpy(page(first) + sizeof(page_format::page_header), value.data(), value.size());
    }
    void add_meta(page_format::meta const& meta) {
        std::uint64_t const number = meta.transaction % 2;
        store(page(number), page_format::page_header{number, 0, page_format::meta_page, 0, 0});
        store(meta_at(number), meta);
    }
    [[nodiscard]] std::byte* meta_at(std::uint64_t number) {
        return page(number) + sizeof(page_format::page_header);
    }

    /// A node's header.
    [[nodiscard]] std::byte* node_at(std::uint64_t number, std::size_t index) {
        return page(number) + load<std::uint16_t>(offset_at(number, index));
    }
    /// A node's offset in its page.
    [[nodiscard]] std::byte* offset_at(std::uint64_t number, std::size_t index) {
        return page(number) + sizeof(page_format::page_header) + 2 * index;
    }

    static page_format::meta empty_meta(std::uint64_t transaction) {
        page_format::meta meta{};
        meta.magic = page_format::magic;
        meta.version = page_format::version;
        meta.map_size = std::uint64_t{1} << 30U;
        meta.free_pages.page_size = page_format::page_size;
        meta.free_pages.flags = page_format::integer_keys;
        meta.free_pages.root = page_format::no_page;
        meta.records.root = page_format::no_page;
        meta.last_page = 1;
        meta.transaction = transaction;
        return meta;
    }

    /// The value of a list of free pages.
    static std::string free_list(std::vector<std::uint64_t> const& pages) {
        std::string list = text_of_number(pages.size());
        for (std::uint64_t const each : pages) {
            list += text_of_number(each);
        }
        return list;
    }

  private:
    [[nodiscard]] std::optional<std::size_t> length() const noexcept override { return length_; }

    std::size_t size_;
    std::optional<std::size_t> length_;
    std::unique_ptr<std::byte[]> bytes_;
};

/// A file as transaction 10 left it:
///
///     0, 1   metas of transactions 10 and 9
///     2      branch of the records: "" to 3, "d" to 4, "g" to 11
///     3      leaf: "a" "bb" "c"
///     4      leaf: "d" "e" (in overflow pages 5 and 6) "f"
///     5, 6   overflow pages
///     7      leaf of the free pages: transaction 8 freed 9, transaction 10 freed 10 and 8
///     8 - 10 free
///     11     leaf: "g" "h"
struct sample_file {
    static constexpr std::uint64_t transaction = 10;
    static constexpr std::uint64_t root = 2;
    static constexpr std::uint64_t first_leaf = 3;
    static constexpr std::uint64_t leaf_with_overflow = 4;
    static constexpr std::uint64_t overflow = 5;
    static constexpr std::uint64_t free_leaf = 7;
    static constexpr std::uint64_t last_leaf = 11;
    static constexpr std::uint64_t page_count = 12;

    std::map<std::string, std::string> records{{"a", "first"},
                                               {"bb", ""},
                                               {"c", std::string(99, 'c')},
                                               {"d", "4"},
                                               {"e", std::string(5000, 'e')},
                                               {"f", "six"},
                                               {"g", std::string(1000, 'g')},
                                               {"h", "8"}};
    page_builder pages{page_count};
    memo::detail::page_view view{pages};

    sample_file() {
        using p = page_builder;
        auto const leaf = [&](std::string const& key) { return p::in_leaf(key, records.at(key)); };
        pages.add_branch(root, {p::in_branch("", first_leaf), p::in_branch("d", leaf_with_overflow),
                                p::in_branch("g", last_leaf)});
        pages.add_leaf(first_leaf, {leaf("a"), leaf("bb"), leaf("c")});
        pages.add_leaf(leaf_with_overflow,
                       {leaf("d"), p::in_overflow("e", 5000, overflow), leaf("f")});
        pages.add_overflow(overflow, 2, records.at("e"));
        pages.add_leaf(free_leaf, {p::in_leaf(text_of_number(8), p::free_list({9})),
                                   p::in_leaf(text_of_number(10), p::free_list({10, 8}))});
        pages.add_leaf(last_leaf, {leaf("g"), leaf("h")});
        page_format::meta meta = p::empty_meta(transaction);
        meta.free_pages.depth = 1;
        meta.free_pages.leaf_pages = 1;
        meta.free_pages.entries = 2;
        meta.free_pages.root = free_leaf;
        meta.records.depth = 2;
        meta.records.branch_pages = 1;
        meta.records.leaf_pages = 3;
        meta.records.overflow_pages = 2;
        meta.records.entries = records.size();
        meta.records.root = root;
        meta.last_page = page_count - 1;
        pages.add_meta(meta);
        meta.transaction = transaction - 1;
        meta.records.root = 8; // freed by the last transaction
        pages.add_meta(meta);
    }

    [[nodiscard]] memo::detail::page_snapshot snapshot() const {
        return view.snapshot_of(transaction).value();
    }

    /// Changes the newest meta.
    template <class Change> void change_meta(Change const& change) {
        auto meta = load<page_format::meta>(pages.meta_at(transaction % 2));
        change(meta);
        store(pages.meta_at(transaction % 2), meta);
    }
    /// Changes the header of a page.
    template <class Change> void change_header(std::uint64_t page, Change const& change) {
        auto header = load<page_format::page_header>(pages.page(page));
        change(header);
        store(pages.page(page), header);
    }
};

} // namespace memo_test
