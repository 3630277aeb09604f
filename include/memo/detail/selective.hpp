// SPDX-License-Identifier: BSL-1.0
#pragma once

// A partition in, the same partition out, which keeps only what is worth the way to it if that is
// asked for.

#include <memo/backend.hpp>
#include <memo/detail/optional_members.hpp>
#include <memo/detail/worth.hpp>
#include <memo/key128.hpp>

#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace memo::detail {

/// A partition for records of type Record. With `worthwhile` the times of the partition and of the
/// function are averaged while they run, and where looking and storing does not pay, it is tried
/// only now and then: see worth.
///
/// Thread safety:  as the partition's; copies share what they have measured
template <class Partition, class Record> class admitting {
  public:
    static constexpr bool validates = validating_partition<Partition>;

    admitting(Partition inner, bool worthwhile)
        : inner_(std::move(inner)),
          admission_(worthwhile ? std::make_shared<admission>() : nullptr) {}

    [[nodiscard]] lookup_result<Record> get(key128 key) const {
        if (admission_ && !admission_->looking_pays()) {
            return miss_reason::absent;
        }
        timed_step const timed(admission_ ? &admission_->looking.took : nullptr);
        return inner_.get(key);
    }

    [[nodiscard]] lookup_result<Record> peek(key128 key) const {
        if (admission_ && !admission_->looking_pays()) {
            return miss_reason::absent;
        }
        timed_step const timed(admission_ ? &admission_->looking.took : nullptr);
        return detail::peek<Record>(inner_, key);
    }

    void get_many(std::span<key128 const> keys, std::span<lookup_result<Record>> kept) const {
        if (keys.empty() || (admission_ && !admission_->looking_pays())) {
            return;
        }
        timed_step const timed(admission_ ? &admission_->looking.took : nullptr, keys.size());
        detail::get_many<Record>(inner_, keys, kept);
    }

    bool put(key128 key, Record const& record, put_options about) const {
        if (admission_ && !admission_->storing_pays(about.cost)) {
            return false;
        }
        timed_step const timed(admission_ ? &admission_->storing.took : nullptr);
        return inner_.put(key, record, about);
    }

    template <class Merge>
    std::optional<Record> update(key128 key, Merge const& merge, put_options about) const {
        return inner_.update(key, merge, about);
    }

    [[nodiscard]] bool erase(key128 key) const { return inner_.erase(key); }
    void clear() const { inner_.clear(); }
    [[nodiscard]] backend_statistics stats() const { return inner_.stats(); }
    [[nodiscard]] backend_statistics events() const { return events_of(inner_); }

    /// What is not worth to be stored is not waited for either.
    [[nodiscard]] auto lead(key128 key) const requires leading_partition<Partition> {
        using right = decltype(inner_.lead(key));
        return admission_ && !admission_->pays() ? std::optional<right>()
                                                 : std::optional<right>(inner_.lead(key));
    }

    [[nodiscard]] auto try_lead(key128 key) const requires leading_partition<Partition> {
        return inner_.try_lead(key);
    }

  private:
    Partition inner_;
    std::shared_ptr<admission> admission_; ///< none: everything is kept
};

} // namespace memo::detail
