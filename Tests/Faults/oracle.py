"""What must stand in the outputs, computed from the input topic alone by a plain fold, and how what stands there differs from it.

Nothing here shares code with the service: docs/alerts.md and the payments are all it knows."""
import bisect
import collections
import dataclasses
import hashlib
import json
import re
import uuid

from payments import WINDOW, milliseconds, rfc3339

GRACE = 60_000
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://tripline.io/alert/1")
OVER, SHADOW_OVER = 5, 3
# Score of `always` in the first rule set; each later one adds 1, and so is told by its alerts.
ALWAYS, COUNT_OVER, DAILY, SHADOW = 5, 20, 1, 7
DAY = 86_400_000
OUTPUTS = ("alerts", "shadow", "late", "dead_letters")
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
    # By account: what stands in Redis in the end, where scores are written.
    scores: dict = dataclasses.field(default_factory=dict)

    def is_clean(self):
        return not (self.lost or self.duplicated or self.different)

    def text(self):
        """The first of each kind, for people."""
        parts = [f"{len(getattr(self, kind))} {kind}, for example {getattr(self, kind)[0]}" for kind in ("lost", "duplicated", "different")
                 if getattr(self, kind)]
        return "; ".join(parts)


@dataclasses.dataclass
class Score:
    """Of an account with a live contribution."""

    partition: int
    # By rule: (score, end of its period).
    rules: dict
    # Of the payment with which the last of these changed.
    since: int
    stream_time: int

    def problem(self, stored, end):
        """What is wrong with the hash in Redis; None where nothing is. `end`: of the partition's payments."""
        if not stored:
            return "is not there"
        written = {one["id"]: (one["score"], milliseconds(one["expires_at"])) for one in json.loads(stored["rules"])}
        # What has ended since counts no more, and is not written for that alone.
        live = {rule: one for rule, one in written.items() if one[1] > self.stream_time}
        if live != self.rules:
            return f"has the rules {live} instead of {self.rules}"
        if int(stored["score"]) != min(100, sum(score for score, _ in written.values())) or stored["decision"] != "review":
            return f"has score {stored['score']} and decision {stored['decision']} with the rules {written}"
        if int(stored["partition"]) != self.partition or not self.since <= int(stored["offset"]) < end:
            return f"is of partition {stored['partition']}, offset {stored['offset']}, not of {self.partition}, {self.since} to {end - 1}"
        return None


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
        # By account and rule: (end of the period, score, offset of the payment that made it so), of the latest period.
        self.contributions = collections.defaultdict(dict)

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
        occurred_at = milliseconds(payment["occurred_at"])
        day = occurred_at // DAY * DAY
        matching = [("always", ">=", 1, always, ("payment", str(start), payment["payment_id"]), start + WINDOW),
                    ("daily", ">=", 1, DAILY, (str(DAY), str(day)), day + DAY)]
        if count > OVER:
            matching.append(("count_over", ">", OVER, COUNT_OVER, (str(WINDOW), str(start)), start + WINDOW))
        for rule, _, _, score, _, end in matching:
            self.contribute(account, rule, end, score, message.offset())
        total = min(100, sum(one[3] for one in matching))
        if count > SHADOW_OVER:
            matching.append(("shadow_over", ">", SHADOW_OVER, SHADOW, (str(WINDOW), str(start)), start + WINDOW))
        for rule, operator, threshold, score, period, _ in matching:
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
                "payment_score": total, "decision": "review", "rule_set": rule_set,
                "origin": {"topic": self.topic, "partition": self.partition, "offset": message.offset()}, "occurred_at": occurred,
                "received_at": received}
            headers = [("ce_specversion", "1.0"), ("ce_id", identity), ("ce_source", f"/tripline/{self.group}/{self.topic}"),
                       ("ce_type", "io.tripline.alert.v1"), ("ce_time", occurred), ("ce_subject", account), ("content-type", "application/json")]
            yield ("shadow" if rule == "shadow_over" else "alerts", identity), Row(account.encode(), text(body).encode(), headers)

    def contribute(self, account, rule, end, score, offset):
        """Until the period's end, with the score of its last hit; not if it is past already. An earlier period adds only hits to a later one."""
        before = self.contributions[account].get(rule, (0, 0, 0))
        if end > self.stream_time and end >= before[0] and (end, score) != before[:2]:
            self.contributions[account][rule] = (end, score, offset)

    def scores(self):
        """By account, those with a contribution that lives at the last payment."""
        for account, rules in self.contributions.items():
            live = {rule: one for rule, one in rules.items() if one[0] > self.stream_time}
            if live:
                yield account, Score(self.partition, {rule: (score, end) for rule, (end, score, _) in live.items()}, max(one[2] for one in live.values()),
                                     self.stream_time)

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
        offsets = sorted(places)

        def in_force(offset):
            # Where the alert that tells is itself lost, as with the payment before it.
            if offset not in places and offsets:
                offset = offsets[max(0, bisect.bisect(offsets, offset) - 1)]
            return places.get(offset, ("missing", 0))
        return in_force

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
    if kind in ("alerts", "shadow"):
        return kind, json.loads(message.value())["alert_id"]
    headers = dict(message.headers() or [])
    if kind == "late":
        return None
    return kind, int(headers["__streams.errors.partition"]), int(headers["__streams.errors.offset"])


def fixed_headers(message):
    return [(name, value.decode()) for name, value in message.headers() or [] if name not in FREE_HEADERS]


def expected(group, topic, messages, rule_sets):
    """The rows by their names, and the scores by account."""
    rows, folds = {}, {}
    for message in messages:
        partition = message.partition()
        if partition not in folds:
            folds[partition] = Fold(group, topic, partition, rule_sets.of(partition))
        rows.update(folds[partition].fold(message))
    return rows, {account: score for fold in folds.values() for account, score in fold.scores()}


def wrong_scores(scores, stored, ends):
    """`stored(account)`: the hash in Redis; `ends`: by partition, the offset after the last payment."""
    problems = {account: score.problem(stored(account), ends[score.partition]) for account, score in scores.items()}
    return [f"the score of {account} {problem}" for account, problem in problems.items() if problem]


def judge(group, topic, messages, outputs, sets=1):
    """Compares `outputs` (kind → committed messages) with what the input's committed messages demand."""
    rule_sets = RuleSets(outputs["alerts"])
    rows, scores = expected(group, topic, messages, rule_sets)
    verdict = Verdict(len(rows), different=rule_sets.misfits(sets), scores=scores)
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
