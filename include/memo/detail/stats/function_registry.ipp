// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memo/detail/stats/function_registry.hpp>
#include <memo/detail/system/process.hpp>

#include <mutex>
#include <string>
#include <utility>

namespace memo::detail {

MEMO_DEFINITION function_totals& function_totals::operator+=(function_totals const& other) {
    counted += other.counted;
    caching += other.caching;
    needs_range = needs_range || other.needs_range;
    return *this;
}

MEMO_DEFINITION function_registry::entry::entry(std::string const& title, key128 digest,
                                                call_counters const& counters)
    : digest_(digest), counters_(counters) {
    auto& all = process_wide<function_registry>();
    std::scoped_lock const lock(all.mutex_);
    row* const found = all.rows_.find(digest);
    row_ = found != nullptr ? found : &all.rows_.add(digest, title);
    next_ = row_->live; // NOLINT(cppcoreguidelines-prefer-member-initializer): under the lock
    if (next_ != nullptr) {
        next_->previous_ = this;
    }
    row_->live = this;
}

MEMO_DEFINITION function_registry::entry::~entry() {
    auto& all = process_wide<function_registry>();
    std::scoped_lock const lock(all.mutex_);
    row_->destroyed += now();
    (previous_ != nullptr ? previous_->next_ : row_->live) = next_;
    if (next_ != nullptr) {
        next_->previous_ = previous_;
    }
    if (row_->live == nullptr && all.rows_.size() > max_rows) {
        all.merged_ += row_->destroyed;
        all.merged_rows_ += 1;
        all.rows_.erase(digest_);
    }
}

MEMO_DEFINITION function_totals function_registry::entry::now() const {
    statistics const counted = counters_.since_reset();
    return {counted, counters_.caching(counted), counters_.needs_range()};
}

MEMO_DEFINITION std::forward_list<titled_totals> function_registry::all() const {
    std::forward_list<titled_totals> totals;
    std::scoped_lock const lock(mutex_);
    rows_.for_each([&](row const& each) {
        function_totals sum = each.destroyed;
        for (entry const* live = each.live; live != nullptr; live = live->next_) {
            sum += live->now();
        }
        totals.push_front({each.title, sum});
        return true;
    });
    if (merged_rows_ != 0) {
        totals.push_front({std::to_string(merged_rows_) + " others that have ended", merged_});
    }
    return totals;
}

MEMO_DEFINITION bool function_registry::is_first_to_report() {
    std::scoped_lock const lock(mutex_);
    return !std::exchange(reports_, true);
}

} // namespace memo::detail
