// expect: this class inherits the function by which cereal saves or loads it
#include <memo/memo.hpp>

// The member of the derived class is in the padding of its base, which it does not enlarge.
class tree {
  public:
    double weight = 1;
    template <class Archive> void serialize(Archive& archive) { archive(weight, depth_); }

  private:
    int depth_ = 1;
};
struct boosted : tree {
    int rounds = 1;
#ifndef MEMO_BAD
    template <class Archive> void serialize(Archive& archive) {
        archive(cereal::base_class<tree>(this), rounds);
    }
#endif
};
static_assert(sizeof(boosted) == sizeof(tree));

double call(boosted const& model);

int main() {
    return static_cast<int>(memo::memoize<memo::memory>(memo::fn<&call>{})(boosted{}));
}
