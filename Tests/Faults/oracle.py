"""What must stand in the outputs, computed from the input topic alone by a plain fold, and how what stands there differs from it.

Nothing here shares code with the service: docs/alerts.md and the payments are all it knows."""
import collections
import dataclasses
import hashlib
import json
import re
import uuid

from payments import WINDOW, milliseconds, rfc3339

GRACE = 60_000
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://tripline.io/alert/1")
OVER = 5
# Score of `always` in the first rule set; each later one adds 1, and so is told by its alerts.
ALWAYS, COUNT_OVER = 5, 20
OUTPUTS = ("alerts", "late", "dead_letters")
FREE_HEADERS = {"tripline_decided_at", "tripline_mode", "__streams.errors.message"}


@dataclasses.dataclass
class Row:
    """A record of an output, as far as it is a function of the input."""

    key: bytes
    value: bytes
    headers: list


@dataclasses.dataclass
class Verdict:
    expected: int = 0
    lost: list = dataclasses.field(default_factory=list)
    duplicated: list = dataclasses.field(default_factory=list)
    different: list = dataclasses.field(default_factory=list)

    def is_clean(self):
        return not (self.lost or self.duplicated or self.different)

    def text(self):
        """The first of each kind, for people."""
        parts = [f"{len(getattr(self, kind))} {kind}, for example {getattr(self, kind)[0]}" for kind in ("lost", "duplicated", "different")
                 if getattr(self, kind)]
        return "; ".join(parts)


def text(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def alert_id(group, rule, account, *period):
    name = b"".join(len(part).to_bytes(4, "big") + part for part in (word.encode() for word in (group, rule, account, *period)))
    digest = bytearray(hashlib.sha1(NAMESPACE.bytes + name).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


class Fold:
    """One partition: payments in the order of the log. Rows come with their names: `("alerts", id)`, `("late", partition, offset)` and so on."""

    def __init__(self, group, topic, partition, rule_set):
        """`rule_set(offset)`: the hash in force there and the score of `always` in it."""
        self.group, self.topic, self.partition, self.rule_set = group, topic, partition, rule_set
        self.stream_time = -1
        self.seen, self.alerted = set(), set()
        self.windows = collections.defaultdict(lambda: [0, collections.Counter()])

    def fold(self, message):
        place = (self.partition, message.offset())
        received = message.timestamp()[1]
        try:
            payment = json.loads(message.value())
        except ValueError:
            yield ("dead_letters", *place), self.dead_letter(message, "malformed")
            return
        if payment["amount"] < 0:
            yield ("dead_letters", *place), self.dead_letter(message, "negative_amount")
            return
        occurred = milliseconds(payment["occurred_at"])
        start = occurred // WINDOW * WINDOW
        account, identity = payment["account_id"], payment["payment_id"]
        closed = start + WINDOW + GRACE
        if closed <= self.stream_time:
            headers = [("tripline.late.window_start", rfc3339(start)), ("tripline.late.window_end", rfc3339(start + WINDOW)),
                       ("tripline.late.closed_at", rfc3339(closed)), ("tripline.late.lateness_ms", str(self.stream_time - closed)),
                       ("tripline.timestamp", str(received))]
            yield ("late", *place), Row(message.key(), message.value(), headers)
            return
        if (account, start, identity) in self.seen:
            return
        self.seen.add((account, start, identity))
        self.stream_time = max(self.stream_time, min(occurred, received))
        window = self.windows[account, start]
        window[0] += 1
        window[1][payment["currency"]] += payment["amount"]
        yield from self.alerts(message, payment, start, window)

    def alerts(self, message, payment, start, window):
        rule_set, always = self.rule_set(message.offset())
        count, account = window[0], payment["account_id"]
        matching = [("always", ">=", 1, always, ("payment", str(start), payment["payment_id"]))]
        if count > OVER:
            matching.append(("count_over", ">", OVER, COUNT_OVER, (str(WINDOW), str(start))))
        for rule, operator, threshold, score, period in sorted(matching):
            identity = alert_id(self.group, rule, account, *period)
            if identity in self.alerted:
                continue
            self.alerted.add(identity)
            occurred, received = payment["occurred_at"], rfc3339(message.timestamp()[1])
            body = {
                "schema": "alert/1", "alert_id": identity, "rule_id": rule, "rule_title": rule, "severity": "low", "action": "review", "score": score,
                "account_id": account, "reason": rule,
                "evidence": [{"name": "account.count_5m", "observed": count, "operator": operator, "threshold": threshold}],
                "window": {"start": rfc3339(start), "end": rfc3339(start + WINDOW), "count": count, "sum": window[1][payment["currency"]],
                           "currency": payment["currency"]},
                "payment": {"payment_id": payment["payment_id"], "amount": payment["amount"], "currency": payment["currency"], "occurred_at": occurred},
                "payment_score": min(100, sum(one[3] for one in matching)), "decision": "review", "rule_set": rule_set,
                "origin": {"topic": self.topic, "partition": self.partition, "offset": message.offset()}, "occurred_at": occurred,
                "received_at": received}
            headers = [("ce_specversion", "1.0"), ("ce_id", identity), ("ce_source", f"/tripline/{self.group}/{self.topic}"),
                       ("ce_type", "io.tripline.alert.v1"), ("ce_time", occurred), ("ce_subject", account), ("content-type", "application/json")]
            yield ("alerts", identity), Row(account.encode(), text(body).encode(), headers)

    def dead_letter(self, message, reason):
        headers = [("__streams.errors.exception", "io.tripline.InvalidPayment"), ("__streams.errors.topic", self.topic),
                   ("__streams.errors.partition", str(self.partition)), ("__streams.errors.offset", str(message.offset())),
                   ("tripline.error.reason", reason), ("tripline.timestamp", str(message.timestamp()[1]))]
        return Row(message.key(), message.value(), headers)


ORIGIN = re.compile(rb'"origin":\{"topic":"[^"]*","partition":(\d+),"offset":(\d+)\}')


def origin(value):
    """Partition and offset of the payment an alert stems from."""
    return tuple(map(int, ORIGIN.search(value).groups()))


class RuleSets:
    """Which rule set is in force at each offset, from the alerts themselves: each payment that counts has one. `fit` says whether that makes sense."""

    def __init__(self, alerts):
        self.at = collections.defaultdict(dict)
        for message in alerts:
            alert = json.loads(message.value())
            if alert["rule_id"] == "always":
                partition, offset = origin(message.value())
                self.at[partition][offset] = (alert["rule_set"], alert["score"])

    def of(self, partition):
        places = self.at[partition]
        return lambda offset: places.get(offset, ("missing", 0))

    def misfits(self, sets):
        """Partitions that do not end with the last of so many rule sets, where an earlier one comes back, or where hash and score disagree."""
        found, hashes = [], {}
        for partition, places in sorted(self.at.items()):
            scores = [places[offset][1] for offset in sorted(places)]
            if scores != sorted(scores) or scores[0] < ALWAYS or scores[-1] != ALWAYS + sets - 1:
                found.append(f"partition {partition}: of {sets} rule sets these are in force, one after the other: {list(dict.fromkeys(scores))}")
            for rule_set, score in places.values():
                if hashes.setdefault(score, rule_set) != rule_set:
                    found.append(f"partition {partition}: {rule_set} scores as {hashes[score]}")
        return found


def identity(kind, message):
    if kind == "alerts":
        return kind, json.loads(message.value())["alert_id"]
    headers = dict(message.headers() or [])
    if kind == "late":
        return None
    return kind, int(headers["__streams.errors.partition"]), int(headers["__streams.errors.offset"])


def fixed_headers(message):
    return [(name, value.decode()) for name, value in message.headers() or [] if name not in FREE_HEADERS]


def expected(group, topic, messages, rule_sets):
    rows, folds = {}, {}
    for message in messages:
        partition = message.partition()
        fold = folds.setdefault(partition, Fold(group, topic, partition, rule_sets.of(partition)))
        rows.update(fold.fold(message))
    return rows


def judge(group, topic, messages, outputs, sets=1):
    """Compares `outputs` (kind → committed messages) with what the input's committed messages demand."""
    rule_sets = RuleSets(outputs["alerts"])
    rows = expected(group, topic, messages, rule_sets)
    verdict = Verdict(len(rows), different=rule_sets.misfits(sets))
    # Late payments carry no origin: they are told by their content, which is another for each.
    late = {(row.key, row.value): name for name, row in rows.items() if name[0] == "late"}
    found = set()
    for kind in OUTPUTS:
        for message in outputs[kind]:
            name = late.get((message.key(), message.value())) if kind == "late" else identity(kind, message)
            if name in found:
                verdict.duplicated.append(name)
                continue
            row = rows.get(name)
            if row is None:
                verdict.different.append(f"{kind}: nothing in the input asks for {message.value()!r}")
                continue
            found.add(name)
            seen = Row(message.key(), message.value(), fixed_headers(message))
            if seen != row:
                verdict.different.append(f"{name}: {seen} instead of {row}")
    verdict.lost = [name for name in rows if name not in found]
    return verdict
