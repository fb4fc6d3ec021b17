#include "mta/passwd.h"

#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <istream>

#include "base/login.h"
#include "base/wipe.h"
#include "conf/user.h"

namespace fulmar::mta {
namespace {

/// More than any password has, so that one that is too long is seen to be.
constexpr std::size_t kMaxInput = 1024;
static_assert(kMaxInput > kMaxPassword);

/// A text that does not outlive its use. The string it is taken from keeps nothing.
class Secret {
 public:
  explicit Secret(std::string& text) : text_(text) { wipe(text); }
  ~Secret() { wipe(text_); }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Echo is off while it lives. Signals that would end or stop the program wait as long, because the
/// shell behind it would be left with a terminal that shows nothing.
class SilentTerminal {
 public:
  SilentTerminal() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int each : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP})
      sigaddset(&signals, each);
    sigprocmask(SIG_BLOCK, &signals, &signals_before_);
    is_silent_ = tcgetattr(STDIN_FILENO, &before_) == 0;
    if (!is_silent_) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ECHONL;
    is_silent_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
  }
  ~SilentTerminal() {
    if (is_silent_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    sigprocmask(SIG_SETMASK, &signals_before_, nullptr);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

  [[nodiscard]] bool is_silent() const { return is_silent_; }

 private:
  sigset_t signals_before_{};
  termios before_{};
  bool is_silent_ = false;
};

void drop_end_of_line(std::string& line) {
  if (line.ends_with('\n')) line.pop_back();
  if (line.ends_with('\r')) line.pop_back();
}

/// The first line, or as much of it as shows that it is too long.
Result<std::string> read_line(std::istream& in) {
  std::string line;
  line.reserve(kMaxInput);
  for (char c = 0; line.size() < kMaxInput && in.get(c) && c != '\n';)
    line += c;
  if (line.empty() && in.eof()) {
    return fail(Errc::invalid_argument, "no password on standard input");
  }
  drop_end_of_line(line);
  return line;
}

Result<std::string> ask_twice(const PasswdRequest& request, const AskForPassword& ask) {
  FULMAR_TRY(std::string first, ask("Password for " + request.name + ": "));
  FULMAR_TRY(std::string again, ask("Once more: "));
  const Secret second(again);
  if (first != second.text()) {
    wipe(first);
    return fail(Errc::invalid_argument, "the two passwords differ");
  }
  return first;
}

}  // namespace

Result<intake::HashMethod> parse_hash_method(std::string_view name) {
  if (name == "yescrypt") return intake::HashMethod::yescrypt;
  if (name == "sha512") return intake::HashMethod::sha512;
  if (name == "bcrypt") return intake::HashMethod::bcrypt;
  if (name == "scram-sha-256") return intake::HashMethod::scram_sha_256;
  return fail(Errc::invalid_argument, "--method must be yescrypt, sha512, bcrypt or scram-sha-256");
}

Result<std::string> ask_at_terminal(const std::string& prompt) {
  const SilentTerminal terminal;
  if (!terminal.is_silent()) {
    return fail(Errc::io, std::string("the terminal cannot be silenced: ") + std::strerror(errno));
  }
  // What cannot be shown is asked all the same.
  if (::write(STDERR_FILENO, prompt.data(), prompt.size()) < 0) errno = 0;
  std::array<char, kMaxInput> typed{};
  const ssize_t got = ::read(STDIN_FILENO, typed.data(), typed.size());
  if (got < 0) return fail(Errc::io, std::string("no password: ") + std::strerror(errno));
  if (got == 0) return fail(Errc::invalid_argument, "no password was typed");
  std::string line(typed.data(), static_cast<std::size_t>(got));
  wipe(typed);
  drop_end_of_line(line);
  return line;
}

AskForPassword terminal_of_standard_input() {
  if (::isatty(STDIN_FILENO) == 0) return nullptr;
  return ask_at_terminal;
}

Result<std::string> hash_new_password(const PasswdRequest& request, const AskForPassword& ask,
                                      std::istream& in) {
  if (const auto usable = conf::check_user_name(request.name); !usable) {
    return fail(Errc::syntax, "the name will not do: " + usable.error().detail);
  }
  FULMAR_TRY(std::string given, ask ? ask_twice(request, ask) : read_line(in));
  const Secret password(given);
  return intake::hash_password(password.text(), request.method);
}

}  // namespace fulmar::mta
