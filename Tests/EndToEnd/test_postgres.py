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
        self.feed_all([service], count)

    def feed_all(self, services, count=200):
        """Produces, and waits until all of it is committed."""
        now = int(time.time() * 1000)
        batch = []
        for number in range(self.total, self.total + count):
            value = {"payment_id": f"p-{number}", "account_id": f"a-{number % 20}", "amount": 1, "currency": "EUR", "occurred_at": payments.rfc3339(now)}
            batch.append((f"a-{number % 20}", json.dumps(value).encode(), now))
        self.total += self.produce(batch, self.name)
        wait_done(services, self.total)

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
            self.addCleanup(lambda: self.postgres.process.poll() is None or self.postgres.start())
            self.without_checkpoints(service, self.postgres.kill, self.postgres.start, "PostgreSQL is unreachable")
        self.assertGreater(service.metrics()['tripline_checkpoints_total{result="failure"}'], 0)
        service.kill()
        service.start()
        wait_done([service], self.total)
        self.assertEqual([one["recovered_from"] for one in service.status()["partitions"]], ["checkpoint"] * 4)
        self.feed(service)
        self.assertEqual(service.terminate(), 0, service.tail())
        self.assertEqual(self.checkpoints(), self.total)
        self.check_alerts()
        kept = self.postgres.sql("SELECT max(n) FROM (SELECT count(*) n FROM tripline.checkpoint GROUP BY partition) c", self.name)
        self.assertLessEqual(int(kept[0][0]), 3)

    def without_checkpoints(self, service, spoil, mend, words):
        """While the database is spoilt alerts go on; once it is mended checkpoints do, by themselves."""
        spoil()
        wait_until(lambda: self.feed(service) or self.readiness(service).startswith("[-]"), "readiness tells of it")
        self.assertIn(words, self.readiness(service))
        self.assertEqual(service.get("/readyz")[0], 200)
        mend()
        wait_until(lambda: self.feed(service, 20) or self.readiness(service) == "[+]checkpoints ok", "checkpoints go on")
        wait_until(lambda: self.checkpoints() == self.total, "checkpoints are written")

    def test_a_database_that_hangs_is_full_or_takes_no_writes(self):
        service, = self.start(self.group.service("a"))
        self.feed(service)
        wait_until(lambda: self.checkpoints() == self.total, "checkpoints are written")

        def read_only(value):
            self.postgres.sql(f"ALTER DATABASE {self.name} SET default_transaction_read_only = {value}")
            self.postgres.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.name}' AND pid <> pg_backend_pid()")
        self.without_checkpoints(service, lambda: read_only("on"), lambda: read_only("off"), "read-only transaction")
        full = """CREATE FUNCTION tripline.full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'could not extend file: No space left on device' USING errcode = '53100'; END $$;
            CREATE TRIGGER full_disk BEFORE INSERT ON tripline.checkpoint_chunk EXECUTE FUNCTION tripline.full()"""
        self.without_checkpoints(service, lambda: self.postgres.sql(full, self.name),
                                 lambda: self.postgres.sql("DROP FUNCTION tripline.full CASCADE", self.name), "No space left on device")
        self.addCleanup(self.postgres.thaw)
        self.without_checkpoints(service, self.postgres.freeze, self.postgres.thaw, "did not answer in time")
        self.assertEqual(service.terminate(), 0, service.tail())
        self.check_alerts()

    def test_instances_go_on_across_the_next_migration(self):
        services = self.start(self.group.service("a"))
        self.feed(services[0])
        # As a later version's file would: it adds, and takes nothing away.
        self.postgres.sql("""BEGIN; ALTER TABLE tripline.checkpoint ADD COLUMN later text;
            INSERT INTO tripline.schema_migration (version, name, checksum) SELECT max(version) + 1, 'add_later', decode(repeat('00', 32), 'hex')
            FROM tripline.schema_migration; COMMIT""", self.name)
        services += self.start(self.group.service("b"))
        wait_until(lambda: all((one.status() or {}).get("partitions") for one in services), "both have partitions")
        self.feed_all(services)
        wait_until(lambda: self.checkpoints() == self.total, "checkpoints are written")
        services[0].kill()
        services[0].start()
        wait_until(lambda: all((one.status() or {}).get("partitions") for one in services), "both have partitions")
        self.feed_all(services)
        for service in services:
            self.assertEqual(service.terminate(), 0, service.tail())
        self.check_alerts()

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
