// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/key/type_name.hpp>
#include <memo/detail/text.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace memo::detail {

namespace names {

MEMO_DEFINITION bool is_in_identifier(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

/// Whether only an implementation of C++ may use a name of namespace scope.
MEMO_DEFINITION bool is_reserved(std::string_view identifier) noexcept {
    return identifier.starts_with("__") || (identifier.size() > 1 && identifier[0] == '_' &&
                                            identifier[1] >= 'A' && identifier[1] <= 'Z');
}

/// Publishes a name, or takes the one that another thread published first.
MEMO_DEFINITION char const* publish(std::atomic<char const*>& made, std::string const& name) {
    auto text = std::make_unique<char[]>(name.size() + 1); // NOLINT(modernize-avoid-c-arrays)
    name.copy(text.get(), name.size());
    char const* first = nullptr;
    if (made.compare_exchange_strong(first, text.get(), std::memory_order_acq_rel)) {
        first = text.release(); // for the life of the process: keys are made until its end
    }
    return first;
}

/// Names the arguments of the last template of a name anew.
MEMO_DEFINITION void replace_arguments(std::string& name,
                                       std::initializer_list<name_argument> arguments) {
    std::size_t begin = name.size();
    std::size_t depth = 0;
    do {
        --begin;
        depth += name[begin] == '>' ? 1U : 0U;
        depth -= name[begin] == '<' ? 1U : 0U;
    } while (depth != 0 && begin != 0);
    name.resize(begin);
    name += '<';
    char const* separator = "";
    for (auto const& argument : arguments) {
        std::string const text =
            argument.type != nullptr ? argument.type : std::to_string(argument.number);
        if (!text.starts_with("std::allocator<")) {
            name.append(separator).append(text);
            separator = ", ";
        }
    }
    name += '>';
}

} // namespace names

MEMO_DEFINITION std::string declared_name(char const* name) {
    std::string const whole = readable(name);
    std::string_view rest = whole;
    std::string out;
    while (!rest.empty()) {
        std::size_t length = 0;
        while (length < rest.size() && names::is_in_identifier(rest[length])) {
            ++length;
        }
        std::string_view identifier = rest.substr(0, length);
        rest.remove_prefix(length);
        if (length != 0 && identifier[0] >= '0' && identifier[0] <= '9') {
            // A std::size_t is an unsigned long or an unsigned long long.
            identifier = identifier.substr(0, identifier.find_first_of("ul"));
        }
        if (names::is_reserved(identifier) && rest.starts_with("::")) {
            rest.remove_prefix(2);
            continue;
        }
        out += identifier;
        if (rest.starts_with("[abi:")) {
            rest.remove_prefix(rest.find(']') + 1);
        } else if (!rest.empty() && length == 0) {
            // Not all demanglers write these blanks.
            out += rest.starts_with(" >") || rest.starts_with(" [") ? "" : rest.substr(0, 1);
            rest.remove_prefix(1);
        }
    }
    return out;
}

MEMO_DEFINITION char const* make_name(std::atomic<char const*>& made, std::type_info const& holder,
                                      std::initializer_list<name_argument> arguments) {
    std::string name = declared_name(holder.name());
    if (auto const begin = name.find('<'); begin != std::string::npos) {
        name = name.substr(begin + 1, name.size() - begin - 2);
    }
    if (arguments.size() != 0 && name.ends_with('>')) {
        names::replace_arguments(name, arguments);
    }
    return names::publish(made, name);
}

MEMO_DEFINITION char const* make_name(std::atomic<char const*>& made, char const* of,
                                      std::string_view qualifier) {
    return names::publish(made, std::string(of).append(qualifier));
}

} // namespace memo::detail
