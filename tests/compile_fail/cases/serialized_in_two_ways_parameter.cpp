// expect: cereal finds several functions that save this class
#include <memo/memo.hpp>

#include <cereal/types/array.hpp>

#include <array>

struct grid : std::array<double, 2> {
    int width = 1;
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::base_class<std::array<double, 2>>(this), width);
    }
};
#ifndef MEMO_BAD
CEREAL_SPECIALIZE_FOR_ALL_ARCHIVES(grid, cereal::specialization::member_serialize)
#endif

double call(grid const& x);

int main() {
    return static_cast<int>(memo::memoize<memo::memory>(memo::fn<&call>{})(grid{}));
}
