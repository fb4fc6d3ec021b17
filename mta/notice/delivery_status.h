// The part of a notice that programs read. Pure. RFC 3464 §2, RFC 6533 §3
#pragma once

#include <string>
#include <string_view>

#include "mta/notice/mime.h"
#include "mta/notice/notice.h"

namespace fulmar::notice {

/// message/delivery-status, or message/global-delivery-status when a recipient's address, now or as
/// its sender wrote it, is not ASCII. 7-bit. What a host said is there word for word, at most about
/// 100 KB for all recipients together.
[[nodiscard]] Part delivery_status_part(const NoticeFacts& facts);

/// "mx1.b.example" of "mx1.b.example[192.0.2.7]:25", the literal when there is no name.
[[nodiscard]] std::string host_name(std::string_view host);

/// How many octets of a host's words one of `recipients` recipients may take.
[[nodiscard]] std::size_t reply_allowance(std::size_t recipients);

}  // namespace fulmar::notice
