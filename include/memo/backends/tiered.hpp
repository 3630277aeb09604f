// SPDX-License-Identifier: BSL-1.0
#pragma once

// Two backends as one: a fast near tier, and a shared or persistent far tier.

#include <memo/detail/system/compiler.hpp>

#include <memo/backend.hpp>
#include <memo/detail/open_partition.hpp>
#include <memo/detail/optional_members.hpp>
#include <memo/detail/record/kind.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/detail/tier_invalidations.hpp>
#include <memo/fingerprint.hpp>
#include <memo/key128.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

// <windows.h> defines the names of two members of `tiered` as empty macros; undefine them to use the members.
#pragma push_macro("near")
#pragma push_macro("far")
#undef near
#undef far

namespace memo {

/// Stores records in two backends. A lookup asks the near tier first and copies a far hit to it; a store
/// goes to both. While the far tier is unreachable, the near one serves.
///
/// Records of averaged functions belong to the far tier alone: a near copy would hide samples that others
/// add.
///
/// `time_threshold = memo::worthwhile` applies to the far tier; the near one stores everything.
///
/// Near, Far       any two backends, such as memo::memory and memo::memcached
/// Thread safety:  as the backends'
template <class Near, class Far> class tiered {
  public:
    static constexpr bool persistent = Near::persistent || Far::persistent;
    static constexpr bool stores = Near::stores || Far::stores;

    tiered() : tiered(Near(), Far()) {}

    tiered(Near near, Far far) : near_(std::move(near)), far_(std::move(far)) {}
    // A move is a copy, so a moved-from backend stays usable.
    tiered(tiered const&) = default;
    tiered& operator=(tiered const&) = default;
    ~tiered() = default;

    /// The entries of one function.
    template <class Record> class partition_type {
        using near_type = decltype(detail::open_whole<Record>(std::declval<Near const&>(), {}, {}));
        using far_type =
            decltype(detail::open_admitting<Record>(std::declval<Far const&>(), {}, {}));
        static constexpr bool is_merged =
            detail::kind_of_record<Record> == detail::record_kind::moments;

      public:
        static constexpr bool validates =
            (is_merged || validating_partition<near_type>)&&validating_partition<far_type>;

        partition_type(near_type near, far_type far,
                       detail::tier_invalidations::count& invalidations)
            : near_(std::move(near)), far_(std::move(far)), invalidations_(&invalidations) {}

        /// Complexity:     that of the near tier for a hit there, otherwise the sum of both
        [[nodiscard]] lookup_result<Record> get(key128 key) const {
            lookup_result<Record> near;
            if constexpr (!is_merged) {
                near = near_.get(key);
                if (near) {
                    return near;
                }
            }
            std::uint64_t const before = *invalidations_;
            lookup_result<Record> far = far_.get(key);
            if (far) {
                copy_near(key, *far, before);
            }
            return last_of(near.reason(), std::move(far));
        }

        /// Copies no far hit to the near tier.
        [[nodiscard]] lookup_result<Record> peek(key128 key) const {
            lookup_result<Record> near;
            if constexpr (!is_merged) {
                near = detail::peek<Record>(near_, key);
                if (near) {
                    return near;
                }
            }
            return last_of(near.reason(), detail::peek<Record>(far_, key));
        }

        [[nodiscard, gnu::always_inline]] inline detail::fast_lookup<Record>
        try_hit(detail::unfinalized_key key) const noexcept
            requires(!is_merged && detail::fast_partition<near_type, Record>) {
            auto found = near_.try_hit(key);
            found.seems_absent = false; // it may be far
            return found;
        }

        [[nodiscard]] detail::fast_lookup<Record>
        try_hit_further(detail::unfinalized_key key) const noexcept
            requires(!is_merged && detail::fast_partition<near_type, Record>) {
            return near_.try_hit_further(key);
        }

        /// The same for many keys; asks the far tier for the near misses together.
        void get_many(std::span<key128 const> keys,
                      std::span<lookup_result<Record>> results) const {
            if constexpr (!is_merged) {
                detail::get_many<Record>(near_, keys, results);
            }
            std::vector<std::size_t> places;
            std::vector<key128> misses;
            for (std::size_t i = 0; i < keys.size(); ++i) {
                if (!results[i]) {
                    places.push_back(i);
                    misses.push_back(keys[i]);
                }
            }
            if (misses.empty()) {
                return;
            }
            std::vector<lookup_result<Record>> found(misses.size());
            std::uint64_t const before = *invalidations_;
            detail::get_many<Record>(far_, std::span<key128 const>(misses), std::span(found));
            for (std::size_t i = 0; i < misses.size(); ++i) {
                if (found[i]) {
                    copy_near(misses[i], *found[i], before);
                }
                results[places[i]] = last_of(results[places[i]].reason(), std::move(found[i]));
            }
        }

        /// Near first, so that a failure of the far tier leaves the near one with the record.
        bool put(key128 key, Record const& record, put_options about) const {
            bool stored = false;
            if constexpr (!is_merged) {
                stored = near_.put(key, record, about);
            }
            return far_.put(key, record, about) || stored;
        }

        template <class Merge>
        std::optional<Record> update(key128 key, Merge const& merge, put_options about) const {
            std::optional<Record> stored = far_.update(key, merge, about);
            if constexpr (!is_merged) {
                *invalidations_ += 1;
                static_cast<void>(near_.erase(key));
            }
            return stored;
        }

        [[nodiscard]] bool erase(key128 key) const {
            bool was_there = false;
            drop([&](auto const& tier) { was_there |= tier.erase(key); });
            return was_there;
        }

        void clear() const {
            drop([](auto const& tier) { tier.clear(); });
        }

        /// The sums of both tiers; for entries, expirations and too_large, which both tiers count, the larger
        /// number.
        [[nodiscard]] backend_statistics stats() const { return sum(near_.stats(), far_.stats()); }
        [[nodiscard]] backend_statistics events() const {
            return sum(detail::events_of(near_), detail::events_of(far_));
        }

        /// The far tier elects the leader, because more processes share it.
        [[nodiscard]] auto lead(key128 key) const
            requires(leading_partition<near_type> || leading_partition<far_type>) {
            return leading().lead(key);
        }

        [[nodiscard]] auto try_lead(key128 key) const
            requires(leading_partition<near_type> || leading_partition<far_type>) {
            return leading().try_lead(key);
        }

      private:
        /// The far tier's result; the near tier's reason if the far tier has none of its own.
        [[nodiscard]] static lookup_result<Record> last_of(miss_reason near,
                                                           lookup_result<Record> far) {
            return far || far.reason() != miss_reason::absent ? std::move(far)
                                                              : lookup_result<Record>(near);
        }

        [[nodiscard]] auto const& leading() const {
            if constexpr (leading_partition<far_type>) {
                return far_;
            } else {
                return near_;
            }
        }

        /// Far first: otherwise a concurrent lookup would copy the far record to the near tier again. The
        /// near tier is invalidated even if the far tier fails.
        template <class From> void drop(From const& from) const {
            auto const drop_near = [&] {
                *invalidations_ += 1;
                from(near_);
            };
            try {
                from(far_);
            } catch (...) {
                drop_near();
                throw;
            }
            drop_near();
        }

        /// before          *invalidations_ before the lookup
        void copy_near(key128 key, cached_value<Record> const& found, std::uint64_t before) const {
            if constexpr (!is_merged) {
                auto const unchanged = [&] { return *invalidations_ == before; };
                near_.put(key, found.record,
                          {std::chrono::nanoseconds(found.cost), found.left, validity(unchanged)});
                // The record may have been erased, in the near tier before this copy.
                if (!validating_partition<near_type> && !unchanged()) {
                    static_cast<void>(near_.erase(key));
                }
            }
        }

        near_type near_;
        far_type far_;
        detail::tier_invalidations::count* invalidations_;
    };

    template <class Record>
    [[nodiscard]] partition_type<Record> partition(key128 scope, partition_options how = {}) const {
        return {detail::open_whole<Record>(near_, scope, {how.on_error, false}),
                detail::open_admitting<Record>(far_, scope, how),
                detail::process_wide<detail::tier_invalidations>().of(scope)};
    }

    /// The identity of both stores together.
    [[nodiscard]] key128 identity() const
        requires(identified_backend<Near>&& identified_backend<Far>) {
        return fingerprint(near_.identity(), far_.identity());
    }

    [[nodiscard]] backend_statistics stats() const { return sum(near_.stats(), far_.stats()); }

    [[nodiscard]] Near const& near() const noexcept { return near_; }
    [[nodiscard]] Far const& far() const noexcept { return far_; }

  private:
    [[nodiscard]] static backend_statistics sum(backend_statistics one,
                                                backend_statistics const& other) {
        auto const entries = (std::max)(one.entries, other.entries);
        auto const expirations = (std::max)(one.expirations, other.expirations);
        auto const too_large = (std::max)(one.too_large, other.too_large);
        one += other;
        one.entries = entries;
        one.expirations = expirations;
        one.too_large = too_large;
        return one;
    }

    Near near_;
    Far far_;
};

} // namespace memo

#pragma pop_macro("far")
#pragma pop_macro("near")
