// expect: the result holds a view or a reference to memory that the cache does not own
#include <memo/memo.hpp>

#include <string>
#include <string_view>
#include <vector>

#ifdef MEMO_BAD
using word = std::string_view;
#else
using word = std::string;
#endif

std::vector<word> words_of(std::string const& text);

int main() {
    memo::memoize(memo::fn<&words_of>{})("one two");
}
