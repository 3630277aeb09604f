// SPDX-License-Identifier: BSL-1.0

#include <memo/detail/memory/footprint.hpp>
#include <memo/detail/record/codec.hpp>
#include <memo/memo.hpp>
#include <memo/types/eigen.hpp>

#include <Eigen/Core>
#include <catch2/catch.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace {

using row_major = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

memo::key128 stream_of(auto const& value) {
    return memo::detail::call_key(memo::key128{1, 2}, value);
}

} // namespace

TEST_CASE("a matrix is its shape and its coefficients") {
    Eigen::MatrixXd a(2, 3);
    a << 1, 2, 3, 4, 5, 6;
    Eigen::MatrixXd b = a;
    CHECK(stream_of(a) == stream_of(b));
    b(1, 2) = 7;
    CHECK(stream_of(a) != stream_of(b));
    Eigen::MatrixXd const reshaped = Eigen::Map<Eigen::MatrixXd const>(a.data(), 3, 2);
    CHECK(stream_of(a) != stream_of(reshaped));
}

TEST_CASE("the storage order of a matrix is not in the key") {
    Eigen::MatrixXd columns(2, 3);
    columns << 1, 2, 3, 4, 5, 6;
    row_major const rows = columns;
    CHECK(stream_of(columns) == stream_of(rows));
}

TEST_CASE("fixed and dynamic vectors of floats and ints are arguments") {
    CHECK(stream_of(Eigen::Vector3f(1, 2, 3)) == stream_of(Eigen::Vector3f(1, 2, 3)));
    CHECK(stream_of(Eigen::Vector3f(1, 2, 3)) != stream_of(Eigen::Vector3f(1, 2, 4)));
    CHECK(stream_of(Eigen::VectorXi(Eigen::Vector2i(1, 2))) == stream_of(Eigen::Vector2i(1, 2)));
    CHECK(stream_of(Eigen::ArrayXXd::Zero(2, 2).eval()) !=
          stream_of(Eigen::ArrayXXd::Zero(4, 1).eval()));
}

TEST_CASE("a function of a matrix is memoized") {
    auto const trace =
        memo::memoize<memo::memory>([](Eigen::MatrixXd const& m) { return m.trace(); });
    Eigen::MatrixXd const identity = Eigen::MatrixXd::Identity(5, 5);
    CHECK(trace(identity) == 5);
    CHECK(trace(identity) == 5);
    CHECK(trace.stats().evaluations == 1);
    CHECK(trace.stats().hits == 1);
}

TEST_CASE("the coefficients of a matrix count for a bound in bytes") {
    using memo::detail::footprint;
    CHECK(footprint(Eigen::MatrixXd(10, 20)) == 10 * 20 * sizeof(double));
    CHECK(footprint(Eigen::ArrayXXf(10, 20)) == 10 * 20 * sizeof(float));
    CHECK(footprint(Eigen::VectorXi(10)) == 10 * sizeof(int));
    CHECK(footprint(std::vector<row_major>(2, row_major(3, 4))) ==
          2 * sizeof(row_major) + 2 * 3 * 4 * sizeof(double));
    CHECK(footprint(Eigen::Matrix3d()) == 0);
    CHECK(footprint(Eigen::Vector3d()) == 0);
}

TEST_CASE("an audit compares matrices of different shapes") {
    Eigen::Index size = 2;
    auto const zeros = memo::memoize<memo::memory>(
        memo::ignore_state([&](int) { return Eigen::MatrixXd(Eigen::MatrixXd::Zero(size, size)); }),
        {.audit = 1, .on_disagreement = [](std::string const&) {}});
    CHECK(zeros(0).size() == 4);
    CHECK(zeros(0).size() == 4);
    CHECK(zeros.stats().disagreements == 0);
    size = 3;
    CHECK(zeros(0).size() == 4);
    CHECK(zeros.stats().disagreements == 1);
}

TEST_CASE("a matrix comes back from its record, whatever its storage order") {
    Eigen::MatrixXd a(2, 3);
    a << 1, 2, 3, 4, 5, 6;
    std::vector<std::byte> bytes;
    REQUIRE(memo::detail::encode_record(bytes, a));
    CHECK(memo::detail::decode_record<Eigen::MatrixXd>(bytes) == a);
    CHECK(memo::detail::decode_record<row_major>(bytes) == a);
    CHECK(memo::detail::decode_record<Eigen::Matrix<double, 2, 3>>(bytes) == a);
    using other_shape = Eigen::Matrix<double, 3, 2>;
    CHECK_THROWS_AS(memo::detail::decode_record<other_shape>(bytes),
                    memo::detail::malformed_record);
    bytes.resize(bytes.size() - 1);
    CHECK_THROWS_AS(memo::detail::decode_record<Eigen::MatrixXd>(bytes),
                    memo::detail::malformed_record);
}
