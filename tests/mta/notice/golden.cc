#include "tests/mta/notice/golden.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace fulmar::notice {

void expect_golden(const std::string& name, const std::string& mail) {
  const std::string path = std::string(FULMAR_SOURCE_DIR) + "/tests/golden/" + name;
  std::string text;
  for (const char c : mail) {
    if (c != '\r') text += c;
  }
  if (std::getenv("FULMAR_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << text;
  }
  std::ostringstream golden;
  golden << std::ifstream(path, std::ios::binary).rdbuf();
  EXPECT_EQ(text, golden.str()) << path;
}

}  // namespace fulmar::notice
