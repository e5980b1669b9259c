"""Analysts edit rules while the service runs: a switch at a transaction boundary, a broken file that changes nothing, and replay across switches."""
import json
import signal
import time

import payments
from harness import EndToEnd, Group, rule, wait_done, wait_until, write_rules, write_whole


class RuleReload(EndToEnd):
    needs = ("kafka",)

    def payments(self, first, count):
        now = int(time.time() * 1000)
        for number in range(first, first + count):
            account = f"acc-{number % 40}"
            value = {"payment_id": f"p-{number}", "account_id": account, "amount": 100, "currency": "EUR", "occurred_at": payments.rfc3339(now)}
            yield account, json.dumps(value).encode(), now

    def rule_set(self, service):
        status = service.status()
        return status and status["rules"]["rule_set"]

    def switched(self, service, rule_set):
        status = service.status()
        return status and all(one["history"] and one["history"][-1]["rule_set"] == rule_set for one in status["partitions"]) and status

    def test_a_change_switches_a_broken_file_does_not_and_a_crash_changes_nothing(self):
        self.kafka.create("payments")
        folder = self.folder / "rules"
        first = rule("always", "account.count_5m >= 1", once_per="payment")
        write_rules(folder, first)
        group = Group(self.kafka, "reload", self.folder, folder).create_outputs()
        service, = self.start(group.service("a"))
        old = self.rule_set(service)
        total = self.produce(self.payments(0, 400))
        wait_done([service], total)

        # A broken file: the last good set stays, and people are told why.
        write_whole(folder / "rules.yaml", "version: 1\nrules:\n" + rule("broken", "account.count_6m > 1"))
        problems = wait_until(lambda: (service.status() or {}).get("rules", {}).get("problems"), "the problem is shown")
        self.assertIn("count_6m", problems[0])
        self.assertIn("did you mean 'count_5m'", problems[0])
        self.assertIn("rules.yaml:", problems[0])
        self.assertEqual(self.rule_set(service), old)
        total += self.produce(self.payments(total, 400))
        wait_done([service], total)

        # A good one, by signal.
        write_rules(folder, first, rule("second", "account.count_5m > 5", 20))
        service.process.send_signal(signal.SIGHUP)
        new = wait_until(lambda: (lambda found: found if found != old else None)(self.rule_set(service)), "the new set is loaded")
        status = wait_until(lambda: self.switched(service, new), "every partition has switched")
        self.assertEqual(status["rules"]["problems"], [])
        total += self.produce(self.payments(total, 400))
        wait_done([service], total)

        # A crash: replay applies to each offset the set that was in force there.
        service.kill()
        service.start()
        service.wait_ready()
        total += self.produce(self.payments(total, 400))
        wait_done([service], total)
        history = self.switched(service, new)["partitions"]
        self.assertEqual(service.terminate(), 0, service.tail())

        starts = {one["partition"]: one["history"][-1]["from_offset"] for one in history}
        seen = set()
        for message in group.alerts():
            alert = json.loads(message.value())
            self.assertNotIn(alert["alert_id"], seen)
            seen.add(alert["alert_id"])
            origin = alert["origin"]
            self.assertEqual(alert["rule_set"], new if origin["offset"] >= starts[origin["partition"]] else old)
        self.assertEqual(sum(1 for message in group.alerts() if json.loads(message.value())["rule_id"] == "always"), total)
