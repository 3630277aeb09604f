// expect: this one holds a view or a reference
// lines: 22, the types of a claim are formed all the same
#include <memo/memo.hpp>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#ifdef MEMO_BAD
using argument = std::vector<std::pair<int, std::string_view>>;
#else
using argument = std::vector<std::pair<int, std::string>>;
#endif

double call(std::span<argument const> x);

int main() {
    std::vector<argument> const x;
    return static_cast<int>(memo::memoize(memo::fn<&call>{}).try_claim(x).run());
}
