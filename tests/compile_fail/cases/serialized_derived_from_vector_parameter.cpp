// expect: this class inherits the function by which cereal saves or loads it
#include <memo/memo.hpp>

#include <cereal/types/vector.hpp>

#include <vector>

struct weighted : std::vector<double> {
    double weight = 0;
};

#ifdef MEMO_BAD
using argument = weighted;
#else
using argument = std::vector<double>;
#endif

double call(argument const& x);

int main() {
    return static_cast<int>(memo::memoize<memo::memory>(memo::fn<&call>{})(argument{}));
}
