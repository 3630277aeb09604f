// SPDX-License-Identifier: BSL-1.0
#pragma once

// Calls a function for many indices, on all cores.

#include "progress_bar.hpp"
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

namespace examples {

/// Calls `work(index)` once for each index in [0, count), in no order, and advances the progress bar
/// by as much.
///
/// Throws:         what `work` throws, after all threads ended
template <class Work>
void in_parallel(std::size_t count, progress_bar& progress, Work const& work) {
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    auto const take_turns = [&] {
        for (std::size_t index = next++; index < count; index = next++) {
            work(index);
            std::scoped_lock const lock(mutex);
            progress.advance();
        }
    };
    std::vector<std::future<void>> workers(std::max(1U, std::thread::hardware_concurrency()));
    for (auto& worker : workers) {
        worker = std::async(std::launch::async, take_turns);
    }
    for (auto& worker : workers) {
        worker.wait();
    }
    for (auto& worker : workers) {
        worker.get();
    }
}

} // namespace examples
