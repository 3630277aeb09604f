// expect: memo: the partition of this backend lacks clear(
#include <memo/memo.hpp>

#include <optional>

template <class Record> struct map {
    memo::lookup_result<Record> get(memo::key128) const;
    bool put(memo::key128, Record const&, memo::put_options) const;
    template <class Merge>
    std::optional<Record> update(memo::key128, Merge const&, memo::put_options) const;
    bool erase(memo::key128) const;
#ifndef MEMO_BAD
    void clear() const;
#endif
    memo::backend_statistics stats() const;
};

class custom {
  public:
    static constexpr bool persistent = false;
    static constexpr bool stores = true;
    template <class Record> map<Record> partition(memo::key128) const;
    memo::backend_statistics stats() const;
};

int main() {
    return memo::memoize<custom>([](int x) { return x; })(1);
}
