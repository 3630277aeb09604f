// SPDX-License-Identifier: BSL-1.0
//
// write_seeds DIRECTORY: what fuzzers of codec and frame begin with, in DIRECTORY/codec and
// DIRECTORY/frame.

#include <memo/detail/record/codec.hpp>
#include <memo/detail/record/frame.hpp>
#include <memo/detail/record/frame_codec.hpp>

#include "fuzz/records.hpp"
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

namespace {

using bytes = std::vector<std::byte>;

void write(std::filesystem::path const& path, bytes const& content) {
    std::filesystem::create_directories(path.parent_path());
    std::vector<char> text;
    for (std::byte const each : content) {
        text.push_back(static_cast<char>(each));
    }
    std::ofstream(path, std::ios::binary)
        .write(text.data(), static_cast<std::streamsize>(text.size()));
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        return 2;
    }
    std::filesystem::path const directory(argv[1]);
    auto const all = memo_test::one_of_each();
    for (std::size_t number = 0; number < std::tuple_size_v<memo_test::records>; ++number) {
        memo_test::with_type(number, [&]<std::size_t I>() {
            bytes payload{static_cast<std::byte>(I)};
            std::string const name = "seed-" + std::to_string(I);
            if (memo::detail::encode_record(payload, std::get<I>(all))) {
                write(directory / "codec" / name, payload);
            }
            if constexpr (std::is_same_v<std::tuple_element_t<I, memo_test::records>,
                                         memo_test::sparse>) { // what no writer writes
                payload.resize(1);
                memo::detail::byte_sink(payload).put_count(10'000);
                payload.resize(payload.size() + 10'000);
                write(directory / "codec" / (name + "-empty"), payload);
            }
            bytes frame;
            memo::detail::frame_header header;
            header.scope = {1, 2};
            header.key = {3, I};
            header.created = 1'800'000'000;
            header.cost = 0.5F;
            header.expires =
                I % 3 == 0 ? 0 : static_cast<std::int64_t>(I % 3 * 1'500'000'000'000'000'000);
            using record = std::tuple_element_t<I, std::decay_t<decltype(all)>>;
            memo::detail::frame_codec<record> const codec(header.scope);
            if (codec.encode(frame, header, std::get<I>(all))) {
                write(directory / "frame" / name, frame);
            }
        });
    }
    return 0;
}
