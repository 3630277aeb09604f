// expect: this type cannot be turned into a cache key
#include <memo/memo.hpp>

#include <filesystem>

struct column : std::filesystem::path {
    int number = 0;
#ifndef MEMO_BAD
    template <class Archive> void serialize(Archive& archive) {
        archive(static_cast<std::filesystem::path const&>(*this), number);
    }
#endif
};

double call(column const& x);

int main() {
    return static_cast<int>(memo::memoize<memo::memory>(memo::fn<&call>{})(column{}));
}
