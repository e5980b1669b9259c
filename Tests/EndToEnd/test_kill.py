"""`kill -9` at random moments, and a broker that restarts: the committed alerts are those of an undisturbed run, each once."""
import collections
import json
import threading
import time
import uuid

import payments
from harness import EndToEnd, Group, header, rule, wait_done, write_rules

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://tripline.io/alert/1")
KILLS = 10


def alert_id(group, alert):
    """The id that the alert has in another group, computed from its parts."""
    start = payments.milliseconds(alert["window"]["start"])
    if alert["rule_id"] == "always":
        period = ["payment", str(start), alert["payment"]["payment_id"]]
    else:
        period = [str(payments.WINDOW), str(start)]
    parts = [part.encode() for part in [group, alert["rule_id"], alert["account_id"], *period]]
    name = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    digest = bytearray(__import__("hashlib").sha1(NAMESPACE.bytes + name).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


class Kill(EndToEnd):
    needs = ("kafka", "redis")
    maxDiff = None

    def group(self, name, rules):
        # One record a request, one request after the other: most of a transaction's time its records are at the broker and not yet committed.
        settings = {
            "input": {"fields": {"amount": "amount_minor"}}, "commit": {"output_delay": "1ms"}, "checkpoint": {"max_age": "2s"},
            # A long session: on a busy machine the broker's restart may take more than ten seconds, and each instance comes back as itself.
            "kafka": {
                "producer_properties": {"batch.num.messages": 1, "linger.ms": 0, "max.in.flight": 1}, "consumer_properties": {"session.timeout.ms": 45_000},
            },
        }
        return Group(self.kafka, name, self.folder, rules, redis=self.redis, settings=settings).create_outputs()

    def test_each_alert_exactly_once_whatever_dies(self):
        # The end of a window, half an hour ahead of the clock: much contributes to scores, and nothing of it ends while the test looks at it.
        data = payments.moved(payments.whole_windows(payments.plausible(110_000, self.seed)), int(time.time() * 1000) + 1_800_000)
        self.kafka.create("payments")
        rules = write_rules(
            self.folder / "rules", rule("count_over", "account.count_5m > 5", 40), rule("sum_over", "account.sum_5m > 1000", 30),
            rule("always", "account.count_5m >= 1", 5, once_per="payment"))
        disturbed, calm = self.group("disturbed", rules), self.group("calm", rules)
        services = list(self.start(disturbed.service("a"), disturbed.service("b")))
        kills = self.disturb(services, data)
        wait_done(services, len(data))
        self.stop(services)
        others = self.start(calm.service("a"), calm.service("b"))
        wait_done(others, len(data))
        self.stop(others)
        self.check_alerts(disturbed, calm)
        self.check_aborted(disturbed, kills)
        self.check_scores(disturbed, calm, len(data))

    def stop(self, services):
        for service in services:
            self.assertEqual(service.terminate(), 0, service.tail())

    def feed(self, chunk):
        """Spreads the payments over about a second."""
        def paced():
            for number, one in enumerate(chunk):
                if number % 250 == 249:
                    time.sleep(1 / (len(chunk) / 250))
                yield one.account, one.json, one.time
        self.produce(paced())

    def disturb(self, services, data):
        """Feeds the payments in chunks; in the middle of each, an instance dies. Once the broker restarts. When each one died, Unix ms."""
        kills = []
        size = -(-len(data) // (KILLS + 1))
        for number in range(KILLS + 1):
            chunk = data[number * size:(number + 1) * size]
            if number == KILLS:
                self.produce((one.account, one.json, one.time) for one in chunk)
                break
            feeding = threading.Thread(target=self.feed, args=[chunk])
            feeding.start()
            # One transaction follows the other while payments come: most moments are inside of one.
            time.sleep(self.random.uniform(0.15, 0.7))
            victim = self.random.choice(services)
            victim.kill()
            kills.append(time.time() * 1000)
            feeding.join()
            victim.start()
            if number == KILLS // 2:
                self.kafka.restart()
            victim.wait_ready()
            if self.random.random() < 0.7:
                wait_done(services, (number + 1) * size)
        return kills

    def check_alerts(self, disturbed, calm):
        first, second = disturbed.alerts(), calm.alerts()
        by_id = {}
        for message in first:
            alert = json.loads(message.value())
            self.assertNotIn(alert["alert_id"], by_id, "an alert stands twice")
            self.assertEqual(alert["alert_id"], alert_id("disturbed", alert))
            by_id[alert["alert_id"]] = message
        for message in second:
            alert = json.loads(message.value())
            self.assertEqual(alert["alert_id"], alert_id("calm", alert))
            twin = by_id.pop(alert_id("disturbed", alert), None)
            self.assertIsNotNone(twin, f"missing: {alert['rule_id']} of {alert['origin']}")
            self.assertEqual(twin.key(), message.key())
            body = twin.value().replace(alert_id("disturbed", alert).encode(), alert["alert_id"].encode())
            if body != message.value():
                self.assertEqual(json.loads(body), alert)
                self.assertEqual(body, message.value())
        self.assertEqual(len(by_id), 0, f"too many: {list(by_id)[:3]}")
        rules = collections.Counter(json.loads(message.value())["rule_id"] for message in second)
        print(f"alerts, each once and equal to the undisturbed run: {dict(rules)}", flush=True)
        self.assertGreaterEqual(rules["count_over"] + rules["sum_over"], 200)

    def check_aborted(self, group, kills):
        """Kills that left records which only a read_uncommitted reader sees."""
        committed = {(message.partition(), message.offset()) for message in group.alerts()}
        aborted = [message for message in group.alerts(committed=False) if (message.partition(), message.offset()) not in committed]
        times = [payments.milliseconds(header(message, "tripline_decided_at")[:23] + "Z") for message in aborted]
        # Each belongs to the first kill after it; what a broker's restart aborted lies further back.
        before = [min((kill for kill in kills if time <= kill + 1), default=None) for time in times]
        hit = [kill for kill in kills if any(own == kill and kill - 3_000 <= time for own, time in zip(before, times))]
        print(f"{len(aborted)} aborted alerts; {len(hit)} of {len(kills)} kills left some", flush=True)
        self.assertGreaterEqual(len(hit), len(kills) / 2)

    def stored(self, group, total):
        """By account: the contributions that live at the partition's stream time, and the verdict in Redis where it is of these alone."""
        places = {number: self.redis.hash(f"tripline:{group.name}:partition:{number}") for number in range(4)}
        self.assertEqual(sum(int(place["offset"]) + 1 for place in places.values()), total)
        live, verdicts = {}, {}
        for key in self.redis.call("KEYS", f"tripline:{group.name}:{{*}}:risk"):
            account = key.split("{")[1].split("}")[0]
            fields = self.redis.hash(key)
            now = payments.milliseconds(places[int(fields["partition"])]["stream_time"])
            rules = json.loads(fields["rules"])
            kept = [(one["id"], one["score"], one["action"], one["expires_at"]) for one in rules if payments.milliseconds(one["expires_at"]) > now]
            if kept:
                live[account] = (kept, fields["rule_set"])
            # What has ended since the last write still counts in it: readers drop it and reckon anew.
            if len(kept) == len(rules):
                self.assertEqual(int(fields["score"]), min(100, sum(one["score"] for one in rules)))
                verdicts[account] = (fields["score"], fields["band"], fields["decision"])
        return live, verdicts

    def answers(self, group, accounts):
        """Over HTTP, without what may differ: how far the hits had come at the last write, and where and how long ago that was."""
        service, = self.start(group.service("a"))
        found = {}
        for account in accounts:
            status, answer = service.risk(account)
            self.assertEqual(status, 200)
            for name in ("age_ms", "stale", "source"):
                del answer[name]
            for one in answer["rules"]:
                del one["hits"]
            found[account] = answer
        self.stop([service])
        return found

    def check_scores(self, disturbed, calm, total):
        (first, first_verdicts), (second, second_verdicts) = self.stored(disturbed, total), self.stored(calm, total)
        self.assertEqual(first, second)
        both = sorted(first_verdicts.keys() & second_verdicts.keys() & second.keys())
        self.assertEqual([first_verdicts[account] for account in both], [second_verdicts[account] for account in both])
        self.assertGreater(len(both), len(second) / 2)
        accounts = sorted(second)
        answers = self.answers(disturbed, accounts)
        self.assertEqual(answers, self.answers(calm, accounts))
        for account in accounts:
            self.assertEqual([one["id"] for one in answers[account]["rules"]], [one[0] for one in second[account][0]])
        scores = collections.Counter(answer["score"] for answer in answers.values())
        self.assertEqual(set(scores) & {5, 45}, {5, 45})
        print(f"{len(accounts)} accounts with the same score in Redis ({len(both)} verdicts) and over HTTP: {dict(scores)}", flush=True)
