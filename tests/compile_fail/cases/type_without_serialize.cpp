// expect: this type cannot be turned into a cache key
#include <memo/memo.hpp>

#ifdef MEMO_BAD
struct argument {
    double weight = 0;
};
#else
struct argument {
    double weight = 0;
    template <class Archive> void serialize(Archive& archive) { archive(weight); }
};
#endif

double call(argument x);

int main() {
    return static_cast<int>(memo::memoize<memo::memory>(memo::fn<&call>{})(argument{}));
}
