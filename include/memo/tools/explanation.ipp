// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/text.hpp>
#include <memo/tools/explanation.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace memo {

MEMO_DEFINITION std::string to_string(explanation const& e) {
    auto const words = [](std::uint64_t count) {
        return std::to_string(count) + (count == 1 ? " word" : " words");
    };
    std::string out = "key         " + to_string(e.key) + "  " + words(e.words) + "\nscope       " +
                      to_string(e.scope) + '\n';
    if (!e.name.empty()) {
        out += "  name      " + detail::printable(e.name);
        if (!e.version.empty()) {
            out += ", version " + detail::printable(e.version);
        }
        out += '\n';
    }
    if (e.version.empty()) {
        out += "  code      " + (e.build_id.empty() ? "no build-id, address "
                                                    : "build-id " + e.build_id + ", offset ");
        out += std::to_string(e.offset) + "\n  modules   " + to_string(e.all_modules) + "  " +
               std::to_string(e.modules) + " loaded\n";
    }
    if (!e.hash_prefix.empty()) {
        out += "  prefix    " + detail::printable(e.hash_prefix) + '\n';
    }
    out += "  takes     ";
    for (std::size_t i = 0; i < e.parameters.size(); ++i) {
        out += (i == 0 ? "" : ", ") + (e.parameters[i].empty() ? "ignored" : e.parameters[i]);
    }
    out += (e.parameters.empty() ? "nothing" : "");
    out += "\n  gives     " + e.result + ", " + e.record + "\n  state     " +
           (e.state == key128{} ? "none" : to_string(e.state)) + '\n';
    for (auto const& each : e.arguments) {
        out += "argument " + std::to_string(each.place) + "  " +
               (each.words ? to_string(*each.words) + "  " + words(each.count) : "ignored") + ", " +
               each.type + '\n';
    }
    if (e.current_state) {
        out += "state now   " + to_string(*e.current_state) + "  2 words\n";
    }
    out += "lookup      " + (e.miss ? "miss, " + std::string(to_string(*e.miss)) : "hit") + '\n';
    return out;
}

} // namespace memo
