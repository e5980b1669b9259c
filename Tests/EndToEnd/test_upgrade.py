"""Another version of the fold, there and back, at once and one instance after the other; and a record that no process survives."""
import json
import os
import re
import unittest

import payments
from harness import BINARY, run_when_empty, tripline, wait_done, wait_until
from refused import RefusedGroup

NEXT = os.environ.get("TRIPLINE_NEXT_BIN")
CHANGED = "other windows, grace, mapping or code"


@unittest.skipUnless(NEXT, "upgrades need a second version of the service: `make test-upgrade` builds one")
class Upgrade(RefusedGroup):
    def turn(self, binary, *services):
        """From now on this version, also for those services when they start again."""
        for one in (self.group, *services):
            one.binary = binary

    # All instances at once.

    def test_an_upgrade_and_a_downgrade_carry_the_state_over(self):
        total = self.run_once(200)
        for binary in (NEXT, BINARY):
            self.turn(binary)
            self.cure(self.refusals("fold_changed", CHANGED), "state migrate")
            total = self.run_once(100, total)
            self.check_alerts(total)
            self.check_conserved(total)
            self.check_verified(total)
        # Twenty accounts pay: each window went on where it was.
        counts = [json.loads(message.value())["window"]["count"] for message in self.group.alerts()]
        self.assertEqual(max(counts), total // 20)

    def test_an_upgrade_taken_back_needs_no_command(self):
        total = self.run_once(200)
        self.turn(NEXT)
        cures = self.refusals("fold_changed", CHANGED)
        self.assertTrue(all("go back to the time.* and input.* settings and the version it was made with" in cure for cure in cures))
        self.turn(BINARY)
        total = self.run_once(100, total)
        self.check_alerts(total)
        self.check_verified(total)

    def test_an_upgrade_after_a_crash_needs_a_drain_by_the_version_before(self):
        total = self.run_once(200)
        service, = self.start(self.instance())
        total += self.produce(self.payments(40, total), self.topic)
        wait_done([service], total)
        service.kill()
        self.turn(NEXT)
        cures = self.refusals("fold_changed", CHANGED)
        _, notes = run_when_empty(*self.command(cures[0]), "--yes", binary=NEXT, code=3)
        self.assertIn("with the settings and the version it was made with, run `tripline serve --drain`, which writes one", notes)
        self.turn(BINARY)
        code, text = self.instance().run("--drain")
        self.assertEqual(code, 0, text)
        self.turn(NEXT)
        self.cure(cures, "state migrate")
        total = self.run_once(100, total)
        self.check_alerts(total)
        self.check_verified(total)

    # One instance after the other.

    def roll(self, services, binary, total):
        """Restarts each with that version: its partitions are refused, the others go on, and when all have it one command a partition carries them over."""
        cures = {}
        for place, service in enumerate(services):
            self.assertEqual(service.terminate(), 0, service.tail())
            service.binary = binary
            service.start()
            cures |= self.refused(service, "fold_changed", CHANGED, 2)
            total += self.produce(self.payments(100, total), self.topic)
            for other in services[place + 1:]:
                wait_until(lambda one=other: self.has_read_all(one), "the others go on")
        for service in services:
            self.assertEqual(service.terminate(), 0, service.tail())
        self.turn(binary)
        self.cure(cures.values(), "state migrate")
        self.start(*services)
        wait_done(services, total)
        return total

    def has_read_all(self, service):
        ends = self.kafka.ends(self.topic)
        mine = service.status()["partitions"]
        return len(mine) == 2 and all(one["state"] == "live" and one["committed"] == ends[one["partition"]] for one in mine)

    def test_a_rolling_upgrade_and_a_rolling_downgrade(self):
        services = self.start(self.group.service("a"), self.group.service("b"))
        total = self.produce(self.payments(200), self.topic)
        wait_done(services, total)
        for binary in (NEXT, BINARY):
            total = self.roll(services, binary, total)
            self.check_verified(total)
        for service in services:
            self.assertEqual(service.terminate(), 0, service.tail())
        self.check_alerts(total)
        self.check_conserved(total)
        self.check_verified(total)

    def test_a_rolling_upgrade_taken_back_half_way(self):
        first, second = self.start(self.group.service("a"), self.group.service("b"))
        total = self.produce(self.payments(200), self.topic)
        wait_done([first, second], total)
        self.assertEqual(first.terminate(), 0, first.tail())
        first.binary = NEXT
        first.start()
        self.refused(first, "fold_changed", CHANGED, 2)
        total += self.produce(self.payments(100, total), self.topic)
        self.assertEqual(first.terminate(), 0, first.tail())
        first.binary = BINARY
        self.start(first)
        wait_done([first, second], total)
        self.check_alerts(total)
        self.check_verified(total)

    # A record that no process survives.

    def evil(self):
        value = {"payment_id": "evil", "account_id": "account-7", "amount": 66_600, "currency": "EUR", "occurred_at": payments.rfc3339(self.now)}
        return "account-7", json.dumps(value).encode(), self.now

    def test_a_record_that_kills_the_process_is_passed(self):
        self.turn(NEXT)
        total = self.run_once(200)
        self.produce([self.evil()], self.topic)
        total += 1 + self.produce(self.payments(100, total), self.topic)
        place, = [(one.partition(), one.offset()) for one in self.kafka.read(self.topic) if b'"evil"' in one.value()]
        service = self.instance()
        self.addCleanup(lambda: service.process and service.kill())
        for _ in range(2):
            service.start()
            self.assertLess(wait_until(service.process.poll, "it dies"), 0)
        notes = [line for line in service.log.read_text(errors="replace").splitlines() if line.startswith("tripline: this process died")]
        self.assertEqual(len(notes), 2)
        for note in notes:
            first, last, partition = map(int, re.search(r"it processed offsets (\d+) to (\d+) of partition (\d+)\. ", note).groups())
            self.assertEqual((partition, min(max(first, place[1]), last)), place)
        told, = self.cure(notes[-1:], "offsets skip --to-offset")
        passed = len(re.findall(r"\n  passed: offset ", told))
        self.assertIn(f"\n  passed: offset {place[1]}, ", told)
        total = self.run_once(100, total)
        self.check_alerts(total - passed)
        self.check_conserved(total - passed)
        self.check_verified(total - passed, passed=re.findall(r"--passed (\S+)", told))
