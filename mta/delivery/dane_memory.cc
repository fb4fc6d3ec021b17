#include "mta/delivery/dane_memory.h"

#include "base/log.h"

namespace fulmar::delivery {

using resolver::TlsaStatus;

void DaneMemory::note(const Domain& host, std::uint16_t port, const resolver::TlsaLookup& tlsa) {
  if (tlsa.status == TlsaStatus::lookup_failed) return;
  const std::string key = host.str() + ':' + std::to_string(port);
  {
    const std::lock_guard lock(mutex_);
    if (tlsa.status == TlsaStatus::usable) {
      if (protected_.size() < kMaxHosts) protected_.insert(key);
      return;
    }
    if (protected_.erase(key) == 0) return;
  }
  metrics_.protection_lost.add();
  troubles_.note(TroubleKind::protection_lost, key,
                 "it no longer publishes usable TLSA records (DANE)", "tlsa");
  log_warn("DANE protection lost: the host no longer publishes usable TLSA records",
           {{"host", key}, {"now", std::string(to_string(tlsa.status))}});
}

}  // namespace fulmar::delivery
