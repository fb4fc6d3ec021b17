#include "tls/policy_http.h"

#include <string>

#include "tls/mta_sts_policy.h"

namespace fulmar::tls {

namespace http = boost::beast::http;

PolicyParser::PolicyParser() {
  header_limit(kMaxPolicyHeader);
  body_limit(kMaxPolicyBody);
}

PolicyResponseHead PolicyParser::head() const {
  const auto& message = get();
  return {.status = message.result_int(),
          .content_type = std::string(message[http::field::content_type]),
          .content_encoding = std::string(message[http::field::content_encoding])};
}

}  // namespace fulmar::tls
