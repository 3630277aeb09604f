// SPDX-License-Identifier: BSL-1.0
#pragma once

// The memory backend with operations that fail on request.

#include <memo/backends/memory.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

namespace memo_test {

/// When one kind of operation fails.
class fault {
  public:
    void always() { from_ = 0, to_ = never; }
    /// n               1: the next operation only
    void only(std::uint64_t n) { seen_ = 0, from_ = n, to_ = n; }
    /// Run by the operation that fails, before it does. Set while no operation is under way.
    void before_failure(std::function<void()> run) { before_ = std::move(run); }
    /// Run by the next operation, before it. Set while no operation is under way.
    void before_next(std::function<void()> run) { next_ = std::move(run); }
    void stop() { from_ = never, to_ = 0; }

    void pass() {
        if (auto const run = std::exchange(next_, nullptr)) {
            run();
        }
        std::uint64_t const now = ++seen_;
        if (from_ <= now && now <= to_) {
            if (before_) {
                before_();
            }
            throw std::runtime_error("told to fail");
        }
    }

  private:
    static constexpr std::uint64_t never = UINT64_MAX;
    std::atomic<std::uint64_t> seen_{0};
    std::atomic<std::uint64_t> from_{never};
    std::atomic<std::uint64_t> to_{0};
    std::function<void()> before_;
    std::function<void()> next_;
};

struct faults {
    fault get, put, erase, clear;
};

class faulty_backend {
  public:
    static constexpr bool persistent = false;
    static constexpr bool stores = true;

    template <class Record> class partition_type {
      public:
        partition_type(memo::memory::partition_type<Record> inner,
                       std::shared_ptr<memo_test::faults> told)
            : inner_(std::move(inner)), told_(std::move(told)) {}

        [[nodiscard]] memo::lookup_result<Record> get(memo::key128 key) const {
            told_->get.pass();
            return inner_.get(key);
        }
        bool put(memo::key128 key, Record const& record, memo::put_options about) const {
            told_->put.pass();
            return inner_.put(key, record, about);
        }
        template <class Merge>
        std::optional<Record> update(memo::key128 key, Merge const& merge,
                                     memo::put_options about) const {
            told_->put.pass();
            return inner_.update(key, merge, about);
        }
        [[nodiscard]] bool erase(memo::key128 key) const {
            told_->erase.pass();
            return inner_.erase(key);
        }
        void clear() const {
            told_->clear.pass();
            inner_.clear();
        }
        [[nodiscard]] memo::backend_statistics stats() const { return inner_.stats(); }

      private:
        memo::memory::partition_type<Record> inner_;
        std::shared_ptr<memo_test::faults> told_;
    };

    template <class Record>
    [[nodiscard]] partition_type<Record> partition(memo::key128 scope) const {
        return {inner_.partition<Record>(scope), told_};
    }
    [[nodiscard]] memo::backend_statistics stats() const { return inner_.stats(); }

    /// Shared by all copies.
    [[nodiscard]] memo_test::faults& faults() const { return *told_; }

  private:
    memo::memory inner_;
    std::shared_ptr<memo_test::faults> told_ = std::make_shared<memo_test::faults>();
};

} // namespace memo_test
