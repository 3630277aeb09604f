// SPDX-License-Identifier: BSL-1.0
// What the disk backend costs beside a file for each entry, as people write it by hand (a temporary file and a rename),
// and beside LMDB alone. Everything lies in one directory of the machine's disk; pages are warm.

#include <memo/backends/disk.hpp>
#include <memo/detail/lmdb/entry.hpp>
#include <memo/detail/lmdb/lmdb.hpp>
#include <memo/memo.hpp>
#include <support/disk_entries.hpp>
#include <support/file_store.hpp>
#include <support/measure.hpp>
#include <support/memory_limit.hpp>
#include <support/program.hpp>
#include <support/report.hpp>
#include <support/wall.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iostream>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;
namespace detail = memo::detail;
using benchmark::key_of;
using benchmark::removed_at_the_end;
using benchmark::scope_of_entries;
using benchmark::value_of;

struct settings {
    bool quick = false;
    bool few = true;           ///< the rows of up to 10^5 entries
    bool many = true;          ///< those of 10^6
    std::size_t memory = 1024; ///< MiB, for the 10^6 entries; 0: no limit
    std::string file;
    fs::path directory;
};

/// LMDB as one would use it for this, without a check of what is read.
class raw_lmdb {
  public:
    explicit raw_lmdb(fs::path const& directory) {
        fs::create_directories(directory);
        MDB_env* env = nullptr;
        detail::lmdb_check("create", mdb_env_create(&env));
        env_.reset(env);
        detail::lmdb_check("map", mdb_env_set_mapsize(env, std::size_t{64} << 30U));
        detail::lmdb_check("open", mdb_env_open(env, directory.c_str(),
                                                MDB_NOSYNC | MDB_NOTLS | MDB_NORDAHEAD, 0600));
        detail::lmdb_transaction txn = detail::begin(env, 0);
        detail::open_records(txn.get());
        detail::commit(std::move(txn));
        reader_ = detail::begin(env, MDB_RDONLY);
        mdb_txn_reset(reader_.get());
    }
    raw_lmdb(raw_lmdb const&) = delete;
    raw_lmdb& operator=(raw_lmdb const&) = delete;
    ~raw_lmdb() { reader_.reset(); }

    void put(memo::key128 key, std::string const& value) {
        detail::lmdb_transaction txn = detail::begin(env_.get(), 0);
        detail::insert(txn.get(), detail::place_of({}, key), std::as_bytes(std::span(value)));
        detail::commit(std::move(txn));
    }

    std::string get(memo::key128 key) {
        detail::lmdb_check("renew", mdb_txn_renew(reader_.get()));
        auto const found = detail::find(reader_.get(), detail::place_of({}, key));
        std::string value;
        if (found) {
            value.assign(reinterpret_cast<char const*>(found->data()), found->size());
        }
        mdb_txn_reset(reader_.get());
        return value;
    }

  private:
    detail::lmdb_environment env_;
    detail::lmdb_transaction reader_;
};

std::vector<std::uint64_t> random_numbers(std::uint64_t among, std::size_t count,
                                          std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<std::uint64_t> numbers(count);
    std::ranges::generate(numbers, [&] { return random() % among; });
    return numbers;
}

/// Gets entries at random.
template <class Get>
void get_some(std::uint64_t entries, std::size_t count, std::uint64_t seed, Get const& get) {
    std::size_t bytes = 0;
    for (std::uint64_t const number : random_numbers(entries, count, seed)) {
        bytes += get(key_of(number)).size();
    }
    if (bytes == 0) {
        throw std::logic_error("nothing was found");
    }
    benchmark::keep(bytes);
}

/// Other entries in each round: what is asked for again and again is warm, however many there are.
template <class Get> std::function<void()> gets(std::uint64_t entries, std::size_t count, Get get) {
    return [entries, count, get, round = std::uint64_t{0}]() mutable {
        get_some(entries, count, ++round, get);
    };
}

template <class Put> std::function<void()> puts(std::uint64_t& next, std::size_t count, Put put) {
    return [&next, count, put] {
        for (std::size_t i = 0; i < count; ++i, ++next) {
            put(key_of(next), value_of(next));
        }
    };
}

/// Hits among so many entries, and what an entry takes on disk.
void measure_hits(settings const& chosen, benchmark::goals& goals) {
    fs::path const at = chosen.directory / "1e5";
    std::uint64_t const entries = chosen.quick ? 500 : 100'000;
    memo::disk const backend({.directory = at / "memo"});
    auto const records = backend.partition<std::string>(scope_of_entries);
    benchmark::file_store const files(at / "files");
    raw_lmdb raw(at / "raw");
    for (std::uint64_t number = 0; number < entries; ++number) {
        records.put(key_of(number), value_of(number), {});
        files.put(key_of(number), value_of(number));
        raw.put(key_of(number), value_of(number));
    }
    std::size_t const count = chosen.quick ? 500 : 20'000;
    auto const from_memo =
        gets(entries, count, [&](memo::key128 key) { return records.get(key)->record; });
    auto const from_files = gets(entries, count, [&](memo::key128 key) { return files.get(key); });
    auto const from_raw = gets(entries, count, [&](memo::key128 key) { return raw.get(key); });

    benchmark::interleaved wall(benchmark::wall_time);
    wall.add("memo", count, from_memo);
    wall.add("file for each entry", count, from_files);
    wall.add("LMDB alone", count, from_raw);
    wall.measure(chosen.quick ? 3 : 11);
    benchmark::print("hit, 100 B, " + std::to_string(entries) + " entries (wall time)", wall,
                     "memo");
    goals.at_least("hit_vs_file_1e5", wall.ratio("file for each entry", "memo"), 5.0);
    benchmark::interleaved processor;
    processor.add("memo", count, from_memo);
    processor.add("LMDB alone", count, from_raw);
    processor.measure(chosen.quick ? 3 : 25);
    benchmark::print("hit, 100 B (CPU time)", processor, "memo");
    goals.at_most("hit_cpu_vs_raw_100B", processor.ratio("memo", "LMDB alone"), 1.5);
    auto const size = static_cast<double>(fs::file_size(at / "memo/v1/data.mdb"));
    goals.at_most("bytes_vs_file",
                  benchmark::counted(size / static_cast<double>(files.bytes_on_disk())), 0.12);
}

/// Milliseconds until a cache is open that nobody has open.
benchmark::comparison milliseconds_to_open(fs::path const& directory) {
    std::vector<double> times;
    for (int i = 0; i < 30; ++i) {
        times.push_back(
            benchmark::wall_time_of([&] { memo::disk const opened({.directory = directory}); }) /
            1e6);
    }
    return benchmark::figure_of(times);
}

/// ns of a hit, in a process that has asked for as many others before.
template <class Get>
double time_of_hits(std::uint64_t entries, std::size_t count, std::uint64_t round, Get const& get) {
    get_some(entries, count, 2 * round, get);
    double const start = benchmark::wall_time();
    get_some(entries, count, 2 * round + 1, get);
    return (benchmark::wall_time() - start) / static_cast<double>(count);
}

/// Hits among 10^6 entries. The files and what the kernel keeps of them fill 5 GB, more than a
/// machine at work has to spare; so each store has the same memory, for itself alone. Where all of
/// it is warm, no hit waits for the disk, and a file costs only its system calls.
///
/// memory          MiB of each store; 0: no limit, all is warm
void measure_hits_of_many(settings const& chosen, std::size_t memory, double goal,
                          benchmark::goals& goals) {
    std::string const id = std::string("hit_vs_file_1e6") + (memory == 0 ? "_no_limit" : "");
    fs::path const at = chosen.directory / id;
    std::uint64_t const entries = chosen.quick ? 1000 : 1'000'000;
    std::size_t const count = chosen.quick ? 500 : 20'000;
    benchmark::memory_limit const of_memo("records", memory << 20U);
    benchmark::memory_limit const of_files("files", memory << 20U);
    if (memory != 0 && !(of_memo.holds() && of_files.holds())) {
        goals.missing(id, "no right to make a control group with a memory limit");
        return;
    }
    auto const records = [&] {
        of_memo.enter();
        return memo::disk({.directory = at / "memo"}).partition<std::string>(scope_of_entries);
    };
    auto const files = [&] {
        of_files.enter();
        return benchmark::file_store(at / "files");
    };
    benchmark::children(2, [&](int store) {
        auto const fill = [&](auto const& put) {
            for (std::uint64_t number = 0; number < entries; ++number) {
                put(key_of(number), value_of(number));
            }
        };
        if (store == 0) {
            fill([to = records()](memo::key128 key, std::string const& value) {
                to.put(key, value, {});
            });
        } else {
            fill(
                [to = files()](memo::key128 key, std::string const& value) { to.put(key, value); });
        }
        return 0.0;
    });
    benchmark::interleaved group;
    group.add_measured("memo", [&, round = std::uint64_t{0}]() mutable {
        return benchmark::sum_of_children(1, [&, now = round++](int) {
            return time_of_hits(entries, count, now, [from = records()](memo::key128 key) {
                return from.get(key)->record;
            });
        });
    });
    group.add_measured("file for each entry", [&, round = std::uint64_t{0}]() mutable {
        return benchmark::sum_of_children(1, [&, now = round++](int) {
            return time_of_hits(entries, count, now,
                                [from = files()](memo::key128 key) { return from.get(key); });
        });
    });
    group.measure(chosen.quick ? 1 : 7);
    benchmark::print(
        "hit, 100 B, " + std::to_string(entries) + " entries (wall time), " +
            (memory == 0 ? "no memory limit" : "each store in " + std::to_string(memory) + " MiB"),
        group, "memo");
    goals.at_least(id, group.ratio("file for each entry", "memo"), goal);
    if (memory == 0) {
        goals.at_most("open_1e6_ms", milliseconds_to_open(at / "memo"), 1.0);
    }
    fs::remove_all(at);
}

/// Puts of one thread, and of four that wait for one another.
void measure_threads(settings const& chosen, benchmark::goals& goals) {
    memo::disk const backend({.directory = chosen.directory / "threads"});
    auto const records = backend.partition<std::string>(scope_of_entries);
    std::size_t const count = chosen.quick ? 400 : 20'000;
    std::uint64_t next = 0;
    puts(next, count, [&](auto key, auto const& value) { records.put(key, value, {}); })();
    auto const put_by = [&](std::size_t threads) {
        return [&, threads] {
            std::uint64_t const from = next;
            std::vector<std::jthread> running;
            for (std::size_t thread = 0; thread < threads; ++thread) {
                running.emplace_back([&, thread] {
                    for (std::size_t i = thread; i < count; i += threads) {
                        records.put(key_of(from + i), value_of(from + i), {});
                    }
                });
            }
            running.clear();
            next += count;
        };
    };
    benchmark::interleaved group(benchmark::wall_time);
    group.add("1 thread", count, put_by(1));
    group.add("4 threads", count, put_by(4));
    group.add("8 threads", count, put_by(8));
    group.measure(chosen.quick ? 3 : 15);
    benchmark::print("put, 100 B, by threads (wall time of a put of all)", group, "1 thread");
    goals.at_least("put_4_threads_vs_1", group.ratio("1 thread", "4 threads"), 1.5);
}

void measure_writes(settings const& chosen, benchmark::goals& goals) {
    fs::path const at = chosen.directory / "writes";
    memo::disk const backend({.directory = at / "memo"});
    auto const records = backend.partition<std::string>(scope_of_entries);
    std::uint64_t const bound = chosen.quick ? 1'000'000 : 20'000'000;
    memo::disk const bounded({.directory = at / "bounded", .max_bytes = bound});
    auto const bounded_records = bounded.partition<std::string>(scope_of_entries);
    std::size_t const count = chosen.quick ? 200 : 5000;
    benchmark::file_store const files(at / "files");
    for (std::uint64_t number = 0; bounded.stats().evictions < 1000; number += 1) {
        bounded_records.put(key_of(number + (std::uint64_t{1} << 40U)), value_of(number), {});
        if (number % 5 == 0) {
            records.put(key_of(number + (std::uint64_t{1} << 40U)), value_of(number), {});
        }
    }
    std::uint64_t next_record = 0;
    std::uint64_t next_bounded = 0;
    std::uint64_t next_file = 0;
    benchmark::interleaved group(benchmark::wall_time);
    group.add("memo", count, puts(next_record, count, [&](auto key, auto const& value) {
                  records.put(key, value, {});
              }));
    group.add("memo, at its bound", count,
              puts(next_bounded, count,
                   [&](auto key, auto const& value) { bounded_records.put(key, value, {}); }));
    group.add("file for each entry", count,
              puts(next_file, count, [&](auto key, auto const& value) { files.put(key, value); }));
    group.measure(chosen.quick ? 3 : 11);
    benchmark::print("put, 100 B (wall time)", group, "memo");
    goals.at_least("put_vs_file", group.ratio("file for each entry", "memo"), 1.5);
    goals.at_most("put_at_limit", group.ratio("memo, at its bound", "memo"), 3.0);

    auto const counters = backend.partition<std::uint64_t>(scope_of_entries);
    auto const one_more = [](std::uint64_t const* old) { return old != nullptr ? *old + 1 : 1; };
    benchmark::interleaved updates(benchmark::wall_time);
    updates.add("memo", count, [&] {
        for (std::size_t i = 0; i < count; ++i) {
            counters.update(key_of(i % 100), one_more, {});
        }
    });
    updates.add("file and flock", count / 5, [&] {
        for (std::size_t i = 0; i < count / 5; ++i) {
            files.count(key_of(i % 100));
        }
    });
    updates.measure(chosen.quick ? 3 : 11);
    benchmark::print("update of one of 100 counters (wall time)", updates, "memo");
    goals.at_least("update_vs_flock", updates.ratio("file and flock", "memo"), 10.0);
}

/// Operations per second of 4 processes, 9 of 10 of them hits.
template <class Use> double rate_of_processes(double seconds, Use const& use) {
    return benchmark::sum_of_children(4, [&](int worker) {
        std::mt19937_64 random(static_cast<std::uint64_t>(worker) + 1);
        std::uint64_t fresh = std::uint64_t{1} << (40U + static_cast<unsigned>(worker));
        std::uint64_t done = 0;
        auto operate = use();
        double const start = benchmark::wall_time();
        double passed = 0;
        while (passed < seconds * 1e9) {
            for (int i = 0; i < 100; ++i, ++done) {
                bool const puts_now = random() % 10 == 0;
                operate(puts_now ? ++fresh : random() % 20'000, puts_now);
            }
            passed = benchmark::wall_time() - start;
        }
        return static_cast<double>(done) / passed * 1e9;
    });
}

void measure_processes(settings const& chosen, benchmark::goals& goals) {
    fs::path const at = chosen.directory / "processes";
    {
        memo::disk const backend({.directory = at / "memo"});
        auto const records = backend.partition<std::string>(scope_of_entries);
        benchmark::file_store const files(at / "files");
        for (std::uint64_t number = 0; number < 20'000; ++number) {
            records.put(key_of(number), value_of(number), {});
            files.put(key_of(number), value_of(number));
        }
    }
    double const seconds = chosen.quick ? 0.1 : 0.6;
    benchmark::interleaved group;
    group.add_measured("memo", [&] {
        return 1e9 / rate_of_processes(seconds, [&] {
                   return [records = memo::disk({.directory = at / "memo"})
                                         .partition<std::string>(scope_of_entries)](
                              std::uint64_t number, bool puts_now) {
                       if (puts_now) {
                           records.put(key_of(number), value_of(number), {});
                       } else {
                           benchmark::keep(records.get(key_of(number))->record.size());
                       }
                   };
               });
    });
    group.add_measured("file for each entry", [&] {
        return 1e9 / rate_of_processes(seconds, [&] {
                   return [files = benchmark::file_store(at / "files")](std::uint64_t number,
                                                                        bool puts_now) {
                       if (puts_now) {
                           files.put(key_of(number), value_of(number));
                       } else {
                           benchmark::keep(files.get(key_of(number)).size());
                       }
                   };
               });
    });
    group.measure(chosen.quick ? 1 : 7);
    benchmark::print("4 processes, 90 % hits (wall time of an operation of all)", group, "memo");
    goals.at_least("mixed_4p_vs_file", group.ratio("file for each entry", "memo"), 2.0);

    std::uint64_t const bound = 8'000'000;
    double const most = benchmark::max_of_children(4, [&](int worker) {
        memo::disk const backend({.directory = at / "bounded", .max_bytes = bound});
        auto const records = backend.partition<std::string>(scope_of_entries);
        double largest = 0;
        for (std::uint64_t i = 0; i < (chosen.quick ? 3000U : 60'000U); ++i) {
            std::uint64_t const number = i * 4 + static_cast<std::uint64_t>(worker);
            records.put(key_of(number), value_of(number), {});
            if (i % 64 == 0) {
                largest = std::max(largest, static_cast<double>(backend.stats().bytes));
            }
        }
        return largest;
    });
    goals.at_most("live_bytes_vs_limit", benchmark::counted(most / static_cast<double>(bound)),
                  1.10);
}

void run(settings const& chosen) {
    benchmark::goals goals;
    if (chosen.few) {
        measure_processes(chosen, goals); // first: children must not inherit what the others open
        measure_writes(chosen, goals);
        measure_threads(chosen, goals);
        measure_hits(chosen, goals);
    }
    if (chosen.many) {
        if (chosen.memory != 0) {
            measure_hits_of_many(chosen, chosen.memory, 20, goals);
        }
        measure_hits_of_many(chosen, 0, 2, goals);
    }
    goals.report(chosen.file);
}

} // namespace

int main(int argc, char** argv) {
    settings chosen;
    bool few = false;
    bool many = false;
    std::string directory =
        fs::temp_directory_path() / ("memo-benchmark-" + std::to_string(::getpid()));
    examples::command_line line("disk", "What the disk backend costs");
    line.flag("--few", few, "Without the 10^6 entries");
    line.flag("--many", many, "Only the 10^6 entries");
    line.option("--memory", chosen.memory,
                "MiB of memory while there are 10^6 entries, beside the row without a limit, 0: "
                "only that; needs root");
    line.directory("--directory", directory, "Where to write; removed at the end");
    return benchmark::program(argc, argv, line, [&](bool quick, std::string const& file) {
        chosen.quick = quick;
        chosen.few = !many;
        chosen.many = !few;
        chosen.file = file;
        chosen.directory = directory;
        removed_at_the_end const removed{chosen.directory};
        run(chosen);
    });
}
