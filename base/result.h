// Result<T>: a value or an Error, and the two macros that pass an Error on.
#pragma once

#include <expected>
#include <string>
#include <utility>

#include "base/error.h"

namespace fulmar {

template <class T = void>
using Result = std::expected<T, Error>;

/// `return fail(Errc::syntax, "…");` in a function that returns Result<T>.
[[nodiscard]] inline std::unexpected<Error> fail(Errc code, std::string detail) {
  return std::unexpected(make_error(code, std::move(detail)));
}

[[nodiscard]] inline std::unexpected<Error> fail(Error error) {
  return std::unexpected(std::move(error));
}

}  // namespace fulmar

#define FULMAR_CONCAT_INNER(a, b) a##b
#define FULMAR_CONCAT(a, b) FULMAR_CONCAT_INNER(a, b)

#define FULMAR_TRY_IMPL(temporary, declaration, expression, return_word)     \
  auto temporary = (expression);                                             \
  if (!temporary) return_word std::unexpected(std::move(temporary).error()); \
  declaration = *std::move(temporary)

/// FULMAR_TRY(auto value, parse(text)): binds the value, or returns the error from the enclosing
/// function.
#define FULMAR_TRY(declaration, expression) \
  FULMAR_TRY_IMPL(FULMAR_CONCAT(fulmar_try_, __LINE__), declaration, expression, return)

/// The same in a coroutine: FULMAR_CO_TRY(auto answer, co_await resolver.mx(domain)).
#define FULMAR_CO_TRY(declaration, expression) \
  FULMAR_TRY_IMPL(FULMAR_CONCAT(fulmar_try_, __LINE__), declaration, expression, co_return)

/// For Result<void>.
#define FULMAR_TRY_VOID(expression)                      \
  if (auto fulmar_status = (expression); !fulmar_status) \
  return std::unexpected(std::move(fulmar_status).error())

#define FULMAR_CO_TRY_VOID(expression)                   \
  if (auto fulmar_status = (expression); !fulmar_status) \
  co_return std::unexpected(std::move(fulmar_status).error())
