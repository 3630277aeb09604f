// SPDX-License-Identifier: BSL-1.0
#pragma once

// Byte stores in a map: with the three functions, with one optional function more, and with all of them. A
// test may damage the stored bytes, and make every function fail.

#include <memo/byte_store.hpp>
#include <memo/key128.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace memo_test {

/// The three functions.
class map_store {
  public:
    using bytes = std::vector<std::byte>;

    std::optional<bytes> load(std::string_view name) {
        auto const lock = called();
        auto const found = values_.find(name);
        return found != values_.end() ? std::optional(found->second.content) : std::nullopt;
    }

    bool store(std::string_view name, std::span<std::byte const> content,
               std::chrono::nanoseconds ttl) {
        auto const lock = called();
        put(name, content);
        last_ttl = ttl;
        return true;
    }

    bool erase(std::string_view name) {
        auto const lock = called();
        auto const found = values_.find(name);
        if (found == values_.end()) {
            return false;
        }
        values_.erase(found);
        return true;
    }

    /// All records, without generations and locks.
    [[nodiscard]] std::map<std::string, bytes> records() {
        std::scoped_lock const lock(mutex_);
        std::map<std::string, bytes> found;
        for (auto const& [name, stored] : values_) {
            if (!name.ends_with(":gen")) {
                found.emplace(name, stored.content);
            }
        }
        return found;
    }

    [[nodiscard]] std::vector<std::string> names() {
        std::scoped_lock const lock(mutex_);
        std::vector<std::string> all;
        for (auto const& [name, stored] : values_) {
            all.push_back(name);
        }
        return all;
    }

    /// Stores bytes as another program would.
    void overwrite(std::string const& name, bytes content) {
        std::scoped_lock const lock(mutex_);
        put(name, content);
    }

    std::atomic<bool> is_away{false};
    std::atomic<int> calls{0};
    std::chrono::nanoseconds last_ttl{0};

  protected:
    struct value {
        bytes content;
        std::uint64_t version = 0;
    };

    [[nodiscard]] std::unique_lock<std::mutex> called() {
        ++calls;
        if (is_away) {
            throw std::runtime_error("the map is away");
        }
        return std::unique_lock(mutex_);
    }

    void put(std::string_view name, std::span<std::byte const> content) {
        values_.insert_or_assign(std::string(name),
                                 value{bytes(content.begin(), content.end()), ++last_version_});
    }

    [[nodiscard]] value const* find(std::string_view name) const {
        auto const found = values_.find(name);
        return found != values_.end() ? &found->second : nullptr;
    }

  private:
    std::mutex mutex_;
    std::map<std::string, value, std::less<>> values_;
    std::uint64_t last_version_ = 0;
};

/// Adds compare-and-swap.
template <class Base> class with_exchange : public Base {
  public:
    std::optional<memo::versioned_bytes<std::uint64_t>> load_versioned(std::string_view name) {
        auto const lock = this->called();
        auto const* const found = this->find(name);
        if (found == nullptr) {
            return std::nullopt;
        }
        return memo::versioned_bytes<std::uint64_t>{found->content, found->version};
    }

    bool exchange(std::string_view name, std::optional<std::uint64_t> token,
                  std::span<std::byte const> content, std::chrono::nanoseconds ttl) {
        auto const lock = this->called();
        auto const* const found = this->find(name);
        bool const is_current =
            found == nullptr ? !token : token && *token == found->version && !refuses_exchange;
        if (is_current) {
            this->put(name, content);
            this->last_ttl = ttl;
        }
        return is_current;
    }

    std::atomic<bool> refuses_exchange{false}; ///< of what is stored, as if others were quicker
};

/// Adds load_many.
template <class Base> class with_batches : public Base {
  public:
    std::vector<std::optional<map_store::bytes>> load_many(std::span<std::string const> names) {
        auto const lock = this->called();
        std::vector<std::optional<map_store::bytes>> all;
        for (auto const& name : names) {
            auto const* const found = this->find(name);
            all.push_back(found != nullptr ? std::optional(found->content) : std::nullopt);
        }
        all.resize(all.size() - missing);
        return all;
    }

    std::size_t missing = 0; ///< values that the answer lacks
};

/// Adds locks with a time limit.
template <class Base> class with_locks : public Base {
  public:
    bool try_lock(std::string_view name, std::string_view owner, std::chrono::nanoseconds ttl) {
        auto const lock = this->called();
        auto& held = locks_[std::string(name)];
        auto const now = std::chrono::steady_clock::now();
        if (!held.owner.empty() && now < held.until) {
            return false;
        }
        held = {std::string(owner), now + ttl};
        return true;
    }

    void unlock(std::string_view name, std::string_view owner) {
        auto const lock = this->called();
        auto const held = locks_.find(std::string(name));
        if (held != locks_.end() && held->second.owner == owner) {
            locks_.erase(held);
        }
    }

    [[nodiscard]] std::size_t locks() {
        auto const lock = this->called();
        return locks_.size();
    }

  private:
    struct held_lock {
        std::string owner;
        std::chrono::steady_clock::time_point until;
    };
    std::map<std::string, held_lock> locks_;
};

/// Has all optional functions.
class full_map_store : public with_locks<with_batches<with_exchange<map_store>>> {
  public:
    [[nodiscard]] memo::key128 identity() const {
        return {reinterpret_cast<std::uintptr_t>(this), 2};
    }
};

} // namespace memo_test
