// expect: memo: std::any hides the type of its value
#include <memo/memo.hpp>

#include <any>
#include <variant>

#ifdef MEMO_BAD
using argument = std::any;
#else
using argument = std::variant<int, double>;
#endif

int call(argument const& x);

int main() {
    return static_cast<int>(memo::memoize<memo::memory>(memo::fn<&call>{}).key(argument()).low);
}
