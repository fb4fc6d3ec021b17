"""All scenarios, in the order in which they are reported."""

from __future__ import annotations

from scenario import Scenario

from scenarios import (chunking, crashes, dane_delivered, dane_refused, dnssec_test, limits, mta_sts,
                       mta_sts_cache, mta_sts_fetch, not_every_host, notices, operators, opportunistic, relays, requiretls,
                       requiretls_delivery, reuse, routing, rules, second_looks, smtp_dialogue, transport_security)

ALL: tuple[Scenario, ...] = (
    *dane_delivered.SCENARIOS, *dane_refused.SCENARIOS, *mta_sts.SCENARIOS, *mta_sts_fetch.SCENARIOS,
    *mta_sts_cache.SCENARIOS, *transport_security.SCENARIOS, *requiretls.SCENARIOS, *requiretls_delivery.SCENARIOS,
    *rules.SCENARIOS, *relays.SCENARIOS, *second_looks.SCENARIOS, *not_every_host.SCENARIOS,
    *dnssec_test.SCENARIOS,
    *opportunistic.SCENARIOS, *routing.SCENARIOS, *smtp_dialogue.SCENARIOS, *chunking.SCENARIOS, *reuse.SCENARIOS,
    *limits.SCENARIOS,
    *notices.SCENARIOS, *operators.SCENARIOS, *crashes.SCENARIOS,
)
