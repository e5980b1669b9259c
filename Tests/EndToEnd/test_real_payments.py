"""Payments that nobody here wrote, through a real broker and two instances: exactly the windows of the reference alert."""
import json
import os
import unittest

import alerts
import payments
from harness import EndToEnd, Group, rule, wait_done, write_rules


class RealPayments(EndToEnd):
    def run_set(self, name, factor, count_over, sum_over, limit=None):
        data = payments.load(name, factor, limit)
        expected = payments.windows(data)
        topic = f"{name}-{factor}" + ("" if limit is None else "-part")
        self.kafka.create(topic)
        rules = write_rules(
            self.folder / f"rules-{topic}", rule("count_over", f"account.count_5m > {count_over}"),
            rule("sum_over", f"account.sum_5m > {sum_over // 100}"), rule("always", "account.count_5m >= 1", once_per="payment"))
        settings = {"input": {"topic": topic, "fields": {"amount": "amount_minor"}}}
        group = Group(self.kafka, f"g-{topic}", self.folder, rules, topic=topic, settings=settings).create_outputs()
        services = self.start(group.service("a"), group.service("b"))
        total = self.produce(((one.account, one.json, one.time) for one in data), topic)
        wait_done(services, total)
        for service in services:
            self.assertEqual(service.terminate(), 0, service.tail())
        last, pairs = {}, {"count_over": set(), "sum_over": set()}
        committed = group.alerts()
        seen = set()
        for number, message in enumerate(committed):
            alert = alerts.check_record(message, group) if number % 50 == 0 else json.loads(message.value())
            self.assertNotIn(alert["alert_id"], seen)
            seen.add(alert["alert_id"])
            start = payments.milliseconds(alert["window"]["start"])
            if alert["rule_id"] == "always":
                last[alert["account_id"], start] = (alert["window"]["count"], alert["window"]["sum"])
            else:
                pairs[alert["rule_id"]].add((alert["account_id"], start))
        self.assertEqual(pairs["count_over"], {key for key, (count, _) in expected.items() if count > count_over})
        self.assertEqual(pairs["sum_over"], {key for key, (_, amount) in expected.items() if amount > sum_over})
        self.assertEqual(len(last), len(expected))
        self.assertEqual(payments.digest(last), payments.digest(expected))
        if limit is None:
            known = payments.reference(name, factor)
            self.assertEqual(payments.digest(last), known["digest_sha256"])
            self.assertEqual(len(pairs["count_over"]), known["windows_count_over"][str(count_over)])
            self.assertEqual(len(pairs["sum_over"]), known["windows_sum_minor_over"][str(sum_over)])
        print(f"{name} x{factor}: {total} payments, {len(pairs['count_over'])} + {len(pairs['sum_over'])} alerts, {len(last)} windows", flush=True)
        return len(pairs["count_over"]) + len(pairs["sum_over"])

    def test_alerts_and_windows_are_those_of_the_reference(self):
        """100,000 payments and more, a day in five minutes, with at least 200 alerts; the reference is recomputed for the part."""
        self.assertGreaterEqual(self.run_set("sparkov", 288, 5, 100_000, limit=120_000), 200)

    @unittest.skipUnless(os.environ.get("TRIPLINE_WHOLE_DATA"), "all payments: make prove-real-payments")
    def test_all_payments(self):
        self.run_set("sparkov", 12, 2, 200_000)
        self.run_set("sparkov", 288, 5, 200_000)
        self.run_set("journey-items", 1, 20, 22_000)
