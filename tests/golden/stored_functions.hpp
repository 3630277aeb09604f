// SPDX-License-Identifier: BSL-1.0
#pragma once

// The functions whose records lie in tests/golden/stored/: at least one for each kind of record and each
// form of payload of docs/format.md. Their keys depend on names and versions alone, and their results on
// exact arithmetic alone.

#include <memo/memo.hpp>

#include <cereal/cereal.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/memory.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/unordered_map.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>

#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace golden {

/// The time at which the stored records were written, and their ttl where they have one.
inline constexpr std::chrono::system_clock::time_point written_at{
    std::chrono::seconds(1'767'225'600)};
inline constexpr std::chrono::hours ttl{24 * 365 * 30};

struct fold {
    double score = 0;
    std::int32_t number = 0;
    std::string label;
    std::vector<std::int64_t> samples;

    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::make_nvp("score", score), number, label, samples);
    }
    friend bool operator==(fold const&, fold const&) = default;
};

struct versioned_model {
    std::array<double, 3> weights{};
    std::optional<fold> best;

    template <class Archive> void serialize(Archive& archive, std::uint32_t const version) {
        archive(weights);
        if (version >= 2) {
            archive(best);
        }
    }
    friend bool operator==(versioned_model const&, versioned_model const&) = default;
};

enum class verdict : std::uint8_t { reject, accept };

inline double scalar(double x, std::int32_t n) {
    return x * n + 0.25;
}
inline std::string text(std::string const& part, std::int32_t n) {
    std::string all;
    for (std::int32_t i = 0; i < n; ++i) {
        all += part;
    }
    return all;
}
inline std::vector<double> numbers(std::int32_t n) {
    std::vector<double> all;
    for (std::int32_t i = 0; i < n; ++i) {
        all.push_back(i * 0.5);
    }
    return all;
}
inline std::vector<std::string> words(std::vector<std::string> parts) {
    parts.emplace_back("last");
    return parts;
}
inline fold structure(double x, std::int32_t n) {
    return {x / 2, n, text("fold", n), {n, -n}};
}
inline versioned_model model(fold const& first) {
    return {{first.score, 1, -1}, first};
}

using choice = std::variant<std::monostate, std::int32_t, std::string>;

inline std::pair<std::optional<double>, choice> choose(std::int32_t x) {
    if (x == 0) {
        return {};
    }
    return x < 0 ? std::pair(std::optional<double>(), choice(x))
                 : std::pair(std::optional<double>(x / 4.0), choice(text("v", x)));
}

using tables =
    std::pair<std::map<std::string, double>, std::unordered_map<std::int32_t, std::string>>;

inline tables tabulate(std::set<std::string> const& names) {
    tables all;
    for (auto const& name : names) {
        auto const size = static_cast<std::int32_t>(name.size());
        all.first[name] = size / 8.0;
        all.second[size] = name;
    }
    return all;
}

using assortment =
    std::tuple<float, bool, verdict, std::int64_t, std::uint16_t, memo::key128,
               std::chrono::milliseconds, std::filesystem::path, std::array<char, 3>>;

inline assortment assort(std::int32_t x) {
    return {static_cast<float>(x) / 4,
            x > 1,
            verdict::accept,
            std::int64_t{-x} << 40,
            std::uint16_t{65535},
            memo::key128{11, 12},
            std::chrono::milliseconds(x),
            "folder/" + text("file", x),
            {'a', 'b', 'c'}};
}
inline std::pair<std::shared_ptr<std::string>, std::shared_ptr<std::string>>
shared(std::int32_t x) {
    auto const pointee = std::make_shared<std::string>(text("s", x));
    return {pointee, pointee};
}
inline memo::index_set evens(std::uint32_t n) {
    memo::index_set all;
    for (std::uint32_t i = 0; i < n; i += 2) {
        all.insert(i);
    }
    return all;
}
inline double utility(memo::index_set const& samples, std::int32_t) {
    return static_cast<double>(samples.size()) / 16;
}

// The parameter `job` is not in the key: a sample of a noisy function is a call with another one.
inline double noisy(double x, std::int32_t job) {
    return x + job * 0.5;
}
inline std::vector<double> noisy_vector(double x, std::int32_t job) {
    return {x + job * 0.5, x - job};
}
inline double often_nan(double x, std::int32_t job) {
    return job == 1 ? std::numeric_limits<double>::quiet_NaN() : noisy(x, job);
}
inline double numbered(double x, memo::replicate sample) {
    return x + static_cast<double>(sample.index) * 0.5;
}

inline constexpr std::int32_t samples = 5;

/// Memoizes the functions on one backend.
template <class Backend> class stored_functions {
  public:
    stored_functions(Backend backend, memo::on_miss_policy on_miss)
        : backend_(std::move(backend)), on_miss_(on_miss) {}

    /// Passes each exact function to use(memoized, plain, arguments), once for each of its calls.
    template <class Use> void for_each_exact(Use const& use) const {
        use(exact<&scalar>("scalar"), scalar, std::tuple(1.5, 2));
        use(exact<&scalar>("scalar"), scalar, std::tuple(-0.0, -7));
        use(exact<&text>("text"), text, std::tuple(std::string("memo "), 3));
        use(exact<&text>("text"), text, std::tuple(std::string("none"), 0));
        use(exact<&text>("text"), text,
            std::tuple(std::string("long"), 2000)); // in pages of its own
        use(exact<&numbers>("numbers"), numbers, std::tuple(0));
        use(exact<&numbers>("numbers"), numbers, std::tuple(40));
        use(exact<&words>("words"), words, std::tuple(std::vector<std::string>{"", "second"}));
        use(exact<&structure>("structure"), structure, std::tuple(0.75, 2));
        use(exact<&model>("model"), model, std::tuple(structure(0.5, 1)));
        use(exact<&choose>("choose"), choose, std::tuple(0));
        use(exact<&choose>("choose"), choose, std::tuple(-4));
        use(exact<&choose>("choose"), choose, std::tuple(4));
        use(exact<&tabulate>("tabulate"), tabulate,
            std::tuple(std::set<std::string>{"one", "three"}));
        use(exact<&assort>("assort"), assort, std::tuple(2));
        use(exact<&evens>("evens"), evens, std::tuple(std::uint32_t{200}));
        use(exact<&utility, memo::ignore<1>>("utility"), utility, std::tuple(evens(90), 3));
        use(exact<&scalar, memo::verify_full>("verified_scalar"), scalar, std::tuple(2.5, 4));
        use(exact<&words, memo::verify_full>("verified_words"), words,
            std::tuple(std::vector<std::string>{"first"}));
        use(prefixed(), scalar, std::tuple(1.5, 2));
        use(keyed(), scalar, std::tuple(4.0, 1));
        use(expiring(), scalar, std::tuple(1.5, 2));
    }

    [[nodiscard]] auto expiring() const {
        return memo::memoize<Backend>(
            memo::fn<&scalar>{},
            {.name = "expiring", .version = "1", .ttl = ttl, .on_miss = on_miss_}, backend_);
    }

    /// Returns one pointee in two pointers, so that a comparison of results is not enough.
    [[nodiscard]] auto sharing() const { return exact<&shared>("shared"); }

    [[nodiscard]] auto mean() const { return averaged<&noisy>("mean"); }
    [[nodiscard]] auto mean_vector() const { return averaged<&noisy_vector>("mean_vector"); }
    [[nodiscard]] auto mean_without_nan() const {
        return memo::memoize<Backend, memo::averaged, memo::ignore<1>>(memo::fn<&often_nan>{},
                                                                       {.name = "mean_without_nan",
                                                                        .version = "1",
                                                                        .on_miss = on_miss_,
                                                                        .rtol_stderr = 0,
                                                                        .max_repetitions = samples,
                                                                        .on_nan = memo::count},
                                                                       backend_);
    }
    [[nodiscard]] auto numbered_mean(std::uint64_t max_repetitions = samples) const {
        return memo::memoize<Backend, memo::averaged>(memo::fn<&numbered>{},
                                                      {.name = "numbered_mean",
                                                       .version = "1",
                                                       .on_miss = on_miss_,
                                                       .rtol_stderr = 0,
                                                       .max_repetitions = max_repetitions},
                                                      backend_);
    }

  private:
    template <auto Function, class... Policies>
    [[nodiscard]] auto exact(std::string const& name) const {
        return memo::memoize<Backend, Policies...>(
            memo::fn<Function>{}, {.name = name, .version = "1", .on_miss = on_miss_}, backend_);
    }
    template <auto Function> [[nodiscard]] auto averaged(std::string const& name) const {
        return memo::memoize<Backend, memo::averaged, memo::ignore<1>>(memo::fn<Function>{},
                                                                       {.name = name,
                                                                        .version = "1",
                                                                        .on_miss = on_miss_,
                                                                        .rtol_stderr = 0,
                                                                        .max_repetitions = samples},
                                                                       backend_);
    }
    [[nodiscard]] auto prefixed() const {
        return memo::memoize<Backend>(
            memo::fn<&scalar>{},
            {.name = "scalar", .version = "1", .hash_prefix = "paper-7", .on_miss = on_miss_},
            backend_);
    }
    [[nodiscard]] auto keyed() const {
        return memo::memoize<Backend>(memo::keyed(memo::fn<&scalar>{}, std::string("data"), 8),
                                      {.name = "keyed", .version = "1", .on_miss = on_miss_},
                                      backend_);
    }

    Backend backend_;
    memo::on_miss_policy on_miss_;
};

} // namespace golden

CEREAL_CLASS_VERSION(golden::versioned_model, 2)
