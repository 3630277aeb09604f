// expect: an averaged function merges its samples, and this byte store cannot replace bytes atomically
// lines: 18, the backend finds the mistake, many templates below memoize
#include <memo/byte_backend.hpp>
#include <memo/memo.hpp>

struct only_bytes {
    std::optional<std::vector<std::byte>> load(std::string_view) { return std::nullopt; }
    bool store(std::string_view, std::span<std::byte const>, std::chrono::nanoseconds) {
        return false;
    }
    bool erase(std::string_view) { return false; }
};

#ifdef MEMO_BAD
using policy = memo::averaged;
#else
using policy = memo::ignore<0>;
#endif

int main() {
    auto const f = memo::memoize<memo::byte_backend<only_bytes>, policy>(
        [](int x) { return 0.5 * x; }, {.name = "f", .version = "1"});
    return static_cast<int>(f(1));
}
