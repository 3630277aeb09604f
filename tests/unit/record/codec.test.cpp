// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/record/codec.hpp>

#include <catch2/catch.hpp>
#include <cereal/types/base_class.hpp>
#include <cereal/types/complex.hpp>
#include <cereal/types/memory.hpp>
#include <cereal/types/polymorphic.hpp>
#include <cereal/types/vector.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <complex>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <forward_list>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace {

// The largest single allocation since the variable was set to zero.
std::atomic<std::size_t> largest_allocation{
    0}; // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

} // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {
    if (size > largest_allocation.load()) {
        largest_allocation = size;
    }
    // NOLINTNEXTLINE(cppcoreguidelines-no-malloc): this is where memory comes from
    if (void* const memory = std::malloc(size > 0 ? size : 1)) {
        return memory;
    }
    throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, std::nothrow_t const&) noexcept {
    // NOLINTNEXTLINE(cppcoreguidelines-no-malloc)
    return std::malloc(size > 0 ? size : 1);
}
// NOLINTNEXTLINE(cppcoreguidelines-no-malloc)
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    std::free(memory);
}
// NOLINTNEXTLINE(cppcoreguidelines-no-malloc)
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace {

using bytes = std::vector<std::byte>;
using memo::detail::malformed_record;

template <class T> bytes encoded(T const& value) {
    bytes out;
    bool const is_decodable = memo::detail::encode_record(out, value); // may throw
    REQUIRE(is_decodable);
    return out;
}

template <class T> T round_trip(T const& value) {
    return memo::detail::decode_record<T>(encoded(value));
}

bytes from_hex(std::string const& digits) {
    bytes out;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
        out.push_back(static_cast<std::byte>(std::stoul(digits.substr(i, 2), nullptr, 16)));
    }
    return out;
}

/// A count, then as many values of zero bytes.
bytes many_empty(std::size_t count, std::size_t bytes_each = 1) {
    bytes out;
    memo::detail::byte_sink(out).put_count(count);
    out.resize(out.size() + count * bytes_each);
    return out;
}

template <class Record> bool is_refused(bytes const& payload) {
    try {
        static_cast<void>(memo::detail::decode_record<Record>(payload));
        return false;
    } catch (malformed_record const&) {
        return true;
    }
}

template <class Record> bool is_decodable(Record const& record) {
    bytes out;
    return memo::detail::encode_record(out, record);
}

using sparse = std::optional<std::array<double, 512>>; ///< 1 byte, 4 KiB

/// Encodes its elements after a size tag.
struct announced {
    std::vector<announced> elements;
    template <class Archive> void save(Archive& archive) const {
        archive(cereal::make_size_tag(static_cast<cereal::size_type>(elements.size())));
        for (auto const& each : elements) {
            archive(each);
        }
    }
    template <class Archive> void load(Archive& archive) {
        cereal::size_type count = 0;
        archive(cereal::make_size_tag(count));
        elements.resize(static_cast<std::size_t>(count));
        for (auto& each : elements) {
            archive(each);
        }
    }
};

struct wide {
    std::array<double, 2048> cells{};
    std::vector<wide> next;
    template <class Archive> void serialize(Archive& archive) { archive(next); }
};

struct one_hash {
    std::size_t operator()(int) const noexcept { return 1; }
};

struct point {
    double x = 0;
    std::int32_t y = 0;

    template <class Archive> void serialize(Archive& archive) { archive(x, y); }
    friend bool operator==(point const&, point const&) = default;
};

struct everything {
    point where;
    std::vector<point> path;
    std::map<std::string, std::vector<double>> table;
    std::optional<std::string> maybe;
    std::array<int, 3> raw{};
    std::complex<double> z; // only cereal's header has a codec

    template <class Archive> void serialize(Archive& archive, std::uint32_t version) {
        archive(where, path, table, maybe);
        archive(cereal::make_nvp("raw", raw), z);
        static_cast<void>(version);
    }
    friend bool operator==(everything const&, everything const&) = default;
};

struct circle_part {
    int number = 0;
    std::shared_ptr<circle_part> next;

    template <class Archive> void serialize(Archive& archive) { archive(number, next); }
};

struct other_part {
    int number = 0;
    template <class Archive> void serialize(Archive& archive) { archive(number); }
};

struct two_kinds {
    std::shared_ptr<circle_part> one;
    std::shared_ptr<other_part> other;
    template <class Archive> void serialize(Archive& archive) { archive(one, other); }
};

/// Its second pointer leads to the first member of the first pointee.
struct whole_and_part {
    std::shared_ptr<std::pair<other_part, int>> whole;
    std::shared_ptr<other_part> part;
    template <class Archive> void serialize(Archive& archive) { archive(whole, part); }
};
struct part_and_whole : whole_and_part {
    template <class Archive> void serialize(Archive& archive) { archive(part, whole); }
};

struct chain {
    std::unique_ptr<chain> next;
    template <class Archive> void serialize(Archive& archive) { archive(next); }
};

struct base {
    base() = default;
    base(base const&) = default;
    base& operator=(base const&) = default;
    virtual ~base() = default;
    int in_base = 0;
    template <class Archive> void serialize(Archive& archive) { archive(in_base); }
};

struct derived : base {
    int in_derived = 0;
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::base_class<base>(this), in_derived);
    }
};

struct other_derived : base {
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::base_class<base>(this));
    }
};

/// Has no default constructor.
struct constructed : base {
    explicit constructed(int number) { in_base = number; }
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::base_class<base>(this));
    }
    template <class Archive>
    static void load_and_construct(Archive& archive, cereal::construct<constructed>& construct) {
        int number = 0;
        archive(number);
        construct(number);
    }
};

// Adds no member: the functions of the base encode it completely.
struct named_point : point {};
// Adds a member, which the functions of the base omit.
struct weighted_point : point {
    double weight = 0;
};
struct half_base {
    int x = 0;
    template <class Archive> void save(Archive& archive) const { archive(x); }
    template <class Archive> void load(Archive& archive) { archive(x); }
};
struct half_derived : half_base {
    int y = 0;
    template <class Archive> void save(Archive& archive) const { archive(x, y); }
};

struct with_number {
    int number = 0;
    template <class Archive> void serialize(Archive& archive) { archive(number); }
};
struct left_part : virtual with_number {
    int left = 0;
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::virtual_base_class<with_number>(this), left);
    }
};
struct right_part : virtual with_number {
    left_part other;
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::virtual_base_class<with_number>(this), other);
    }
};
struct both_parts : left_part, right_part {
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::base_class<left_part>(this), cereal::base_class<right_part>(this));
    }
};

struct family {
    std::vector<std::shared_ptr<base>> all;
    std::shared_ptr<derived> eldest;
    template <class Archive> void serialize(Archive& archive) { archive(all, eldest); }
};

/// A class without default constructor.
struct seven {
    explicit seven(int) {}
};

} // namespace

CEREAL_CLASS_VERSION(everything, 3)
CEREAL_REGISTER_TYPE(derived)
CEREAL_REGISTER_TYPE(other_derived)
CEREAL_REGISTER_TYPE(constructed)

TEST_CASE("a decoded record equals the encoded one") {
    CHECK(round_trip(true));
    CHECK(round_trip(-1.5) == -1.5);
    CHECK(round_trip(std::uint64_t{1} << 63U) == std::uint64_t{1} << 63U);
    CHECK(round_trip(std::string("memo")) == "memo");
    CHECK(round_trip(std::vector<double>{1, 2, 3}) == std::vector<double>{1, 2, 3});
    CHECK(round_trip(std::vector<bool>{true, false, true}) == std::vector<bool>{true, false, true});
    CHECK(round_trip(std::monostate{}) == std::monostate{});
    CHECK(round_trip(memo::key128{1, 2}) == memo::key128{1, 2});
    CHECK(round_trip(memo::index_set{1, 2, 500}) == memo::index_set{1, 2, 500});
    CHECK(round_trip(memo::index_set{}) == memo::index_set{});
    CHECK(round_trip(std::chrono::seconds(5)) == std::chrono::seconds(5));
    CHECK(round_trip(std::filesystem::path("a//b")).string() == "a//b");

    using table = std::map<std::string, std::vector<std::pair<int, std::string>>>;
    table const words{{"a", {{1, "x"}, {2, ""}}}, {"", {}}};
    CHECK(round_trip(words) == words);
    std::unordered_map<int, std::set<int>> const bags{{1, {2, 3}}, {4, {}}};
    CHECK(round_trip(bags) == bags);
    std::tuple<std::deque<int>, std::list<std::string>, std::forward_list<int>> const lists{
        {1, 2}, {"a"}, {3, 4, 5}};
    CHECK(round_trip(lists) == lists);
    std::variant<int, std::string, std::vector<int>> const choice = std::vector{1, 2};
    CHECK(round_trip(choice) == choice);
    std::array<std::optional<std::string>, 2> const maybe{std::nullopt, "there"};
    CHECK(round_trip(maybe) == maybe);
}

TEST_CASE("a class is decoded by its cereal functions") {
    everything const all{{1.5, 2}, {{3, 4}, {5, 6}}, {{"a", {1, 2}}}, "maybe", {7, 8, 9}, {1, -1}};
    CHECK(round_trip(all) == all);
    CHECK(round_trip(std::vector{all, all}) == std::vector{all, all});
}

TEST_CASE("a class that adds members but inherits a cereal function has no codec") {
    STATIC_REQUIRE_FALSE(memo::detail::codable<weighted_point>);
    STATIC_REQUIRE(memo::detail::codable<half_base>);
    STATIC_REQUIRE_FALSE(memo::detail::codable<half_derived>);
    STATIC_REQUIRE(memo::detail::codable<named_point>);
    named_point value;
    value.x = 1;
    CHECK(encoded(value) == encoded(static_cast<point const&>(value)));
    CHECK(round_trip(value).x == 1);
}

TEST_CASE("decoding preserves shared pointees and cycles") {
    auto const first = std::make_shared<circle_part>();
    first->number = 1;
    first->next = std::make_shared<circle_part>();
    first->next->number = 2;
    first->next->next = first;
    std::pair const both(first, first);
    auto const back = round_trip(both);
    CHECK(back.first == back.second);
    CHECK(back.first->next->number == 2);
    CHECK(back.first->next->next == back.first);
    back.first->next->next.reset();
    first->next->next.reset();
    CHECK(round_trip(std::shared_ptr<std::vector<int> const>()) == nullptr);
    auto const frozen = std::make_shared<std::vector<int> const>(3, 7);
    CHECK(*round_trip(frozen) == *frozen);
}

TEST_CASE("a derived class is decoded by its load_and_construct") {
    std::shared_ptr<base> const value = std::make_shared<constructed>(7);
    auto const all = round_trip(std::vector<std::shared_ptr<base>>{value, value});
    REQUIRE(dynamic_cast<constructed const*>(all[0].get()) != nullptr);
    CHECK(all[0]->in_base == 7);
    CHECK(all[0] == all[1]);
    CHECK(round_trip(std::shared_ptr<base const>(value))->in_base == 7);
    CHECK(round_trip(std::shared_ptr<base const>(std::make_shared<base>(*value)))->in_base == 7);
    CHECK(round_trip(
              std::shared_ptr<constructed const>(std::dynamic_pointer_cast<constructed>(value)))
              ->in_base == 7);
    bytes const owned = encoded(std::unique_ptr<base>(std::make_unique<constructed>(8)));
    auto const back = memo::detail::decode_record<std::unique_ptr<base>>(owned);
    REQUIRE(dynamic_cast<constructed const*>(back.get()) != nullptr);
    CHECK(back->in_base == 8);
}

TEST_CASE("pointers to an object and to its first member are decoded") {
    auto const whole = std::make_shared<std::pair<other_part, int>>(other_part{1}, 2);
    std::shared_ptr<other_part> const part(whole, &whole->first);
    part_and_whole reversed;
    reversed.whole = whole;
    reversed.part = part;
    auto const check = [](whole_and_part const& back) {
        CHECK(back.whole->first.number == 1);
        CHECK(back.whole->second == 2);
        CHECK(back.part->number == 1);
    };
    check(round_trip(whole_and_part{whole, part}));
    check(round_trip(reversed));
}

TEST_CASE("each element of a container has its own virtual base") {
    both_parts one;
    one.number = 1;
    one.left = 2;
    one.other.number = 3;
    one.other.left = 4;
    both_parts two = one;
    two.number = 5;
    auto const back = round_trip(std::vector{one, two});
    REQUIRE(back.size() == 2);
    CHECK(back[0].number == 1);
    CHECK(back[0].left == 2);
    CHECK(back[0].other.number == 3);
    CHECK(back[0].other.left == 4);
    CHECK(back[1].number == 5);
    CHECK(back[1].other.number == 3);
    CHECK(encoded(one).size() == 4 * sizeof(int) + 2); // the shared base once
}

TEST_CASE("a derived class is decoded through a pointer to its base") {
    auto value = std::make_shared<derived>();
    value->in_base = 1;
    value->in_derived = 2;
    auto const back = round_trip(std::shared_ptr<base>(value));
    auto const* const whole = dynamic_cast<derived const*>(back.get());
    REQUIRE(whole != nullptr);
    CHECK(whole->in_base == 1);
    CHECK(whole->in_derived == 2);
}

TEST_CASE("the encoding of records is stable") {
    CHECK(encoded(std::int32_t{258}) == from_hex("02010000"));
    CHECK(encoded(1.0) == from_hex("000000000000f03f"));
    CHECK(encoded(std::string("ab")) == from_hex("02000000000000006162"));
    CHECK(encoded(std::optional<std::uint8_t>(7)) == from_hex("0107"));
    CHECK(encoded(std::variant<int, bool>(true)) == from_hex("0100000001"));
    CHECK(encoded(std::vector<std::string>{"a"}) == from_hex("0100000000000000010000000000000061"));
    CHECK(encoded(point{1.0, 2}) == from_hex("000000000000f03f02000000c5"));
    CHECK(encoded(memo::index_set{0, 64}) ==
          from_hex("020000000000000001000000000000000100000000000000"));
}

TEST_CASE("bytes that end early or late are refused") {
    everything const all{{1.5, 2}, {{3, 4}}, {{"a", {1}}}, "m", {7, 8, 9}, {}};
    bytes const whole = encoded(all);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        std::span<std::byte const> const part(whole.data(), size);
        CHECK_THROWS_AS(memo::detail::decode_record<everything>(part), malformed_record);
    }
    bytes longer = whole;
    longer.push_back(std::byte{0});
    CHECK_THROWS_AS(memo::detail::decode_record<everything>(longer), malformed_record);
}

TEST_CASE("a count larger than the bytes left is refused and allocates nothing") {
    bytes claim;
    memo::detail::byte_sink(claim).put(std::uint64_t{1} << 28U);
    memo::detail::byte_sink(claim).put(std::uint64_t{0});
    REQUIRE(claim.size() == 16);
    largest_allocation = 0;
    using namespace memo::detail;
    CHECK_THROWS_AS(decode_record<std::vector<double>>(claim), malformed_record);
    CHECK_THROWS_AS(decode_record<std::string>(claim), malformed_record);
    CHECK_THROWS_AS(decode_record<std::vector<everything>>(claim), malformed_record);
    CHECK_THROWS_AS(decode_record<std::vector<std::monostate>>(claim), malformed_record);
    CHECK_THROWS_AS((decode_record<std::unordered_map<int, int>>(claim)), malformed_record);
    CHECK_THROWS_AS(decode_record<memo::index_set>(claim), malformed_record);
    CHECK(largest_allocation < 4096);
}

TEST_CASE("elements with far more memory than bytes are refused before any is constructed") {
    constexpr std::size_t count = std::size_t{1} << 18U;
    largest_allocation = 0;
    CHECK(is_refused<std::vector<sparse>>(many_empty(count)));
    CHECK(is_refused<std::deque<sparse>>(many_empty(count)));
    CHECK(is_refused<std::list<sparse>>(many_empty(count)));
    CHECK(is_refused<std::forward_list<sparse>>(many_empty(count)));
    CHECK(is_refused<std::multiset<std::pair<bool, sparse>>>(many_empty(count, 2)));
    CHECK(is_refused<std::vector<std::variant<std::monostate, sparse>>>(many_empty(count, 5)));
    CHECK(is_refused<std::unordered_map<int, sparse>>(many_empty(count, 5)));
    CHECK(is_refused<std::vector<std::optional<std::array<std::shared_ptr<base>, 512>>>>(
        many_empty(count)));
    CHECK(largest_allocation <= 8 + count * 5); // the payloads
    bytes pointers = many_empty(count, 2);      // each to an empty one
    for (std::size_t i = 8; i < pointers.size(); i += 2) {
        pointers[i] = std::byte{1};
    }
    CHECK(is_refused<std::vector<std::unique_ptr<sparse>>>(pointers));
    pointers = many_empty(count, 5);
    for (std::uint32_t i = 0; i < count; ++i) {
        std::uint32_t const number = 0x80000001U + i;
        std::memcpy(pointers.data() + 8 + i * 5, &number, sizeof number);
    }
    CHECK(is_refused<std::vector<std::shared_ptr<sparse>>>(pointers));
    CHECK(largest_allocation <= std::size_t{1} << 25U);
}

TEST_CASE("decoding needs memory linear in the bytes") {
    // Nested size tags, each of which claims as many elements as there are remaining bytes.
    bytes nested;
    constexpr std::uint64_t size = 200'000;
    for (std::uint64_t depth = 1; depth <= 900; ++depth) {
        memo::detail::byte_sink(nested).put_count(size - depth * 8);
    }
    nested.resize(size);
    CHECK(is_refused<announced>(nested));
    announced honest;
    honest.elements.resize(20'000);
    CHECK(round_trip(honest).elements.size() == 20'000);
}

TEST_CASE("the encoder refuses records that need too much memory to decode") {
    std::vector<sparse> const few(1000);
    CHECK(round_trip(few) == few);
    CHECK_FALSE(is_decodable(std::vector<sparse>(20'000)));
    std::vector<sparse> const full(3000, sparse(std::array<double, 512>{1}));
    CHECK(round_trip(full) == full);
    // Large records are encoded if they need little memory beyond their bytes.
    CHECK(round_trip(std::list<std::monostate>(600'000)).size() == 600'000);
    CHECK(round_trip(std::vector<std::string>(600'000)).size() == 600'000);
}

TEST_CASE("keys that collide in a hash table are refused by encoder and decoder") {
    // All keys fall into one bucket of a table of this size.
    constexpr std::uint64_t count = 5000;
    std::unordered_map<std::uint64_t, char> shape;
    for (std::uint64_t i = 0; i <= count; ++i) {
        shape.emplace(i, char{});
    }
    std::uint64_t const buckets = shape.bucket_count();
    auto const colliding = [&](std::size_t value_bytes) {
        bytes out;
        memo::detail::byte_sink sink(out);
        sink.put_count(count);
        for (std::uint64_t i = 0; i < count; ++i) {
            sink.put(i * buckets);
            out.resize(out.size() + value_bytes);
        }
        return out;
    };
    using large = std::array<double, 20>;
    CHECK(is_refused<std::unordered_map<std::uint64_t, large>>(colliding(sizeof(large))));
    CHECK(is_refused<std::unordered_multimap<std::uint64_t, large>>(colliding(sizeof(large))));
    CHECK(is_refused<std::unordered_set<std::uint64_t>>(colliding(0)));

    std::unordered_set<int, one_hash> set;
    for (int i = 0; i < 1000; ++i) {
        set.insert(i);
    }
    CHECK(round_trip(set) == set);
    for (int i = 0; i < 4000; ++i) {
        set.insert(i);
    }
    CHECK_FALSE(is_decodable(set));
}

TEST_CASE("mixed groups of equal keys in one bucket are refused") {
    std::unordered_multimap<int, char, one_hash> two;
    for (int const key : {1, 2}) {
        auto last = two.emplace(key, 'a');
        for (int i = 1; i < 20'000; ++i) {
            last = two.emplace_hint(last, key, 'a');
        }
    }
    CHECK(round_trip(two).count(2) == 20'000);
    bytes mixed;
    memo::detail::byte_sink sink(mixed);
    sink.put_count(40'000);
    for (int i = 0; i < 40'000; ++i) {
        sink.put(i % 2);
        sink.put('a');
    }
    CHECK(is_refused<std::unordered_multimap<int, char, one_hash>>(mixed));
}

TEST_CASE("a repeated key of a unique container is refused") {
    CHECK(is_refused<std::unordered_set<char>>(from_hex("02000000000000000101")));
    CHECK(is_refused<std::unordered_map<char, char>>(from_hex("020000000000000001020103")));
    CHECK_FALSE(is_refused<std::unordered_multiset<char>>(from_hex("02000000000000000101")));
}

TEST_CASE("pointees and class names must be numbered in order") {
    using pointers = std::vector<std::shared_ptr<circle_part>>;
    auto const row = [](std::uint32_t first) {
        bytes out;
        memo::detail::byte_sink sink(out);
        sink.put_count(1);
        sink.put(0x80000000U + first);
        sink.put(std::int32_t{5});
        sink.put(std::uint32_t{0});
        sink.put(memo::detail::class_end);
        return out;
    };
    CHECK_FALSE(is_refused<pointers>(row(1)));
    CHECK(is_refused<pointers>(row(2)));
    CHECK(is_refused<pointers>(row(0)));
    bytes named = encoded(family{{std::make_shared<derived>(), std::make_shared<derived>()}, {}});
    REQUIRE_FALSE(is_refused<family>(named));
    REQUIRE(named[8] == std::byte{1}); // the number of the first one's name
    named[8] = std::byte{2};
    CHECK(is_refused<family>(named));
}

TEST_CASE("large classes have a smaller maximal depth") {
    auto const row = [](std::uint64_t depth) {
        bytes out;
        for (std::uint64_t i = 1; i < depth; ++i) {
            memo::detail::byte_sink(out).put_count(1);
        }
        memo::detail::byte_sink(out).put_count(0);
        out.resize(out.size() + depth, std::byte{memo::detail::class_end});
        return out;
    };
    CHECK_FALSE(is_refused<wide>(row(50)));
    CHECK(is_refused<wide>(row(70)));
    CHECK(is_refused<wide>(row(900)));
}

TEST_CASE("invalid values of a type are refused") {
    using namespace memo::detail;
    CHECK_THROWS_AS(decode_record<bool>(from_hex("02")), malformed_record);
    CHECK_THROWS_AS(decode_record<std::optional<int>>(from_hex("ff00000000")), malformed_record);
    CHECK_THROWS_AS((decode_record<std::variant<int, bool>>(from_hex("0200000001"))),
                    malformed_record);
    CHECK_THROWS_AS(decode_record<memo::index_set>(from_hex("01000000000000000000000000000000")),
                    malformed_record);
    CHECK_THROWS_AS(decode_record<point>(from_hex("000000000000f03f02000000c4")), malformed_record);
}

TEST_CASE("a pointee's number that belongs to another type is refused") {
    bytes out;
    {
        memo::detail::record_writer archive{memo::detail::byte_sink(out)};
        archive.put(std::uint32_t{0x80000001}); // a new circle_part, number 1
        archive.put(std::int32_t{5});
        archive.put(std::uint32_t{0});
        archive.put(memo::detail::class_end);
        archive.put(std::uint32_t{1}); // number 1 again, as an other_part
        archive.put(memo::detail::class_end);
    }
    CHECK_THROWS_AS(memo::detail::decode_record<two_kinds>(out), malformed_record);
}

TEST_CASE("a pointee's number that belongs to another derived class is refused") {
    auto const child = std::make_shared<derived>();
    child->in_derived = 7;
    family const whole{{std::make_shared<other_derived>(), child}, child};
    family const back = round_trip(whole);
    CHECK(back.eldest == back.all[1]);
    CHECK(back.eldest->in_derived == 7);
    bytes damaged = encoded(whole);
    // The last bytes: which pointee the eldest is, 4; the ends of the pointer and of the family.
    auto const place = damaged.end() - 6;
    REQUIRE(*place == std::byte{2});
    *place = std::byte{1};
    CHECK_THROWS_AS(memo::detail::decode_record<family>(damaged), malformed_record);
}

TEST_CASE("the depth of a chain of pointees is its length") {
    auto const row = [](std::size_t length) {
        bytes out;
        memo::detail::byte_sink sink(out);
        sink.put_count(length);
        for (std::uint32_t number = 1; number <= length; ++number) {
            sink.put(0x80000000U + number);
            sink.put(std::int32_t{0});
            sink.put(number - 1); // next: the one before
            sink.put(memo::detail::class_end);
        }
        return out;
    };
    using parts = std::vector<std::shared_ptr<circle_part>>;
    parts const longest = memo::detail::decode_record<parts>(row(memo::detail::max_class_depth));
    CHECK(encoded(longest) == row(memo::detail::max_class_depth));
    CHECK_THROWS_AS(memo::detail::decode_record<parts>(row(memo::detail::max_class_depth + 1)),
                    malformed_record);
    CHECK_THROWS_AS(memo::detail::decode_record<parts>(row(1'000'000)), malformed_record);
    parts longer = longest;
    longer.push_back(std::make_shared<circle_part>());
    longer.back()->next = longest.back();
    CHECK_THROWS_AS(encoded(longer), memo::error);
}

TEST_CASE("classes nested too deeply are refused by encoder and decoder") {
    auto const grow = [](std::size_t depth) {
        chain first;
        for (std::size_t i = 1; i < depth; ++i) {
            auto next = std::make_unique<chain>();
            next->next = std::move(first.next);
            first.next = std::move(next);
        }
        return first;
    };
    chain const fits = grow(memo::detail::max_class_depth);
    CHECK_NOTHROW(memo::detail::decode_record<chain>(encoded(fits)));
    CHECK_THROWS_AS(encoded(grow(memo::detail::max_class_depth + 1)), memo::error);
    CHECK_THROWS_AS(memo::detail::decode_record<chain>(bytes(1'000'000, std::byte{1})),
                    malformed_record);
}

TEST_CASE("damaged bytes are decoded or refused, without large allocations") {
    auto const seed = Catch::rngSeed();
    CAPTURE(seed);
    std::mt19937 random(seed);
    bytes const whole = encoded(everything{{1.5, 2}, {{3, 4}}, {{"a", {1}}}, "m", {7, 8, 9}, {}});
    std::size_t refused = 0;
    largest_allocation = 0;
    for (int round = 0; round < 20'000; ++round) {
        bytes damaged = whole;
        for (int changes = 0; changes < 3; ++changes) {
            damaged[random() % damaged.size()] = static_cast<std::byte>(random() & 0xffU);
        }
        try {
            static_cast<void>(memo::detail::decode_record<everything>(damaged));
        } catch (malformed_record const&) {
            ++refused;
        }
    }
    CHECK(refused > 0);
    CHECK(largest_allocation < 1'000'000);
}

TEST_CASE("a record is plain if decoding runs no code of the user") {
    STATIC_REQUIRE(memo::detail::plain_record<std::map<std::string, std::vector<double>>>);
    STATIC_REQUIRE_FALSE(memo::detail::plain_record<point>);
    STATIC_REQUIRE_FALSE(memo::detail::plain_record<std::vector<std::optional<point>>>);
    STATIC_REQUIRE_FALSE(memo::detail::codable<seven>);
}
