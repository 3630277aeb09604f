// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the walk asks of a backend. A backend is a cheap handle on a store; the store gives each
// function a partition of its own, and a partition moves records: key in, record out.

#include <memo/detail/system/compiler.hpp>

#include <memo/key128.hpp>
#include <memo/options.hpp>
#include <memo/outcome.hpp>
#include <memo/statistics.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

namespace memo {

/// A record as a backend gives it back.
template <class Record> struct cached_value {
    Record record;
    std::uint64_t cost = 0;           ///< ns that computing it took, to 12 %
    std::chrono::nanoseconds left{0}; ///< how long it is to be served yet; 0: for ever
};

/// What a lookup returns: the record, or the reason why there is none to serve.
template <class Record> class lookup_result {
  public:
    lookup_result(miss_reason reason = miss_reason::absent) : reason_(reason) {}
    lookup_result(std::nullopt_t) {} ///< absent
    lookup_result(cached_value<Record> found) : found_(std::move(found)) {}
    lookup_result(std::optional<cached_value<Record>> found) : found_(std::move(found)) {}

    [[nodiscard]] bool has_value() const noexcept { return found_.has_value(); }
    [[nodiscard]] explicit operator bool() const noexcept { return found_.has_value(); }

    // Only if there is a record.
    [[nodiscard]] cached_value<Record>& operator*() & noexcept { return *found_; }
    [[nodiscard]] cached_value<Record> const& operator*() const& noexcept { return *found_; }
    [[nodiscard]] cached_value<Record>&& operator*() && noexcept { return *std::move(found_); }
    [[nodiscard]] cached_value<Record>* operator->() noexcept { return &*found_; }
    [[nodiscard]] cached_value<Record> const* operator->() const noexcept { return &*found_; }

    /// Why there is no record; only if there is none.
    [[nodiscard]] miss_reason reason() const noexcept { return reason_; }

  private:
    std::optional<cached_value<Record>> found_;
    miss_reason reason_ = miss_reason::absent;
};

/// Whether a record that is about to be stored is still valid. It is not any more, and never again, once it
/// was invalidated after its evaluation began.
///
/// Thread safety:  as that of what it asks, which outlives it
class validity {
  public:
    validity() = default; ///< always

    /// holds           asked by reference, so no temporary
    template <std::predicate Predicate>
    explicit validity(Predicate const& holds)
        : asked_(&holds), ask_([](void const* asked) {
              return static_cast<bool>((*static_cast<Predicate const*>(asked))());
          }) {}

    [[nodiscard]] bool operator()() const { return ask_ == nullptr || ask_(asked_); }

  private:
    void const* asked_ = nullptr;
    bool (*ask_)(void const*) = nullptr;
};

/// What is told of a record when it is stored.
struct put_options {
    std::chrono::nanoseconds cost{0}; ///< what computing it took
    std::chrono::nanoseconds ttl{0};  ///< how long to serve it; 0: for ever
    validity valid{};                 ///< asked until it is stored, and not afterwards
};

/// What `update` is given: the record that is there, or null, in; the record to store out. It may be
/// called more than once, and is called with no other effect in mind than its result.
template <class Record> struct merge_example { Record operator()(Record const*) const; };

/// The part of a backend that belongs to one function.
///
/// get             a record that is whole, was stored for this key, and is not too old; or the reason
///                 why there is none. It may return a std::optional<cached_value<Record>>: nothing is
///                 then `miss_reason::absent`
/// put             replaces what is there. Gives whether the record was stored
/// update          reads, merges and writes as one step: of any number of updates at the same time,
///                 in any thread, process or machine that shares the store, each one's merge is in
///                 the record at the end. Gives the record that it stored, or nothing if it stored
///                 none. A record that is there keeps its time to live: it counts from the first
///                 sample
///
/// A partition may have members more. `get_many(keys, found)` looks up all keys together and
/// writes what `get` returns for keys[i] to found[i], a lookup_result that is `absent` before; without it
/// they are looked up one by one. `peek(key)`
/// gives what `get(key)` gives and is no use of the record, which is evicted as if nobody had asked, nor
/// counts it as corrupt.
/// `lead(key)` and `try_lead(key)`, for a backend that other processes share: the first waits until
/// no other process computes that key, and keeps others from it while what it gives lives; the second
/// gives an optional of the same, nothing if another process computes it. They do not throw.
/// `events()` gives what `stats()`
/// counts without `entries` and `bytes`, where these take long to know. `validates = true` says that
/// `put` and `update` ask `about.valid()` within the step by which they store, and store nothing if it
/// gives false: no erase() comes in between.
///
/// Thread safety:  every operation may be called from any thread at any time
/// Throws:         anything; the walk counts it and goes on, or reports it, as `on_error` says. A
///                 backend for which throwing costs too much counts its failures itself and gives
///                 what it would give of an empty store; its `partition(scope, on_error)` is then
///                 told when to throw
template <class P, class Record>
concept partition_of = requires(P const& partition, key128 key, Record const& record,
                                put_options about) {
    { partition.get(key) } -> std::convertible_to<lookup_result<Record>>;
    { partition.put(key, record, about) } -> std::same_as<bool>;
    {
        partition.update(key, merge_example<Record>{}, about)
        } -> std::same_as<std::optional<Record>>;
    { partition.erase(key) } -> std::same_as<bool>;
    { partition.clear() } -> std::same_as<void>;
    { partition.stats() } -> std::same_as<backend_statistics>;
};

/// A partition by which processes know who of them computes what.
template <class P>
concept leading_partition = requires(P const& partition, key128 key) {
    partition.lead(key);
    partition.try_lead(key).has_value();
};

/// A partition that never stores what was erased before, however late it comes.
template <class P>
concept validating_partition = requires {
    requires bool(P::validates);
};

/// How a function wants its partition to be.
struct partition_options {
    on_error_policy on_error = on_error_policy::degrade;
    bool worthwhile = false; ///< `time_threshold = memo::worthwhile`
};

/// A store for records of type Record.
///
/// A backend may have members more. `describe(scope, name, version)` is told what a function is
/// called. `partition(scope, on_error)` is told when to throw; one that is made of other backends has
/// `partition(scope, partition_options)`, and opens theirs as it is told. `identity()` says which store it is a
/// handle on: wrappers of one function on stores of equal identity evaluate a call once among them, and
/// know of each other's invalidations. Without it that holds among the copies of a wrapper.
///
/// persistent      whether entries outlive the process, so that builds must be told apart
/// stores          false for the backend that keeps nothing
template <class B, class Record>
concept backend_of = std::copyable<B> && requires(B const& backend, key128 scope) {
    { B::persistent } -> std::convertible_to<bool>;
    { B::stores } -> std::convertible_to<bool>;
    { backend.template partition<Record>(scope) } -> partition_of<Record>;
    { backend.stats() } -> std::same_as<backend_statistics>;
};

/// A backend that names its store: equal identities, and only they, are handles on the same records. An
/// identity may come again when its store is gone.
template <class B>
concept identified_backend = requires(B const& backend) {
    { backend.identity() } -> std::same_as<key128>;
};

} // namespace memo
