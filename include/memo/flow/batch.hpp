// SPDX-License-Identifier: BSL-1.0
#pragma once

// The calls of one `many` in, their results in the same order out: all are looked up together, what
// was not there is evaluated, each once.

#include <memo/error.hpp>
#include <memo/flow/tasks.hpp>
#include <memo/key/key128.hpp>
#include <memo/result.hpp>

#include <cstddef>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <unordered_map>
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

/// The executor that is none: each call is evaluated by the thread that asks, one after the other.
struct one_after_another {};

/// Walk            see walk.hpp
/// Result          what a caller gets of one call
///
/// Thread safety:  none
template <class Walk, class Result> class batch {
    using name = typename Walk::name;
    using outcome = memo::result<Result>;

  public:
    explicit batch(Walk& way) : way_(way) {}

    /// Takes one more call.
    ///
    /// make_name       gives the call's name; what it throws is the call's result
    template <class MakeName> void add(MakeName const& make_name) {
        try {
            names_.push_back(make_name());
            unnamed_.emplace_back();
            item_of_.push_back(unnamed_.size() - 1);
        } catch (...) {
            unnamed_.emplace_back(std::current_exception());
        }
    }

    /// Serves all calls. To be called once.
    ///
    /// evaluate        gives the result of a call that is not there: Result(item, name)
    /// examine         given a hit that may be audited: (item, name, record)
    template <class Executor, class Evaluate, class Examine>
    [[nodiscard]] std::vector<outcome> serve(Executor& execute, Evaluate const& evaluate,
                                             Examine const& examine) {
        auto kept = way_.hits(names_, [&](std::size_t i, auto const& record) {
            examine(item_of_[i], names_[i], record);
        });
        std::vector<std::optional<outcome>> evaluated(names_.size());
        std::vector<std::size_t> const first = first_of_its_kind(kept);
        {
            tasks under_way;
            for (std::size_t i = 0; i < names_.size(); ++i) {
                if (!kept[i] && first[i] == i) {
                    start(under_way, execute, evaluated[i],
                          [&, i] { return evaluate(item_of_[i], names_[i]); });
                }
            }
        }
        std::vector<outcome> results;
        results.reserve(unnamed_.size());
        std::size_t next = 0; // of the calls that have a name
        for (auto const& failure : unnamed_) {
            if (failure) {
                results.emplace_back(failure);
            } else if (kept[next]) {
                results.emplace_back(Walk::value_of(std::move(kept[next++]->record)));
            } else {
                results.push_back(*evaluated[first[next++]]);
            }
        }
        return results;
    }

  private:
    /// For each call that is not there, the first one that asks for the same.
    template <class Kept>
    [[nodiscard]] std::vector<std::size_t> first_of_its_kind(std::vector<Kept> const& kept) {
        std::vector<std::size_t> first(names_.size());
        std::unordered_map<key128, std::size_t> seen;
        for (std::size_t i = 0; i < names_.size(); ++i) {
            first[i] = i;
            if (!kept[i]) {
                first[i] = seen.try_emplace(Walk::flight_of(names_[i]), i).first->second;
                if (first[i] != i) {
                    way_.coalesce();
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

    Walk& way_;
    std::vector<name> names_;                 ///< of the calls that have one
    std::vector<std::size_t> item_of_;        ///< for each name, the place of its call
    std::vector<std::exception_ptr> unnamed_; ///< for each call: null if it has a name
};

} // namespace memo::detail
