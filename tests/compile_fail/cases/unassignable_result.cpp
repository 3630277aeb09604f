// expect: the result cannot be assigned, as it has a const member or a reference
#include <memo/memo.hpp>

#include <memory>

struct named {
    int const number;
};

#ifdef MEMO_BAD
using result = named;
#else
using result = std::shared_ptr<named const>;
#endif

result call(int x);

int main() {
    memo::memoize(memo::fn<&call>{})(1);
}
