// The part of a notice that programs read. Pure. RFC 3464 §2, RFC 6533 §3
#pragma once

#include "mta/notice/mime.h"
#include "mta/notice/notice.h"

namespace fulmar::notice {

/// message/delivery-status, or message/global-delivery-status when a recipient's local part is not
/// ASCII. 7-bit. What a host said is there word for word, at most about 100 KB for all recipients
/// together.
[[nodiscard]] Part delivery_status_part(const NoticeFacts& facts);

/// How many octets of a host's words one of `recipients` recipients may take.
[[nodiscard]] std::size_t reply_allowance(std::size_t recipients);

}  // namespace fulmar::notice
