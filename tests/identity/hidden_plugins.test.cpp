// SPDX-License-Identifier: BSL-1.0

// Two plugins with hidden visibility: what has to be one in a process is one. PLUGIN_A and PLUGIN_B
// are their paths.

#include <memo/detail/key/name_registry.hpp>
#include <memo/detail/system/process.hpp>
#include <memo/detail/system/this_thread_slot.hpp>
#include <memo/detail/system/thread_slots.hpp>
#include <memo/memo.hpp>
#include <support/code_of.hpp>
#include <support/crew.hpp>
#include <support/plugin.hpp>
#include <support/process.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <barrier>
#include <cstddef>
#include <exception>

namespace {

class plugin : memo_test::plugin {
  public:
    using memo_test::plugin::plugin;

    void calls(int (*inner)(int)) const { symbol<void(int (*)(int))>("plugin_calls")(inner); }
    [[nodiscard]] int call(int x) const { return symbol<int(int)>("plugin_call")(x); }
    [[nodiscard]] unsigned fork_generation() const {
        return symbol<unsigned()>("plugin_fork_generation")();
    }
    [[nodiscard]] void const* names() const { return symbol<void const*()>("plugin_names")(); }
    [[nodiscard]] bool is_auditing() const { return symbol<bool()>("plugin_is_auditing")(); }
};

plugin const& a() {
    static plugin const loaded(PLUGIN_A);
    return loaded;
}

plugin const& b() {
    static plugin const loaded(PLUGIN_B);
    return loaded;
}

} // namespace

TEST_CASE("a circle of evaluations through two plugins is an error, not a hang") {
    static std::barrier both_run(2);
    a().calls([](int x) {
        both_run.arrive_and_wait(); // now each is the leader of its own function
        return b().call(x);
    });
    b().calls([](int x) {
        both_run.arrive_and_wait();
        return a().call(x);
    });
    std::array<std::exception_ptr, 2> thrown;
    memo_test::together(2, [&](std::size_t i) {
        thrown[i] =
            memo_test::exception_of([&] { static_cast<void>((i == 0 ? a() : b()).call(7)); });
    });
    CHECK(memo_test::code_of(thrown[0]) == memo::errc::recursion);
    CHECK(memo_test::code_of(thrown[1]) == memo::errc::recursion);
}

TEST_CASE("plugins share the registry of names") {
    CHECK(a().names() == &memo::detail::process_wide<memo::detail::name_registry>());
    CHECK(b().names() == a().names());
}

TEST_CASE("plugins agree about forks, even one that starts afterwards") {
    static_cast<void>(memo::detail::this_thread_slot()); // forks are counted from then on
    unsigned const before = memo::detail::process_wide<memo::detail::thread_slots>().generation();
    CHECK(memo_test::in_process([&] {
              bool const forked =
                  memo::detail::process_wide<memo::detail::thread_slots>().generation() ==
                  before + 1;
              return forked && a().fork_generation() == before + 1 ? 0 : 1;
          }) == 0);
}

TEST_CASE("a plugin audits nothing within an audit") {
    bool& is_auditing = memo::detail::this_thread_slot().is_auditing;
    is_auditing = true;
    CHECK(a().is_auditing());
    is_auditing = false;
}
