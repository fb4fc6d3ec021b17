// FULMAR_CHECK: states that cannot happen. A failed check is a bug in this program, never a peer's
// or an operator's doing, so it aborts: a supervisor restarts us and the spool is crash-safe.
#pragma once

#include <cstdio>
#include <cstdlib>

#define FULMAR_CHECK(condition)                                                              \
  do {                                                                                       \
    if (!(condition)) [[unlikely]] {                                                         \
      std::fprintf(stderr, "%s:%d: impossible state: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
