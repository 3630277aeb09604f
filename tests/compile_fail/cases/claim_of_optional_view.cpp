// expect: this one holds a view or a reference
// lines: 22, the types of a claim are formed all the same
#include <memo/memo.hpp>

#include <optional>
#include <string>
#include <string_view>

#ifdef MEMO_BAD
using argument = std::optional<std::string_view>;
#else
using argument = std::optional<std::string>;
#endif

double call(argument x);

int main() {
    return static_cast<int>(memo::memoize(memo::fn<&call>{}).try_claim("text").run());
}
