// SPDX-License-Identifier: BSL-1.0
#pragma once

// A memoized function in, the same function with one value per call out.

#include <memo/hash_map.hpp>
#include <memo/key/key128.hpp>

#include <memory>
#include <mutex>
#include <utility>

namespace memo::detail {

/// The values of one pass. Copies share them, and a move is a copy.
///
/// Thread safety:  safe; two callers who ask first get the same value
template <class Function, class Result, class... P> class snapshot {
  public:
    explicit snapshot(Function function) : function_(std::move(function)) {}
    snapshot(snapshot const&) = default;
    snapshot& operator=(snapshot const&) = default;
    ~snapshot() = default;

    /// The function's value as this snapshot has it, or now, if it was not asked before.
    ///
    /// Complexity:     a lock and a look, or a call
    /// Throws:         what the function throws
    Result operator()(P... args) const {
        key128 const key = function_.key(args...);
        {
            std::scoped_lock const lock(seen_->mutex);
            if (Result const* const seen = seen_->values.find(key)) {
                return *seen;
            }
        }
        Result value = function_(static_cast<P&&>(args)...);
        std::scoped_lock const lock(seen_->mutex);
        Result const* const first = seen_->values.find(key);
        return first != nullptr ? *first : seen_->values.add(key, std::move(value));
    }

  private:
    struct values_seen {
        std::mutex mutex;
        hash_map<key128, Result> values;
    };

    Function function_;
    std::shared_ptr<values_seen> seen_ = std::make_shared<values_seen>();
};

} // namespace memo::detail
