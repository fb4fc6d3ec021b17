# Language level, warnings and tools for every target.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(FULMAR_CCACHE ccache)
if(FULMAR_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Precompiled headers need these two; without them every cached object would be a miss.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
      ${FULMAR_CCACHE})
endif()

# asan | tsan | empty
set(FULMAR_SANITIZE "" CACHE STRING "Sanitizers to build with: asan (with UBSan, and libFuzzer's coverage in clang), tsan, or empty")

add_library(fulmar_compiler INTERFACE)
target_include_directories(fulmar_compiler INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(fulmar_compiler INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror
                                                 -Wno-missing-field-initializers
                                                 -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
# Beast 1.81 asserts that the last chunk of an HTTP answer comes in one piece, which is the peer's choice: a policy host
# could end a build with assertions. Without them the parser waits for the rest, as a released build does.
target_compile_definitions(fulmar_compiler INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_DISABLE_ASSERTS
                                                     FULMAR_VERSION="${PROJECT_VERSION}")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(fulmar_compiler INTERFACE -fcoroutines -fpch-preprocess)
  # GCC 12 sees uninitialised and dangling memory inside optimised coroutine frames and inlined strings that are
  # not there (GCC bugs 105329, 105651), and takes a coroutine frame's own operator delete for a mismatch; the sanitizer builds watch for the real ones.
  target_compile_options(fulmar_compiler INTERFACE -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow
                                                   -Wno-array-bounds -Wno-stringop-overread -Wno-mismatched-new-delete)
else()
  # clang before 19 implements the concepts that std::expected of libstdc++ asks for, but announces an older level.
  target_compile_options(fulmar_compiler INTERFACE -U__cpp_concepts -D__cpp_concepts=202002L -Wno-macro-redefined
                                                   -Wno-builtin-macro-redefined)
endif()

if(FULMAR_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Instrumentation makes GCC warn of paths that are not there; the plain and the clang builds hold the line.
  target_compile_options(fulmar_compiler INTERFACE -Wno-error)
endif()
if(FULMAR_SANITIZE STREQUAL "asan")
  # clang's vptr check needs a file descriptor of its own at run time, and takes the want of one for a broken object.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all -fno-omit-frame-pointer)
  if(FULMAR_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
  endif()
  add_link_options(-fsanitize=address,undefined)
elseif(FULMAR_SANITIZE STREQUAL "tsan")
  # GCC warns that std::atomic_thread_fence, used by Asio, is not seen by TSan; that costs false positives only.
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer -Wno-tsan)
  add_link_options(-fsanitize=thread)
endif()
