// SPDX-License-Identifier: BSL-1.0
// How the cost of an operation grows with the number of entries, of calls in a batch, of threads and of processes,
// beside the law that it should follow.

#include <memo/backends/disk.hpp>
#include <memo/detail/key/hash.hpp>
#include <memo/memo.hpp>
#include <support/disk_entries.hpp>
#include <support/measure.hpp>
#include <support/memory_use.hpp>
#include <support/program.hpp>
#include <support/report.hpp>
#include <support/rivals.hpp>
#include <support/wall.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;
using benchmark::key_of;
using benchmark::removed_at_the_end;
using benchmark::scope_of_entries;
using benchmark::value_of;

struct settings {
    bool quick = false;
    bool only_disk = false;
    std::size_t largest = 7; ///< the most entries are 10^largest
    std::string file;
    fs::path directory;
};

std::string power_of_ten(std::size_t exponent) {
    return "10^" + std::to_string(exponent);
}

std::uint64_t entries_of(std::size_t exponent) {
    std::uint64_t entries = 1;
    for (std::size_t i = 0; i < exponent; ++i) {
        entries *= 10;
    }
    return entries;
}

/// Some of 0 … among - 1, in random order.
std::vector<int> random_numbers(std::uint64_t among, std::size_t count, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<int> numbers(count);
    std::ranges::generate(numbers, [&] { return static_cast<int>(random() % among); });
    return numbers;
}

/// One curve: a value for each size, and its ratio to the law.
class curve {
  public:
    explicit curve(std::string title, std::string unit = "ns")
        : table_{std::move(title), "the law", {}, {}, {}, std::move(unit)} {}

    void add(std::string const& size, double value, double law) {
        table_.rows.push_back(benchmark::row_of(size, value, law));
    }
    void add(std::string const& size, double value, double spread, double law) {
        add(size, value, law);
        table_.rows.back().spread = spread;
    }
    void print() const { benchmark::print(table_); }

  private:
    benchmark::table table_;
};

// Memory.

double half_of(int x) {
    return 0.5 * x;
}

using memoized_half = decltype(memo::memoize(memo::fn<&half_of>{}));

/// Hits in random order, beside the hash of the call and one line of a table of that size.
void measure_memory_hits(std::size_t exponent, settings const& chosen, curve& hits,
                         benchmark::goals& goals) {
    std::uint64_t const entries = entries_of(exponent);
    memoized_half const f = memo::memoize(memo::fn<&half_of>{});
    for (std::uint64_t i = 0; i < entries; ++i) {
        static_cast<void>(f(static_cast<int>(i)));
    }
    benchmark::limit const least(entries);
    std::size_t const count = chosen.quick ? 2000 : 300'000;
    benchmark::interleaved group;
    auto const calls = [&](auto const& call) {
        return [&call, entries, count, round = std::uint64_t{0}]() mutable {
            auto const numbers = random_numbers(entries, count, ++round);
            double sum = 0;
            double const begin = benchmark::thread_time();
            for (int const x : numbers) {
                sum += call(x);
            }
            double const ns = benchmark::thread_time() - begin;
            benchmark::keep(sum);
            return ns / static_cast<double>(count);
        };
    };
    group.add_measured("memo", calls(f));
    group.add_measured("limit", calls(least));
    group.not_faster("memo", "limit");
    group.measure_twice("memo");
    group.measure_twice("limit");
    group.measure(chosen.quick ? 3 : 21);
    hits.add(power_of_ten(exponent), group.median("memo"), group.spread("memo"),
             group.median("limit"));
    goals.at_most("memory_hit_1e" + std::to_string(exponent) + "_vs_limit",
                  group.ratio("memo", "limit"), 1.6);
}

struct memory_growth {
    double ns;
    double bytes;
};

/// ns of a call that stores, and bytes of an entry, in a process of its own.
memory_growth growth_of_memory(std::uint64_t entries) {
    auto const measure = [&](bool of_bytes) {
        return benchmark::sum_of_children(1, [&](int) {
            memoized_half const f = memo::memoize(memo::fn<&half_of>{});
            static_cast<void>(f(-1));
            double const bytes = benchmark::resident_bytes();
            double const begin = benchmark::thread_time();
            for (std::uint64_t i = 0; i < entries; ++i) {
                static_cast<void>(f(static_cast<int>(i)));
            }
            double const ns = benchmark::thread_time() - begin;
            return (of_bytes ? benchmark::resident_bytes() - bytes : ns) /
                   static_cast<double>(entries);
        });
    };
    return {measure(false), measure(true)};
}

void measure_memory(settings const& chosen, benchmark::goals& goals) {
    curve hits("memory: hit, ns (CPU time), by entries; law: the hash of the call and one line");
    curve insertions("memory: call that stores, ns (CPU time), by entries; law: that of 10^3");
    curve bytes("memory: bytes of an entry, by entries; law: 26.7, as "
                "five fit a line of 64 and a table doubles when it is full",
                "bytes");
    std::map<std::size_t, memory_growth>
        grown; // first: children take no memory of their parent then
    for (std::size_t exponent = 3; exponent <= chosen.largest; ++exponent) {
        grown[exponent] = growth_of_memory(entries_of(exponent));
    }
    for (auto const& [exponent, growth] : grown) {
        insertions.add(power_of_ten(exponent), growth.ns, grown[3].ns);
        bytes.add(power_of_ten(exponent), growth.bytes, 26.7);
        measure_memory_hits(exponent, chosen, hits, goals);
    }
    hits.print();
    insertions.print();
    bytes.print();
}

// Disk.

/// Stores entries one by one, as programs do. A transaction of many entries leaves another file: a
/// list of as many free pages, which every later put changes, and pages that the kernel caches in
/// folios of up to 2 MiB, whose every block a write of 4 KiB visits
/// (docs/decisions/0077-many-entries-on-disk.md).
void fill(fs::path const& directory, std::uint64_t entries) {
    memo::disk const backend({.directory = directory});
    auto const records = backend.partition<std::string>(scope_of_entries);
    for (std::uint64_t number = 0; number < entries; ++number) {
        if (!records.put(key_of(number), value_of(number), {})) {
            throw std::logic_error("an entry was not stored");
        }
    }
}

using disk_records =
    decltype(std::declval<memo::disk const&>().partition<std::string>(scope_of_entries));

void get_some(disk_records const& records, std::vector<int> const& numbers) {
    std::size_t found = 0;
    for (int const number : numbers) {
        found += records.get(key_of(static_cast<std::uint64_t>(number)))->record.size();
    }
    benchmark::keep(found);
}

/// Replaces entries, so that the size stays.
void put_some(disk_records const& records, std::vector<int> const& numbers) {
    for (int const number : numbers) {
        auto const of = static_cast<std::uint64_t>(number);
        records.put(key_of(of), value_of(of), {});
    }
}

double milliseconds_to_open(fs::path const& directory) {
    std::vector<double> times(9);
    for (double& time : times) {
        time = benchmark::wall_time_of([&] { memo::disk const opened({.directory = directory}); });
    }
    return benchmark::quantile(times, 0.5) / 1e6;
}

void measure_disk(settings const& chosen, benchmark::goals& goals) {
    std::size_t const smallest = 4;
    auto const at = [&](std::size_t exponent) {
        return chosen.directory / ("1e" + std::to_string(exponent));
    };
    curve bytes("disk: bytes of the file by entry of 100 B, by entries; law: 180 B of a record in "
                "leaves that are 0.69 full (Yao 1978)",
                "bytes");
    curve opening("disk: opening, ns (wall time), by entries; law: that of 10^4");
    std::map<std::size_t, double> milliseconds;
    for (std::size_t exponent = smallest; exponent <= chosen.largest; ++exponent) {
        std::uint64_t const entries = entries_of(exponent);
        fill(at(exponent), entries);
        auto const size = static_cast<double>(fs::file_size(at(exponent) / "v1/data.mdb"));
        bytes.add(power_of_ten(exponent), size / static_cast<double>(entries), 180 / 0.69);
        milliseconds[exponent] = milliseconds_to_open(at(exponent));
        opening.add(power_of_ten(exponent), milliseconds[exponent] * 1e6,
                    milliseconds[smallest] * 1e6);
    }

    std::size_t const rounds = chosen.quick ? 3 : 11;
    std::string const base = power_of_ten((std::min)(std::size_t{5}, chosen.largest));

    // The kernel maps a page, with those around it, when the process reads it first.
    std::size_t const first_count = chosen.quick ? 100 : 1000;
    benchmark::interleaved first_gets;
    for (std::size_t exponent = smallest; exponent <= chosen.largest; ++exponent) {
        first_gets.add_measured(
            power_of_ten(exponent), [=, &at, round = std::uint64_t{0}]() mutable {
                memo::disk const backend({.directory = at(exponent)});
                auto const records = backend.partition<std::string>(scope_of_entries);
                auto const numbers = random_numbers(entries_of(exponent), first_count, ++round);
                return benchmark::wall_time_of([&] { get_some(records, numbers); }) /
                       static_cast<double>(first_count);
            });
    }
    first_gets.measure_twice(base);
    first_gets.measure(rounds);

    // A process that has run for long: memo and LMDB, which map the file each, have read nearly all pages.
    std::size_t const count = chosen.quick ? 300 : 10'000;
    std::vector<std::unique_ptr<memo::disk>> backends;
    benchmark::interleaved gets(benchmark::wall_time);
    benchmark::interleaved puts(benchmark::wall_time);
    for (std::size_t exponent = smallest; exponent <= chosen.largest; ++exponent) {
        backends.push_back(
            std::make_unique<memo::disk>(memo::disk_settings{.directory = at(exponent)}));
        auto const records = backends.back()->partition<std::string>(scope_of_entries);
        std::uint64_t const entries = entries_of(exponent);
        auto const some = [entries](std::uint64_t many, std::uint64_t round) {
            return random_numbers(entries, (std::min)(2 * entries, many), round);
        };
        get_some(records, some(chosen.quick ? 300 : 1'500'000, 0));
        put_some(records, some(chosen.quick ? 300 : 150'000, 0));
        gets.add(power_of_ten(exponent), count, [=, round = std::uint64_t{0}]() mutable {
            get_some(records, random_numbers(entries, count, ++round));
        });
        puts.add(power_of_ten(exponent), count, [=, round = std::uint64_t{0}]() mutable {
            put_some(records, random_numbers(entries, count, ++round));
        });
    }
    for (auto* const group : {&gets, &puts}) {
        group->measure_twice(base);
        group->measure(rounds);
    }
    curve first("disk: one of the first 1000 hits of a process, 100 B, ns (wall time), by entries; "
                "law: log(entries), from 10^5");
    curve hit("disk: hit of 100 B in a process that has read all pages, ns (wall time), by "
              "entries; law: log(entries), from 10^5");
    curve put("disk: put of 100 B in such a process, ns (wall time), by entries; law: pages on the "
              "way to a leaf, and two others, from 10^5");
    // 22 records in a leaf and 156 children in a branch, each 0.69 full.
    auto const depth = [](std::size_t exponent) {
        double pages = static_cast<double>(entries_of(exponent)) / 15;
        double levels = 1;
        for (; pages > 1; pages /= 107) {
            levels += 1;
        }
        return levels;
    };
    std::size_t const of_base = (std::min)(std::size_t{5}, chosen.largest);
    for (std::size_t exponent = smallest; exponent <= chosen.largest; ++exponent) {
        std::string const name = power_of_ten(exponent);
        double const steps = static_cast<double>(exponent) / static_cast<double>(of_base);
        first.add(name, first_gets.median(name), first_gets.spread(name),
                  first_gets.median(base) * steps);
        hit.add(name, gets.median(name), gets.spread(name), gets.median(base) * steps);
        put.add(name, puts.median(name), puts.spread(name),
                puts.median(base) * (depth(exponent) + 2) / (depth(of_base) + 2));
    }
    first.print();
    hit.print();
    put.print();
    bytes.print();
    opening.print();
    std::string const most = power_of_ten(chosen.largest);
    std::string const id = "1e" + std::to_string(chosen.largest) + "_vs_1e5";
    goals.at_most("disk_put_" + id, puts.ratio(most, base), 2.5);
    goals.at_most("disk_hit_" + id, gets.ratio(most, base), 2.0);
}

// Batches, threads and processes.

void measure_batches(settings const& chosen) {
    std::uint64_t const entries = chosen.quick ? 10'000 : 1'000'000;
    memoized_half const f = memo::memoize(memo::fn<&half_of>{});
    for (std::uint64_t i = 0; i < entries; ++i) {
        static_cast<void>(f(static_cast<int>(i)));
    }
    std::size_t const count = chosen.quick ? 4096 : 131'072;
    benchmark::interleaved group;
    std::vector<std::string> sizes;
    for (std::size_t size = 1; size <= 4096; size *= 4) {
        sizes.push_back(std::to_string(size));
        group.add(
            sizes.back(), count, [&f, entries, count, size, round = std::uint64_t{0}]() mutable {
                auto const numbers = random_numbers(entries, count, ++round);
                double sum = 0;
                for (std::size_t first = 0; first < count; first += size) {
                    auto const begin = numbers.begin() + static_cast<std::ptrdiff_t>(first);
                    std::vector<int> const batch(begin, begin + static_cast<std::ptrdiff_t>(size));
                    for (auto const& each : f.many(batch)) {
                        sum += each.value();
                    }
                }
                benchmark::keep(sum);
            });
    }
    group.measure(chosen.quick ? 3 : 11);
    curve batches("memory: a hit among many of so many, ns (CPU time), of 10^6 entries; law: that "
                  "of 16");
    for (auto const& size : sizes) {
        batches.add(size, group.median(size), group.spread(size), group.median("16"));
    }
    batches.print();
}

void measure_threads(settings const& chosen) {
    auto const cores = static_cast<double>(std::thread::hardware_concurrency());
    memo::disk const backend({.directory = chosen.directory / "threads"});
    auto const records = backend.partition<std::string>(scope_of_entries);
    std::uint64_t next = 0;
    std::size_t const count = chosen.quick ? 400 : 20'000;
    benchmark::interleaved puts(benchmark::wall_time);
    benchmark::interleaved gets(benchmark::wall_time);
    std::vector<std::size_t> const numbers{1, 2, 4, 8};
    for (std::size_t const threads : numbers) {
        auto const by_threads = [threads, count](auto const& operate) {
            std::vector<std::jthread> running;
            for (std::size_t thread = 0; thread < threads; ++thread) {
                running.emplace_back([&operate, thread, threads, count] {
                    for (std::size_t i = thread; i < count; i += threads) {
                        operate(i);
                    }
                });
            }
        };
        puts.add(std::to_string(threads), count, [&records, &next, count, by_threads] {
            by_threads(
                [&](std::size_t i) { records.put(key_of(next + i), value_of(next + i), {}); });
            next += count;
        });
        gets.add(std::to_string(threads), count, [&records, by_threads] {
            by_threads(
                [&](std::size_t i) { benchmark::keep(records.get(key_of(i))->record.size()); });
        });
    }
    puts.measure(chosen.quick ? 3 : 11);
    gets.measure(chosen.quick ? 3 : 11);
    curve put("disk: put, ns of all threads (wall time), by threads; law: that of one");
    curve hit("disk: hit, ns of all threads (wall time), by threads; law: one core each");
    for (std::size_t const threads : numbers) {
        std::string const name = std::to_string(threads);
        put.add(name, puts.median(name), puts.spread(name), puts.median("1"));
        hit.add(name, gets.median(name), gets.spread(name),
                gets.median("1") / (std::min)(cores, static_cast<double>(threads)));
    }
    put.print();
    hit.print();
}

void measure_processes(settings const& chosen) {
    fs::path const at = chosen.directory / "processes";
    fill(at, 20'000);
    auto const cores = static_cast<double>(std::thread::hardware_concurrency());
    std::vector<std::size_t> const numbers{1, 2, 4, 8, 16};
    benchmark::interleaved group;
    for (std::size_t const processes : numbers) {
        group.add_measured(std::to_string(processes), [&, processes] {
            double const seconds = chosen.quick ? 0.05 : 0.4;
            double const rate = benchmark::sum_of_children(processes, [&](int worker) {
                memo::disk const backend({.directory = at});
                auto const records = backend.partition<std::string>(scope_of_entries);
                std::mt19937_64 random(static_cast<std::uint64_t>(worker) + 1);
                std::size_t operations = 0;
                double const begin = benchmark::wall_time();
                double passed = 0;
                for (; passed < seconds * 1e9; passed = benchmark::wall_time() - begin) {
                    for (int i = 0; i < 100; ++i, ++operations) {
                        std::uint64_t const number = random() % 20'000;
                        if (i % 10 == 0) {
                            records.put(key_of(number), value_of(number), {});
                        } else {
                            benchmark::keep(records.get(key_of(number))->record.size());
                        }
                    }
                }
                return static_cast<double>(operations) / passed;
            });
            return 1 / rate;
        });
    }
    group.measure(chosen.quick ? 1 : 7);
    curve mixed("disk: 9 hits to 1 put, ns of all processes (wall time), by processes; law: one "
                "core each");
    for (std::size_t const processes : numbers) {
        std::string const name = std::to_string(processes);
        mixed.add(name, group.median(name), group.spread(name),
                  group.median("1") / (std::min)(cores, static_cast<double>(processes)));
    }
    mixed.print();
}

void run(settings const& chosen) {
    benchmark::parked_thread const parked;
    benchmark::goals goals;
    measure_processes(chosen); // first: children must not inherit what the others open
    if (!chosen.only_disk) {
        measure_memory(chosen, goals);
        measure_batches(chosen);
    }
    measure_disk(chosen, goals);
    measure_threads(chosen);
    goals.report(chosen.file);
}

} // namespace

int main(int argc, char** argv) {
    settings chosen;
    std::string directory =
        fs::temp_directory_path() / ("memo-growth-" + std::to_string(::getpid()));
    examples::command_line line("growth", "How the cost of an operation grows");
    line.option("--largest", chosen.largest, "The exponent of the most entries, 4 to 8");
    line.flag("--disk", chosen.only_disk, "Without the memory backend");
    line.directory("--directory", directory, "Where to write; removed at the end");
    return benchmark::program(argc, argv, line, [&](bool quick, std::string const& file) {
        chosen.quick = quick;
        chosen.largest = quick ? 4 : chosen.largest;
        chosen.file = file;
        chosen.directory = directory;
        removed_at_the_end const removed{chosen.directory};
        run(chosen);
    });
}
