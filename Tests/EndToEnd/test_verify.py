"""`tripline verify` on a real broker: clean after switches of rules and a crash, and sharp where a topic was tampered with."""
import json

import payments
from confluent_kafka import TopicPartition
from harness import OneGroup, rule, run_when_empty, tripline, wait_done, wait_until, write_rules

EACH = rule("each", "account.count_5m >= 1", once_per="payment")
BUSY = rule("busy", "account.count_5m > 3", 30, once_per="15m")
RICH = rule("rich", "account.sum_5m > 5.00", 20)
QUIET = rule("quiet", "account.count_5m > 2", 5, status="shadow")


class Verify(OneGroup):
    """Payments of an hour, every four seconds one."""

    def setUp(self):
        super().setUp()
        write_rules(self.rules, EACH, BUSY, QUIET)
        self.begin = self.now - 3_600_000
        self.config = ("--config", str(self.group.service("a").config))

    def payments(self, count, first=0):
        for number in range(first, first + count):
            time = self.begin + number * 4_000
            account = f"account-{number % 20}"
            occurred = time - 900_000 if number % 45 == 44 else time - self.random.randrange(2_000)
            value = {"payment_id": f"p-{number - 1 if number % 60 == 59 else number}", "account_id": account, "amount": number % 300, "currency": "EUR",
                     "occurred_at": payments.rfc3339(occurred)}
            text = b"{" if number % 70 == 69 else json.dumps(value).encode()
            headers = [("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("source", b"test")] if number % 5 == 0 else None
            yield account, text, time, headers

    def verify(self, *words, code=0):
        text, _ = tripline("verify", "-o", "json", *self.config, *words, code=code)
        return json.loads(text)

    def switch(self, service, *rules):
        before = service.status()["rules"]["rule_set"]
        write_rules(self.rules, *rules)

        def switched():
            status = service.status()
            new = status and status["rules"]["rule_set"]
            return new != before and all(one["history"] and one["history"][-1]["rule_set"] == new for one in status["partitions"])
        wait_until(switched, "every partition has switched")

    def history(self):
        """900 payments, two switches of rules and a crash between them."""
        service, = self.start(self.instance())
        total = self.produce(self.payments(300), self.topic)
        wait_done([service], total)
        self.switch(service, EACH, BUSY, RICH)
        total += self.produce(self.payments(150, total), self.topic)
        service.kill()
        service.start()
        service.wait_ready()
        total += self.produce(self.payments(150, total), self.topic)
        wait_done([service], total)
        self.switch(service, EACH, QUIET, RICH)
        total += self.produce(self.payments(300, total), self.topic)
        wait_done([service], total)
        return service, total

    def copy(self, name, change):
        """A topic like the group's alerts after `change`, which gets the messages of a partition in order."""
        copied = f"{self.group.name}-{name}"
        self.kafka.create(copied)
        producer = self.kafka.producer()
        for number, messages in self.partitioned(self.group.outputs["alerts"]).items():
            for key, value, headers in change(number, messages):
                producer.produce(copied, partition=number, key=key, value=value, headers=headers)
        self.assertEqual(producer.flush(60), 0)
        return copied

    def partitioned(self, topic):
        found = {number: [] for number in self.kafka.partitions(topic)}
        for message in self.kafka.read(topic):
            found[message.partition()].append((message.key(), message.value(), message.headers()))
        return found

    def test_a_run_with_switches_and_a_crash_is_clean_while_it_runs_and_after(self):
        service, total = self.history()
        self.produce(self.payments(200, total), self.topic)
        running = self.verify()
        self.assertTrue(running["ok"], running)
        wait_done([service], total + 200)
        self.assertEqual(service.terminate(), 0, service.tail())
        document = self.verify()
        self.assertEqual((document["ok"], document["differences"], document["counts"]), (True, [], {}))
        self.assertEqual(sum(one["records"] for one in document["partitions"]), total + 200)
        self.assertTrue(all(one["from_birth"] and one["totals_compared"] for one in document["partitions"]))
        outputs = {one["topic"]: one for one in document["outputs"]}
        self.assertTrue(all(one["expected"] == one["matched"] for one in outputs.values()))
        for kind in ("alerts", "shadow", "late", "dead_letters"):
            topic = self.group.outputs[kind]
            self.assertEqual(outputs[topic]["matched"], len(list(self.kafka.read(topic))))
            self.assertGreater(outputs[topic]["matched"], 5, kind)
        text, _ = tripline("verify", *self.config)
        self.assertIn("from its birth on; outputs compared from offset 0 on; totals compared\n", text)
        self.assertTrue(text.endswith("\nno differences\n"), text)

    def test_a_tampered_topic_is_found_out_with_what_was_done(self):
        service, _ = self.history()
        self.assertEqual(service.terminate(), 0, service.tail())
        chosen = {}

        def choose(number, messages):
            """Of the first partition with alerts the twelfth message."""
            if len(messages) > 20 and chosen.setdefault("partition", number) == number:
                chosen["alert"] = json.loads(messages[11][1])
                return True
            return False

        def swap(messages):
            same = next(index for index in range(12, len(messages)) if messages[index][0] == messages[11][0])
            messages[11], messages[same] = messages[same], messages[11]
            return messages

        changes = {
            "missing": lambda messages: messages[:11] + messages[12:],
            "surplus": lambda messages: messages[:15] + [messages[11]] + messages[15:],
            "different": lambda messages: messages[:11] + [(messages[11][0], messages[11][1].replace(b'"amount":', b'"amount":1'), messages[11][2])]
            + messages[12:],
            "out_of_order": swap,
        }
        for kind, change in changes.items():
            chosen.clear()
            topic = self.copy(kind, lambda number, messages: change(messages) if choose(number, messages) else messages)
            document = self.verify("--set", f"output.alerts={topic}", code=1)
            self.assertEqual(document["counts"], {kind: 1}, document)
            difference, = document["differences"]
            origin = chosen["alert"]["origin"]
            self.assertEqual((difference["partition"], difference["kind"]), (origin["partition"], kind))
            if kind != "out_of_order":
                self.assertEqual(difference["offset"], origin["offset"])
                self.assertIn(f"{chosen['alert']['alert_id']} of rule {chosen['alert']['rule_id']}", difference["text"])
            text, _ = tripline("verify", *self.config, "--set", f"output.alerts={topic}", code=1)
            self.assertIn(f"\n1 difference: 1 {kind}\n{kind.upper()}  partition {origin['partition']} offset ", text)
        # The group's own topic is as it must be.
        self.assertTrue(self.verify()["ok"])

    def test_an_alert_without_its_offset_is_found_out_and_one_from_before_a_reset_is_not(self):
        service, total = self.history()
        self.assertEqual(service.terminate(), 0, service.tail())
        topic = self.group.outputs["alerts"]
        ends = self.kafka.ends(self.topic)
        message = next(message for message in self.group.alerts() if json.loads(message.value())["origin"]["partition"] == 1)
        # As a broken service would leave it behind: the alert is there, the offset of its payment is not committed.
        body = json.loads(message.value())
        value = message.value().replace(b'"offset":%d' % body["origin"]["offset"], b'"offset":%d' % ends[1])
        value = value.replace(body["alert_id"].encode(), b"an-alert-too-many")
        headers = [(name, b"an-alert-too-many" if name == "ce_id" else value) for name, value in message.headers()]
        producer = self.kafka.producer()
        producer.produce(topic, partition=message.partition(), key=message.key(), value=value, headers=headers)
        self.assertEqual(producer.flush(60), 0)
        document = self.verify(code=1)
        self.assertEqual(document["counts"], {"surplus": 1}, document)
        difference, = document["differences"]
        self.assertEqual((difference["partition"], difference["offset"]), (1, ends[1]))
        self.assertIn(f"only offsets up to {ends[1] - 1} are committed", difference["text"])
        # A lineage that begins anew, far before, has not written it.
        run_when_empty("offsets", "reset", "--partition", "1", "--to-offset", "3", "--yes", *self.config)
        document = self.verify()
        self.assertEqual((document["ok"], document["differences"]), (True, []))
        self.assertEqual([one["partition"] for one in document["not_compared"]], [1])
        service, = self.start(self.instance())
        wait_done([service], total)
        self.assertEqual(service.terminate(), 0, service.tail())
        self.assertEqual(self.verify()["differences"], [])

    def test_nothing_compared_is_not_called_clean(self):
        empty = self.verify(code=3)
        self.assertEqual((empty["ok"], len(empty["not_compared"])), (False, 4))
        self.assertIn("holds no payments, and the group", tripline("verify", *self.config, code=3)[1])
        total = self.run_once(200)
        self.assertTrue(self.verify()["ok"])
        text, notes = tripline("verify", *self.config, "--set", "group=another", code=3)
        self.assertTrue(text.endswith("\nnothing compared\n"), text)
        self.assertIn("the group 'another' has committed nothing in the topic", notes)
        later = payments.rfc3339(self.now + 3_600_000)
        self.assertIn("in the range of --from and --to", tripline("verify", *self.config, "--from", later, code=3)[1])
        cut = [TopicPartition(self.topic, number, end) for number, end in enumerate(self.kafka.ends(self.topic))]
        for future in self.kafka.admin.delete_records(cut).values():
            future.result(30)
        self.assertIn("no longer holds what the group", tripline("verify", *self.config, code=3)[1])
        self.run_once(200, total)
        self.assertTrue(self.verify()["ok"])

    def test_a_range_in_the_middle_is_compared_alone(self):
        service, total = self.history()
        self.assertEqual(service.terminate(), 0, service.tail())
        start, end = self.begin + 300 * 4_000, self.begin + 600 * 4_000
        range_words = ("--from", payments.rfc3339(start), "--to", payments.rfc3339(end))
        document = self.verify(*range_words)
        self.assertTrue(document["ok"], document)
        self.assertFalse(any(one["totals_compared"] for one in document["partitions"]))
        self.assertEqual({one["totals_gap"] for one in document["partitions"]}, {"--to leaves records out"})
        compared = sum(one["until"] - one["compared_from"] for one in document["partitions"])
        self.assertGreaterEqual(compared, 300)
        self.assertLess(compared, 330)  # transaction markers have offsets, too
        alerts, = [one for one in document["outputs"] if one["topic"] == self.group.outputs["alerts"]]
        within = [json.loads(message.value()) for message in self.group.alerts()]
        within = [one for one in within if payments.rfc3339(start) <= one["received_at"] < payments.rfc3339(end)]
        self.assertEqual((alerts["matched"], alerts["expected"]), (len(within), len(within)))
        # An alert outside of the range is nobody's business, one inside is.
        outside = self.copy("outside", lambda number, messages: messages[5:])
        self.assertTrue(self.verify(*range_words, "--set", f"output.alerts={outside}")["ok"])
        gone = within[len(within) // 2]["alert_id"].encode()
        inside = self.copy("inside", lambda number, messages: [one for one in messages if gone not in one[1]])
        document = self.verify(*range_words, "--set", f"output.alerts={inside}", code=1)
        self.assertEqual(document["counts"], {"missing": 1})
        # The end of the range alone: the fold begins late, and totals of a part are no totals.
        document = self.verify("--from", payments.rfc3339(start))
        self.assertTrue(document["ok"], document)
        self.assertIn("--from must be earlier than --to", tripline("verify", *self.config, "--from", range_words[3], "--to", range_words[1], code=2)[1])

    def test_a_log_that_does_not_reach_back_to_birth_says_so_and_accuses_nobody(self):
        service, _ = self.history()
        self.assertEqual(service.terminate(), 0, service.tail())
        cut = [TopicPartition(self.topic, number, 40 + number) for number in range(4)]
        for future in self.kafka.admin.delete_records(cut).values():
            future.result(30)
        document = self.verify()
        self.assertTrue(document["ok"], document)
        self.assertFalse(any(one["from_birth"] or one["totals_compared"] for one in document["partitions"]))
        self.assertEqual(document["partitions"][1]["totals_gap"], "the log begins at offset 41, after its birth at offset 0")
        self.assertGreater(document["passed_over"]["unjudged"], 0)
        alerts, = [one for one in document["outputs"] if one["topic"] == self.group.outputs["alerts"]]
        self.assertGreater(alerts["matched"], 100)
        # What was said for certain still is: an alert near the end of the partition with most accounts.
        last = self.copy("last", lambda number, messages: messages[:-1] if number == 0 else messages)
        self.assertEqual(self.verify("--set", f"output.alerts={last}", code=1)["counts"], {"missing": 1})

    def test_wrong_totals_are_found_and_other_settings_refused(self):
        service, total = self.history()
        self.assertEqual(service.terminate(), 0, service.tail())
        self.assertIn("other time.* or input.* settings", tripline("verify", *self.config, "--set", "time.grace=61s", code=3)[1])
        # A payment that the service never saw: an operator passed it.
        self.produce(self.payments(4, total + 100), self.topic)
        ends = self.kafka.ends(self.topic)
        position = {one["partition"]: one for one in json.loads(tripline("offsets", "show", "-o", "json", *self.config)[0])["partitions"]}
        number = next(number for number, one in position.items() if one["committed"] < ends[number])
        wait_until(lambda: not json.loads(tripline("offsets", "show", "-o", "json", *self.config)[0])["group"]["members"], "the group is empty")
        tripline("offsets", "skip", "--partition", str(number), "--to-offset", str(ends[number]), "--yes", *self.config)
        document = self.verify(code=1)
        self.assertEqual({one["kind"] for one in document["differences"]}, {"totals", "missing"})
        self.assertEqual({one["partition"] for one in document["differences"]}, {number})
        text, _ = tripline("verify", *self.config, code=1)
        self.assertRegex(text, rf"\nTOTALS  partition {number}: committed with offset {ends[number]}: \d+ records folded, must be \d+; ")
        self.assertIn("note: payments passed by `offsets skip`", text)
