#include "core/digest.h"

#include <gtest/gtest.h>

#include <set>
#include <unordered_set>

namespace ocelli {
namespace {

TEST(DigestTest, MatchesTheVectorsOfFips180) {
  EXPECT_EQ(Sha256("").ToHex(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256("abc").ToHex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
                .ToHex(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Sha256(std::string(1'000'000, 'a')).ToHex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(DigestTest, PiecesGiveTheDigestOfTheWhole) {
  const std::string text(1000, 'x');
  for (const std::size_t piece : {1u, 63u, 64u, 65u, 999u}) {
    Sha256Stream stream;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      stream.Update(std::as_bytes(
          std::span(text).subspan(at, std::min(piece, text.size() - at))));
    }
    EXPECT_EQ(stream.Finish(), Sha256(text)) << piece;
  }
}

TEST(DigestTest, AStreamMoves) {
  Sha256Stream first;
  first.Update(std::as_bytes(std::span("ab", 2)));
  Sha256Stream second = std::move(first);
  second.Update(std::as_bytes(std::span("c", 1)));
  EXPECT_EQ(second.Finish(), Sha256("abc"));
}

TEST(DigestTest, HexadecimalAndBack) {
  const Digest digest = Sha256("abc");
  EXPECT_EQ(Digest::FromHex(digest.ToHex()).value(), digest);
  std::string upper = digest.ToHex();
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(Digest::FromHex(upper).value(), digest);
}

TEST(DigestTest, WhatIsNoDigestIsRefused) {
  for (const std::string& hex :
       {std::string(), std::string(63, '0'), std::string(65, '0'),
        std::string(64, 'g'), std::string(63, '0') + " ",
        std::string(64, '\0')}) {
    const auto digest = Digest::FromHex(hex);
    ASSERT_FALSE(digest);
    EXPECT_EQ(digest.error().code, ErrorCode::kInvalidArgument);
  }
}

// RFC 4231, cases 2 and 6.
TEST(DigestTest, HmacIsThatOfTheStandard) {
  const std::string short_key = "Jefe";
  EXPECT_EQ(HmacSha256(std::as_bytes(std::span(short_key)),
                       "what do ya want for nothing?")
                .ToHex(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const std::string long_key(131, '\xaa');
  EXPECT_EQ(HmacSha256(std::as_bytes(std::span(long_key)),
                       "Test Using Larger Than Block-Size Key - Hash Key First")
                .ToHex(),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(DigestTest, HmacTakesAnEmptyKeyAndMessage) {
  EXPECT_EQ(HmacSha256({}, "").ToHex(),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(DigestTest, IsAKey) {
  const Digest a = Sha256("a"), b = Sha256("b");
  EXPECT_EQ((std::unordered_set<Digest>{a, b, a}.size()), 2u);
  EXPECT_EQ((std::set<Digest>{a, b, a}.size()), 2u);
}

}  // namespace
}  // namespace ocelli
