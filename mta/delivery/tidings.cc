#include "mta/delivery/tidings.h"

#include <algorithm>

namespace fulmar::delivery {

bool counts_as_failed(const queue::Message& message, const queue::Recipient& recipient) {
  return !message.sender || recipient.notify.wants_failure();
}

bool is_owed_relayed(const queue::Message& message, const queue::Recipient& recipient,
                     const RecipientResult& delivered) {
  return message.sender && recipient.notify.wants_success() &&
         delivered.duty_to_tell == smtp::DutyToTell::ours;
}

notice::NoticeRecipient as_failing(const queue::Recipient& recipient) {
  const Error cause =
      recipient.last_failure.value_or(make_error(Errc::expired, "no attempt could be finished"));
  return {.address = recipient.address,
          .original = recipient.original,
          .failure = cause,
          .host = recipient.last_host,
          .reply = recipient.last_reply,
          .exposure = recipient.exposure};
}

notice::NoticeRecipient as_relayed(const queue::Recipient& recipient,
                                   const RecipientResult& delivered) {
  return {.address = recipient.address,
          .original = recipient.original,
          .host = delivered.host,
          .reply = delivered.reply,
          .exposure = std::max(recipient.exposure, delivered.exposure)};
}

}  // namespace fulmar::delivery
