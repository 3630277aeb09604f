// expect: needs a default constructor
// lines: 28, the backend finds the mistake, many templates below memoize
#include <memo/detail/record/codec.hpp>

#include <cstddef>
#include <vector>

struct score {
#ifdef MEMO_BAD
    explicit score(double of) : value(of) {}
#endif
    double value = 0;
    template <class Archive> void serialize(Archive& archive) {
        archive(value);
    }
};

score read_back(std::vector<std::byte> const& bytes) {
    return memo::detail::decode_record<score>(bytes);
}
