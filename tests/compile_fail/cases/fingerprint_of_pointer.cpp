// expect: a raw pointer would be keyed by its address
#include <memo/memo.hpp>

#include <array>
#include <span>

int main() {
    std::array<double, 2> const data{};
#ifdef MEMO_BAD
    memo::key128 const digest = memo::fingerprint(data.data());
#else
    memo::key128 const digest = memo::fingerprint(std::span(data));
#endif
    return static_cast<int>(digest.low % 2);
}
