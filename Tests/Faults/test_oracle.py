"""The oracle and the proxy without brokers: each kind of wrong output is found, and nothing is where all is right."""
import asyncio
import dataclasses
import json
import pathlib
import socket
import struct
import sys
import tempfile
import threading
import types
import unittest
import unittest.mock

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "EndToEnd")]

import trial  # noqa: E402
from faults import FAULTS  # noqa: E402
from harness import free_port  # noqa: E402
from oracle import ALWAYS, COUNT_OVER, DAILY, DAY, OUTPUTS, RuleSets, expected, judge, wrong_scores  # noqa: E402
from payments import WINDOW, rfc3339  # noqa: E402
from proxy import ADD_OFFSETS, COMMIT_OFFSETS, END, PRODUCE, KafkaProxy, Plan, SwitchTrap, Trap  # noqa: E402
from results import Results, table  # noqa: E402

START = 1_764_000_000_000 // WINDOW * WINDOW


@dataclasses.dataclass
class Message:
    """What confluent-kafka's have."""

    a_key: bytes
    a_value: bytes
    some_headers: list
    an_offset: int = 0

    def key(self):
        return self.a_key

    def value(self):
        return self.a_value

    def headers(self):
        return self.some_headers

    def partition(self):
        return 0

    def offset(self):
        return self.an_offset

    def timestamp(self):
        return 1, START + 7_200_000


class AnyRules(RuleSets):
    """One rule set everywhere."""

    def __init__(self):
        super().__init__([])

    def of(self, partition):
        return lambda offset: ("sha256:00", ALWAYS)


def payment(number, occurred, **more):
    value = {"payment_id": f"p-{number}", "account_id": "a", "amount": number, "currency": "EUR", "occurred_at": rfc3339(START + occurred), **more}
    return Message(b"a", json.dumps(value).encode(), [], number)


class Oracle(unittest.TestCase):
    def setUp(self):
        self.input = [payment(number, number * 1_000) for number in range(10)]
        self.input += [payment(10, 2 * WINDOW), payment(11, 1), payment(12, 2 * WINDOW, amount=-1), Message(b"a", b'{"pay', [], 13),
                       payment(14, 2 * WINDOW + 1)]
        self.outputs = {kind: [] for kind in OUTPUTS}
        for name, row in expected("g", "in", self.input, AnyRules())[0].items():
            headers = [(key, value.encode()) for key, value in row.headers] + [("tripline_decided_at", b"now")]
            self.outputs[name[0]].append(Message(row.key, row.value, headers))

    def judge(self, sets=1):
        verdict = judge("g", "in", self.input, self.outputs, sets)
        return len(verdict.lost), len(verdict.duplicated), len(verdict.different)

    def test_finds_nothing_where_all_is_right(self):
        self.assertEqual({kind: len(rows) for kind, rows in self.outputs.items()}, {"alerts": 14, "shadow": 1, "late": 1, "dead_letters": 2})
        self.assertEqual(self.judge(), (0, 0, 0))

    def test_a_lost_row_of_each_kind(self):
        for kind, rows in self.outputs.items():
            with self.subTest(kind):
                gone = rows.pop()
                self.assertEqual(self.judge(), (1, 0, 0))
                rows.append(gone)

    def test_a_lost_alert_beside_another_of_the_same_payment(self):
        self.assertEqual([json.loads(message.value())["rule_id"] for message in self.outputs["alerts"][:2]], ["always", "daily"])
        for number in (0, 1):
            gone = self.outputs["alerts"].pop(number)
            self.assertEqual(self.judge(), (1, 0, 0))
            self.outputs["alerts"].insert(number, gone)

    def test_a_doubled_row_of_each_kind(self):
        for kind, rows in self.outputs.items():
            with self.subTest(kind):
                rows.append(rows[0])
                self.assertEqual(self.judge(), (0, 1, 0))
                rows.pop()

    def test_changed_bytes_in_value_key_and_headers(self):
        for number, (name, value) in enumerate((("a_value", self.outputs["alerts"][1].a_value.replace(b'"low"', b'"lot"')), ("a_key", b"b"),
                                                ("some_headers", self.outputs["alerts"][1].some_headers[1:]))):
            right = self.outputs["alerts"][1]
            self.outputs["alerts"][1] = dataclasses.replace(right, **{name: value})
            with self.subTest(name):
                self.assertEqual(self.judge(), (0, 0, 1))
            self.outputs["alerts"][1] = right

    def test_an_alert_that_nothing_asks_for(self):
        value = self.outputs["alerts"][0].a_value
        identity = json.loads(value)["alert_id"]
        other = value.replace(identity.encode(), b"0" * 36).replace(b'"rule_id":"always"', b'"rule_id":"other"')
        self.outputs["alerts"].append(dataclasses.replace(self.outputs["alerts"][0], a_value=other))
        self.assertEqual(self.judge(), (0, 0, 1))

    def test_a_rule_set_that_was_not_there(self):
        self.assertEqual(self.judge(sets=2), (0, 0, 1))


class Scores(unittest.TestCase):
    """Ten payments of `a` in one window, two of `b` in the next but one: only the day's rule still counts for `a`."""

    def setUp(self):
        messages = [payment(number, number * 1_000) for number in range(10)]
        messages += [payment(10, 2 * WINDOW, account_id="b"), payment(11, 2 * WINDOW + 1, account_id="b")]
        scores = expected("g", "in", messages, AnyRules())[1]
        self.day = rfc3339((START // DAY + 1) * DAY)
        self.window = rfc3339(START + 3 * WINDOW)
        self.scores = scores
        self.stored = {
            "a": self.hash(DAILY, 9, [("daily", DAILY, self.day)]),
            "b": self.hash(DAILY + ALWAYS, 10, [("always", ALWAYS, self.window), ("daily", DAILY, self.day)]),
        }

    def hash(self, score, offset, rules):
        rules = [{"id": rule, "score": points, "action": "review", "hits": 1, "expires_at": end} for rule, points, end in rules]
        return {"score": str(score), "decision": "review", "partition": "0", "offset": str(offset), "rules": json.dumps(rules)}

    def wrong(self):
        return [text.split()[4] + " " + text.split()[5] for text in wrong_scores(self.scores, lambda account: self.stored.get(account, {}), {0: 12})]

    def test_finds_nothing_where_all_is_right(self):
        self.assertEqual(self.wrong(), [])

    def test_what_has_ended_may_still_be_written(self):
        over = rfc3339(START + WINDOW)
        self.stored["a"] = self.hash(DAILY + ALWAYS + COUNT_OVER, 5, [("always", ALWAYS, over), ("count_over", COUNT_OVER, over), ("daily", DAILY, self.day)])
        self.assertEqual(self.wrong(), [])

    def test_a_score_that_is_missing(self):
        del self.stored["a"]
        self.assertEqual(self.wrong(), ["is not"])

    def test_a_rule_that_is_missing_or_has_another_score(self):
        self.stored["b"] = self.hash(DAILY, 10, [("daily", DAILY, self.day)])
        self.assertEqual(self.wrong(), ["has the"])
        self.stored["b"] = self.hash(DAILY + 4, 10, [("always", 4, self.window), ("daily", DAILY, self.day)])
        self.assertEqual(self.wrong(), ["has the"])

    def test_a_score_that_is_not_the_sum_of_its_rules(self):
        self.stored["a"]["score"] = "2"
        self.assertEqual(self.wrong(), ["has score"])

    def test_an_offset_before_the_change_or_behind_the_end(self):
        for offset in ("9", "12"):
            self.stored["b"]["offset"] = offset
            self.assertEqual(self.wrong(), ["is of"])


class Proxy(unittest.TestCase):
    """Before a server that answers each frame with its correlation id."""

    def setUp(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.server.close)
        self.served = []
        threading.Thread(target=self.serve, daemon=True).start()
        self.port = free_port()
        self.proxy = KafkaProxy([(self.port, self.server.getsockname()[1])])
        self.addCleanup(self.proxy.stop)

    def serve(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=[connection], daemon=True).start()

    def answer(self, connection):
        with connection, connection.makefile("rb") as stream:
            while len(size := stream.read(4)) == 4:
                frame = stream.read(struct.unpack(">i", size)[0])
                self.served.append(struct.unpack(">hhi", frame[:8])[2])
                connection.sendall(struct.pack(">ii", 4, self.served[-1]))

    def plan(self, action, which, **more):
        """One that hits each, always the request or always the answer."""
        plan = Plan(END, action, 1, 1, 1_000, **more)
        plan.random.choice = lambda _: which
        self.proxy.plan = plan
        return plan

    def exchange(self, apis, answers):
        """The answers' correlation ids; None where the connection broke first."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            connection.settimeout(10)
            for number, api in enumerate(apis):
                connection.sendall(struct.pack(">ihhi", 8, api, 0, number))
            found = []
            with connection.makefile("rb") as stream:
                for _ in range(answers):
                    frame = stream.read(8)
                    found.append(struct.unpack(">ii", frame)[1] if len(frame) == 8 else None)
            return found

    def test_leaves_all_alone_without_a_plan_and_others_with_one(self):
        self.assertEqual(self.exchange([END, 3, END], 3), [0, 1, 2])
        self.plan("drop", "request")
        self.assertEqual(self.exchange([3, 0, 3], 3), [0, 1, 2])

    def test_a_dropped_request_never_arrives_and_a_dropped_answer_never_comes_back(self):
        self.plan("drop", "request")
        self.assertEqual(self.exchange([END], 1), [None])
        self.assertEqual(self.served, [])
        self.plan("drop", "answer")
        self.assertEqual(self.exchange([END], 1), [None])
        self.assertEqual(self.served, [0])

    def test_silence_leaves_the_connection_open(self):
        self.plan("drop", "request", silent=1).random.random = lambda: 0
        self.assertEqual(self.exchange([END, 3], 1), [1])
        self.assertEqual(self.served, [1])

    def test_a_doubled_request_arrives_twice_and_is_answered_once(self):
        self.plan("duplicate", "request")
        self.assertEqual(self.exchange([END, 3], 2), [0, 1])
        self.assertEqual(self.served, [0, 0, 1])

    def test_a_doubled_answer_comes_twice(self):
        self.plan("duplicate", "answer")
        self.assertEqual(self.exchange([END, 3], 3), [0, 0, 1])

    def test_a_delayed_exchange_comes_late_and_whole(self):
        for which in ("request", "answer"):
            self.plan("delay", which).delay = lambda _: 0.01
            self.assertEqual(self.exchange([END, END], 2), [0, 1])

    def trap(self, which, is_lost):
        self.struck = []
        self.proxy.trap = Trap(END, which, self.struck.append, is_lost)
        return self.proxy.trap

    def talk(self, client=b"a"):
        """A connection of that client, and a way to send on it."""
        connection = socket.create_connection(("127.0.0.1", self.port), 10)
        self.addCleanup(connection.close)
        connection.settimeout(10)
        stream = connection.makefile("rb")
        self.addCleanup(stream.close)

        def send(api, number, more=b""):
            body = struct.pack(">hhih", api, 0, number, len(client)) + client + more
            connection.sendall(struct.pack(">i", len(body)) + body)
        return send, lambda: len(stream.read(8))

    def test_a_trap_strikes_once_and_the_right_client(self):
        trap = self.trap("request", is_lost=True)
        send, receive = self.talk(b"some-client")
        send(3, 0)
        self.assertEqual(receive(), 8)
        send(END, 1)
        self.assertTrue(trap.caught.wait(10))
        trap.let_go()
        self.assertEqual((receive(), self.served, self.struck, trap.client), (0, [0], ["some-client"], "some-client"))
        send, receive = self.talk()
        send(END, 2)
        self.assertEqual((receive(), self.struck), (8, ["some-client"]))

    def test_a_trapped_answer_was_served_and_one_that_is_not_lost_comes_late(self):
        trap = self.trap("answer", is_lost=False)
        send, receive = self.talk()
        send(END, 7)
        self.assertTrue(trap.caught.wait(10))
        self.assertEqual((self.served, self.struck), ([7], ["a"]))
        trap.let_go()
        self.assertEqual(receive(), 8)

    def test_who_is_cut_off_is_so_with_all_connections_and_nobody_else_is(self):
        (send, receive), (send_other, receive_other) = self.talk(b"a"), self.talk(b"b")
        send(3, 0)
        self.assertEqual(receive(), 8)
        self.proxy.cut_off("a", is_reset=True)
        self.assertEqual(receive(), 0)
        send, receive = self.talk(b"a")
        send(3, 1)
        self.assertEqual(receive(), 0)
        send_other(3, 2)
        self.assertEqual((receive_other(), self.served), (8, [0, 2]))
        self.assertEqual(self.proxy.reconnect("a"), 1)
        send, receive = self.talk(b"a")
        send(3, 3)
        self.assertEqual(receive(), 8)

    def test_silence_is_over_with_the_cut(self):
        self.proxy.cut_off("a", is_reset=False)
        (send, receive), (send_other, receive_other) = self.talk(b"a"), self.talk(b"b")
        send(3, 0)
        send_other(3, 1)
        self.assertEqual((receive_other(), self.served), (8, [1]))
        self.proxy.reconnect("a")
        self.assertEqual((receive(), self.served), (8, [1, 0]))

    def test_ends_with_its_connections(self):
        with socket.create_connection(("127.0.0.1", self.port), 10):
            self.proxy.stop()
            self.assertFalse(self.proxy.thread.is_alive())
        self.proxy.stop = lambda: None
        self.assertIsInstance(self.proxy.loop, asyncio.AbstractEventLoop)


class Missing(unittest.TestCase):
    def test_a_store_that_is_not_installed_skips_the_fault(self):
        def missing():
            raise unittest.SkipTest("redis-server is not installed")
        lab = trial.Lab(types.SimpleNamespace(is_ours=False))
        with unittest.mock.patch.object(trial, "Redis", missing), self.assertRaisesRegex(trial.Skipped, "not installed"):
            lab.store("redis")


class Plans(unittest.TestCase):
    def test_a_request_and_an_answer_are_hit(self):
        for seed in range(50):
            plan = Plan(END, "delay", seed, 1, 2)
            self.assertEqual({plan.hit(END), plan.hit(END)}, {"request", "answer"})
            self.assertIsNone(plan.hit(END))

    def test_so_many_delays_as_asked_for_outlast_the_service(self):
        plan = Plan(END, "delay", 1, 1, 20, long=1)
        delays = [plan.delay(plan.hit(END)) for _ in range(20)]
        self.assertEqual(([delay for delay in delays if delay > 2], sum(plan.outlasted.values())), ([max(delays)], 1))
        self.assertGreater(max(delays), 6)

    def test_a_switch_is_told_by_what_a_transaction_carries(self):
        old, new, other = b"0" * 64, b"1" * 64, b"g.a.0 "
        trap = SwitchTrap(END, "request", lambda _: None, "g", {old})
        for api, frame in ((PRODUCE, other + old), (END, other), (PRODUCE, b"g.b.1 " + new), (END, other)):
            self.assertFalse(trap.takes(api, "a", frame))
        self.assertTrue(trap.takes(END, "b", b"g.b.1"))

    def test_a_switch_lasts_until_the_first_alerts_under_it_are_committed(self):
        trap = SwitchTrap(ADD_OFFSETS, "request", lambda _: None, "g", set())
        for api in (COMMIT_OFFSETS, END, PRODUCE, END, ADD_OFFSETS):
            self.assertFalse(trap.takes(api, "a", b"g.a.0 " + b"1" * 64))
        self.assertEqual(trap.switched, {b"g.a.0"})
        for api, is_caught in ((COMMIT_OFFSETS, False), (END, False), (ADD_OFFSETS, True)):
            self.assertEqual(trap.takes(api, "b", b"g.b.0 " + b"1" * 64), is_caught)


class Table(unittest.TestCase):
    def test_counts_what_is_in_the_file_and_leaves_a_torn_line_out(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "results"
            row = {"fault": "kill-instance", "client": "c", "binary": "b", "verdict": "pass", "expected": 7, "lost": 0, "duplicated": 0, "different": 0,
                   "faults": {"kill-instance": {"pause": 2.5, "recovered": 1}}}
            Results(path).append(row)
            Results(path).append({**row, "verdict": "fail", "lost": 3, "faults": {}})
            with open(path, "a", encoding="utf-8") as file:
                file.write('{"fault": "kill-inst')
            results = Results(path)
            self.assertEqual(results.count("kill-instance", "c"), 2)
            first, *_, line = table(results.rows, FAULTS).splitlines()
            self.assertEqual(first, "With c: 2 runs of 1 build, 14 rows.")
            self.assertTrue(line.endswith("| 2 | 14 | 3 | 0 | 0 | 1 | 2.5 s | 20 s | 1 s | 20 s |"), line)

    def test_a_shared_run_that_fails_counts_against_what_had_begun_in_it(self):
        names = ["kill-instance", "twins", "scale"]
        row = {"fault": ", ".join(names), "client": "c", "binary": "b", "verdict": "stalled", "expected": 7, "lost": 1, "duplicated": 0, "different": 0,
               "faults": {"kill-instance": {"pause": 2.5, "recovered": 1}}}
        results = Results()
        results.append(row)
        self.assertEqual([results.count(name, "c") for name in names], [1, 1, 0])
        lines = table(results.rows, FAULTS).splitlines()
        self.assertEqual([line.split("|")[2:8] for line in lines[4:]], [[" 1 ", " 7 ", " 1 ", " 0 ", " 0 ", " 1 "]] * 2)


if __name__ == "__main__":
    unittest.main()
