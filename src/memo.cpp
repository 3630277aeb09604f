// SPDX-License-Identifier: BSL-1.0
// The library memo::compiled: what depends on no type of the user, see memo/detail/system/compiled.hpp.

#define MEMO_COMPILES_LIBRARY 1

#include <memo/backends/memory.ipp>
#include <memo/detail/admission.ipp>
#include <memo/detail/backoff.ipp>
#include <memo/detail/cache/function_cache_base.ipp>
#include <memo/detail/cache/invalidations.ipp>
#include <memo/detail/cache/single_flight.ipp>
#include <memo/detail/cache/tasks.ipp>
#include <memo/detail/cache/waiting.ipp>
#include <memo/detail/cache/wrapped_function.ipp>
#include <memo/detail/key/archive.ipp>
#include <memo/detail/key/encode_ranges.ipp>
#include <memo/detail/key/hash.ipp>
#include <memo/detail/key/identity.ipp>
#include <memo/detail/key/long_hash.ipp>
#include <memo/detail/key/name_registry.ipp>
#include <memo/detail/key/scope_digest.ipp>
#include <memo/detail/key/type_name.ipp>
#include <memo/detail/key/words.ipp>
#include <memo/detail/memory/block.ipp>
#include <memo/detail/memory/bucket.ipp>
#include <memo/detail/memory/memory_partition.ipp>
#include <memo/detail/memory/reclaim.ipp>
#include <memo/detail/memory/segment_directory.ipp>
#include <memo/detail/memory/table.ipp>
#include <memo/detail/record/bets.ipp>
#include <memo/detail/record/moments.ipp>
#include <memo/detail/record/sample_id.ipp>
#include <memo/detail/record/stopping.ipp>
#include <memo/detail/record/student.ipp>
#include <memo/detail/stats/counters.ipp>
#include <memo/detail/stats/function_registry.ipp>
#include <memo/detail/stats/latency.ipp>
#include <memo/detail/stats/report_table.ipp>
#include <memo/detail/system/fork.ipp>
#include <memo/detail/system/futex.ipp>
#include <memo/detail/system/process.ipp>
#include <memo/detail/system/this_thread_slot.ipp>
#include <memo/detail/system/thread_slots.ipp>
#include <memo/detail/text.ipp>
#include <memo/detail/tools/auditor.ipp>
#include <memo/detail/tools/explain_call.ipp>
#include <memo/error.ipp>
#include <memo/index_set.ipp>
#include <memo/key128.ipp>
#include <memo/memo.hpp>
#include <memo/statistics.ipp>
#include <memo/tools/explanation.ipp>
#include <memo/tools/report.ipp>

extern "C" constexpr char const MEMO_COMPILED_SYMBOL = 0;
