// SPDX-License-Identifier: BSL-1.0
#pragma once

// The keys of the database. The place of a record is the exclusive or of the call's key and the
// function's scope. Both are digests, so places are uniformly distributed, differ between
// functions, and a random place selects a random record. The places of names precede those of all
// records.

#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/key128.hpp>

#include <array>
#include <cstddef>
#include <cstring>

namespace memo::detail {

using record_place = std::array<std::byte, 16>;
using name_place = std::array<std::byte, 32>;

[[nodiscard]] inline record_place place_of(key128 scope, key128 key) noexcept {
    key128 const mixed{scope.low ^ key.low, scope.high ^ key.high};
    record_place place;
    std::memcpy(place.data(), &mixed, sizeof mixed);
    return place;
}

[[nodiscard]] inline name_place name_place_of(key128 scope) noexcept {
    name_place place{};
    std::memcpy(place.data() + sizeof(record_place), &scope, sizeof scope);
    return place;
}

[[nodiscard]] inline bool is_record(key_and_value const& found) noexcept {
    return found.key.size() == sizeof(record_place);
}

} // namespace memo::detail
