# The allocator of gperftools, without its profilers. Linking it is all it takes; mta/intake/memory_mark.cc has it give
# memory back.
find_path(Tcmalloc_INCLUDE_DIR gperftools/malloc_extension_c.h)
find_library(Tcmalloc_LIBRARY tcmalloc_minimal)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Tcmalloc REQUIRED_VARS Tcmalloc_LIBRARY Tcmalloc_INCLUDE_DIR)
if(Tcmalloc_FOUND AND NOT TARGET Tcmalloc::tcmalloc)
  add_library(Tcmalloc::tcmalloc UNKNOWN IMPORTED)
  set_target_properties(Tcmalloc::tcmalloc PROPERTIES IMPORTED_LOCATION "${Tcmalloc_LIBRARY}")
endif()
