// expect: this class inherits the function by which cereal saves or loads it
#include <memo/memo.hpp>

class tree {
    friend class cereal::access;
    template <class Archive> void serialize(Archive& archive) { archive(depth_); }
    int depth_ = 1;
};
class boosted : public tree {
#ifndef MEMO_BAD
    friend class cereal::access;
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::base_class<tree>(this), rounds_);
    }
#endif
    [[maybe_unused]] int rounds_ = 1;
};

double call(boosted const& model);

int main() {
    return static_cast<int>(memo::memoize<memo::memory>(memo::fn<&call>{})(boosted{}));
}
