// expect g++: a_call_needs_an_argument_of_the_right_type_for_each_parameter
// expect clang: memo: a call needs an argument of the right type for each parameter
#include <memo/memo.hpp>

#include <vector>

int main() {
    auto const g =
        memo::memoize([](memo::index_set const& s) { return static_cast<int>(s.size()); });
#ifdef MEMO_BAD
    return g(std::vector<int>{1, 2});
#else
    return g(memo::index_set({1, 2}));
#endif
}
