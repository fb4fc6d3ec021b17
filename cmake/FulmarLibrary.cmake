# fulmar_library(NAME [ASIO] LINK <libraries>...)
#
# The library of the current folder, from all its .cc files except main.cc. LINK is the folder's list of allowed
# neighbours: what is not linked here has no business being included there (tests/check_layers proves it).
# ASIO adds the precompiled Asio headers, which most of the build time would otherwise go into.
function(fulmar_library name)
  cmake_parse_arguments(ARG "ASIO" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC fulmar_compiler ${ARG_LINK})
  if(ARG_ASIO)
    target_link_libraries(${name} PUBLIC fulmar_asio)
    target_precompile_headers(${name} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/asio_pch.h)
  endif()
endfunction()

# fulmar_test(NAME [ASIO] [SOURCES <files>...] LINK <libraries>...)
#
# One test program per folder under tests/, registered with ctest case by case under "NAME/".
function(fulmar_test name)
  cmake_parse_arguments(ARG "ASIO" "" "SOURCES;LINK" ${ARGN})
  if(NOT ARG_SOURCES)
    file(GLOB ARG_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cc)
  endif()
  if(NOT ARG_SOURCES)
    message(WARNING "${name}: no *_test.cc in ${CMAKE_CURRENT_SOURCE_DIR}")
    return()
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE FULMAR_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  if(ARG_ASIO)
    target_link_libraries(${name} PRIVATE fulmar_asio)
    target_precompile_headers(${name} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/asio_pch.h)
  endif()
  gtest_discover_tests(${name} TEST_PREFIX "${name}/" PROPERTIES TIMEOUT 60 DISCOVERY_TIMEOUT 60)
endfunction()
