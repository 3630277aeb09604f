// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/saturated.hpp>
#include <memo/detail/text.hpp>
#include <memo/statistics.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace memo {

MEMO_DEFINITION statistics& statistics::operator+=(statistics const& other) noexcept {
    for_each_counter([&](auto, auto member, auto) {
        this->*member = detail::saturated_sum(this->*member, other.*member);
    });
    return *this;
}
MEMO_DEFINITION statistics& statistics::operator-=(statistics const& other) noexcept {
    for_each_counter([&](auto, auto member, auto) { this->*member -= other.*member; });
    return *this;
}
MEMO_DEFINITION statistics& statistics::add(backend_statistics const& now,
                                            backend_statistics const& before) noexcept {
    for (counter const& each : all_counters) {
        if (each.backend != nullptr) {
            this->*each.count += now.*each.backend - before.*each.backend;
        }
    }
    return *this;
}
MEMO_DEFINITION backend_statistics&
backend_statistics::operator+=(backend_statistics const& other) noexcept {
    entries += other.entries;
    bytes += other.bytes;
    for (counter const& each : all_counters) {
        if (each.backend != nullptr) {
            this->*each.backend += other.*each.backend;
        }
    }
    return *this;
}

MEMO_DEFINITION std::string to_string(statistics const& s) {
    std::string line;
    for_each_counter([&](std::string_view name, auto member, auto) {
        if (s.*member != decltype(s.*member){} || name == "calls") {
            line += line.empty() ? "" : ", ";
            line += name;
            line += ' ' + detail::counter_text(s.*member);
        }
    });
    return line;
}

MEMO_DEFINITION std::string to_json(statistics const& s) {
    std::string object;
    for_each_counter([&](std::string_view name, auto member, auto) {
        object += object.empty() ? "{\"" : ",\"";
        object += name;
        object += "\":" + detail::counter_text(s.*member);
    });
    return object + '}';
}

MEMO_DEFINITION std::string to_prometheus(std::vector<named_statistics> const& functions) {
    std::vector<named_statistics> samples; // by label, in which U+FFFD replaces invalid bytes
    for (auto const& [function, counters] : functions) {
        std::string label = detail::prometheus_label(function);
        auto same = samples.begin();
        while (same != samples.end() && same->function != label) {
            ++same;
        }
        if (same != samples.end()) {
            same->counters += counters;
        } else {
            samples.push_back({std::move(label), counters});
        }
    }
    std::string text;
    for_each_counter([&](std::string_view name, auto member, std::string_view help) {
        std::string const metric = "memo_" + std::string(name) + "_total";
        text += "# HELP " + metric + ' ' + std::string(help) + '\n';
        text += "# TYPE " + metric + " counter\n";
        for (auto const& [label, counters] : samples) {
            text += metric + "{function=\"" + label + "\"} " +
                    detail::counter_text(counters.*member) + '\n';
        }
    });
    return text;
}

MEMO_DEFINITION std::string to_prometheus(statistics const& s, std::string_view function) {
    return to_prometheus({{std::string(function), s}});
}

} // namespace memo
