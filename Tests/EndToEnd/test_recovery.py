"""Checkpoints that are lost or damaged: the partition goes live from an older one, or from the log alone, and no alert is lost or doubled."""
import json
import pathlib
import random

import payments
from harness import EndToEnd, Group, rule, wait_done, wait_until, write_rules

START = 1_764_000_000_000 // payments.WINDOW * payments.WINDOW
STEP = 1_000


class Recovery(EndToEnd):
    """Payments a second apart, so that an hour of event time needs one window's worth of the log."""

    topic = "recovery"

    def payments(self, start, count):
        for number in range(start, start + count):
            time = START + number * STEP
            account = f"acc-{number * 7919 % 50}"
            value = {"payment_id": f"p-{number}", "account_id": account, "amount": number % 97, "currency": "EUR", "occurred_at": payments.rfc3339(time)}
            yield account, json.dumps(value).encode(), time

    def settings(self):
        return {"checkpoint": {"max_age": "1s"}}

    def files(self, group):
        """Newest first, by partition."""
        found = {}
        for path in sorted(pathlib.Path(group.folder / "state").rglob("*.checkpoint"), reverse=True):
            found.setdefault(path.parent, []).append(path)
        return found

    def spoil(self, group, how):
        folders = self.files(group)
        self.assertEqual(len(folders), 4)
        others = sorted(folders)
        for number, folder in enumerate(others):
            newest = folders[folder][0]
            if how == "all deleted":
                for path in folders[folder]:
                    path.unlink()
            elif how == "newest deleted":
                newest.unlink()
            elif how == "truncated":
                newest.write_bytes(newest.read_bytes()[:random.Random(self.seed).randrange(newest.stat().st_size)])
            elif how == "bit flipped":
                content = bytearray(newest.read_bytes())
                content[random.Random(self.seed).randrange(len(content))] ^= 1 << self.random.randrange(8)
                newest.write_bytes(content)
            elif how == "another partition's":
                foreign = folders[others[(number + 1) % 4]][-1]
                newest.write_bytes(foreign.read_bytes())

    def test_damaged_and_lost_checkpoints(self):
        self.kafka.create(self.topic)
        rules = write_rules(
            self.folder / "rules", rule("busy", "account.count_5m > 5", 40), rule("always", "account.count_5m >= 1", 5, once_per="payment"))
        group = Group(self.kafka, self.topic, self.folder, rules, topic=self.topic, settings=self.settings()).create_outputs()
        service, = self.start(group.service("a"))
        total = 0
        for how in ["newest deleted", "truncated", "bit flipped", "another partition's", "all deleted"]:
            for _ in range(2):
                total += self.produce(self.payments(total, 800), self.topic)
                wait_done([service], total)
                wait_until(lambda: all(one["replay_debt"] == 0 for one in service.status()["partitions"]), "checkpoints are written")
            # Beyond the newest checkpoint, so that there is something to replay.
            total += self.produce(self.payments(total, 300), self.topic)
            wait_done([service], total)
            service.kill()
            self.spoil(group, how)
            service.start()
            wait_done([service], total)
            sources = [one["recovered_from"] for one in service.status()["partitions"]]
            self.assertEqual(sources, ["log" if how == "all deleted" else "checkpoint"] * 4, how)
        self.assertGreater(sum("checkpoint not used" in line for line in service.log.read_text().splitlines()), 0)
        # 2,000 records a partition by then; two windows' worth, as payments come a second apart, is less than 300.
        replayed = [json.loads(line) for line in service.log.read_text().splitlines() if '"replaying' in line][-4:]
        self.assertEqual(len(replayed), 4)
        for line in replayed:
            self.assertGreater(int(line["from"]), 1_000, line)
        total += self.produce(self.payments(total, 300), self.topic)
        wait_done([service], total)
        self.assertEqual(service.terminate(), 0, service.tail())
        alerts = [json.loads(message.value()) for message in group.alerts()]
        always = [one["payment"]["payment_id"] for one in alerts if one["rule_id"] == "always"]
        self.assertEqual(sorted(always), sorted(f"p-{number}" for number in range(total)))
        counts = {}
        for number in range(total):
            key = (f"acc-{number * 7919 % 50}", (START + number * STEP) // payments.WINDOW)
            counts[key] = counts.get(key, 0) + 1
        busy = [(one["account_id"], payments.milliseconds(one["window"]["start"]) // payments.WINDOW) for one in alerts if one["rule_id"] == "busy"]
        self.assertEqual(sorted(busy), sorted(key for key, count in counts.items() if count > 5))
