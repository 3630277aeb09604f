// expect: this class inherits the function by which cereal saves or loads it
// lines: 24, the backend finds the mistake, many templates below memoize
#include <memo/detail/record/codec.hpp>

#include <cstddef>
#include <vector>

struct score {
    double value = 0;
    template <class Archive> void save(Archive& archive) const { archive(value); }
    template <class Archive> void load(Archive& archive) { archive(value); }
};
struct named_score : score {
    int rank = 0;
    template <class Archive> void save(Archive& archive) const { archive(value, rank); }
#ifndef MEMO_BAD
    template <class Archive> void load(Archive& archive) {
        archive(value, rank);
    }
#endif
};

void keep(std::vector<std::byte>& bytes, named_score const& result) {
    static_cast<void>(memo::detail::encode_record(bytes, result));
}
