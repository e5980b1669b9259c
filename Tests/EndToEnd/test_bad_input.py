"""Bad, late, repeated and empty records among good ones: each where it belongs and as it came, and all of it counted."""
import collections
import json
import time

import payments
from harness import PARTITIONS, EndToEnd, Group, header, rule, wait_done, write_rules

COUNT = 10_000
GRACE = 60_000
# The order of the committed totals.
OUTCOMES = ("folded", "late", "duplicate", "invalid", "ignored")
# The reason for "no Kafka timestamp" is left to the decoder's tests: no current producer can make such a record.
Sent = collections.namedtuple("Sent", "key value timestamp headers fields reason amount")
"""`fields`: of a payment; `reason`: of an invalid record; `amount`: minor units where they can be read, else 0."""


class Fold:
    """A plain fold of one partition: what becomes of each record, by the contract's words and nothing of the service."""

    def __init__(self):
        self.stream_time = None
        self.seen = set()

    def closing(self, start):
        return start + payments.WINDOW + GRACE

    def outcome(self, sent):
        if sent.value is None:
            return "ignored"
        if sent.reason:
            return "invalid"
        occurred = payments.milliseconds(sent.fields["occurred_at"])
        start = occurred // payments.WINDOW * payments.WINDOW
        if self.stream_time is not None and self.closing(start) <= self.stream_time:
            return "late"
        mark = (sent.fields["account_id"], start, sent.fields["payment_id"])
        if mark in self.seen:
            return "duplicate"
        self.seen.add(mark)
        self.stream_time = max(self.stream_time or 0, min(occurred, sent.timestamp))
        return "folded"


class BadInput(EndToEnd):
    def good(self, number, account, occurred):
        return {"payment_id": f"p-{number}", "account_id": account, "amount": 100 + number, "currency": "EUR", "occurred_at": payments.rfc3339(occurred)}

    def broken(self, number, account, now):
        """(reason, key, value, readable amount) of a record with that fault."""
        good = self.good(number, account, now)
        amount = good["amount"]
        text = json.dumps(good).encode()
        variants = [
            ("oversize", account, json.dumps({**good, "note": "x" * 5_000}).encode(), 0),
            ("malformed", account, text[:-1 - number % 20], 0),
            ("malformed", account, text.replace(b"EUR", b"\xff\xfe"), 0),
            ("malformed", account, b"[1,2]", 0),
            ("malformed", account, b"", 0),
            ("missing_field", account, json.dumps({key: value for key, value in good.items() if key != "currency"}).encode(), amount),
            ("missing_field", account, json.dumps({**good, "amount": None}).encode(), 0),
            ("wrong_type", account, json.dumps({**good, "amount": "12,50"}).encode(), 0),
            ("wrong_type", account, json.dumps({**good, "occurred_at": "yesterday"}).encode(), amount),
            ("wrong_type", account, json.dumps({**good, "payment_id": "p" * 129}).encode(), amount),
            ("unknown_currency", account, json.dumps({**good, "currency": "ABC"}).encode(), amount),
            ("too_many_digits", account, text.replace(b'"amount": ', b'"amount": 0.'), 0),
            ("negative_amount", account, json.dumps({**good, "amount": -1 - number}).encode(), -1 - number),
            ("key_missing", None, text, amount),
            ("key_mismatch", account + "x", text, amount),
            ("from_future", account, json.dumps({**good, "occurred_at": payments.rfc3339(now + 5_001)}).encode(), amount),
        ]
        return variants[number % len(variants)]

    def record(self, number, kind, account, now, earlier):
        headers = [("n", str(number).encode()), ("traceparent", b"00-abc"), ("empty", b""), ("null", None)]
        if kind == "bad":
            reason, key, value, amount = self.broken(number, account, now)
            return Sent(key, value, now, headers, None, reason, amount)
        if kind == "tombstone":
            return Sent(account, None, now, headers, None, None, 0)
        if kind == "again" and earlier:
            # The same payment with another amount, sometimes in another window.
            fields = dict(self.random.choice(earlier[-2_000:]), amount=7)
            if self.random.random() < 0.2:
                fields["occurred_at"] = payments.rfc3339(now)
            account = fields["account_id"]
        else:
            # Most are in time, some up to fifteen minutes behind, some ahead of their record's timestamp.
            behind = self.random.choice([0] * 12 + [-4_000, self.random.randrange(60_000), self.random.randrange(900_000)])
            fields = self.good(number, account, now - behind)
            if number % 100 == 0:
                fields["amount"] = (1 << 62) + number
        earlier.append(fields)
        return Sent(account, json.dumps(fields).encode(), now, headers, fields, None, fields["amount"])

    def test_every_record_goes_where_it_belongs_and_is_counted(self):
        self.kafka.create("payments")
        rules = write_rules(self.folder / "rules", rule("always", "account.count_5m >= 1", once_per="payment"))
        group = Group(self.kafka, "bad", self.folder, rules, settings={"input": {"max_bytes": 4096}}).create_outputs()
        services = self.start(group.service("a"))
        kinds = ["good"] * COUNT + ["bad"] * COUNT + ["again"] * 1_000 + ["tombstone"] * 500
        self.random.shuffle(kinds)
        start = int(time.time() * 1000) - 1_800_000
        earlier, sent = [], []
        for number, kind in enumerate(kinds):
            sent.append(self.record(number, kind, f"acc-{self.random.randrange(500)}", start + number * 80, earlier))
        wait_done(services, self.produce((one.key, one.value, one.timestamp, one.headers) for one in sent))
        metrics = services[0].metrics()
        self.assertEqual(services[0].terminate(), 0, services[0].tail())

        places, outcomes, late = self.judge(sent)
        self.check_alerts(group, places, outcomes)
        self.check_dead_letters(group, sent, places)
        self.check_late(group, sent, late)
        self.check_totals(group, sent, places, outcomes, metrics)
        counts = collections.Counter(outcomes.values())
        self.assertTrue(all(counts[name] >= 200 for name in OUTCOMES), counts)
        print(f"{dict(counts)}, invalid by reason: {dict(collections.Counter(one.reason for one in sent if one.reason))}", flush=True)

    def judge(self, sent):
        """The topic read back and folded plainly. By number: where the record stands, what becomes of it, what its late headers say."""
        folds = [Fold() for _ in range(PARTITIONS)]
        places, outcomes, late = {}, {}, {}
        for message in self.kafka.read("payments"):
            number, fold = int(header(message, "n")), folds[message.partition()]
            self.assertEqual(message.value(), sent[number].value)
            places[number] = (message.partition(), message.offset())
            outcomes[number] = fold.outcome(sent[number])
            if outcomes[number] == "late":
                start = payments.milliseconds(sent[number].fields["occurred_at"]) // payments.WINDOW * payments.WINDOW
                late[number] = (start, start + payments.WINDOW, fold.closing(start), fold.stream_time - fold.closing(start))
        self.assertEqual(len(places), len(sent))
        return places, outcomes, late

    def check_alerts(self, group, places, outcomes):
        """The rule matches every payment: the folded ones and no other have an alert."""
        alerts = []
        for message in group.alerts():
            origin = json.loads(message.value())["origin"]
            alerts.append((origin["partition"], origin["offset"]))
            self.assertEqual(header(message, "traceparent"), "00-abc")
        self.assertEqual(sorted(alerts), sorted(places[number] for number, outcome in outcomes.items() if outcome == "folded"))

    def check_copies(self, letters, sent, expected):
        """Letters by number: key, value and headers as they came; each number once."""
        found = {}
        for letter in letters:
            number = int(header(letter, "n"))
            self.assertNotIn(number, found)
            found[number] = letter
            self.assertEqual(letter.value(), sent[number].value)
            self.assertEqual(letter.key(), sent[number].key.encode() if sent[number].key else None)
            self.assertEqual(letter.headers()[:len(sent[number].headers)], sent[number].headers)
        self.assertEqual(found.keys(), expected)
        return found

    def check_dead_letters(self, group, sent, places):
        expected = {number for number, one in enumerate(sent) if one.reason}
        letters = self.check_copies(self.kafka.read(group.outputs["dead_letters"]), sent, expected)
        messages = collections.defaultdict(set)
        for number, letter in letters.items():
            one, (partition, offset) = sent[number], places[number]
            added = letter.headers()[len(one.headers):]
            self.assertEqual(
                [(name, value.decode()) for name, value in added if name != "__streams.errors.message"],
                [("__streams.errors.exception", "io.tripline.InvalidPayment"), ("__streams.errors.topic", "payments"),
                 ("__streams.errors.partition", str(partition)), ("__streams.errors.offset", str(offset)),
                 ("tripline.error.reason", one.reason), ("tripline.timestamp", str(one.timestamp))])
            messages[one.reason].add(header(letter, "__streams.errors.message"))
            if one.key is None:
                self.assertEqual(letter.partition(), partition % PARTITIONS)
        self.assertTrue(all(0 < len(text.encode()) <= 200 for texts in messages.values() for text in texts), messages)
        for reason, word in (("unknown_currency", "ABC"), ("missing_field", "currency"), ("wrong_type", "occurred_at"), ("oversize", "4096")):
            self.assertTrue(any(word in text for text in messages[reason]), messages[reason])

    def check_late(self, group, sent, late):
        letters = self.check_copies(self.kafka.read(group.outputs["late"]), sent, late.keys())
        for number, letter in letters.items():
            start, end, closing, lateness = late[number]
            self.assertEqual(
                [(name, value.decode()) for name, value in letter.headers()[len(sent[number].headers):]],
                [("tripline.late.window_start", payments.rfc3339(start)), ("tripline.late.window_end", payments.rfc3339(end)),
                 ("tripline.late.closed_at", payments.rfc3339(closing)), ("tripline.late.lateness_ms", str(lateness)),
                 ("tripline.timestamp", str(sent[number].timestamp))])

    def check_totals(self, group, sent, places, outcomes, metrics):
        """Conservation, as it is committed with the offsets: records and amounts modulo 2^64, by partition and outcome."""
        expected = {number: {name: [0, 0] for name in OUTCOMES} for number in range(PARTITIONS)}
        for number, outcome in outcomes.items():
            cell = expected[places[number][0]][outcome]
            cell[0] += 1
            cell[1] = (cell[1] + sent[number].amount) % (1 << 64)
        ends = self.kafka.ends("payments")
        committed = self.kafka.committed(group.name, "payments")
        self.assertEqual(committed.keys(), expected.keys())
        for partition, (offset, line) in committed.items():
            self.assertEqual(offset, ends[partition])
            self.assertTrue(line.startswith("T1 ") and line.isascii() and len(line) <= 3_584, line)
            fields = dict(word.split("=", 1) for word in line.split(" ")[1:])
            totals = [[int(part) for part in pair.split(":")] for pair in fields["t"].split(",")]
            self.assertEqual(dict(zip(OUTCOMES, totals, strict=True)), expected[partition])
            self.assertEqual(sum(records for records, _ in totals), offset)
            for name in OUTCOMES:
                self.assertEqual(metrics[f'tripline_partition_records{{partition="{partition}",outcome="{name}"}}'], expected[partition][name][0])
        for reason, count in collections.Counter(one.reason for one in sent if one.reason).items():
            self.assertEqual(metrics[f'tripline_invalid_records_total{{reason="{reason}"}}'], count)

    def test_a_window_closes_when_stream_time_reaches_its_end_and_the_grace(self):
        self.kafka.create("late-input")
        rules = write_rules(self.folder / "rules", rule("always", "account.count_5m >= 1", once_per="payment"))
        group = Group(self.kafka, "late", self.folder, rules, topic="late-input").create_outputs()
        services = self.start(group.service("a"))
        start = 1_700_000_100_000
        closing = start + payments.WINDOW + GRACE
        # (occurred at, Kafka timestamp): stream time follows the earlier of the two.
        folded, late = [], []
        sent = [
            (folded, start, start),
            (folded, closing + 3_000, closing - 1),
            (folded, start + payments.WINDOW - 1, closing),  # 1 ms before it closes
            (folded, closing, closing + 500),
            (late, start + payments.WINDOW - 1, closing + 500),  # equality is closed
            (late, start, closing + 90_000),
            (folded, start + payments.WINDOW, closing + 500),  # the next window is open
            (folded, closing + 7, closing + 500),
            (late, start + 1, closing + 500),
        ]
        values = [json.dumps(self.good(number, "a", occurred)).encode() for number, (_, occurred, _) in enumerate(sent)]
        for value, (fate, _, _) in zip(values, sent):
            fate.append(value)
        total = self.produce([("a", value, timestamp) for value, (_, _, timestamp) in zip(values, sent)], "late-input")
        wait_done(services, total)
        letters = self.kafka.read(group.outputs["late"])
        self.assertEqual([letter.value() for letter in letters], late)
        self.assertEqual([header(letter, "tripline.late.lateness_ms") for letter in letters], ["0", "0", "7"])
        self.assertEqual({header(letter, "tripline.late.closed_at") for letter in letters}, {payments.rfc3339(closing)})
        self.assertEqual(
            [json.loads(message.value())["payment"]["payment_id"] for message in group.alerts()],
            [json.loads(value)["payment_id"] for value in folded])
