// Address lists: what counts as an address, and what is refused rather than guessed at.
#include "mta/smtp/address_list.h"

#include <gtest/gtest.h>

namespace fulmar::smtp {
namespace {

/// "a@b.example c@d.example", or "error".
std::string addresses(std::string_view body) {
  const auto list = parse_address_list(body);
  if (!list) return "error";
  std::string all;
  for (const Mailbox& each : *list)
    all += (all.empty() ? "" : " ") + each.ascii_domain_form();
  return all;
}

struct Case {
  std::string_view name;
  std::string_view body;
  std::string_view want;
};

TEST(AddressList, addresses) {
  const Case cases[] = {
      {"bare address", " ann@a.example", "ann@a.example"},
      {"angle brackets alone", " <ann@a.example>", "ann@a.example"},
      {"display name", " Ann Example <ann@a.example>", "ann@a.example"},
      {"no space before the bracket", "Ann<ann@a.example>", "ann@a.example"},
      {"dots in the display name", "Ann E. X. Ample <ann@a.example>", "ann@a.example"},
      {"quoted display name", "\"Ample, Ann <x@y.example>\" <ann@a.example>", "ann@a.example"},
      {"escaped quote in it", R"("Ann \"x@y.example, " <ann@a.example>)", "ann@a.example"},
      {"comments everywhere",
       "(a) Ann (b, x@y.example) <(c) ann (d) @ (e) a.example (f)> (g(h)\\)i)", "ann@a.example"},
      {"white space around the @", "ann @ a.example", "ann@a.example"},
      {"folded", "Ann\r\n\tExample\r\n <ann@a.example>", "ann@a.example"},
      {"folded in a quoted name", "\"Ann\r\n Example\" <ann@a.example>", "ann@a.example"},
      {"encoded words are words", "=?utf-8?Q?J=C3=BCrgen?= =?utf-8?B?w6Q=?= <ann@a.example>",
       "ann@a.example"},
      {"several", "ann@a.example, Bob <bob@b.example>,cy@c.example",
       "ann@a.example bob@b.example cy@c.example"},
      {"group (RFC 6854)", "Us: ann@a.example, Bob <bob@b.example>;",
       "ann@a.example bob@b.example"},
      {"groups and others", "cy@c.example, Us: ann@a.example; , Nobody:;, bob@b.example",
       "cy@c.example ann@a.example bob@b.example"},
      {"empty group", "undisclosed-recipients:;", ""},
      {"empty group with a comment", "nobody: (really) ; (none)", ""},
      {"quoted local part", "\"a b\\\"@c\"@a.example", "\"a b\\\"@c\"@a.example"},
      {"address literal", "Scanner <scan@[192.0.2.7]>", "scan@[192.0.2.7]"},
      {"IPv6 literal", "scan@[IPv6:2001:db8::7]", "scan@[IPv6:2001:db8::7]"},
      {"IDN", "ann@bücher.example", "ann@xn--bcher-kva.example"},
      {"EAI", "Jürgen <jürgen@bücher.example>", "jürgen@xn--bcher-kva.example"},
      {"a name in an old character set", "J\xFCrgen <ann@a.example>", "ann@a.example"},
      {"the domain in lower case", "Ann@A.Example", "Ann@a.example"},
  };
  for (const Case& each : cases)
    EXPECT_EQ(addresses(each.body), each.want) << each.name;
}

struct Refused {
  std::string_view name;
  std::string_view body;
};

TEST(AddressList, refusals) {
  const Refused cases[] = {
      {"nothing", ""},
      {"a comment only", " (nobody)"},
      {"no @", "ann"},
      {"display name without address", "Ann Example"},
      {"nothing in the brackets", "Ann <>"},
      {"brackets stay open", "Ann <ann@a.example"},
      {"brackets in brackets", "Ann <<ann@a.example>>"},
      {"text behind the brackets", "<ann@a.example> Ann"},
      {"two addresses without comma", "ann@a.example bob@b.example"},
      {"two local parts", "ann x@a.example"},
      {"quoted string beside an atom", "\"ann\"x@a.example"},
      {"address as display name", "ann@a.example <bob@b.example>"},
      {"comma in a bare display name", "Ample, Ann <ann@a.example>"},
      {"encoded word that is an address", "=?utf-8?Q?<x@y.example>?= <ann@a.example>"},
      {"encoded word with a comma", "=?utf-8?Q?Ample,_Ann?= <ann@a.example>"},
      {"name in brackets", "[Ann] <ann@a.example>"},
      {"comma at the end", "ann@a.example,"},
      {"comma at the beginning", ",ann@a.example"},
      {"two commas", "ann@a.example,,bob@b.example"},
      {"semicolon between", "ann@a.example; bob@b.example"},
      {"group stays open", "Us: ann@a.example"},
      {"group without name", ":ann@a.example;"},
      {"group in a group", "Us: Them: ann@a.example;;"},
      {"text behind a group", "Us:; ann@a.example"},
      {"source route", "<@x.example:ann@a.example>"},
      {"space around a dot of the name", "ann@a . example"},
      {"space around a dot of the local part", "ann . x@a.example"},
      {"two @", "ann@x@a.example"},
      {"no local part", "@a.example"},
      {"no domain", "ann@"},
      {"dot at the end", "ann@a.example."},
      {"two dots in the local part", "an..n@a.example"},
      {"no domain name", "ann@a!b"},
      {"literal that is no address", "ann@[example]"},
      {"literal stays open", "ann@[192.0.2.1"},
      {"comment stays open", "ann@a.example (x"},
      {"comment closed twice", "ann@a.example (x))"},
      {"quote stays open", "\"Ann <ann@a.example>"},
      {"backslash at the end", "\"Ann\\"},
      {"bare LF", "Ann\n <ann@a.example>"},
      {"CRLF that does not fold", "Ann\r\n<ann@a.example>"},
      {"NUL", std::string_view("Ann\0 <ann@a.example>", 20)},
      {"control character in a comment", "ann@a.example (\x07)"},
      {"invalid UTF-8 in the address", "j\xFCrgen@a.example"},
      {"bracket in a quoted local part", "\"a<b\"@a.example"},
  };
  for (const Refused& each : cases)
    EXPECT_EQ(addresses(each.body), "error") << each.name;
  EXPECT_EQ(addresses(std::string(65, 'a') + "@a.example"), "error");
  EXPECT_EQ(addresses(std::string(64, 'a') + "@a.example"), std::string(64, 'a') + "@a.example");
}

TEST(AddressList, the_number_of_mailboxes_is_bounded) {
  std::string list = "a@b.example";
  for (std::size_t i = 1; i < kMaxMailboxes; ++i)
    list += ",a@b.example";
  EXPECT_EQ(parse_address_list(list).value().size(), kMaxMailboxes);
  EXPECT_EQ(parse_address_list(list + ",a@b.example").error().code, Errc::limit);
  EXPECT_EQ(parse_address_list("x").error().code, Errc::syntax);
}

TEST(AddressList, deep_comments_are_one_comment) {
  const std::string deep(100'000, '(');
  EXPECT_EQ(addresses(deep + std::string(100'000, ')') + "ann@a.example"), "ann@a.example");
  EXPECT_EQ(addresses(deep + "ann@a.example"), "error");
}

TEST(AddressList, unfold) {
  const Case cases[] = {
      {"nothing to do", " a b", " a b"},
      {"folded", "a\r\n b\r\n\tc", "a b\tc"},
      {"the fold goes, its white space stays", "a \r\n \r\n b", "a   b"},
      {"no white space behind it", "a\r\nb", "a\r\nb"},
      {"at the end", "a\r\n", "a\r\n"},
      {"bare ones stay", "a\r b\n c", "a\r b\n c"},
  };
  for (const Case& each : cases)
    EXPECT_EQ(unfold(each.body), each.want) << each.name;
}

TEST(AddressList, skip_comments) {
  const Case cases[] = {
      {"none", "a (b)", "a (b)"},
      {"white space and comments", " \t(b (c)) (d\\)) a", "a"},
      {"nothing else", " (b) ", ""},
      {"stays open", " (b", "(b"},
  };
  for (const Case& each : cases)
    EXPECT_EQ(skip_comments(each.body), each.want) << each.name;
}

}  // namespace
}  // namespace fulmar::smtp
