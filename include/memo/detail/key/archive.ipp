// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/key/archive.hpp>
#include <memo/error.hpp>

#include <cstddef>
#include <cstdint>
#include <typeinfo>

namespace memo::detail {

MEMO_DEFINITION bool virtual_bases::add(address_and_type base) {
    for (std::size_t i = first_; i < visited_.size(); ++i) {
        if (visited_[i].address == base.address && *visited_[i].type == *base.type) {
            return false;
        }
    }
    visited_.push_back(base);
    return true;
}

MEMO_DEFINITION bool pointee_types::add(std::uint32_t number, std::type_info const& type) {
    if (number > first_.size()) {
        first_.push_back(&type);
        return true;
    }
    if (*first_[number - 1] == type) {
        return false;
    }
    for (auto const& [other_number, other_type] : further_) {
        if (other_number == number && *other_type == type) {
            return false;
        }
    }
    further_.push_back({number, &type});
    return true;
}

MEMO_DEFINITION void throw_derived_class() {
    throw error(errc::argument,
                "memoized call: an argument's class derives from the parameter's class, "
                "whose serialize() does not write the derived members; take it as a "
                "std::shared_ptr or std::unique_ptr and register the derived class with "
                "CEREAL_REGISTER_TYPE");
}

MEMO_DEFINITION void throw_cycle() {
    throw error(
        errc::argument,
        "memoized call: pointers in an argument lead from an element of an unordered container, "
        "or of a memo::as_set, back to that container, so its elements have no digests; use "
        "a std::map, std::set or std::vector there");
}

} // namespace memo::detail
