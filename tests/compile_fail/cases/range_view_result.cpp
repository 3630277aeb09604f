// expect: the result is a pointer or a view to memory that the cache does not own
#include <memo/memo.hpp>

#include <ranges>
#include <vector>

int main() {
    auto const doubled = [](std::vector<int> const& numbers) {
        auto const all = std::views::transform(numbers, [](int x) { return 2 * x; });
#ifdef MEMO_BAD
        return all;
#else
        return std::vector<int>(all.begin(), all.end());
#endif
    };
    memo::memoize(doubled)({1, 2});
}
