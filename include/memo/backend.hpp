// SPDX-License-Identifier: BSL-1.0
#pragma once

// The contract of a backend. A backend is a cheap handle to a store, the store has one partition per
// function, and a partition maps keys to records.

#include <memo/detail/system/compiler.hpp>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Weffc++"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuseless-cast" // types of other systems need the casts
#endif

#include <memo/key128.hpp>
#include <memo/lookup_result.hpp>
#include <memo/options.hpp>
#include <memo/statistics.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace memo {

/// Whether a record that is about to be stored is still valid. An invalidation after the start of its
/// evaluation makes it false, once and for all.
///
/// Thread safety:  that of the predicate
class validity {
  public:
    validity() = default; ///< always valid

    /// is_valid        held by reference: it must outlive this object
    template <std::predicate Predicate>
    explicit validity(Predicate const& is_valid)
        : predicate_(&is_valid), call_([](void const* predicate) {
              return static_cast<bool>((*static_cast<Predicate const*>(predicate))());
          }) {}

    [[nodiscard]] bool operator()() const { return call_ == nullptr || call_(predicate_); }

  private:
    void const* predicate_ = nullptr;
    bool (*call_)(void const*) = nullptr;
};

/// What a caller passes with a record to `put` and `update`.
struct put_options {
    std::chrono::nanoseconds cost{0}; ///< duration of the evaluation
    std::chrono::nanoseconds ttl{0};  ///< time to live; 0: no limit
    validity valid{};                 ///< may be called by any thread until the operation returns
};

/// The function that `update` calls with the stored record, or null, and that returns the record to
/// store. It has no side effects, so `update` may call it several times.
template <class Record> struct merge_example { Record operator()(Record const*) const; };

/// The part of a backend that belongs to one function.
///
/// get             returns a record that passed all checks, was stored for this key and has not
///                 expired; otherwise the reason of the miss. May return
///                 std::optional<cached_value<Record>>, where nullopt means `miss_reason::absent`
/// put             replaces the key's record; returns whether it stored the new one
/// update          reads, merges and writes in one atomic step: the record contains the merge of
///                 every update, from any thread, process or machine that shares the store. Returns
///                 the record that it stored, or nullopt if it stored none. An existing record keeps
///                 its time to live, which starts with the first sample
///
/// Optional members:
///
/// get_many        get_many(keys, results) looks up all keys together and assigns what get(keys[i])
///                 returns to results[i], a lookup_result that is `absent` before. Default: one
///                 `get` per key
/// peek            returns what get(key) returns, but does not count as a use for eviction, and does
///                 not count a corrupt record. Default: `get`
/// lead            lead(key), for stores that processes share, blocks until no other process
///                 evaluates the key, and excludes other processes for the lifetime of the returned
///                 object. Does not throw. Default: processes do not wait for each other
/// try_lead        does not wait: returns an optional of that object, empty while another process
///                 evaluates the key. Does not throw
/// events          returns stats() without `entries` and `bytes`, if counting these takes long
/// validates       true if `put` and `update` call `options.valid()` in the atomic step that stores
///                 the record, and store nothing if it returns false. Default: false
///
/// Thread safety:  safe
/// Throws:         anything; by `on_error`, memo counts the exception and continues without the
///                 cache, or throws. A backend for which exceptions cost too much counts its failures
///                 itself and behaves like an empty store; its partition(scope, on_error) receives
///                 the policy
template <class P, class Record>
concept partition_of = requires(P const& partition, key128 key, Record const& record,
                                put_options options) {
    { partition.get(key) } -> std::convertible_to<lookup_result<Record>>;
    { partition.put(key, record, options) } -> std::same_as<bool>;
    {
        partition.update(key, merge_example<Record>{}, options)
        } -> std::same_as<std::optional<Record>>;
    { partition.erase(key) } -> std::same_as<bool>;
    { partition.clear() } -> std::same_as<void>;
    { partition.stats() } -> std::same_as<backend_statistics>;
};

/// A partition that elects one process to evaluate a key.
template <class P>
concept leading_partition = requires(P const& partition, key128 key) {
    partition.lead(key);
    partition.try_lead(key).has_value();
};

/// A partition that never stores a result that was invalidated during its evaluation.
template <class P>
concept validating_partition = requires {
    requires bool(P::validates);
};

/// What a function passes when it opens its partition.
struct partition_options {
    on_error_policy on_error = on_error_policy::degrade;
    bool worthwhile = false; ///< `time_threshold = memo::worthwhile`
};

/// A store for records of type Record.
///
/// persistent      whether entries outlive the process; keys must then distinguish builds
/// stores          false for a backend that stores nothing
///
/// Optional members:
///
/// describe        describe(scope, name, version) receives the name of each function that is wrapped,
///                 before its partition is opened
/// partition       partition(scope, on_error) receives the policy; partition(scope,
///                 partition_options) is for a backend that is made of other backends, and opens
///                 their partitions with these options
/// identity        identifies the store: wrappers of one function on stores of equal identity
///                 evaluate a call once among them, and share invalidations. Default: only copies of
///                 one wrapper do
template <class B, class Record>
concept backend_of = std::copyable<B> && requires(B const& backend, key128 scope) {
    { B::persistent } -> std::convertible_to<bool>;
    { B::stores } -> std::convertible_to<bool>;
    { backend.template partition<Record>(scope) } -> partition_of<Record>;
    { backend.stats() } -> std::same_as<backend_statistics>;
};

/// A backend that identifies its store: handles to the same records, and only these, have equal
/// identities. A new store may reuse the identity of a destroyed one.
template <class B>
concept identified_backend = requires(B const& backend) {
    { backend.identity() } -> std::same_as<key128>;
};

} // namespace memo

#pragma GCC diagnostic pop
