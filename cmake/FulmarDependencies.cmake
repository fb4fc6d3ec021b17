# Every dependency is a Debian 12 package; scripts/install-dependencies names them.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(OpenSSL 3.0 REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(RocksDB REQUIRED)
find_package(Unbound REQUIRED)
find_package(Tcmalloc REQUIRED)
pkg_check_modules(CRYPT REQUIRED IMPORTED_TARGET libcrypt)
pkg_check_modules(GSASL REQUIRED IMPORTED_TARGET libgsasl>=2.2)
pkg_check_modules(IDN2 REQUIRED IMPORTED_TARGET libidn2)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(TOMLPP REQUIRED IMPORTED_TARGET tomlplusplus)

# Asio is header-only in Boost; this names what a folder needs to use it.
add_library(fulmar_asio INTERFACE)
target_link_libraries(fulmar_asio INTERFACE Boost::headers Threads::Threads)
