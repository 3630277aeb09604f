// expect: this class inherits the function by which cereal saves or loads it
// lines: 45, the compiler lists the functions of cereal above the member
#include <memo/memo.hpp>

struct tree {
    int depth = 1;
    template <class Archive> void serialize(Archive& archive) { archive(depth); }
};
struct boosted : tree {
    int rounds = 1;
#ifndef MEMO_BAD
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::base_class<tree>(this), rounds);
    }
#endif
};
struct stopped : boosted {
    int backoff = 1;
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::base_class<boosted>(this), backoff);
    }
};

double call(stopped const& model);

int main() {
    return static_cast<int>(memo::memoize<memo::memory>(memo::fn<&call>{})(stopped{}));
}
