// SPDX-License-Identifier: BSL-1.0
#pragma once

// memo::function, a memoized function by its signature alone: for members of classes, containers, and interfaces
// between libraries.

#include <memo/detail/system/compiler.hpp>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Weffc++"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuseless-cast" // types of other systems need the casts
#endif

#include <memo/detail/wrong_arguments.hpp>
#include <memo/error.hpp>
#include <memo/estimate.hpp>
#include <memo/key128.hpp>
#include <memo/memoized.hpp>
#include <memo/outcome.hpp>
#include <memo/result.hpp>
#include <memo/statistics.hpp>
#include <memo/tools/explanation.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace memo {

template <class Signature> class function;

/// Holds a memoized function of the signature R(P...), whatever its backend, callable and policies are. R is the type
/// that the memoized function returns, its `result_type`; P are its parameters. Copies share everything, and a move is
/// a copy, as with memo::memoized. An empty one throws memo::error (configuration) from every member but operator bool.
///
/// Complexity:     a call costs one indirect call more than that of the memoized function, and moves each
///                 parameter that is passed by value once more
/// Thread safety:  as the memoized function; assignment needs exclusive access
template <class R, class... P>
class function<R(P...)>
    : public detail::
          a_call_needs_an_argument_of_the_right_type_for_each_parameter_even_with_a_default {
    /// Whether a call leaves its arguments as they are, which `many` keeps.
    static constexpr bool takes_copies =
        (true && ... && std::is_convertible_v<std::remove_cvref_t<P> const&, P>);

  public:
    /// The arguments of one call in `many`.
    using arguments = std::tuple<std::remove_cvref_t<P>...>;
    /// Runs a task, now or later, in any thread.
    using executor = std::function<void(std::function<void()>)>;

    function() = default;
    function(function const&) = default;
    function& operator=(function const&) = default;
    ~function() = default;

    /// Refuses all else by a sentence.
    template <class F>
        requires(!detail::memoized_as<F, R(P...)>)
    // NOLINTNEXTLINE(google-explicit-constructor): deleted
    function(F const&, detail::memo_function_holds_a_memoized_function_of_the_same_signature = {})
    = delete
#if defined(__cpp_deleted_function)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wc++26-extensions"
        ("memo: memo::function<R(P...)> holds a memoized function of the same signature, "
         "whose result and parameters are R and P exactly")
#pragma GCC diagnostic pop
#endif
        ;

    /// f               what memo::memoize returned
    template <class Backend, class Callable, class Declared, class Evaluation, class InKey>
        requires(std::is_same_v<typename Evaluation::result, R>)
    // NOLINTNEXTLINE(google-explicit-constructor): as std::function from what it holds
    function(memoized<Backend, Callable, Declared(P...), Evaluation, InKey> f)
        : held_(std::make_shared<holder<decltype(f)> const>(std::move(f))) {}

    /// Whether it holds a function.
    [[nodiscard]] explicit operator bool() const noexcept {
        return held_ != nullptr;
    }

    /// As the member of the same name of memo::memoized, here and below.
    R operator()(P... args) const {
        return held().call(static_cast<P&&>(args)...);
    }

    [[nodiscard]] memo::outcome<R> outcome(P... args) const {
        return held().outcome(static_cast<P&&>(args)...);
    }

    /// The mean with its error; nullopt for a function that is not averaged, which is not called.
    [[nodiscard]] std::optional<basic_estimate<R>> estimate(P... args) const {
        return held().estimate(static_cast<P&&>(args)...);
    }

    /// execute         empty: the calling thread evaluates the misses
    [[nodiscard]] std::vector<result<R>> many(std::span<arguments const> calls,
                                              executor const& execute = {}) const {
        static_assert(takes_copies,
                      "memo: many() of a memo::function passes copies of the arguments: each "
                      "parameter must be copyable, or a reference to const");
        return held().many(calls, execute);
    }

    [[nodiscard]] std::optional<R> lookup(P... args) const {
        return held().lookup(static_cast<P&&>(args)...);
    }
    [[nodiscard]] bool contains(P... args) const {
        return held().contains(static_cast<P&&>(args)...);
    }
    bool forget(P... args) const {
        return held().forget(static_cast<P&&>(args)...);
    }
    void clear() const {
        held().clear();
    }

    [[nodiscard]] key128 key(P... args) const {
        return held().key(static_cast<P&&>(args)...);
    }
    [[nodiscard]] explanation explain(P... args) const {
        return held().explain(static_cast<P&&>(args)...);
    }

    [[nodiscard]] statistics stats() const {
        return held().stats();
    }
    void reset_stats() const {
        held().reset_stats();
    }

  private:
    class any_memoized {
      public:
        any_memoized() = default;
        any_memoized(any_memoized const&) = delete;
        any_memoized& operator=(any_memoized const&) = delete;
        virtual ~any_memoized() = default;

        virtual R call(P... args) const = 0;
        virtual memo::outcome<R> outcome(P... args) const = 0;
        virtual std::optional<basic_estimate<R>> estimate(P... args) const = 0;
        virtual std::vector<result<R>> many(std::span<arguments const> calls,
                                            executor const& execute) const = 0;
        virtual std::optional<R> lookup(P... args) const = 0;
        virtual bool contains(P... args) const = 0;
        virtual bool forget(P... args) const = 0;
        virtual void clear() const = 0;
        virtual key128 key(P... args) const = 0;
        virtual explanation explain(P... args) const = 0;
        virtual statistics stats() const = 0;
        virtual void reset_stats() const = 0;
    };

    template <class Memoized> class holder final : public any_memoized {
      public:
        explicit holder(Memoized memoized) : memoized_(std::move(memoized)) {}

        R call(P... args) const override { return memoized_(static_cast<P&&>(args)...); }
        memo::outcome<R> outcome(P... args) const override {
            return memoized_.outcome(static_cast<P&&>(args)...);
        }
        std::optional<basic_estimate<R>> estimate([[maybe_unused]] P... args) const override {
            if constexpr (requires { memoized_.estimate(static_cast<P&&>(args)...); }) {
                return memoized_.estimate(static_cast<P&&>(args)...);
            } else {
                return std::nullopt;
            }
        }
        std::vector<result<R>> many(std::span<arguments const> calls,
                                    executor const& execute) const override {
            if constexpr (takes_copies) {
                return execute ? memoized_.many(calls, execute) : memoized_.many(calls);
            } else {
                return {};
            }
        }
        std::optional<R> lookup(P... args) const override {
            return memoized_.lookup(static_cast<P&&>(args)...);
        }
        bool contains(P... args) const override {
            return memoized_.contains(static_cast<P&&>(args)...);
        }
        bool forget(P... args) const override {
            return memoized_.forget(static_cast<P&&>(args)...);
        }
        void clear() const override { memoized_.clear(); }
        key128 key(P... args) const override { return memoized_.key(static_cast<P&&>(args)...); }
        explanation explain(P... args) const override {
            return memoized_.explain(static_cast<P&&>(args)...);
        }
        statistics stats() const override { return memoized_.stats(); }
        void reset_stats() const override { memoized_.reset_stats(); }

      private:
        Memoized const memoized_;
    };

    [[nodiscard]] any_memoized const& held() const {
        if (held_ == nullptr) {
            throw error(errc::configuration, "memo::function: it is empty. Assign what "
                                             "memo::memoize returned before you call it");
        }
        return *held_;
    }

    std::shared_ptr<any_memoized const> held_;
};

template <class Backend, class Callable, class Declared, class... P, class Evaluation, class InKey>
function(memoized<Backend, Callable, Declared(P...), Evaluation, InKey>)
    -> function<typename Evaluation::result(P...)>;

} // namespace memo

#pragma GCC diagnostic pop
