// SPDX-License-Identifier: BSL-1.0
#pragma once

// One function's part of a user's store: its counters, the names of its items, and the generation by which
// clear() drops all of them at once.
//
// The generation is a random word at `<name_space>:<scope>:gen`. A process that finds none stores one, and
// clear() stores another. A store that loses the generation loses the items with it, because no number is
// used twice.

#include <memo/byte_store.hpp>
#include <memo/detail/byte_store/byte_counters.hpp>
#include <memo/detail/byte_store/cached_generation.hpp>
#include <memo/detail/byte_store/item_name.hpp>
#include <memo/detail/record/sample_id.hpp>
#include <memo/key128.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace memo::detail {

/// One function's items in a store.
///
/// Thread safety:  safe
class byte_scope {
  public:
    byte_scope(std::string const& name_space, key128 scope) : names(name_space, scope) {}

    item_names const names;
    byte_counters counters;

    /// The generation that was stored a second ago or later. Passes a pending clear() to the store first.
    ///
    /// Throws:         what the store throws
    template <class Store> [[nodiscard]] std::uint64_t generation(Store& store) {
        auto const now = cached_generation::clock::now();
        if (std::uint64_t const fresh = generation_.fresh(now); fresh != 0) {
            return fresh;
        }
        if (generation_.is_clear_pending()) {
            renew(store);
        }
        std::uint64_t const before = generation_.number();
        std::uint64_t const stored = load_generation(store);
        generation_.loaded(before, stored, now);
        return stored;
    }

    /// Replaces the generation.
    ///
    /// Throws:         what the store throws; then the next operation that reaches it replaces the generation
    template <class Store> void clear(Store& store) {
        generation_.request_clear();
        renew(store);
    }

  private:
    template <class Store> void renew(Store& store) {
        std::uint64_t const clears = generation_.clears();
        std::uint64_t const next = random_number();
        if (!store.store(names.generation(), bytes_of(next), std::chrono::nanoseconds(0))) {
            throw std::runtime_error("the store refuses the generation");
        }
        generation_.cleared(clears, next);
    }

    /// The generation in the store. Stores one if there is none.
    template <class Store> [[nodiscard]] std::uint64_t load_generation(Store& store) const {
        constexpr int max_rounds = 8;
        for (int i = 0; i < max_rounds; ++i) {
            if constexpr (exchanging_byte_store<Store>) {
                std::optional<versioned_bytes<token_of<Store>>> const item =
                    store.load_versioned(names.generation());
                if (std::uint64_t const stored = item ? number_in(item->bytes) : 0; stored != 0) {
                    return stored;
                }
                std::uint64_t const first = random_number();
                std::optional<token_of<Store>> token{};
                if (item) {
                    token = item->token;
                }
                if (store.exchange(names.generation(), token, bytes_of(first),
                                   std::chrono::nanoseconds(0))) {
                    return first;
                }
            } else {
                std::optional<std::vector<std::byte>> const bytes = store.load(names.generation());
                if (std::uint64_t const stored = bytes ? number_in(*bytes) : 0; stored != 0) {
                    return stored;
                }
                // The last of several processes wins; the others read its number in the next round.
                static_cast<void>(store.store(names.generation(), bytes_of(random_number()),
                                              std::chrono::nanoseconds(0)));
            }
        }
        throw std::runtime_error("the store does not keep the generation");
    }

    [[nodiscard]] static std::vector<std::byte> bytes_of(std::uint64_t number) {
        std::vector<std::byte> bytes(sizeof number);
        std::memcpy(bytes.data(), &number, sizeof number);
        return bytes;
    }

    /// Returns:        0 for bytes that are not a generation
    [[nodiscard]] static std::uint64_t number_in(std::span<std::byte const> bytes) noexcept {
        std::uint64_t number = 0;
        if (bytes.size() == sizeof number) {
            std::memcpy(&number, bytes.data(), sizeof number);
        }
        return number;
    }

    cached_generation generation_;
};

} // namespace memo::detail
