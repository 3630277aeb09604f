// SPDX-License-Identifier: BSL-1.0
#pragma once

// memo::snapshot, a view of a memoized function in which each call has one value.

#include <memo/detail/hash_map.hpp>
#include <memo/detail/system/fork.hpp>
#include <memo/key128.hpp>

#include <memory>
#include <mutex>
#include <utility>

namespace memo {

/// Returns the same value for the same call for its lifetime, whatever others add to the record. Copies
/// share the values, and a move is a copy.
///
/// Thread safety:  safe; simultaneous first callers get the same value
template <class Function, class Result, class... P> class snapshot {
  public:
    explicit snapshot(Function function) : function_(std::move(function)) {}
    snapshot(snapshot const&) = default;
    snapshot& operator=(snapshot const&) = default;
    ~snapshot() = default;

    /// The value of the first call with these arguments through this snapshot.
    ///
    /// Complexity:     a lock and a lookup, or a call
    /// Throws:         as a call of the function
    Result operator()(P... args) const {
        key128 const key = function_.key(args...);
        shared_value value = values_->find_or_add(key, nullptr);
        if (value == nullptr) {
            value = values_->find_or_add(
                key, std::make_shared<Result const>(function_(static_cast<P&&>(args)...)));
        }
        return *value; // copied without the lock, because a copy runs code of the user
    }

  private:
    using shared_value = std::shared_ptr<Result const>;

    class value_map {
      public:
        // Returns the first value that was added for a key. Adds `value` if there is none, unless it is
        // null.
        shared_value find_or_add(key128 key, shared_value value) {
            std::scoped_lock const lock(mutex_);
            shared_value const* const first = values_.find(key);
            if (first != nullptr || value == nullptr) {
                return first != nullptr ? *first : nullptr;
            }
            return values_.add(key, std::move(value));
        }

      private:
        detail::mutex mutex_;
        detail::hash_map<key128, shared_value> values_;
    };

    Function function_;
    std::shared_ptr<value_map> values_ = std::make_shared<value_map>();
};

} // namespace memo
