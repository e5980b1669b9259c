"""Instances that come, go, die and are mistaken for one another while payments flow: each alert exactly once."""
import collections
import json
import pathlib
import shutil
import tempfile
import threading
import time
import unittest

import confluent_kafka
import payments
from harness import ENVIRONMENT, EndToEnd, Group, rule, tripline, wait_done, wait_until, write_rules


class Moving(EndToEnd):
    """Groups whose partitions move, and payments for them."""

    needs = ("kafka",)
    consumer_properties = {}

    def group(self, name, partitions=4):
        self.kafka.create(name, partitions=partitions)
        rules = write_rules(
            self.folder / "rules", rule("always", "account.count_5m >= 1", once_per="payment"), rule("count_over", "account.count_5m > 5"))
        # The shortest session that brokers allow: what a dead instance held moves on soon.
        settings = {"input": {"fields": {"amount": "amount_minor"}},
                    "kafka": {"consumer_properties": {"session.timeout.ms": 6000, **self.consumer_properties}}}
        return Group(self.kafka, "g-" + name, self.folder, rules, topic=name, settings=settings).create_outputs()

    def feeding(self, topic, data, stop=None):
        """Feeds payments, about 1,000 a second, in a thread; with `stop`, until that is set. The thread, and what it has fed."""
        fed = []

        def paced():
            for number, one in enumerate(data):
                if stop and stop.is_set():
                    return
                if number % 100 == 99:
                    time.sleep(0.1)
                fed.append(one)
                yield one.account, one.json, one.time
        thread = threading.Thread(target=lambda: self.produce(paced(), topic))
        thread.start()
        self.addCleanup(thread.join)
        if stop:
            self.addCleanup(stop.set)
        return thread, fed

    def wait_fed(self, fed):
        before = len(fed)
        wait_until(lambda: len(fed) > before + 1_000, "payments flow")

    def live(self, service):
        service.check_alive()
        return [one["partition"] for one in (service.status() or {"partitions": []})["partitions"] if one["state"] == "live"]

    def wait_live(self, services, condition, what):
        """Until the condition holds of how many live partitions each service has."""
        try:
            wait_until(lambda: condition([len(self.live(one)) for one in services]), what)
        except AssertionError as error:
            states = "\n".join(f"{one.instance}: {one.get('/status')}\n{one.tail()}" for one in services)
            raise AssertionError(f"{error}\n{states}") from None

    def finish(self, group, services, fed):
        """When all payments are in: each service reads them and ends, and each alert is there once."""
        wait_done(services, len(fed))
        for service in services:
            self.assertEqual(service.terminate(), 0, service.tail())
        self.check_alerts(group, fed)

    def check_alerts(self, group, fed):
        """One for each payment, and one for each account and window with more than five."""
        alerts = [json.loads(message.value()) for message in group.alerts()]
        each = collections.Counter(alert["payment"]["payment_id"] for alert in alerts if alert["rule_id"] == "always")
        expected = collections.Counter(json.loads(one.json)["payment_id"] for one in fed)
        self.assertEqual((expected - each, each - expected), ({}, {}), "missing, too many")
        over = sorted((alert["account_id"], payments.milliseconds(alert["window"]["start"])) for alert in alerts if alert["rule_id"] == "count_over")
        self.assertEqual(over, sorted(key for key, (count, _) in payments.windows(fed).items() if count > 5))
        self.assertGreater(len(over), 0)
        print(f"{len(each)} + {len(over)} alerts, each once", flush=True)


class Membership(Moving):
    def test_of_two_processes_with_one_identity_one_leaves(self):
        group = self.group("twins")
        first, = self.start(group.service("first", instance="a"))
        stop = threading.Event()
        thread, fed = self.feeding(group.topic, payments.generated(60_000, self.seed, accounts=300), stop)
        wait_until(lambda: len(fed) > 1_000, "payments flow")
        second = group.service("second", instance="a")
        self.addCleanup(lambda: second.process and second.process.poll() is None and second.kill())
        second.start()
        ended = wait_until(lambda: [one for one in (first, second) if one.process.poll() is not None], "one of them ends")
        self.assertEqual(len(ended), 1)
        self.assertEqual(ended[0].process.returncode, 5, ended[0].tail())
        message = ended[0].log.read_text()
        message = message[message.rindex("tripline: "):]
        for word in ("instance 'a'", f"group '{group.name}'", "fenced", "give each process an `instance` of its own"):
            self.assertIn(word, message)
        other = second if ended[0] is first else first
        before = len(fed)
        wait_until(lambda: len(fed) > before + 2_000, "payments still flow")
        stop.set()
        thread.join()
        wait_done([other], len(fed))
        self.assertEqual(other.terminate(), 0, other.tail())
        self.check_alerts(group, fed)

    def test_instances_join_die_and_come_back_while_payments_flow(self):
        group = self.group("moving", partitions=6)
        services = list(self.start(group.service("a"), group.service("b")))
        stop = threading.Event()
        thread, fed = self.feeding(group.topic, payments.generated(60_000, self.seed, accounts=300), stop)
        services += self.start(group.service("c"))
        self.wait_live(services, all, "three instances share the partitions")
        victim = self.random.choice(services)
        others = [one for one in services if one is not victim]
        victim.kill()
        self.wait_live(others, lambda counts: sum(counts) == 6, "the others have taken over")
        self.wait_fed(fed)
        victim.start()
        self.wait_live(services, all, "it has partitions again")
        self.wait_fed(fed)
        stop.set()
        thread.join()
        self.finish(group, services, fed)

    def test_a_broker_that_is_away_for_longer_than_the_session(self):
        group = self.group("away")
        service, = self.start(group.service("a"))
        stop = threading.Event()
        thread, fed = self.feeding(group.topic, payments.generated(60_000, self.seed, accounts=300), stop)
        wait_until(lambda: len(fed) > 2_000, "payments flow")
        for pause in (7, 12):
            self.kafka.halt()
            time.sleep(pause)
            service.check_alive()
            self.kafka.start()
            before = len(fed)
            wait_until(lambda: service.check_alive() or len(fed) > before + 2_000, "payments flow again")
            self.wait_live([service], lambda counts: counts == [4], "it has its partitions again")
        stop.set()
        thread.join()
        wait_done([service], len(fed))
        self.assertEqual(service.terminate(), 0, service.tail())
        self.check_alerts(group, fed)

    def test_a_restart_after_sigterm_replays_nothing(self):
        group = self.group("restart")
        data = payments.generated(4_000, self.seed, accounts=300)
        service, = self.start(group.service("a"))
        self.produce(((one.account, one.json, one.time) for one in data), group.topic)
        wait_done([service], len(data))
        self.assertEqual(service.terminate(), 0, service.tail())
        ends = dict(enumerate(self.kafka.ends(group.topic)))
        known = len(service.logged("partition live"))
        service.start().wait_ready()
        wait_done([service], len(data))
        for one in service.status()["partitions"]:
            # X = Y: nothing lies between the checkpoint and the committed offset.
            self.assertEqual([one[name] for name in ("checkpoint", "committed", "next")], [ends[one["partition"]]] * 3)
            self.assertEqual((one["recovered_from"], one["replay_debt"]), ("checkpoint", 0))
        lines = service.logged("partition live")[known:]
        self.assertEqual({(line["partition"], line["offset"], line["source"]) for line in lines}, {(*place, "checkpoint") for place in ends.items()})
        self.assertEqual(service.metrics()['tripline_recoveries_total{source="checkpoint"}'], 4)
        self.assertEqual(service.terminate(), 0, service.tail())
        self.check_alerts(group, data)


def wheel_library():
    """The librdkafka that confluent-kafka brings along; None where it was built against the system's."""
    found = sorted((pathlib.Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs").glob("librdkafka*.so*"))
    return found[0] if found else None


@unittest.skipIf(wheel_library() is None, "confluent-kafka brings no librdkafka along: install its wheel (pip install confluent-kafka)")
class Cooperation(Moving):
    """The same with partitions that are handed over one by one, which takes a later librdkafka than distributions have."""

    consumer_properties = {"partition.assignment.strategy": "cooperative-sticky"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.library = pathlib.Path(tempfile.mkdtemp(prefix="tripline-library-"))
        cls.addClassCleanup(shutil.rmtree, cls.library, True)
        (cls.library / "librdkafka.so.1").symlink_to(wheel_library())

    def group(self, name, partitions=4):
        group = super().group(name, partitions)
        group.environment = {**ENVIRONMENT, "LD_LIBRARY_PATH": str(self.library)}
        return group

    def test_instances_join_leave_and_die_while_payments_flow(self):
        group = self.group("cooperative", partitions=6)
        first, second, third = (group.service(name) for name in "abc")
        self.start(first, second)
        stop = threading.Event()
        thread, fed = self.feeding(group.topic, payments.generated(60_000, self.seed, accounts=300), stop)
        self.wait_fed(fed)
        self.start(third)
        services = [first, second, third]
        self.wait_live(services, lambda counts: counts == [2, 2, 2], "three instances share the partitions")
        kept = {one.instance: set(self.live(one)) for one in (first, second)}
        self.wait_fed(fed)
        self.assertEqual(third.terminate(), 0, third.tail())
        self.wait_live([first, second], lambda counts: sum(counts) == 6, "the others have what one left")
        for one in (first, second):
            self.assertLessEqual(kept[one.instance], set(self.live(one)), "what an instance had stays with it")
        self.wait_fed(fed)
        third.start()
        self.wait_live(services, all, "it has partitions again")
        second.kill()
        self.wait_live([first, third], lambda counts: sum(counts) == 6, "the others have what one held that died")
        self.wait_fed(fed)
        second.start()
        self.wait_live(services, all, "it has partitions again")
        self.wait_fed(fed)
        stop.set()
        thread.join()
        self.finish(group, services, fed)
        document = json.loads(tripline("verify", "-o", "json", "--config", str(first.config), environment=group.environment)[0])
        self.assertTrue(document["ok"], document)
