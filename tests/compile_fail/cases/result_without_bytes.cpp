// expect: this result cannot be stored outside of the process
// lines: 42, the backend finds the mistake, many templates below memoize
#include <memo/backends/disk.hpp>
#include <memo/memo.hpp>

struct score {
    double value = 0;
#ifndef MEMO_BAD
    template <class Archive> void serialize(Archive& archive) {
        archive(value);
    }
#endif
};

score call(int x);

int main() {
    return static_cast<int>(memo::memoize<memo::disk>(memo::fn<&call>{})(1).value);
}
