// SPDX-License-Identifier: BSL-1.0

// Numbered samples and the records that they were begun in.

#include <memo/record/averaged.hpp>

#include <catch2/catch.hpp>

#include <optional>

namespace {

using numbered = memo::detail::averaging<double, true>;

/// A backend of one key.
struct place {
    std::optional<numbered::record> kept;

    template <class Merge> numbered::record update(Merge const& merge) {
        kept = merge(kept ? &*kept : nullptr);
        return *kept;
    }
    memo::detail::ticket begin() {
        auto const begun = update(numbered::begin(memo::detail::random_birth()));
        return {begun.begun - 1, begun.birth};
    }
    void drop() { kept.reset(); }
};

} // namespace

TEST_CASE("records that two samples of a dropped one begin are told apart") {
    place here;
    auto const first = here.begin();
    here.begin();
    auto const third = here.begin();
    here.drop();
    here.update(numbered::add(1.0, first)); // the second record
    here.begin();
    auto const third_of_second = here.begin();
    CHECK(third_of_second.number == third.number);
    here.drop();
    here.update(numbered::add(3.0, third)); // the third record
    here.update(numbered::add(3.0, third_of_second));
    CHECK(here.kept->samples.count() == 1);
    CHECK(here.kept->birth != third_of_second.birth);
}

TEST_CASE("an update that is tried again begins the same record") {
    place here;
    double const sample = 1;
    auto const add = numbered::add(sample, here.begin());
    here.drop();
    auto const begun = here.update(add);
    here.drop();
    CHECK(here.update(add).birth == begun.birth);
    CHECK(begun.begun == 1);
}
