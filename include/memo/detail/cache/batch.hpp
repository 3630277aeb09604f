// SPDX-License-Identifier: BSL-1.0
#pragma once

// The calls of one `many`: looks up all calls together, evaluates each missing key once, and returns the
// results in the order of the calls.

#include <memo/detail/cache/tasks.hpp>
#include <memo/detail/hash_map.hpp>
#include <memo/detail/system/cancellation.hpp>
#include <memo/error.hpp>
#include <memo/key128.hpp>
#include <memo/result.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace memo::detail {

/// The default type of the range's elements: the argument, or a tuple of all arguments.
template <class... P> struct arguments { using type = std::tuple<std::remove_cvref_t<P>...>; };
template <class P> struct arguments<P> { using type = std::remove_cvref_t<P>; };
template <class... P> using arguments_of = typename arguments<P...>::type;

/// Whether an element of the range holds the arguments of one call.
template <class Element, class... P>
inline constexpr bool holds_arguments = [] {
    using tuple = std::remove_cvref_t<Element>;
    if constexpr (sizeof...(P) == 1 && (true && ... && std::is_convertible_v<Element, P>)) {
        return true;
    } else if constexpr (requires { std::tuple_size<tuple>::value; }) {
        if constexpr (std::tuple_size_v<tuple> == sizeof...(P)) {
            return []<std::size_t... Index>(std::index_sequence<Index...>) {
                return (
                    true && ... &&
                    std::is_convertible_v<decltype(std::get<Index>(std::declval<Element>())), P>);
            }
            (std::index_sequence_for<P...>());
        } else {
            return false;
        }
    } else {
        return false;
    }
}();

/// Calls a function with the arguments that an element of the range holds.
template <class... P, class Element, class Call>
decltype(auto) with_arguments(Element&& element, Call const& call) {
    if constexpr (sizeof...(P) == 1 && std::is_invocable_v<Call const&, Element>) {
        return call(std::forward<Element>(element));
    } else {
        return std::apply(call, std::forward<Element>(element));
    }
}

/// The positions of a range's elements, because each evaluation reads its element again.
template <class Range> class places {
    using place = std::ranges::iterator_t<Range>;
    static constexpr bool is_random_access = std::ranges::random_access_range<Range>;

  public:
    explicit places(Range& calls) : first_(std::ranges::begin(calls)) {}

    void add(place next) {
        if constexpr (!is_random_access) {
            all_.push_back(next);
        }
    }

    [[nodiscard]] place operator[](std::size_t item) const {
        if constexpr (is_random_access) {
            return first_ + static_cast<std::ranges::range_difference_t<Range>>(item);
        } else {
            return all_[item];
        }
    }

  private:
    place first_;
    std::vector<place> all_; ///< empty for random access
};

/// The default executor: the calling thread evaluates one call after the other.
struct one_after_another {};

/// Cache           see function_cache.hpp
/// Evaluation      see detail/record/exact.hpp
///
/// Thread safety:  none
template <class Cache, class Evaluation> class batch {
    using call_id = typename Cache::call_id;
    using outcome = memo::result<typename Evaluation::result>;

  public:
    explicit batch(Cache& cache) : cache_(cache) {}

    /// Reserves memory for the calls of a sized range.
    template <class Range> void reserve_for(Range& calls) {
        if constexpr (std::ranges::sized_range<Range>) {
            ids_.reserve(static_cast<std::size_t>(std::ranges::size(calls)));
        }
    }

    /// Adds one call.
    ///
    /// make_id         returns the call's identity; its exception is the call's result
    template <class MakeId> void add(MakeId const& make_id) {
        try {
            ids_.push_back(make_id());
        } catch (thread_cancelled const&) {
            throw;
        } catch (...) {
            failures_.push_back({ids_.size(), std::current_exception()});
        }
    }

    /// Serves all calls. Called once.
    ///
    /// evaluate        evaluate(item, id, miss_reason) returns the result of a call that missed
    /// examine         examine(item, id, record) may audit a hit
    template <class Executor, class Evaluate, class Examine>
    [[nodiscard]] std::vector<outcome> serve(Executor& execute, Evaluate const& evaluate,
                                             Examine const& examine) {
        std::vector<outcome> results;
        results.reserve(ids_.size() + failures_.size());
        if (failures_.empty()) {
            served_ = cache_.try_hits(ids_, [&](auto record) {
                results.emplace_back(Evaluation::result_of(std::move(record)));
            });
            ids_.erase(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(served_));
            if (ids_.empty()) {
                return results;
            }
        }
        auto found = cache_.lookup_all(ids_);
        for (std::size_t i = 0; i < found.size(); ++i) {
            if (found[i]) {
                examine(item_of(i), ids_[i], found[i]->record);
            }
        }
        auto const evaluated = evaluate_others(found, execute, evaluate);
        auto failure = failures_.begin();
        auto const add_failures_before = [&](std::size_t i) {
            for (; failure != failures_.end() && failure->before == i; ++failure) {
                results.emplace_back(failure->exception);
            }
        };
        for (std::size_t i = 0; i < ids_.size(); ++i) {
            add_failures_before(i);
            if (found[i]) {
                results.emplace_back(Evaluation::result_of(std::move(found[i]->record)));
            } else {
                results.push_back(*evaluated.result_of(i));
            }
        }
        add_failures_before(ids_.size());
        return results;
    }

  private:
    /// A call whose key could not be computed.
    struct key_failure {
        std::size_t before = 0; ///< index in ids_ of the next call
        std::exception_ptr exception;
    };

    /// The results of the calls in ids_ that missed. Empty if all calls hit.
    struct evaluations {
        std::vector<std::size_t> first; ///< index of the first call with the same key
        std::vector<std::optional<outcome>> results;

        [[nodiscard]] std::optional<outcome> const& result_of(std::size_t i) const {
            return results[first[i]];
        }
    };

    /// Converts an index in ids_ to the index of the call in the range.
    ///
    /// Complexity:     O(log(failures_.size()))
    [[nodiscard]] std::size_t item_of(std::size_t i) const {
        auto const later = std::ranges::upper_bound(failures_, i, {}, &key_failure::before);
        return served_ + i + static_cast<std::size_t>(later - failures_.begin());
    }

    /// Evaluates the misses, each key once.
    template <class Found, class Executor, class Evaluate>
    [[nodiscard]] evaluations evaluate_others(std::vector<Found> const& found, Executor& execute,
                                              Evaluate const& evaluate) {
        auto const is_hit = [](Found const& each) { return each.has_value(); };
        if (std::ranges::all_of(found, is_hit)) {
            return {};
        }
        evaluations result{first_of_its_kind(found),
                           std::vector<std::optional<outcome>>(ids_.size())};
        tasks running;
        for (std::size_t i = 0; i < ids_.size(); ++i) {
            if (!found[i] && result.first[i] == i) {
                start(running, execute, result.results[i],
                      [&, i] { return evaluate(item_of(i), ids_[i], found[i].reason()); });
            }
        }
        running.wait();
        return result;
    }

    /// For each miss, the index of the first miss with the same key.
    template <class Found>
    [[nodiscard]] std::vector<std::size_t> first_of_its_kind(std::vector<Found> const& found) {
        std::vector<std::size_t> first(ids_.size());
        hash_map<key128, std::size_t> first_by_key;
        for (std::size_t i = 0; i < ids_.size(); ++i) {
            first[i] = i;
            if (!found[i]) {
                key128 const key = Cache::flight_of(ids_[i]);
                if (std::size_t const* const earlier = first_by_key.find(key)) {
                    first[i] = *earlier;
                    cache_.coalesce();
                } else {
                    first_by_key.add(key, i);
                }
            }
        }
        return first;
    }

    template <class Executor, class Evaluate>
    static void start(tasks& running, Executor& execute, std::optional<outcome>& result,
                      Evaluate const& evaluate) {
        auto const body = [&result, evaluate] {
            try {
                result.emplace(evaluate());
            } catch (thread_cancelled const&) {
                throw;
            } catch (...) {
                result.emplace(std::current_exception());
            }
        };
        if constexpr (std::is_same_v<std::remove_const_t<Executor>, one_after_another>) {
            body();
        } else {
            result.emplace(not_run());
            try {
                running.start(execute, body);
            } catch (thread_cancelled const&) {
                running.wait();
                throw;
            } catch (...) {
                running.wait(); // the executor may have started the task before it threw
                if (!result->has_value()) {
                    result.emplace(std::current_exception());
                }
            }
        }
    }

    /// The result of a call until its task runs.
    [[nodiscard]] static std::exception_ptr not_run() {
        return std::make_exception_ptr(error(
            errc::configuration, "many: the executor destroyed a task without running it; let "
                                 "it run every task"));
    }

    Cache& cache_;
    std::size_t served_ = 0;            ///< leading calls that the fast path served
    std::vector<call_id> ids_;          ///< of the other calls with a key, in the range's order
    std::vector<key_failure> failures_; ///< of the other calls, in the range's order
};

} // namespace memo::detail
