// expect: this class inherits the function by which cereal saves or loads it
#include <memo/memo.hpp>

struct tree {
    int depth = 1;
};
template <class Archive> void serialize(Archive& archive, tree& model) {
    archive(model.depth);
}

struct boosted : tree {
    int rounds = 1;
};
#ifndef MEMO_BAD
template <class Archive> void save(Archive& archive, boosted const& model) {
    archive(cereal::base_class<tree>(&model), model.rounds);
}
CEREAL_SPECIALIZE_FOR_ALL_ARCHIVES(boosted, cereal::specialization::non_member_load_save)
#endif

double call(boosted const& model);

int main() {
    return static_cast<int>(memo::memoize<memo::memory>(memo::fn<&call>{})(boosted{}));
}
