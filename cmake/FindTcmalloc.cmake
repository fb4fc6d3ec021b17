# The allocator of gperftools, without its profilers. Linking it is all it takes; nothing includes it.
find_library(Tcmalloc_LIBRARY tcmalloc_minimal)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Tcmalloc REQUIRED_VARS Tcmalloc_LIBRARY)
if(Tcmalloc_FOUND AND NOT TARGET Tcmalloc::tcmalloc)
  add_library(Tcmalloc::tcmalloc UNKNOWN IMPORTED)
  set_target_properties(Tcmalloc::tcmalloc PROPERTIES IMPORTED_LOCATION "${Tcmalloc_LIBRARY}")
endif()
