// SPDX-License-Identifier: BSL-1.0
#pragma once

// The calls of one `many` in, their results in the same order out: all are looked up together, what
// was not there is evaluated, each once.

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

/// What an element of the range is, if nothing else is said: the argument, or a tuple of all.
template <class... P> struct arguments { using type = std::tuple<std::remove_cvref_t<P>...>; };
template <class P> struct arguments<P> { using type = std::remove_cvref_t<P>; };
template <class... P> using arguments_of = typename arguments<P...>::type;

/// Calls with the arguments that an element of a range holds.
template <class... P, class Element, class Call>
decltype(auto) with_arguments(Element&& element, Call const& call) {
    if constexpr (sizeof...(P) == 1 && std::is_invocable_v<Call const&, Element>) {
        return call(std::forward<Element>(element));
    } else {
        return std::apply(call, std::forward<Element>(element));
    }
}

/// Where the calls of a range are: whoever evaluates one reads it again.
template <class Range> class places {
    using place = std::ranges::iterator_t<Range>;
    static constexpr bool counted = std::ranges::random_access_range<Range>;

  public:
    explicit places(Range& calls) : first_(std::ranges::begin(calls)) {}

    void add(place next) {
        if constexpr (!counted) {
            all_.push_back(next);
        }
    }

    [[nodiscard]] place operator[](std::size_t item) const {
        if constexpr (counted) {
            return first_ + static_cast<std::ranges::range_difference_t<Range>>(item);
        } else {
            return all_[item];
        }
    }

  private:
    place first_;
    std::vector<place> all_; ///< of a range that does not count its places
};

/// The executor that is none: each call is evaluated by the thread that asks, one after the other.
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

    /// Makes room for the calls of a range, if it can tell how many they are.
    template <class Range> void reserve_for(Range& calls) {
        if constexpr (std::ranges::sized_range<Range>) {
            ids_.reserve(static_cast<std::size_t>(std::ranges::size(calls)));
        }
    }

    /// Takes one more call.
    ///
    /// make_id         returns the call's identity; what it throws is the call's result
    template <class MakeId> void add(MakeId const& make_id) {
        try {
            ids_.push_back(make_id());
        } catch (thread_cancelled const&) {
            throw;
        } catch (...) {
            failures_.push_back({ids_.size(), std::current_exception()});
        }
    }

    /// Serves all calls. To be called once.
    ///
    /// evaluate        evaluates a call that missed: result(item, id, miss_reason)
    /// examine         given a hit that may be audited: (item, id, record)
    template <class Executor, class Evaluate, class Examine>
    [[nodiscard]] std::vector<outcome> serve(Executor& execute, Evaluate const& evaluate,
                                             Examine const& examine) {
        auto found = cache_.lookup_all(ids_);
        for (std::size_t i = 0; i < found.size(); ++i) {
            if (found[i]) {
                examine(item_of(i), ids_[i], found[i]->record);
            }
        }
        auto const evaluated = evaluate_others(found, execute, evaluate);
        std::vector<outcome> results;
        results.reserve(ids_.size() + failures_.size());
        auto failed = failures_.begin();
        auto const add_failed_before = [&](std::size_t i) {
            for (; failed != failures_.end() && failed->before == i; ++failed) {
                results.emplace_back(failed->why);
            }
        };
        for (std::size_t i = 0; i < ids_.size(); ++i) {
            add_failed_before(i);
            if (found[i]) {
                results.emplace_back(Evaluation::result_of(std::move(found[i]->record)));
            } else {
                results.push_back(*evaluated.result_of(i));
            }
        }
        add_failed_before(ids_.size());
        return results;
    }

  private:
    /// A call whose arguments have no key.
    struct failure {
        std::size_t before = 0; ///< the index in ids_ of the call after it
        std::exception_ptr why;
    };

    /// What was evaluated. Empty if everything was there.
    struct evaluations {
        std::vector<std::size_t>
            first; ///< for each of ids_, the index of the call that evaluates it
        std::vector<std::optional<outcome>> results;

        [[nodiscard]] std::optional<outcome> const& result_of(std::size_t i) const {
            return results[first[i]];
        }
    };

    /// The index of a call in the range, given that in ids_.
    ///
    /// Complexity:     O(log of the calls that have none)
    [[nodiscard]] std::size_t item_of(std::size_t i) const {
        auto const later = std::ranges::upper_bound(failures_, i, {}, &failure::before);
        return i + static_cast<std::size_t>(later - failures_.begin());
    }

    /// Evaluates what is not there, each key once.
    template <class Found, class Executor, class Evaluate>
    [[nodiscard]] evaluations evaluate_others(std::vector<Found> const& found, Executor& execute,
                                              Evaluate const& evaluate) {
        auto const is_hit = [](Found const& each) { return each.has_value(); };
        if (std::ranges::all_of(found, is_hit)) {
            return {};
        }
        evaluations made{first_of_its_kind(found),
                         std::vector<std::optional<outcome>>(ids_.size())};
        tasks under_way;
        for (std::size_t i = 0; i < ids_.size(); ++i) {
            if (!found[i] && made.first[i] == i) {
                start(under_way, execute, made.results[i],
                      [&, i] { return evaluate(item_of(i), ids_[i], found[i].reason()); });
            }
        }
        under_way.wait();
        return made;
    }

    /// For each call that is not there, the first one that asks for the same.
    template <class Found>
    [[nodiscard]] std::vector<std::size_t> first_of_its_kind(std::vector<Found> const& found) {
        std::vector<std::size_t> first(ids_.size());
        hash_map<key128, std::size_t> seen;
        for (std::size_t i = 0; i < ids_.size(); ++i) {
            first[i] = i;
            if (!found[i]) {
                key128 const key = Cache::flight_of(ids_[i]);
                if (std::size_t const* const earlier = seen.find(key)) {
                    first[i] = *earlier;
                    cache_.coalesce();
                } else {
                    seen.add(key, i);
                }
            }
        }
        return first;
    }

    template <class Executor, class Evaluate>
    static void start(tasks& under_way, Executor& execute, std::optional<outcome>& into,
                      Evaluate const& evaluate) {
        auto const body = [&into, evaluate] {
            try {
                into.emplace(evaluate());
            } catch (thread_cancelled const&) {
                throw;
            } catch (...) {
                into.emplace(std::current_exception());
            }
        };
        if constexpr (std::is_same_v<std::remove_const_t<Executor>, one_after_another>) {
            body();
        } else {
            dropped_unless_run(into);
            try {
                under_way.start(execute, body);
            } catch (thread_cancelled const&) {
                under_way.wait();
                throw;
            } catch (...) {
                under_way.wait(); // it may have begun all the same
                if (!into->has_value()) {
                    into.emplace(std::current_exception());
                }
            }
        }
    }

    static void dropped_unless_run(std::optional<outcome>& into) {
        into.emplace(std::make_exception_ptr(
            error(errc::configuration, "many: the executor has dropped a call")));
    }

    Cache& cache_;
    std::vector<call_id> ids_; ///< of the calls whose arguments have a key, in the range's order
    std::vector<failure> failures_; ///< of the others, in the range's order
};

} // namespace memo::detail
