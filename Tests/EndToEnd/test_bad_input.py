"""Malformed records of every reason among good ones: each in the dead-letter topic as it came, and nothing else touched."""
import collections
import json
import time

import payments
from harness import EndToEnd, Group, header, rule, wait_done, write_rules

COUNT = 10_000
# The reason for "no Kafka timestamp" is left to the decoder's tests: no current producer can make such a record.


class BadInput(EndToEnd):
    def good(self, number, account, now):
        return {"payment_id": f"p-{number}", "account_id": account, "amount": 100 + number, "currency": "EUR", "occurred_at": payments.rfc3339(now)}

    def broken(self, number, account, now):
        """(reason, key, value, timestamp) of a record with that fault."""
        good = self.good(number, account, now)
        text = json.dumps(good).encode()
        variants = [
            ("oversize", account, json.dumps({**good, "note": "x" * 5_000}).encode()),
            ("malformed", account, text[:-1 - number % 20]),
            ("malformed", account, text.replace(b"EUR", b"\xff\xfe")),
            ("malformed", account, b"[1,2]"),
            ("missing_field", account, json.dumps({key: value for key, value in good.items() if key != "currency"}).encode()),
            ("missing_field", account, json.dumps({**good, "amount": None}).encode()),
            ("wrong_type", account, json.dumps({**good, "amount": "12,50"}).encode()),
            ("wrong_type", account, json.dumps({**good, "occurred_at": "yesterday"}).encode()),
            ("wrong_type", account, json.dumps({**good, "payment_id": "p" * 129}).encode()),
            ("unknown_currency", account, json.dumps({**good, "currency": "ABC"}).encode()),
            ("too_many_digits", account, text.replace(b'"amount": ', b'"amount": 0.')),
            ("negative_amount", account, json.dumps({**good, "amount": -1}).encode()),
            ("key_missing", None, text),
            ("key_mismatch", account + "x", text),
            ("from_future", account, json.dumps({**good, "occurred_at": payments.rfc3339(now + 5_001)}).encode()),
        ]
        return variants[number % len(variants)]

    def test_bad_records_go_to_the_dead_letters_unchanged(self):
        self.kafka.create("payments")
        rules = write_rules(self.folder / "rules", rule("always", "account.count_5m >= 1", once_per="payment"))
        group = Group(self.kafka, "bad", self.folder, rules, settings={"input": {"max_bytes": 4096}}).create_outputs()
        services = self.start(group.service("a"))
        now = int(time.time() * 1000)
        kinds = [False] * COUNT + [True] * COUNT
        self.random.shuffle(kinds)
        sent, expected, reasons = [], {}, collections.Counter()
        for number, is_good in enumerate(kinds):
            account = f"acc-{self.random.randrange(500)}"
            headers = [("n", str(number).encode()), ("traceparent", b"00-abc"), ("empty", b""), ("null", None)]
            if is_good:
                sent.append((account, json.dumps(self.good(number, account, now)).encode(), now, headers))
            else:
                reason, key, value = self.broken(number, account, now)
                reasons[reason] += 1
                expected[number] = (reason, key, value, headers)
                sent.append((key, value, now, headers))
        total = self.produce(sent)
        wait_done(services, total)
        metrics = services[0].metrics()
        self.assertEqual(services[0].terminate(), 0, services[0].tail())
        alerts = group.alerts()
        self.assertEqual(len(alerts), COUNT)
        self.check_dead_letters(group, expected, now)
        late = len(self.kafka.read(group.outputs["late"]))
        # Conservation, counted from the topics: what was read is folded (each has an alert), late or invalid.
        self.assertEqual(len(self.kafka.read("payments")), len(alerts) + late + COUNT)
        for reason, count in reasons.items():
            self.assertEqual(metrics[f'tripline_invalid_records_total{{reason="{reason}"}}'], count)
        committed = collections.Counter()
        for name, value in metrics.items():
            if name.startswith("tripline_partition_records{"):
                committed[name.split('outcome="')[1].split('"')[0]] += value
        self.assertEqual((committed["folded"], committed["invalid"], committed["late"]), (COUNT, COUNT, late))
        print(f"{COUNT} dead letters: {dict(reasons)}", flush=True)

    def check_dead_letters(self, group, expected, now):
        letters = self.kafka.read(group.outputs["dead_letters"])
        self.assertEqual(len(letters), len(expected))
        for letter in letters:
            reason, key, value, headers = expected.pop(int(header(letter, "n")))
            self.assertEqual(letter.value(), value)
            self.assertEqual(letter.key(), key.encode() if key else None)
            self.assertEqual(letter.headers()[:len(headers)], headers)
            self.assertEqual(header(letter, "tripline.error.reason"), reason, header(letter, "__streams.errors.message"))
            self.assertEqual(header(letter, "tripline.timestamp"), str(now))
            self.assertEqual(header(letter, "__streams.errors.topic"), "payments")
        self.assertEqual(expected, {})

    def test_late_payments_go_to_the_late_topic(self):
        self.kafka.create("late-input")
        rules = write_rules(self.folder / "rules", rule("always", "account.count_5m >= 1", once_per="payment"))
        group = Group(self.kafka, "late", self.folder, rules, topic="late-input").create_outputs()
        services = self.start(group.service("a"))
        base = 1_700_000_100_000
        times = [base, base + 360_000 + 59_999, base + 299_999, base + 360_000 + 60_000, base + 1]
        sent = [("a", json.dumps(self.good(number, "a", at)).encode(), at + 1_000_000) for number, at in enumerate(times)]
        total = self.produce(sent, "late-input")
        wait_done(services, total)
        late = self.kafka.read(group.outputs["late"])
        closing = base // payments.WINDOW * payments.WINDOW + payments.WINDOW + 60_000
        self.assertGreater(len(late), 0)
        for letter in late:
            self.assertEqual(header(letter, "tripline.late.closed_at"), payments.rfc3339(closing))
            self.assertGreaterEqual(int(header(letter, "tripline.late.lateness_ms")), 0)
            self.assertIn(letter.value(), [value for _, value, _ in sent])
        self.assertEqual(len(group.alerts()) + len(late), total)
