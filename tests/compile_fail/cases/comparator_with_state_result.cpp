// expect: its comparator, hash or equality has a state, which would be lost
// lines: 24, the backend finds the mistake, many templates below memoize
#include <memo/detail/record/codec.hpp>
#include <memo/memo.hpp>

#include <cstddef>
#include <functional>
#include <set>
#include <vector>

#ifdef MEMO_BAD
using order = std::function<bool(int, int)>;
#else
using order = std::greater<int>;
#endif

int main() {
    std::vector<std::byte> bytes;
    static_cast<void>(
        memo::detail::encode_record(bytes, std::set<int, order>(order(std::greater<int>()))));
    return bytes.empty() ? 1 : 0;
}
