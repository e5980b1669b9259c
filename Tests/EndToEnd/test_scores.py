"""Redis dies in the midst of traffic and comes back empty: alerts go on meanwhile, and in the end every score is there again."""
import collections
import json
import threading
import time
import urllib.request

import payments
from harness import EndToEnd, Group, Redis, rule, wait_done, wait_until, write_rules

HOUR = 3_600_000
# By rule: its score and the length of its period; "each" alerts on every payment and contributes for the rest of the window.
RULES = {"seen": (20, 24 * HOUR), "busy": (50, HOUR), "each": (5, payments.WINDOW)}
ACCOUNTS = 300


class Scores(EndToEnd):
    needs = ("kafka",)

    def setUp(self):
        super().setUp()
        self.store = Redis()
        self.addCleanup(lambda: self.store.stop())
        self.topic = "payments"
        self.kafka.create(self.topic)
        rules = write_rules(
            self.folder / "rules", rule("seen", "account.count_5m >= 1", RULES["seen"][0], once_per="24h"),
            rule("busy", "account.count_5m >= 6", RULES["busy"][0], once_per="1h"),
            rule("each", "account.count_5m >= 1", RULES["each"][0], once_per="payment"))
        self.group = Group(self.kafka, "scored", self.folder, rules, redis=self.store).create_outputs()
        self.sent = 0
        self.is_over = threading.Event()

    def payment(self):
        now = int(time.time() * 1000)
        account = f"acc-{int(self.random.triangular(0, ACCOUNTS, 0))}"
        value = {"payment_id": f"p-{self.sent}", "account_id": account, "amount": 100, "currency": "EUR", "occurred_at": payments.rfc3339(now)}
        self.sent += 1
        return account, json.dumps(value).encode(), now

    def traffic(self):
        while not self.is_over.is_set():
            self.produce((self.payment() for _ in range(20)), self.topic)
            self.is_over.wait(0.05)

    def post(self, path, document):
        request = urllib.request.Request(f"http://127.0.0.1:{self.service.data}{path}", json.dumps(document).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.loads(answer.read())

    def expected(self):
        """By account: its contributing rules and the ends of their periods, from the alerts."""
        found = collections.defaultdict(dict)
        for message in self.group.alerts():
            alert = json.loads(message.value())
            length = RULES[alert["rule_id"]][1]
            end = payments.milliseconds(alert["occurred_at"]) // length * length + length
            found[alert["account_id"]][alert["rule_id"]] = max(end, found[alert["account_id"]].get(alert["rule_id"], 0))
        return found

    def difference(self, expected):
        """What Redis, read over HTTP, has otherwise than the alerts say; at most the first five."""
        names, wrong = sorted(expected), []
        for start in range(0, len(names), 100):
            risks = self.post("/v1/risk:batch", {"account_ids": names[start:start + 100]})["risks"]
            for name, risk in zip(names[start:start + 100], risks, strict=True):
                self.assertEqual(risk["account_id"], name)
                as_of = payments.milliseconds(risk["as_of"]) if risk["as_of"] else 0
                live = sorted(one for one, end in expected[name].items() if end > as_of)
                if (sorted(one["id"] for one in risk["rules"]), risk["score"]) != (live, sum(RULES[one][0] for one in live)):
                    wrong.append((name, live, risk))
        return wrong[:5]

    def test_redis_that_comes_back_empty_is_complete_again(self):
        self.service, = self.start(self.group.service("a"))
        feed = threading.Thread(target=self.traffic)
        feed.start()
        self.addCleanup(feed.join)
        self.addCleanup(self.is_over.set)
        wait_until(lambda: (self.service.risk("acc-0") or (0, {}))[1].get("known"), "a score is there")

        self.store.kill()
        wait_until(lambda: "[-]redis failed" in self.service.get("/readyz?verbose")[1], "/readyz?verbose says that Redis is away")
        verbose = self.service.get("/readyz?verbose")
        self.assertEqual(verbose[0], 200, verbose)
        self.assertIn("Redis is unreachable", verbose[1])
        status, problem = self.service.risk("acc-0")
        self.assertEqual((status, problem["status"]), (503, 503))
        before = len(self.group.alerts())
        wait_until(lambda: len(self.group.alerts()) > before, "alerts go on")
        wait_until(lambda: "scores wait to be written" in self.service.get("/readyz?verbose")[1], "the scores that wait are shown")

        self.store.start()
        wait_until(lambda: "[+]redis ok" in self.service.get("/readyz?verbose")[1], "Redis is back")
        self.is_over.set()
        feed.join()
        wait_done([self.service], self.sent)
        expected = self.expected()
        self.assertGreater(len(expected), 100)
        wait_until(lambda: not self.difference(expected), f"every score is there again: {self.difference(expected)}", 60)

        board = json.loads(self.service.get("/v1/leaderboard?limit=5", self.service.data)[1])
        peaks = [one["peak"] for one in board["accounts"]]
        self.assertEqual(peaks, sorted(peaks, reverse=True))
        self.assertTrue(len(peaks) == 5 and all(70 <= peak <= 75 for peak in peaks), board)
        self.assertEqual(self.service.terminate(), 0, self.service.tail())
