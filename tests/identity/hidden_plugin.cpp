// SPDX-License-Identifier: BSL-1.0

// One of two plugins of which nothing is visible but what they say, and what memo says.

#include <memo/detail/key/name_registry.hpp>
#include <memo/memo.hpp>

namespace {

int (*inner)(int) = nullptr;

} // namespace

extern "C" [[gnu::visibility("default")]] void plugin_calls(int (*function)(int)) {
    inner = function;
}

/// inner(x), memoized.
extern "C" [[gnu::visibility("default")]] int plugin_call(int x) {
    static auto const f = memo::memoize<memo::memory>([](int y) { return inner(y); });
    return f(x);
}

extern "C" [[gnu::visibility("default")]] unsigned plugin_fork_generation() {
    return memo::detail::process_wide<memo::detail::thread_slots>().generation();
}

extern "C" [[gnu::visibility("default")]] void const* plugin_names() {
    return &memo::detail::process_wide<memo::detail::name_registry>();
}

extern "C" [[gnu::visibility("default")]] bool plugin_is_auditing() {
    return memo::detail::this_thread_slot().is_auditing;
}
