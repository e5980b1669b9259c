"""What a platform engineer meets on a bad day: one clear message with the remedy, and the documented exit code."""
import json
import re
import shutil
import socket
import subprocess
import time

import payments
from confluent_kafka import TopicPartition
from harness import EndToEnd, Group, free_port, rule, wait_done, wait_until, write_rules


class Trouble(EndToEnd):
    def setUp(self):
        super().setUp()
        self.topic = f"in-{self.random.randrange(1 << 30):x}"
        self.rules = write_rules(self.folder / "rules", rule("always", "account.count_5m >= 1", once_per="payment"))

    def group(self, creates=True, **settings):
        group = Group(self.kafka, "g-" + self.topic, self.folder, self.rules, topic=self.topic, settings=settings)
        if creates:
            self.kafka.create(self.topic)
            group.create_outputs()
        return group

    def refused(self, group, code, *words):
        exit_code, text = group.service("a").run(seconds=100)
        self.assertEqual(exit_code, code, text)
        message = text[text.index("tripline: "):]
        for word in words:
            self.assertIn(word, message)
        for trace in ("Fatal error", "Stack dump", " at /", "Thread 0 crashed"):
            self.assertNotIn(trace, text)
        return message

    def payments(self, count, first=0):
        now = int(time.time() * 1000)
        for number in range(first, first + count):
            value = {"payment_id": f"p-{number}", "account_id": f"a-{number % 20}", "amount": 1, "currency": "EUR", "occurred_at": payments.rfc3339(now)}
            yield f"a-{number % 20}", json.dumps(value).encode(), now

    def test_broker_that_does_not_answer(self):
        group = self.group(creates=False, kafka={"bootstrap_servers": f"127.0.0.1:{free_port()}"})
        self.refused(group, 4, "no Kafka broker answers", "kafka.bootstrap_servers")

    def test_missing_topic(self):
        self.refused(self.group(creates=False), 3, self.topic, "not exist", "kafka-topics.sh", "--create")

    def test_compacted_topic(self):
        self.kafka.create(self.topic, config={"cleanup.policy": "compact"})
        group = self.group(creates=False).create_outputs()
        self.refused(group, 3, "compacted", "kafka-configs.sh", "cleanup.policy=delete")

    def test_checkpoint_folder_that_cannot_be_written(self):
        (self.folder / "file").write_text("")
        self.refused(self.group(checkpoint={"store": f"directory:{self.folder}/file/state"}), 3, f"{self.folder}/file", "checkpoint.store")

    def test_bad_setting(self):
        exit_code, text = self.group(creates=False, time={"grace": "soon"}).service("a").run()
        self.assertEqual(exit_code, 2, text)
        self.assertIn("time.grace", text)
        self.assertIn("a.yaml:1:", text)

    def test_unknown_setting_gets_a_suggestion(self):
        exit_code, text = self.group(creates=False, comit={"interval": "1s"}).service("a").run()
        self.assertEqual(exit_code, 2, text)
        self.assertIn("commit", text)

    def test_broken_rules(self):
        (self.rules / "rules.yaml").write_text("version: 1\nrules: 7\n")
        self.refused(self.group(), 2, "rules.yaml:2:", "do not load")

    def test_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            exit_code, text = self.group().service("a", http={"listen": f"127.0.0.1:{port}"}).run()
        self.assertEqual(exit_code, 3, text)
        self.assertIn(f"127.0.0.1:{port}", text)
        self.assertIn("http.listen", text)

    def checkpoints(self, group):
        return sorted((group.folder / "state" / group.name).rglob("*.checkpoint"))

    def run_once(self, group, count, total):
        """One life of a service: reads what is produced and leaves its checkpoints."""
        service, = self.start(group.service("a"))
        self.produce(self.payments(count, total), self.topic)
        wait_done([service], total + count)
        self.assertEqual(service.terminate(), 0, service.tail())
        return total + count

    def test_torn_checkpoint_an_older_one_serves(self):
        group = self.group()
        total = self.run_once(group, 200, self.run_once(group, 200, 0))
        newest = {}
        for path in self.checkpoints(group):
            newest[path.parent] = path
        for path in newest.values():
            path.write_bytes(path.read_bytes()[:-20])
        self.run_once(group, 200, total)
        self.assertIn("checkpoint not used", (group.folder / "a.log").read_text())
        alerts = [json.loads(message.value())["alert_id"] for message in group.alerts()]
        self.assertEqual((len(alerts), len(set(alerts))), (600, 600))

    def test_foreign_checkpoint_is_not_used(self):
        group = self.group()
        total = self.run_once(group, 400, 0)
        folders = sorted({path.parent for path in self.checkpoints(group)})
        for path in self.checkpoints(group):
            if path.parent == folders[0]:
                path.unlink()
        for path in self.checkpoints(group):
            if path.parent == folders[1]:
                shutil.copy(path, folders[0] / path.name)
        self.run_once(group, 200, total)
        alerts = [json.loads(message.value())["alert_id"] for message in group.alerts()]
        self.assertEqual((len(alerts), len(set(alerts))), (600, 600))

    def test_recreated_topic_is_refused_with_a_cure_that_works(self):
        group = self.group()
        self.run_once(group, 400, 0)
        self.kafka.delete(self.topic)
        wait_until(lambda: self.topic not in self.kafka.admin.list_topics(timeout=10).topics, "the topic is gone")
        self.kafka.create(self.topic)
        self.check_refused(group, 4, "recreated")
        self.run_once(group, 100, 0)

    def test_records_deleted_before_they_were_read_are_refused_with_a_cure_that_works(self):
        group = self.group()
        self.run_once(group, 400, 0)
        self.produce(self.payments(100, 400), self.topic)
        ends = self.kafka.ends(self.topic)
        places = [TopicPartition(self.topic, number, end) for number, end in enumerate(ends)]
        for future in self.kafka.admin.delete_records(places).values():
            future.result(30)
        self.check_refused(group, 4, "deleted before they were read")
        service, = self.start(group.service("a"))
        self.produce(self.payments(40, 500), self.topic)
        wait_done([service], 540)
        self.assertEqual(service.terminate(), 0, service.tail())

    def succeeds(self, words):
        """Runs one of Kafka's tools; it says what it did, its exit code does not. Members are known until their session ends."""
        done = subprocess.run(
            [str(self.kafka.home / "bin" / words[0]), "--bootstrap-server", self.kafka.servers, *words[1:]], capture_output=True, text=True, timeout=60)
        return "Successful" in done.stdout

    def check_refused(self, group, count, words):
        """Every partition is refused and says why; what it says to do is done."""
        service = group.service("a")
        self.addCleanup(lambda: service.process and service.kill())
        service.start()
        def refused():
            found = [one for one in (service.status() or {}).get("partitions", []) if one["state"] == "refused"]
            return found if len(found) == count else None
        refusals = wait_until(refused, "refused")
        self.assertIn(words, refusals[0]["refusal"]["message"])
        self.assertEqual(service.get("/readyz")[0], 503)
        self.assertEqual(service.terminate(), 0, service.tail())
        for refusal in refusals:
            cure = refusal["refusal"]["cure"]
            command = re.search(r"kafka-consumer-groups.sh [^,]+", cure)
            if command:
                wait_until(lambda line=command[0].split(): self.succeeds(line), "the offsets are deleted")
            move = re.search(r"mv (\S+) (\S+), start", cure)
            shutil.move(move[1], move[2])
