// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/text.hpp>
#include <memo/tools/explanation.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace memo {

MEMO_DEFINITION std::string to_string(explanation const& e) {
    using detail::append;
    auto const words = [](std::uint64_t count) {
        return detail::joined({std::to_string(count), count == 1 ? " word" : " words"});
    };
    std::string out;
    append(out, {"key         ", to_string(e.key), "  ", words(e.words), "\nscope       ",
                 to_string(e.scope), "\n"});
    if (!e.name.empty()) {
        append(out, {"  name      ", detail::printable(e.name),
                     e.version.empty() ? "" : ", version ", detail::printable(e.version), "\n"});
    }
    if (e.version.empty()) {
        bool const has_build_id = !e.build_id.empty();
        append(out,
               {"  code      ", has_build_id ? "build-id " : "no build-id, address ", e.build_id,
                has_build_id ? ", offset " : "", std::to_string(e.offset), "\n  modules   ",
                to_string(e.all_modules), "  ", std::to_string(e.modules), " loaded\n"});
    }
    if (!e.hash_prefix.empty()) {
        append(out, {"  prefix    ", detail::printable(e.hash_prefix), "\n"});
    }
    out += "  takes     ";
    char const* before = "";
    for (std::string const& type : e.parameters) {
        append(out, {before, type.empty() ? std::string_view("ignored") : type});
        before = ", ";
    }
    append(out, {e.parameters.empty() ? "nothing" : "", "\n  gives     ", e.result, ", ", e.record,
                 "\n  state     ", e.state == key128{} ? "none" : to_string(e.state), "\n"});
    for (auto const& each : e.arguments) {
        append(out, {"argument ", std::to_string(each.place), "  ",
                     each.words ? to_string(*each.words) : "ignored", each.words ? "  " : "",
                     each.words ? words(each.count) : "", ", ", each.type, "\n"});
    }
    if (e.current_state) {
        append(out, {"state now   ", to_string(*e.current_state), "  2 words\n"});
    }
    append(out, {"lookup      ", e.miss ? "miss, " : "hit",
                 e.miss ? to_string(*e.miss) : std::string_view(), "\n"});
    return out;
}

} // namespace memo
