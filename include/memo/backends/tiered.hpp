// SPDX-License-Identifier: BSL-1.0
#pragma once

// memo::tiered, which combines two backends: a fast near tier, and a shared or persistent far tier.

#include <memo/detail/system/compiler.hpp>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Weffc++"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuseless-cast" // types of other systems need the casts
#endif

#include <memo/backend.hpp>
#include <memo/detail/open_partition.hpp>
#include <memo/detail/optional_members.hpp>
#include <memo/detail/record/kind.hpp>
#include <memo/detail/system/cancellation.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/detail/tier_invalidations.hpp>
#include <memo/fingerprint.hpp>
#include <memo/key128.hpp>
#include <memo/lookup_result.hpp>
#include <memo/options.hpp>
#include <memo/outcome.hpp>
#include <memo/statistics.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

// <windows.h> defines `near` and `far` as empty macros; undefine them to use these members.
#pragma push_macro("near")
#pragma push_macro("far")
#undef near
#undef far

namespace memo {

/// Stores records in two backends. A lookup asks the near tier first and copies a far hit to it; a store
/// goes to both. While one tier fails, the other one stores and serves.
///
/// Records of averaged functions are stored in the far tier alone, because a near copy would hide samples
/// that other processes add.
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
        using near_type =
            decltype(detail::open_unfiltered<Record>(std::declval<Near const&>(), {}, {}));
        using far_type =
            decltype(detail::open_admitting<Record>(std::declval<Far const&>(), {}, {}));
        static constexpr bool is_merged = detail::is_merged(detail::kind_of_record<Record>);

      public:
        static constexpr bool validates =
            (is_merged || validating_partition<near_type>)&&validating_partition<far_type>;

        partition_type(near_type near, far_type far,
                       detail::tier_invalidations::count& invalidations, on_error_policy on_error)
            : near_(std::move(near)),
              far_(std::move(far)),
              invalidations_(&invalidations),
              near_throws_(on_error == on_error_policy::strict) {}

        /// Complexity:     as the near tier for a near hit, otherwise the sum of both
        [[nodiscard]] lookup_result<Record> get(key128 key) const {
            lookup_result<Record> near;
            if constexpr (!is_merged) {
                near = attempt_near(unavailable(), [&] { return near_.get(key); });
                if (near) {
                    return near;
                }
            }
            std::uint64_t const before = *invalidations_;
            lookup_result<Record> far = far_.get(key);
            if (far) {
                copy_near(key, *far, before);
            }
            return far_or(near.reason(), std::move(far));
        }

        /// Copies no far hit to the near tier.
        [[nodiscard]] lookup_result<Record> peek(key128 key) const {
            lookup_result<Record> near;
            if constexpr (!is_merged) {
                near =
                    attempt_near(unavailable(), [&] { return detail::peek<Record>(near_, key); });
                if (near) {
                    return near;
                }
            }
            return far_or(near.reason(), detail::peek<Record>(far_, key));
        }

        [[nodiscard, gnu::always_inline]] inline detail::fast_lookup<Record>
        try_hit(detail::unfinalized_key key) const noexcept
            requires(!is_merged && detail::fast_partition<near_type, Record>) {
            auto found = near_.try_hit(key);
            found.seems_absent = false; // the far tier may have it
            return found;
        }

        [[nodiscard]] detail::fast_lookup<Record>
        try_hit_further(detail::unfinalized_key key) const noexcept
            requires(!is_merged && detail::fast_partition<near_type, Record>) {
            return near_.try_hit_further(key);
        }

        void prefetch(detail::unfinalized_key key) const noexcept
            requires(!is_merged && detail::fast_partition<near_type, Record>) {
            near_.prefetch(key);
        }

        /// Looks up many keys; the far tier looks up all near misses together.
        void get_many(std::span<key128 const> keys,
                      std::span<lookup_result<Record>> results) const {
            if constexpr (!is_merged) {
                attempt_near(false, [&] {
                    detail::get_many<Record>(near_, keys, results);
                    return true;
                });
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
            std::vector<lookup_result<Record>> far(misses.size());
            std::uint64_t const before = *invalidations_;
            detail::get_many<Record>(far_, std::span<key128 const>(misses), std::span(far));
            for (std::size_t i = 0; i < misses.size(); ++i) {
                if (far[i]) {
                    copy_near(misses[i], *far[i], before);
                }
                results[places[i]] = far_or(results[places[i]].reason(), std::move(far[i]));
            }
        }

        /// Near first, so that the near tier has the record even if the far tier throws.
        bool put(key128 key, Record const& record, put_options options) const {
            bool stored = false;
            if constexpr (!is_merged) {
                stored = attempt_near(false, [&] { return near_.put(key, record, options); });
            }
            return far_.put(key, record, options) || stored;
        }

        template <class Merge>
        std::optional<Record> update(key128 key, Merge const& merge, put_options options) const {
            std::optional<Record> stored = far_.update(key, merge, options);
            if constexpr (!is_merged) {
                *invalidations_ += 1;
                static_cast<void>(near_.erase(key));
            }
            return stored;
        }

        [[nodiscard]] bool erase(key128 key) const {
            bool existed = false;
            invalidate([&](auto const& tier) { existed |= tier.erase(key); });
            return existed;
        }

        void clear() const {
            invalidate([](auto const& tier) { tier.clear(); });
        }

        /// The sums of both tiers; for entries, expirations and too_large, which both tiers count, the
        /// larger number.
        [[nodiscard]] backend_statistics stats() const {
            return with_errors(sum(near_.stats(), far_.stats()));
        }
        [[nodiscard]] backend_statistics events() const {
            return with_errors(sum(detail::events_of(near_), detail::events_of(far_)));
        }

        /// Leads in each tier that elects leaders: among the processes of the near tier, then, for all of
        /// them, among those of the far one. So one process of a machine waits for other machines, and an
        /// unreachable far tier leaves the near tier's leader.
        [[nodiscard]] auto lead(key128 key) const
            requires(leading_partition<near_type> || leading_partition<far_type>) {
            if constexpr (!leads_near) {
                return far_.lead(key);
            } else if constexpr (!leading_partition<far_type>) {
                return near_.lead(key);
            } else {
                using near_lead = decltype(near_.lead(key));
                using far_lead = decltype(far_.lead(key));
                return leads<near_lead, far_lead>{near_.lead(key), far_.lead(key)};
            }
        }

        [[nodiscard]] auto try_lead(key128 key) const
            requires(leading_partition<near_type> || leading_partition<far_type>) {
            if constexpr (!leads_near) {
                return far_.try_lead(key);
            } else if constexpr (!leading_partition<far_type>) {
                return near_.try_lead(key);
            } else {
                using near_lead = std::remove_cvref_t<decltype(*near_.try_lead(key))>;
                using far_lead = std::remove_cvref_t<decltype(*far_.try_lead(key))>;
                std::optional<leads<near_lead, far_lead>> both;
                if (auto near = near_.try_lead(key)) {
                    if (auto far = far_.try_lead(key)) {
                        both.emplace(leads<near_lead, far_lead>{*std::move(near), *std::move(far)});
                    }
                }
                return both;
            }
        }

      private:
        /// Runs an operation of the near tier. Its failure does not keep the far tier from serving: it is
        /// counted and returns `otherwise`; under on_error = strict it is thrown.
        template <class Result, class Operation>
        Result attempt_near(Result otherwise, Operation const& operation) const {
            try {
                return operation();
            } catch (detail::thread_cancelled const&) {
                throw;
            } catch (...) {
                if (near_throws_) {
                    throw;
                }
                near_errors_->fetch_add(1, std::memory_order_relaxed);
            }
            return otherwise;
        }

        [[nodiscard]] static lookup_result<Record> unavailable() {
            return miss_reason::unavailable;
        }

        [[nodiscard]] backend_statistics with_errors(backend_statistics sum) const {
            sum.errors += near_errors_->load(std::memory_order_relaxed);
            return sum;
        }

        /// The far tier's result; the near tier's reason if only that tier found something.
        [[nodiscard]] static lookup_result<Record> far_or(miss_reason near,
                                                          lookup_result<Record> far) {
            return far ? std::move(far)
                       : lookup_result<Record>(detail::last_reason(near, far.reason()));
        }

        /// Ends in reverse order.
        template <class NearLead, class FarLead> struct leads {
            NearLead near;
            FarLead far;
        };

        /// Whether the near tier elects leaders; it has no records that are merged.
        static constexpr bool leads_near =
            leading_partition<near_type> && !(is_merged && leading_partition<far_type>);

        /// Calls erase(tier). Far first: otherwise a concurrent lookup would copy the far record to the
        /// near tier again. The near tier is invalidated even if the far tier throws.
        template <class Erase> void invalidate(Erase const& erase) const {
            auto const invalidate_near = [&] {
                *invalidations_ += 1;
                erase(near_);
            };
            try {
                erase(far_);
            } catch (...) {
                invalidate_near();
                throw;
            }
            invalidate_near();
        }

        /// before          *invalidations_ before the lookup
        void copy_near(key128 key, cached_value<Record> const& far, std::uint64_t before) const {
            if constexpr (!is_merged) {
                auto const unchanged = [&] { return *invalidations_ == before; };
                put_options const options{std::chrono::nanoseconds(far.cost), far.remaining_ttl,
                                          validity(unchanged)};
                attempt_near(false, [&] { return near_.put(key, far.record, options); });
                // An invalidation may have erased the near record before this copy.
                if (!validating_partition<near_type> && !unchanged()) {
                    static_cast<void>(near_.erase(key));
                }
            }
        }

        near_type near_;
        far_type far_;
        detail::tier_invalidations::count* invalidations_;
        bool near_throws_;
        std::shared_ptr<std::atomic<std::uint64_t>> near_errors_ =
            std::make_shared<std::atomic<std::uint64_t>>(0);
    };

    template <class Record>
    [[nodiscard]] partition_type<Record> partition(key128 scope,
                                                   partition_options options = {}) const {
        return {detail::open_unfiltered<Record>(near_, scope, {options.on_error, false}),
                detail::open_admitting<Record>(far_, scope, options),
                detail::process_wide<detail::tier_invalidations>().of(scope), options.on_error};
    }

    void describe(key128 scope, std::string const& name, std::string const& version) const {
        detail::describe(near_, scope, name, version);
        detail::describe(far_, scope, name, version);
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

#pragma GCC diagnostic pop
