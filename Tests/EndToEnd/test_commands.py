"""Every command of `tripline --help` on real components: its output and its exit code. A command without a test fails this suite."""
import importlib
import inspect
import json
import pathlib
import re
import subprocess
import tempfile
import time
import unittest

import payments
from confluent_kafka import Consumer, TopicPartition
from harness import BINARY, ENVIRONMENT, ROOT, EndToEnd, Group, Kafka, free_port, rule, wait_until, write_rules

# Each command, and the tests that run it. A test's source, or its module's, must hold the command's words.
TESTED = {
    "serve": ["test_interface.Interface.test_a_drain_ends_with_0_and_one_that_left_a_partition_out_with_3_and_the_cure",
              "test_trouble.Trouble.test_missing_topic", "test_commands.Rights.test_the_printed_rights_are_enough_and_without_them_it_says_what_is_missing"],
    "demo": ["test_embedded.Embedded.test_generated_payments_become_alerts_and_scores",
             "test_embedded.Embedded.test_a_file_that_holds_no_payments_is_refused_with_its_line"],
    "rules check": ["test_commands.Rules.test_rules_check_names_place_and_hint"],
    "rules test": ["test_commands.Rules.test_rules_test_shows_each_term_of_a_failure"],
    "eval": ["test_commands.Rules.test_eval_prints_alerts_and_ends_with_1_for_a_bad_line"],
    "doctor": ["test_commands.Doctor.test_a_good_place_has_only_warnings_of_a_single_broker", "test_commands.Doctor.test_each_trouble_has_its_line_and_code"],
    "config print": ["test_commands.Config.test_config_print_is_a_file_that_gives_the_same_settings",
                     "test_commands.Config.test_config_print_says_where_each_setting_comes_from"],
    "offsets show": ["test_operations.Operations.test_offsets_show_tells_what_is_committed_and_who_is_there"],
    "offsets reset": ["test_operations.Operations.test_offsets_reset_begins_a_new_lineage_where_it_is_told",
                      "test_operations.Operations.test_a_dry_run_and_a_no_change_nothing_and_a_yes_does"],
    "offsets skip": ["test_operations.Operations.test_offsets_skip_passes_records_and_keeps_the_state"],
    "offsets accept-gap": ["test_operations.Operations.test_what_is_well_is_left_as_it_is"],
    "state list": ["test_operations.Operations.test_state_list_and_verify_find_what_is_damaged"],
    "state verify": ["test_operations.Operations.test_state_list_and_verify_find_what_is_damaged",
                     "test_operations.Operations.test_state_verify_finds_a_state_that_a_start_would_refuse"],
    "state migrate": ["test_operations.Operations.test_a_state_is_carried_over_only_from_the_committed_offset"],
    "verify": ["test_verify.Verify.test_a_run_with_switches_and_a_crash_is_clean_while_it_runs_and_after",
               "test_verify.Verify.test_a_tampered_topic_is_found_out_with_what_was_done"],
    "migrate up": ["test_migrate.Migrate.test_up_in_text_names_what_it_applied", "test_migrate.Migrate.test_changed_and_newer_schemas_are_refused"],
    "migrate status": ["test_migrate.Migrate.test_a_schema_from_nothing_to_up_to_date"],
    "bench": ["test_bench.Bench.test_backlog_and_live", "test_bench.Bench.test_state", "test_commands.Bench.test_bench_needs_a_broker"],
}


def tripline(*arguments, environment=None, stdin=None, cwd=ROOT):
    """Exit code, stdout, stderr."""
    done = subprocess.run(
        [BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=120, env={**ENVIRONMENT, **(environment or {})}, input=stdin, cwd=cwd)
    return done.returncode, done.stdout, done.stderr


class Registry(unittest.TestCase):
    def commands(self):
        _, text, _ = tripline("--help")
        table = text[text.index("Commands:\n"):text.index("For all commands:")]
        return re.findall(r"^  (\S+(?: \S+)*)  ", table, re.MULTILINE)

    def test_every_command_of_the_help_has_a_test_that_runs_it(self):
        self.assertEqual(sorted(self.commands()), sorted(TESTED))
        for command, names in TESTED.items():
            self.assertTrue(names, command)
            for name in names:
                module, suite, test = name.split(".")
                loaded = importlib.import_module(module)
                self.assertTrue(callable(getattr(getattr(loaded, suite), test)), name)
                source = inspect.getsource(loaded) + inspect.getsource(importlib.import_module("harness"))
                for word in command.split():
                    self.assertIn(f'"{word}"', source, f"{name} does not run {command}")

    def test_every_command_has_a_help_with_an_example(self):
        for command in self.commands():
            code, text, notes = tripline(*command.split(), "--help")
            self.assertEqual((code, notes), (0, ""))
            self.assertIn(f"Example:\n  tripline {command}", text)


class Rules(unittest.TestCase):
    def folder(self, text):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        write_rules(folder, text)
        return folder

    def test_rules_check_names_place_and_hint(self):
        code, text, _ = tripline("rules", "check", "rules")
        self.assertEqual(code, 0, text)
        code, text, _ = tripline("rules", "check", self.folder(rule("r", "account.count_6m > 1")))
        self.assertEqual(code, 2)
        self.assertRegex(text, r"rules.yaml:6:\d+: error\[E\d+\]: ")
        self.assertIn("did you mean 'count_5m'", text)

    def test_rules_test_shows_each_term_of_a_failure(self):
        code, text, _ = tripline("rules", "test", "rules", "--filter", "fifty million")
        self.assertEqual(code, 0, text)
        failing = rule("r", "account.count_5m > 2") + (
            "tests:\n  - name: two\n    given:\n      - {at: \"2026-01-01T00:00:00Z\", repeat: 2, every: 1s, account_id: A, amount: 1, currency: EUR}\n"
            "    expect:\n      - {payment: 2, alerts: [r]}\n")
        code, text, _ = tripline("rules", "test", self.folder(failing))
        self.assertEqual(code, 1)
        self.assertIn("expected alerts [r], got []", text)
        self.assertIn("account.count_5m > 2 is false (2)", text)

    def test_eval_prints_alerts_and_ends_with_1_for_a_bad_line(self):
        rules = self.folder(rule("r", "account.count_5m >= 1", once_per="payment"))
        good = json.dumps({"payment_id": "p", "account_id": "a", "amount": 1, "currency": "EUR", "occurred_at": "2026-01-01T00:00:00Z"})
        code, text, _ = tripline("eval", rules, "-", stdin=good + "\n")
        self.assertEqual(code, 0)
        self.assertEqual(json.loads(text)["rule_id"], "r")
        code, text, notes = tripline("eval", rules, "-", stdin=good + "\nnonsense\n")
        self.assertEqual(code, 1)
        self.assertEqual(len(text.splitlines()), 1)
        self.assertIn("2", notes)
        code, _, notes = tripline("eval", "rules", "-", stdin="", cwd="/")
        self.assertEqual(code, 2)
        self.assertIn("name the folder with the rule files", notes)


class Config(unittest.TestCase):
    def setUp(self):
        self.file = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "tripline.yaml"
        self.file.write_text(
            "time: {grace: 30s}\nredis: {url: \"redis://:secret@127.0.0.1:1\"}\nadmin:\n  listen: \"[::1]:1\"\n"
            "kafka: {properties: {sasl.password: hidden, security.protocol: ssl}}\n")

    def test_config_print_is_a_file_that_gives_the_same_settings(self):
        self.file.write_text(self.file.read_text().replace(":secret@", "").replace("sasl.password: hidden", "client.id: 'a: \"b\" #c'"))
        command = ["config", "print", "-o", "json", "--config", self.file]
        code, first, notes = tripline(*command)
        self.assertEqual((code, notes), (0, ""))
        code, text, _ = tripline("config", "print", "--config", self.file)
        self.assertEqual(code, 0)
        printed = self.file.with_name("printed.yaml")
        # The address of Redis is a secret: it may hold a password.
        self.assertIn('url: "***"', text)
        printed.write_text(text.replace('"***"', "redis://127.0.0.1:1"))
        code, second, notes = tripline("config", "print", "-o", "json", "--config", printed)
        self.assertEqual((code, notes), (0, ""))
        self.assertEqual(json.loads(first), json.loads(second))
        self.assertEqual(json.loads(first)["kafka.properties.client.id"], 'a: "b" #c')

    def test_config_print_says_where_each_setting_comes_from(self):
        code, text, _ = tripline(
            "config", "print", "--show-origin", "--config", self.file, "--set", "workers=3", environment={"TRIPLINE_GROUP": "from-environment"})
        self.assertEqual(code, 0)
        for line in (r"workers +3 +--set", r"group +from-environment +environment TRIPLINE_GROUP", rf"time\.grace +30s +{self.file}:1",
                     rf"redis\.url +\*\*\* +{self.file}:2", r"time\.window +5m +default", rf"kafka\.properties\.sasl\.password +\*\*\* +{self.file}:5"):
            self.assertRegex(text, rf"(?m)^{line}$")
        for secret in ("secret", "hidden"):
            self.assertNotIn(secret, text)
        self.file.write_text("tme: {grace: 30s}\n")
        code, text, notes = tripline("config", "print", "--config", self.file)
        self.assertEqual((code, text), (2, ""))
        self.assertIn("did you mean 'time'", notes)


class Bench(unittest.TestCase):
    def test_bench_needs_a_broker(self):
        code, text, notes = tripline("bench", "--set", f"kafka.bootstrap_servers=127.0.0.1:{free_port()}")
        self.assertEqual((code, text), (4, ""))
        self.assertIn("bench needs a broker", notes)


class Doctor(EndToEnd):
    needs = ("kafka", "redis")

    def setUp(self):
        super().setUp()
        self.topic = f"in-{self.random.randrange(1 << 30):x}"
        self.rules = write_rules(self.folder / "rules", rule("always", "account.count_5m >= 1", once_per="payment"))
        self.group = Group(
            self.kafka, "g-" + self.topic, self.folder, self.rules, redis=self.redis, topic=self.topic,
            settings={"kafka": {"consumer_properties": {"session.timeout.ms": 6000}}})
        self.service = self.group.service("a")

    def doctor(self, *arguments):
        """Exit code and findings by what they are about: level, detail, cure."""
        code, text, notes = tripline("doctor", "-o", "json", "--config", self.service.config, *arguments)
        self.assertEqual(notes, "")
        document = json.loads(text)
        self.assertEqual(document["exit_code"], code)
        found = {}
        for check in document["checks"]:
            self.assertEqual(check["cure"] is None, check["level"] == "ok", check)
            found.setdefault(check["what"], []).append(check)
        return code, found

    def levels(self, found, level):
        return {what for what, checks in found.items() if any(check["level"] == level for check in checks)}

    def payments(self, count):
        now = int(time.time() * 1000)
        for number in range(count):
            value = {"payment_id": f"p-{number}", "account_id": f"a-{number}", "amount": 1, "currency": "EUR", "occurred_at": payments.rfc3339(now)}
            yield f"a-{number}", json.dumps(value).encode(), now

    def test_a_good_place_has_only_warnings_of_a_single_broker(self):
        self.kafka.create(self.topic)
        self.group.create_outputs()
        code, found = self.doctor()
        topics = {f"topic {name}" for name in [self.topic, *self.group.outputs.values()]}
        self.assertEqual((code, self.levels(found, "fail")), (1, set()), found)
        self.assertLessEqual(self.levels(found, "warn"), topics | {"rules", "open files", "checkpoint folder"})
        self.assertLessEqual(
            topics | {"settings", "rules", "checkpoint folder", "open files", "kafka", "librdkafka", "transactions", "producer", "group", "offsets", "redis",
                      "redis memory", "clock"}, set(found))
        self.assertIn("none are committed", found["offsets"][0]["detail"])
        self.assertFalse((self.group.folder / "state").exists(), "the doctor makes nothing")
        # While it runs.
        service, = self.start(self.service)
        self.produce(self.payments(200), self.topic)
        wait_until(lambda: sum(one["committed"] or 0 for one in service.status()["partitions"]) == 200, "all is read")
        code, found = self.doctor()
        self.assertEqual((code, self.levels(found, "fail")), (1, set()), found)
        self.assertIn("Stable with 2 members", found["group"][0]["detail"])
        self.assertIn("runs on this machine", found["instance"][0]["detail"])
        self.assertIn("4 are committed", found["offsets"][0]["detail"])
        self.assertIn("168 h", found["offsets retention"][0]["detail"])
        self.assertEqual(service.terminate(), 0, service.tail())

    def check(self, found, what, level, *words):
        texts = [f"{check['level']} {check['detail']}; {check['cure']}" for check in found.get(what, [])]
        self.assertTrue(any(text.startswith(level) and all(word in text for word in words) for text in texts), f"{what}: {texts}")

    def test_each_trouble_has_its_line_and_code(self):
        code, found = self.doctor()
        self.assertEqual(code, 3)
        self.check(found, f"topic {self.topic}", "fail", "does not exist", "kafka-topics.sh", "--create")
        # Topics with the wrong properties.
        self.kafka.create(self.topic, config={"cleanup.policy": "compact", "retention.ms": "1000", "retention.bytes": "1000"})
        for kind, name in self.group.outputs.items():
            self.kafka.create(name, config={"max.message.bytes": "1000"} if kind in ("late", "dead_letters") else {"retention.ms": "3600000"})
        code, found = self.doctor("--set", "input.max_bytes=2MiB")
        self.assertEqual(code, 3)
        self.check(found, f"topic {self.topic}", "fail", "compacted", "cleanup.policy=delete")
        self.check(found, f"topic {self.topic}", "fail", "kept for 1s", "retention.ms=86400000")
        self.check(found, f"topic {self.topic}", "warn", "1000 bytes", "retention.bytes=-1")
        self.check(found, f"topic {self.topic}", "warn", "kept once")
        for kind in ("late", "dead_letters"):
            self.check(found, f"topic {self.group.outputs[kind]}", "fail", "records of 1000 bytes, but up to 2162688", "max.message.bytes=2162688")
        self.check(found, "producer", "ok", "2162688 bytes")
        code, found = self.doctor("--set", "kafka.producer_properties.message.max.bytes=1000")
        self.check(found, "producer", "fail", "1000 bytes", "327680", "remove message.max.bytes")
        # Dependencies that are not there, or not as they should be.
        code, found = self.doctor("--set", f"redis.url=redis://127.0.0.1:{free_port()}", "--set", "input.topic=" + self.group.outputs["alerts"], "--set",
                                  "output.alerts=" + self.topic)
        self.check(found, "redis", "fail", "redis.url")
        self.redis.call("CONFIG", "SET", "maxmemory", "100mb")
        self.redis.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        self.check(self.doctor()[1], "redis memory", "warn", "allkeys-lru", "noeviction")
        self.redis.call("CONFIG", "SET", "maxmemory", "0")
        code, found = self.doctor("--set", f"kafka.bootstrap_servers=127.0.0.1:{free_port()}")
        self.assertEqual(code, 4)
        self.check(found, "kafka", "fail", "kafka.bootstrap_servers")
        (self.folder / "file").write_text("")
        code, found = self.doctor("--set", f"checkpoint.store=directory:{self.folder}/file/state")
        self.assertEqual(code, 3)
        self.check(found, "checkpoint folder", "fail", "checkpoint.store=directory:")
        code, found = self.doctor("--set", "rules.directory=/nowhere")
        self.assertEqual(code, 2)
        self.check(found, "rules", "fail", "/nowhere", "rules.directory in tripline.yaml")
        code, found = self.doctor("--set", "time.grace=soon")
        self.assertEqual(code, 2)
        self.check(found, "settings", "fail", "time.grace")

    def test_offsets_that_a_start_would_refuse_are_named_with_their_cure(self):
        self.kafka.create(self.topic)
        self.group.create_outputs()
        consumer = Consumer({"bootstrap.servers": self.kafka.servers, "group.id": self.group.name})
        try:
            consumer.commit(offsets=[TopicPartition(self.topic, 2, 0)], asynchronous=False)
        finally:
            consumer.close()
        code, found = self.doctor()
        self.assertEqual(code, 3)
        self.check(found, "partition 2", "fail", "no metadata", f"tripline offsets reset --partition 2 --to-current --config {self.service.config} ; then")
        self.assertNotIn("partition 1", found)

    def test_payments_from_the_future_tell_of_a_wrong_clock(self):
        self.kafka.create(self.topic)
        self.group.create_outputs()
        later = int(time.time() * 1000) + 3_600_000
        self.produce([("a", b"{}", later)], self.topic)
        self.check(self.doctor()[1], "payment times", "warn", "ahead of this machine's clock", "NTP")


class DoctorPostgres(EndToEnd):
    needs = ("postgres",)

    def finding(self, url):
        code, text, _ = tripline("doctor", "-o", "json", "--set", f"postgres.url={url}", "--set", f"kafka.bootstrap_servers=127.0.0.1:{free_port()}",
                                 "--set", f"checkpoint.store=directory:{self.folder}")
        self.assertNotIn("secret", text)
        return code, next(check for check in json.loads(text)["checks"] if check["what"] == "postgres")

    def test_the_schema_is_looked_at(self):
        self.postgres.create("doctor")
        code, found = self.finding(self.postgres.url("tripline_service", "doctor"))
        # There is no Kafka here.
        self.assertEqual((code, found["level"]), (4, "fail"))
        self.assertIn("tripline migrate up", found["detail"])
        self.postgres.migrate("doctor")
        code, found = self.finding(self.postgres.url("tripline_service", "doctor"))
        self.assertEqual((code, found["level"]), (4, "ok"))
        code, found = self.finding(f"postgresql://u:secret@127.0.0.1:{free_port()}/db")
        # Checkpoints are in a folder: the service starts without a database.
        self.assertEqual((code, found["level"]), (4, "warn"))
        self.assertIn("postgres.url", found["detail"])


class GuardedKafka(Kafka):
    """A broker that knows one user, `tripline`, and gives nobody a right who has none; the tests themselves come through the open door."""

    def adjust(self, settings):
        self.guarded = f"127.0.0.1:{free_port()}"
        for key in ("listeners", "advertised.listeners"):
            settings[key] += f",GUARDED://{self.guarded}"
        settings["listener.security.protocol.map"] += ",GUARDED:SASL_PLAINTEXT"
        settings |= {
            "listener.name.guarded.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.guarded.plain.sasl.jaas.config":
                'org.apache.kafka.common.security.plain.PlainLoginModule required user_tripline="tripline-secret";',
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:ANONYMOUS",
        }


class Rights(EndToEnd):
    needs = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kafka = GuardedKafka()
        cls.addClassCleanup(cls.kafka.stop)

    def test_the_printed_rights_are_enough_and_without_them_it_says_what_is_missing(self):
        rules = write_rules(self.folder / "rules", rule("always", "account.count_5m >= 1", once_per="payment"))
        secret = self.folder / "secret"
        secret.write_text("tripline-secret\n")
        properties = {"security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN", "sasl.username": "tripline", "sasl.password_file": str(secret)}
        group = Group(
            self.kafka, "guarded", self.folder, rules, settings={"kafka": {"bootstrap_servers": self.kafka.guarded, "properties": properties}})
        self.kafka.create("payments")
        group.create_outputs()
        service = group.service("a")
        code, text = service.run("--check")
        self.assertIn(code, (3, 4), text)
        self.assertIn("authoriz", text.lower())
        code, text, notes = tripline("doctor", "--acls", "--config", service.config)
        self.assertEqual((code, notes), (0, ""))
        script = text.replace(self.kafka.guarded, self.kafka.servers)
        done = subprocess.run(
            ["bash", "-euc", script], env={**ENVIRONMENT, "PATH": f"{self.kafka.home}/bin:{ENVIRONMENT['PATH']}", "LOG_DIR": str(self.folder)},
            capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        now = int(time.time() * 1000)
        value = {"payment_id": "p", "account_id": "a", "amount": 1, "currency": "EUR", "occurred_at": payments.rfc3339(now)}
        self.produce([("a", json.dumps(value).encode(), now)])
        code, text = service.run("--drain")
        self.assertEqual(code, 0, text)
        self.assertEqual(len(group.alerts()), 1)
        code, text, notes = tripline("verify", "--config", service.config)
        self.assertEqual(code, 0, text + notes)
        code, text, _ = tripline("doctor", "--config", service.config)
        self.assertEqual(code, 1, text)
        self.assertNotIn("--acls", text)
