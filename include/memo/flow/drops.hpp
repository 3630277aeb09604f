// SPDX-License-Identifier: BSL-1.0
#pragma once

// What was dropped lately, in; whether a key was among that since some moment, out. An evaluation that
// began before its key was dropped gives what was right then: it is not stored, and who calls after
// the drop is not given it. One that was just being stored is taken away again, and can be found until
// then.

#include <memo/key/key128.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace memo::detail {

/// The drops of one function by this process: forget() and clear(). Of those of other processes it
/// knows nothing.
///
/// Thread safety:  safe
class drops {
  public:
    drops() = default;
    drops(drops const&) = delete;
    drops& operator=(drops const&) = delete;
    ~drops() { delete[] last_; }

    /// A moment: how many drops were noted.
    [[nodiscard]] std::uint64_t now() const noexcept { return count_; }

    // A drop is noted twice: before it, for those who store meanwhile; and after it, for those who would
    // follow a leader that has found what was there yet.

    /// Drops one key.
    ///
    /// erase           does it; whether there was something
    template <class Erase> bool drop(key128 key, Erase const& erase) {
        note(key);
        bool const was_there = erase();
        note(key);
        return was_there;
    }

    /// Drops all keys.
    ///
    /// clear           does it
    template <class Clear> void drop_all(Clear const& clear) {
        note_all();
        clear();
        note_all();
    }

    /// Stores what was evaluated for a key, if that was not dropped since a moment before.
    ///
    /// store           does it
    /// erase           takes it away again, if the key was dropped meanwhile
    template <class Store, class Erase>
    void unless_dropped(key128 key, std::uint64_t since, Store const& store,
                        Erase const& erase) const {
        if (!include(key, since)) {
            store();
            if (include(key, since)) {
                erase();
            }
        }
    }

    /// Whether a key was dropped since a moment. Also true where too many were to tell.
    ///
    /// Complexity:     one load if nothing was; otherwise a lock, and O(drops since)
    [[nodiscard]] bool include(key128 key, std::uint64_t since) const {
        if (count_ == since) {
            return false;
        }
        std::scoped_lock const lock(mutex_);
        std::uint64_t const count = count_;
        if (all_ > since || count - since > most) {
            return true;
        }
        for (std::uint64_t i = since; i < count; ++i) {
            if (last_[i % most] == key) {
                return true;
            }
        }
        return false;
    }

  private:
    static constexpr std::size_t most = 1024;

    void note(key128 key) {
        std::scoped_lock const lock(mutex_);
        append(key);
    }

    void note_all() {
        std::scoped_lock const lock(mutex_);
        append({});
        all_ = count_;
    }

    void append(key128 key) {
        if (last_ == nullptr) {
            last_ = new key128[most];
        }
        last_[count_ % most] = key;
        count_ += 1;
    }

    mutable std::mutex mutex_;
    std::atomic<std::uint64_t> count_{0};
    std::uint64_t all_ = 0;  ///< the count with the last drop of all keys
    key128* last_ = nullptr; ///< note number i at i % most; owned, and made by the first one
};

} // namespace memo::detail
