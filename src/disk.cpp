// SPDX-License-Identifier: BSL-1.0
// The library memo::compiled_disk: what depends on LMDB and on no type of the user, see
// memo/detail/system/compiled.hpp.

#define MEMO_COMPILES_LIBRARY 1

#include <memo/backends/disk.ipp>
#include <memo/backends/disk_settings.ipp>
#include <memo/detail/lmdb/disk_flight.ipp>
#include <memo/detail/lmdb/disk_records.ipp>
#include <memo/tools/maintenance.ipp>
