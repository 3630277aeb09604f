// SPDX-License-Identifier: BSL-1.0
#pragma once

// Two backends as one: a quick one near, a shared or lasting one far.

#include <memo/backends/backend.hpp>
#include <memo/backends/tiered/worth.hpp>
#include <memo/key/key128.hpp>
#include <memo/options.hpp>
#include <memo/record/kind.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace memo {

/// What goes to the far tier of `memo::tiered`.
enum class admission {
    everything, ///< all that the function's options let be stored
    worthwhile, ///< only what took longer to compute than storing and fetching it takes
};

using enum admission;

/// Keeps records in two backends: looks near first, copies near what it finds far, stores in both.
/// While the far one is away the near one serves.
///
/// Records that are merged with what is there, as averaged functions do, are the far tier's alone: a
/// copy near would hide what others have added to them.
///
/// Near, Far       any two backends, such as memo::memory and memo::memcached
/// Thread safety:  as the backends'
template <class Near, class Far> class tiered {
  public:
    static constexpr bool persistent = Near::persistent || Far::persistent;
    static constexpr bool remembers = Near::remembers || Far::remembers;

    tiered() : tiered(Near(), Far()) {}

    /// chosen          `worthwhile`: the times of the far tier and of the function are averaged while
    ///                 they run, and where looking and storing far does not pay, it is tried only
    ///                 now and then
    explicit tiered(Near near, Far far, admission chosen = everything)
        : near_(std::move(near)), far_(std::move(far)), admission_(chosen) {}

    /// The entries of one function.
    template <class Record> class partition_type {
        using near_type =
            decltype(std::declval<Near const&>().template partition<Record>(key128{}));
        using far_type = decltype(std::declval<Far const&>().template partition<Record>(key128{}));

      public:
        partition_type(near_type near, far_type far, admission chosen)
            : near_(std::move(near)),
              far_(std::move(far)),
              worth_(chosen == worthwhile ? std::make_shared<detail::worth>() : nullptr) {}

        /// Complexity:     the near tier's for what is there, otherwise the sum of both
        [[nodiscard]] std::optional<remembered<Record>> get(key128 key) const {
            if constexpr (!is_merged) {
                if (auto kept = near_.get(key)) {
                    return kept;
                }
            }
            if (worth_ && !worth_->looking_pays()) {
                return std::nullopt;
            }
            auto const timed = time_looking();
            auto kept = far_.get(key);
            if constexpr (!is_merged) {
                if (kept) {
                    near_.put(key, kept->record,
                              {std::chrono::nanoseconds(kept->cost), kept->left});
                }
            }
            return kept;
        }

        /// Near first, so that a failure of the far tier leaves the near one with the record.
        bool put(key128 key, Record const& record, storing about) const {
            bool stored = false;
            if constexpr (!is_merged) {
                stored = near_.put(key, record, about);
            }
            if (worth_ && !worth_->storing_pays(about.cost)) {
                return stored;
            }
            auto const timed = time_storing();
            return far_.put(key, record, about) || stored;
        }

        template <class Merge>
        std::optional<Record> update(key128 key, Merge const& merge, storing about) const {
            std::optional<Record> stored = far_.update(key, merge, about);
            if constexpr (!is_merged) {
                static_cast<void>(near_.erase(key));
            }
            return stored;
        }

        [[nodiscard]] bool erase(key128 key) const {
            bool const was_near = near_.erase(key);
            return far_.erase(key) || was_near;
        }

        void clear() const {
            near_.clear();
            far_.clear();
        }

        /// The sums of both tiers; entries and expirations, of which both have the same, of the one that
        /// has more.
        [[nodiscard]] backend_statistics stats() const { return sum(near_.stats(), far_.stats()); }

      private:
        static constexpr bool is_merged =
            detail::kind_of_record<Record> == detail::record_kind::moments;

        [[nodiscard]] detail::timed_step time_looking() const {
            return detail::timed_step(worth_ ? &worth_->looking : nullptr);
        }
        [[nodiscard]] detail::timed_step time_storing() const {
            return detail::timed_step(worth_ ? &worth_->storing : nullptr);
        }

        near_type near_;
        far_type far_;
        std::shared_ptr<detail::worth> worth_; ///< none: everything is admitted
    };

    template <class Record>
    [[nodiscard]] partition_type<Record>
    partition(key128 scope, on_error_policy on_error = on_error_policy::degrade) const {
        return {detail::open_partition<Record>(near_, scope, on_error),
                detail::open_partition<Record>(far_, scope, on_error), admission_};
    }

    [[nodiscard]] backend_statistics stats() const { return sum(near_.stats(), far_.stats()); }

    [[nodiscard]] Near const& near() const noexcept { return near_; }
    [[nodiscard]] Far const& far() const noexcept { return far_; }

  private:
    [[nodiscard]] static backend_statistics sum(backend_statistics one,
                                                backend_statistics const& other) {
        auto const entries = std::max(one.entries, other.entries);
        auto const expirations = std::max(one.expirations, other.expirations);
        one += other;
        one.entries = entries;
        one.expirations = expirations;
        return one;
    }

    Near near_;
    Far far_;
    admission admission_ = everything;
};

} // namespace memo
