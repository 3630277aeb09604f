// expect: memo: the first template argument of memoize is not a backend: it lacks the constants
#include <memo/memo.hpp>

#include <optional>

template <class Record> struct map {
    memo::lookup_result<Record> get(memo::key128) const;
    bool put(memo::key128, Record const&, memo::put_options) const;
    template <class Merge>
    std::optional<Record> update(memo::key128, Merge const&, memo::put_options) const;
    bool erase(memo::key128) const;
    void clear() const;
    memo::backend_statistics stats() const;
};

class custom {
  public:
#ifndef MEMO_BAD
    static constexpr bool persistent = false;
    static constexpr bool stores = true;
#endif
    template <class Record> map<Record> partition(memo::key128) const;
    memo::backend_statistics stats() const;
};

int main() {
    return memo::memoize<custom>([](int x) { return x; })(1);
}
