// expect: the call operator is not const
#include <memo/memo.hpp>

struct momentum {
    double velocity = 0;
#ifdef MEMO_BAD
    double operator()(double x) {
        velocity = 0.9 * velocity + x;
        return velocity;
    }
#else
    double operator()(double x) const {
        return 0.9 * velocity + x;
    }
#endif
    template <class Archive> void serialize(Archive& archive) {
        archive(velocity);
    }
};

int main() {
    return memo::memoize(momentum())(2) > 0;
}
