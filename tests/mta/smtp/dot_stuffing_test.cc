#include "mta/smtp/dot_stuffing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace fulmar::smtp {
namespace {

using namespace std::string_literals;
using enum DataReader::OnBareNewline;

std::string stuff(std::string_view body, std::size_t chunk = std::string::npos) {
  DotStuffer stuffer;
  std::string out;
  for (std::size_t i = 0; i < body.size(); i += std::min(chunk, body.size())) {
    stuffer.transform(body.substr(i, chunk), out);
  }
  stuffer.finish(out);
  return out;
}

struct Read {
  std::string body;
  bool complete = false;
  std::size_t consumed = 0;
  bool bare = false;
  std::size_t longest = 0;

  friend bool operator==(const Read&, const Read&) = default;
};

Read read(std::string_view input, DataReader::OnBareNewline policy = reject,
          std::size_t chunk = std::string::npos) {
  DataReader reader(policy);
  Read result;
  for (std::size_t i = 0; i < input.size() && !result.complete;
       i += std::min(chunk, input.size())) {
    const auto progress = reader.read(input.substr(i, chunk), result.body);
    result.complete = progress.complete;
    result.consumed += progress.consumed;
  }
  result.bare = reader.saw_bare_newline();
  result.longest = reader.longest_line();
  return result;
}

bool has_bare_newline(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n')) return true;
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) return true;
  }
  return false;
}

/// A small generator with a fixed start, so that a failure repeats.
class Bytes {
 public:
  explicit Bytes(std::uint64_t seed) : state_(seed * 2 + 1) {}
  std::string draw(std::size_t length, std::string_view alphabet) {
    std::string result;
    while (result.size() < length) {
      state_ = state_ * 6364136223846793005U + 1442695040888963407U;
      result += alphabet[(state_ >> 33) % alphabet.size()];
    }
    return result;
  }

 private:
  std::uint64_t state_;
};

constexpr std::string_view kNasty = "\r\n..a";

TEST(DotStuffer, SMTP_26_SMTP_27) {
  struct Case {
    std::string body;
    std::string wire;
  };
  const std::vector<Case> cases = {
      {"", ".\r\n"},
      {"a\r\n", "a\r\n.\r\n"},
      {"a", "a\r\n.\r\n"},
      {".", "..\r\n.\r\n"},
      {".\r\n", "..\r\n.\r\n"},
      {"..\r\n", "...\r\n.\r\n"},
      {"a.\r\n.b\r\n", "a.\r\n..b\r\n.\r\n"},
      {"\r\n.\r\n", "\r\n..\r\n.\r\n"},
      {"\r\n\r\n", "\r\n\r\n.\r\n"},
      // SMU-03: stray CR and LF
      {"a\n", "a\r\n.\r\n"},
      {"a\r", "a\r\n.\r\n"},
      {"a\n.\nb", "a\r\n..\r\nb\r\n.\r\n"},
      {"a\r.\rb", "a\r\n..\r\nb\r\n.\r\n"},
      {"a\r\n.\rb", "a\r\n..\r\nb\r\n.\r\n"},
      {"a\n.\r\nb", "a\r\n..\r\nb\r\n.\r\n"},
      {"a\r\r\nb", "a\r\n\r\nb\r\n.\r\n"},
      {"a\n\rb", "a\r\n\r\nb\r\n.\r\n"},
  };
  for (const Case& c : cases) {
    for (std::size_t chunk = 1; chunk <= c.body.size() + 1; ++chunk) {
      EXPECT_EQ(stuff(c.body, chunk), c.wire) << testing::PrintToString(c.body) << " by " << chunk;
    }
  }
}

TEST(DotStuffer, SMU_03_random_octets_never_end_the_data_early) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const std::string body = Bytes(seed).draw(seed % 97, kNasty);
    const std::string wire = stuff(body, seed % 13 + 1);
    EXPECT_FALSE(has_bare_newline(wire)) << testing::PrintToString(body);
    // ".CRLF" after CRLF, and the start counts as that, stands at the end and nowhere else.
    EXPECT_EQ(("\r\n" + wire).find("\r\n.\r\n"), wire.size() - 3) << testing::PrintToString(body);
  }
}

TEST(DotStuffer, SMU_03_plain_mends_line_ends_and_leaves_all_else_alone) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const std::string body = Bytes(seed).draw(seed % 97, kNasty);
    const auto plain = [](std::string_view text, std::size_t split) {
      DotStuffer stuffer(DotStuffer::Dots::plain);
      std::string out;
      stuffer.transform(text.substr(0, split), out);
      stuffer.transform(text.substr(split), out);
      return out;
    };
    const std::string once = plain(body, body.size());
    EXPECT_FALSE(has_bare_newline(once)) << testing::PrintToString(body);
    EXPECT_EQ(plain(body, body.size() / 2), once);
    for (std::size_t split = 0; split <= once.size(); ++split)
      EXPECT_EQ(plain(once, split), once) << split;
  }
}

TEST(DotStuffer, pitfall_72_every_split_gives_the_same) {
  const std::string body = "..\r\n.a\r\n\r\n.\r\n.\r.\n\r\r\nlast.";
  const std::string whole = stuff(body);
  for (std::size_t split = 0; split <= body.size(); ++split) {
    DotStuffer stuffer;
    std::string out;
    stuffer.transform(std::string_view(body).substr(0, split), out);
    stuffer.transform(std::string_view(body).substr(split), out);
    stuffer.finish(out);
    EXPECT_EQ(out, whole) << split;
  }
}

TEST(DotStuffing, pitfall_72_round_trip_in_chunks_of_1_to_64) {
  std::string body = ".\r\n..\r\n...\r\n\r\n.a\r\n" + std::string(70, 'x') + "\r\n.\r\n";
  for (std::size_t chunk = 1; chunk <= 64; ++chunk) {
    const std::string wire = stuff(body, chunk);
    const Read back = read(wire, reject, 65 - chunk);
    EXPECT_TRUE(back.complete);
    EXPECT_FALSE(back.bare);
    EXPECT_EQ(back.body, body);
    EXPECT_EQ(back.consumed, wire.size());
  }
}

TEST(DotStuffing, random_round_trips) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    // Lines of CRLF only, as the spool holds them.
    std::string body;
    Bytes bytes(seed);
    for (std::uint64_t line = 0; line < seed % 7; ++line)
      body += bytes.draw(line, ".ab") + "\r\n";
    const Read back = read(stuff(body, seed % 5 + 1), reject, seed % 11 + 1);
    EXPECT_TRUE(back.complete);
    EXPECT_EQ(back.body, body);
  }
}

TEST(DataReader, SMTP_26_unstuffs) {
  struct Case {
    std::string wire;
    std::string body;
    std::size_t longest;
  };
  const std::vector<Case> cases = {
      {".\r\n", "", 0},
      {"\r\n.\r\n", "\r\n", 0},
      {"abc\r\n.\r\n", "abc\r\n", 3},
      {"..\r\n.\r\n", ".\r\n", 1},
      {"...\r\n.\r\n", "..\r\n", 2},
      {"..a\r\n.\r\n", ".a\r\n", 2},
      {"a\r\n..\r\nbc\r\n.\r\n", "a\r\n.\r\nbc\r\n", 2},
      {"a.\r\n.\r\n", "a.\r\n", 2},
      {".a\r\n.\r\n", "a\r\n", 1},
  };
  for (const Case& c : cases) {
    for (std::size_t chunk = 1; chunk <= c.wire.size(); ++chunk) {
      const Read want{c.body, true, c.wire.size(), false, c.longest};
      EXPECT_EQ(read(c.wire, reject, chunk), want) << testing::PrintToString(c.wire) << chunk;
    }
  }
}

TEST(DataReader, what_follows_belongs_to_the_next_command) {
  const Read got = read("a\r\n.\r\nMAIL FROM:<>\r\n");
  EXPECT_TRUE(got.complete);
  EXPECT_EQ(got.consumed, 6U);
  EXPECT_EQ(got.body, "a\r\n");
}

TEST(DataReader, SMU_01_pitfall_71_nothing_else_ends_the_data) {
  const std::vector<std::string> not_an_end = {
      "\n.\n",      "\n.\r\n",     "\r.\r",         "\r.\r\n",      "\r\n.\n",      "\r\n.\r",
      "\n.\r",      "\r.\n",       "\r\r\n.\r\r\n", "\r\n\0.\r\n"s, "\r\n.\0\r\n"s, "\r\n.\r\r\n",
      "\r\n. \r\n", "\r\n\r.\r\n", "\n\n.\r\n",     "\r\n.\n\r\n"};
  for (const std::string& middle : not_an_end) {
    const std::string wire = "a" + middle + "MAIL FROM:<evil@x.example>\r\nb\r\n.\r\n";
    for (const auto policy : {reject, normalize}) {
      for (std::size_t chunk = 1; chunk <= wire.size(); ++chunk) {
        const Read got = read(wire, policy, chunk);
        EXPECT_TRUE(got.complete) << testing::PrintToString(middle);
        EXPECT_EQ(got.consumed, wire.size()) << testing::PrintToString(middle);
        EXPECT_NE(got.body.find("MAIL FROM"), std::string::npos);
        EXPECT_EQ(got.bare, has_bare_newline(middle)) << testing::PrintToString(middle);
        if (policy == normalize) {
          EXPECT_FALSE(has_bare_newline(got.body)) << testing::PrintToString(middle);
          EXPECT_EQ(stuff(got.body).find("\r\n.\r\n"), stuff(got.body).size() - 5);
        }
      }
    }
  }
}

TEST(DataReader, SMU_02_bare_newlines) {
  EXPECT_TRUE(read("a\nb\r\n.\r\n").bare);
  EXPECT_TRUE(read("a\rb\r\n.\r\n").bare);
  EXPECT_TRUE(read("\n\r\n.\r\n").bare);
  EXPECT_TRUE(read("\r\r\n.\r\n").bare);
  EXPECT_FALSE(read("a\r\nb\r\n.\r\n").bare);
  EXPECT_EQ(read("a\nb\r\n.\r\n", normalize).body, "a\r\nb\r\n");
  EXPECT_EQ(read("a\rb\r\n.\r\n", normalize).body, "a\r\nb\r\n");
  EXPECT_EQ(read("a\n\n.b\r\n.\r\n", normalize).body, "a\r\n\r\n.b\r\n");
  EXPECT_EQ(read("abc\nde\r\n.\r\n", normalize).longest, 3U);
}

TEST(DataReader, SMTP_28_longest_line_counts_octets_without_line_end_and_stuffing) {
  for (const std::size_t chunk : {1, 7, 999, 1000, 1001, 5000}) {
    EXPECT_EQ(read(std::string(998, 'x') + "\r\n.\r\n", reject, chunk).longest, 998U);
    EXPECT_EQ(read("ab\r\n." + std::string(3000, '.') + "\r\nc\r\n.\r\n", reject, chunk).longest,
              3000U);
  }
}

TEST(DataReader, eight_bit_and_nul) {
  const auto facts = [](const std::string& wire) {
    DataReader reader(reject);
    std::string out;
    EXPECT_TRUE(reader.read(wire, out).complete);
    return std::pair(reader.saw_eight_bit(), reader.saw_nul());
  };
  EXPECT_EQ(facts("abc\r\n.\r\n"), std::pair(false, false));
  EXPECT_EQ(facts("a\xc3\xa4\r\n.\r\n"), std::pair(true, false));
  EXPECT_EQ(facts("\x80\r\n.\r\n"), std::pair(true, false));
  EXPECT_EQ(facts("a\0b\r\n.\r\n"s), std::pair(false, true));
  EXPECT_EQ(facts("\0\r\n.\r\n"s), std::pair(false, true));
  EXPECT_EQ(facts(".\xff\r\n.\r\n"), std::pair(true, false));
}

TEST(DataReader, random_octets_in_any_chunks_give_the_same) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const std::string wire = Bytes(seed).draw(40, kNasty) + "\r\n.\r\n";
    for (const auto policy : {reject, normalize}) {
      const Read whole = read(wire, policy);
      EXPECT_TRUE(whole.complete);
      EXPECT_EQ(read(wire, policy, 1), whole) << testing::PrintToString(wire);
      EXPECT_EQ(read(wire, policy, seed % 9 + 2), whole) << testing::PrintToString(wire);
    }
  }
}

}  // namespace
}  // namespace fulmar::smtp
