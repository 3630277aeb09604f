// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/memcached/wire/meta_line.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <string>

using memo::detail::meta_kind;
using memo::detail::parse_meta_line;

TEST_CASE("a line with a value has its size and flags") {
    auto const line = parse_meta_line("VA 12 kns:key c77 f5 O123 t-1");
    REQUIRE(line.has_value());
    CHECK(line->kind == meta_kind::value);
    CHECK(line->size == 12);
    CHECK(line->key == "ns:key");
    CHECK(line->token == 77);
    CHECK(line->flags == 5);
    CHECK(line->opaque == "123");
}

TEST_CASE("a line without a value needs no flags") {
    CHECK(parse_meta_line("EN")->kind == meta_kind::miss);
    CHECK_FALSE(parse_meta_line("EN")->opaque.has_value());
    CHECK(parse_meta_line("HD O1")->kind == meta_kind::header);
    CHECK(parse_meta_line("NS O1")->kind == meta_kind::not_stored);
    CHECK(parse_meta_line("EX")->kind == meta_kind::exists);
    CHECK(parse_meta_line("NF  O1 ")->opaque == "1");
}

TEST_CASE("an error has its text") {
    auto const line = parse_meta_line("SERVER_ERROR object too large for cache");
    REQUIRE(line.has_value());
    CHECK(line->kind == meta_kind::server_error);
    CHECK(line->rest == "object too large for cache");
    CHECK(parse_meta_line("ERROR")->kind == meta_kind::error);
}

TEST_CASE("a line that violates the protocol is refused") {
    for (auto const* const text : {"",
                                   " ",
                                   "VA",
                                   "VA ",
                                   "VA x",
                                   "VA -1",
                                   "VA 1x",
                                   "VA 18446744073709551616",
                                   "VA 1 cx",
                                   "VA 1 c-1",
                                   "VA 1 f4294967296",
                                   "VA 1 c",
                                   "VAL 1",
                                   "va 1",
                                   "VALUE k 0 1",
                                   "OK",
                                   "STORED",
                                   "12",
                                   "\x01\x80",
                                   "HD c1x"}) {
        INFO(text);
        CHECK_FALSE(parse_meta_line(text).has_value());
    }
}

TEST_CASE("the largest numbers are read as they are") {
    auto const line = parse_meta_line("VA 18446744073709551615 c18446744073709551615 f4294967295");
    REQUIRE(line.has_value());
    CHECK(line->size == UINT64_MAX);
    CHECK(line->token == UINT64_MAX);
    CHECK(line->flags == UINT32_MAX);
}
