// expect: this one cannot be copied
// lines: 60, the types of a claim are formed all the same
#include <memo/memo.hpp>

#include <memory>

struct model {
    virtual ~model() = default;
    virtual double score(int x) const = 0;
};

double score(int x, model const& how);
double score_shared(int x, std::shared_ptr<model const> const& how);

void claims(std::shared_ptr<model const> const& how) {
#ifdef MEMO_BAD
    memo::memoize<memo::memory, memo::ignore<1>>(memo::fn<&score>{}).try_claim(1, *how).run();
#else
    memo::memoize<memo::memory, memo::ignore<1>>(memo::fn<&score_shared>{}).try_claim(1, how).run();
#endif
}
