// expect: this class inherits the function by which cereal saves or loads it
// lines: 45, the compiler lists the functions of cereal above the member
#include <memo/detail/record/codec.hpp>

#include <cstddef>
#include <vector>

struct score {
    double value = 0;
    template <class Archive> void serialize(Archive& archive) { archive(value); }
};
struct named_score : score {
    int rank = 0;
#ifndef MEMO_BAD
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::base_class<score>(this), rank);
    }
#endif
};
struct two_scores {
    named_score first;
    named_score second;
    template <class Archive> void serialize(Archive& archive) { archive(first, second); }
};

void keep(std::vector<std::byte>& bytes, two_scores const& result) {
    static_cast<void>(memo::detail::encode_record(bytes, result));
}
