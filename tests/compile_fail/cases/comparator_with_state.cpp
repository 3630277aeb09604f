// expect: the container's comparator, hash or equality has a state
#include <memo/memo.hpp>

#include <cereal/types/set.hpp>

#include <functional>
#include <set>
#include <string>

#ifdef MEMO_BAD
using order = std::function<bool(std::string const&, std::string const&)>;
#else
using order = std::greater<std::string>;
#endif

bool call(std::set<std::string, order> const& x);

int main() {
    return memo::memoize(memo::fn<&call>{})({{"a", "b"}, order()}) ? 1 : 0;
}
