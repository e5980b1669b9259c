"""Checkpoints in PostgreSQL: lost and damaged ones, a database that dies under way, and what stops a start."""
import json
import random
import re
import shlex
import subprocess
import time

import payments
import test_recovery
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from harness import BINARY, ENVIRONMENT, EndToEnd, Group, free_port, rule, run_when_empty, tripline, wait_done, wait_until, write_rules

# The newest checkpoint of each partition.
NEWEST = """SELECT DISTINCT ON (partition) id, partition FROM tripline.checkpoint ORDER BY partition, epoch DESC, "offset" DESC, rules_seq DESC"""


def settings(postgres, database, user="tripline_service", **checkpoint):
    return {"checkpoint": {"store": "postgres", **checkpoint}, "postgres": {"url": postgres.url(user, database)}}


class Recovery(test_recovery.Recovery):
    """What the suite of the folder does, with the same demands."""

    needs = ("kafka", "postgres")
    topic = "recovery-postgres"

    def settings(self):
        self.postgres.create("recovery")
        self.postgres.migrate("recovery")
        return settings(self.postgres, "recovery", max_age="1s")

    def spoil(self, group, how):
        newest = self.postgres.sql(NEWEST, "recovery")
        self.assertEqual(len(newest), 4)
        if how == "all deleted":
            self.postgres.sql("DELETE FROM tripline.checkpoint", "recovery")
        for number, (identity, _) in enumerate(newest):
            length, = self.postgres.sql(f"SELECT octet_length(data) FROM tripline.checkpoint_chunk WHERE checkpoint_id = {identity} AND number = 0",
                                        "recovery")[0] if how != "all deleted" else (1,)
            at = random.Random(self.seed).randrange(1, max(2, int(length)))
            foreign = newest[(number + 1) % 4][0]
            change = {
                "newest deleted": f"DELETE FROM tripline.checkpoint WHERE id = {identity}",
                "truncated": f"UPDATE tripline.checkpoint_chunk SET data = substr(data, 1, {at}) WHERE checkpoint_id = {identity}",
                "bit flipped": f"UPDATE tripline.checkpoint_chunk SET data = set_byte(data, {at}, get_byte(data, {at}) # 4) WHERE checkpoint_id = {identity}",
                "another partition's": f"""
                    UPDATE tripline.checkpoint SET bytes = (SELECT bytes FROM tripline.checkpoint WHERE id = {foreign}) WHERE id = {identity};
                    UPDATE tripline.checkpoint_chunk SET data = (SELECT data FROM tripline.checkpoint_chunk WHERE checkpoint_id = {foreign})
                    WHERE checkpoint_id = {identity}""",
                "all deleted": "SELECT 1"}[how]
            self.postgres.sql(change, "recovery")


class Outage(EndToEnd):
    needs = ("kafka", "postgres")

    def setUp(self):
        super().setUp()
        self.name = f"db_{self.random.randrange(1 << 30):x}"
        self.postgres.create(self.name)
        self.postgres.migrate(self.name)
        self.kafka.create(self.name)
        rules = write_rules(self.folder / "rules", rule("always", "account.count_5m >= 1", once_per="payment"))
        self.group = Group(self.kafka, self.name, self.folder, rules, topic=self.name,
                           settings=settings(self.postgres, self.name, max_age="1s")).create_outputs()
        self.total = 0

    def feed(self, service, count=200):
        """Produces, and waits until all of it is committed."""
        now = int(time.time() * 1000)
        batch = []
        for number in range(self.total, self.total + count):
            value = {"payment_id": f"p-{number}", "account_id": f"a-{number % 20}", "amount": 1, "currency": "EUR", "occurred_at": payments.rfc3339(now)}
            batch.append((f"a-{number % 20}", json.dumps(value).encode(), now))
        self.total += self.produce(batch, self.name)
        wait_done([service], self.total)

    def checkpoints(self):
        """Sum of the offsets of the partitions' newest checkpoints."""
        found = self.postgres.sql("""SELECT coalesce(sum(o), 0) FROM (SELECT max("offset") o FROM tripline.checkpoint WHERE complete GROUP BY partition) m""",
                                  self.name)
        return int(found[0][0])

    def readiness(self, service):
        """The line about checkpoints: `[+]checkpoints ok`."""
        return next(line for line in service.get("/readyz?verbose")[1].splitlines() if line[3:].startswith("checkpoints "))

    def check_alerts(self):
        found = sorted(json.loads(message.value())["payment"]["payment_id"] for message in self.group.alerts())
        self.assertEqual(found, sorted(f"p-{number}" for number in range(self.total)))

    def test_a_database_that_dies_stops_checkpoints_and_nothing_else(self):
        service, = self.start(self.group.service("a"))
        self.feed(service)
        wait_until(lambda: self.checkpoints() == self.total, "checkpoints are written")
        for _ in range(2):
            self.postgres.kill()
            self.addCleanup(lambda: self.postgres.process.poll() is None or self.postgres.start())
            wait_until(lambda: self.feed(service) or self.readiness(service).startswith("[-]"), "readiness tells of it")
            self.assertIn("PostgreSQL is unreachable", self.readiness(service))
            self.assertEqual(service.get("/readyz")[0], 200)
            self.assertGreater(service.metrics()['tripline_checkpoints_total{result="failure"}'], 0)
            self.postgres.start()
            wait_until(lambda: self.feed(service, 20) or self.readiness(service) == "[+]checkpoints ok", "checkpoints go on")
            wait_until(lambda: self.checkpoints() == self.total, "checkpoints are written")
        service.kill()
        service.start()
        service.wait_ready()
        self.assertEqual([one["recovered_from"] for one in service.status()["partitions"]], ["checkpoint"] * 4)
        self.feed(service)
        self.assertEqual(service.terminate(), 0, service.tail())
        self.assertEqual(self.checkpoints(), self.total)
        self.check_alerts()
        kept = self.postgres.sql("SELECT max(n) FROM (SELECT count(*) n FROM tripline.checkpoint GROUP BY partition) c", self.name)
        self.assertLessEqual(int(kept[0][0]), 3)

    def refused(self, code, *words, **changes):
        group = self.group
        exit_code, text = group.service("a", **changes).run()
        self.assertEqual(exit_code, code, text)
        message = text[text.index("tripline: "):]
        for word in words:
            self.assertIn(word, message)
        self.assertNotIn("secret", text)

    def doctor(self, **changes):
        """Level and text by what was looked at."""
        service = self.group.service("a", **changes)
        done = subprocess.run([BINARY, "doctor", "--config", str(service.config), "-o", "json"], capture_output=True, text=True, timeout=60, env=ENVIRONMENT)
        self.assertNotIn("secret", done.stdout + done.stderr)
        return done.returncode, {one["what"]: f"{one['level']} {one['detail']}" for one in json.loads(done.stdout)["checks"]}

    def test_the_doctor_looks_at_schema_and_store(self):
        found = self.doctor()[1]
        self.assertTrue(found["postgres"].startswith("ok the schema at postgresql://127.0.0.1:"), found)
        self.assertTrue(found["checkpoint store"].startswith("ok checkpoints can be written"), found)
        self.assertNotIn("checkpoint folder", found)
        self.assertEqual(self.postgres.sql("SELECT count(*) FROM tripline.checkpoint", self.name), [["0"]])
        gone = {"url": f"postgresql://u:secret@127.0.0.1:{free_port()}/x"}
        code, found = self.doctor(postgres=gone)
        self.assertEqual(code, 4, found)
        self.assertIn("fail PostgreSQL is unreachable", found["postgres"])
        found = self.doctor(postgres=gone, checkpoint={"store": f"directory:{self.folder}/state"})[1]
        self.assertIn("warn PostgreSQL is unreachable", found["postgres"])
        code, found = self.doctor(postgres={"url": self.postgres.url("tripline_read", self.name)})
        self.assertEqual(code, 3, found)
        self.assertIn("fail the checkpoint store cannot be used", found["checkpoint store"])

    def test_what_stops_a_start(self):
        url = self.postgres.url
        self.refused(4, "PostgreSQL is unreachable", "postgres.url", postgres={"url": f"postgresql://u:secret@127.0.0.1:{free_port()}/x"})
        self.refused(3, "refused the credentials", postgres={"url": url("tripline_service", self.name, "secret2")})
        self.refused(3, "permission denied", "docs/postgresql.md", postgres={"url": url("tripline_read", self.name)})
        self.refused(3, 'database "nowhere" does not exist', postgres={"url": url("tripline_service", "nowhere")})
        self.postgres.sql(f"ALTER DATABASE {self.name} SET default_transaction_read_only = on")
        self.refused(3, "read-only transaction", "name the primary")

    def test_a_group_without_offsets_is_refused_with_a_command_that_mends_it(self):
        service, = self.start(self.group.service("a"))
        self.feed(service)
        self.assertEqual(service.terminate(), 0, service.tail())
        shown, _ = tripline("state", "list", "-o", "json", "--config", str(service.config))
        self.assertEqual(sorted({one["partition"] for one in json.loads(shown)["checkpoints"]}), [0, 1, 2, 3])
        self.assertNotIn("secret", shown)
        verified, _ = tripline("state", "verify", "--config", str(service.config))
        self.assertNotIn("BAD", verified)
        admin = AdminClient({"bootstrap.servers": self.kafka.servers})

        def deleted():
            try:
                return admin.delete_consumer_groups([self.name])[self.name].result() is None
            except KafkaException:
                return False
        wait_until(deleted, "the group has no members, and is deleted")
        service.start()
        refusals = wait_until(lambda: [one["refusal"] for one in (service.status() or {}).get("partitions", []) if one["state"] == "refused"][3:]
                              and [one["refusal"] for one in service.status()["partitions"]], "refused")
        self.assertEqual({one["reason"] for one in refusals}, {"checkpoint_without_offset"})
        self.assertEqual(service.terminate(), 0, service.tail())
        for refusal in refusals:
            words = shlex.split(re.search(r"run: (tripline .+?) ; then", refusal["cure"])[1])
            self.assertEqual(words[1:3], ["offsets", "accept-gap"])
            run_when_empty(*words[1:], "--yes", "--reason", "a test")
        audit = self.postgres.sql("SELECT action, detail->>'reason' FROM tripline.audit", self.name)
        self.assertEqual(audit, [["offsets accept-gap", "a test"]] * 4)
        service.start()
        service.wait_ready()
        self.feed(service)
        self.assertEqual(service.terminate(), 0, service.tail())
        self.check_alerts()
