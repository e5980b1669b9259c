"""docker-compose.yml and the image, without a container engine: what they promise is read, and what they start is started."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.request

import yaml

from harness import BINARY, ENVIRONMENT, ROOT, Postgres, end, free_port, kafka_home, wait_until

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
IMAGE_FOLDER = "/etc/tripline"


def table(document, heading):
    """The table below a heading, as rows of bare cells."""
    text = (ROOT / document).read_text().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


def duration(text):
    return sum(int(number) * {"s": 1, "m": 60}[unit] for number, unit in re.findall(r"(\d+)([sm])", text))


class Described(unittest.TestCase):
    """What stands in the files."""

    def test_every_image_is_pinned(self):
        for name, service in SERVICES.items():
            image, _, tag = service["image"].partition(":")
            if "build" in service:
                self.assertEqual(service["image"], "tripline:local", name)
            else:
                self.assertRegex(tag, r"^\d+\.\d+\.\d+|^\d+\.\d+-", f"{name}: {image}")
        for base in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE):
            self.assertIn("bookworm", base)

    def test_every_mounted_file_and_secret_exists(self):
        files = [COMPOSE["secrets"][name]["file"] for name in COMPOSE["secrets"]]
        for name, service in SERVICES.items():
            self.assertLessEqual(set(service.get("secrets", [])), set(COMPOSE["secrets"]), name)
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith("."):
                    files.append(source)
                    self.assertTrue(volume.endswith(":ro"), volume)
                else:
                    self.assertIn(source, COMPOSE["volumes"], name)
        for file in files:
            self.assertTrue((ROOT / file).exists(), file)

    def test_ports_are_open_to_this_machine_only_and_documented(self):
        published = {port for service in SERVICES.values() for port in service.get("ports", [])}
        documented = {f"127.0.0.1:{row[0]}:{row[0]}" for row in table("docs/deployment.md", "Ports")}
        self.assertEqual(published, documented)
        exposed = set(re.search(r"^EXPOSE (.*)$", DOCKERFILE, re.MULTILINE).group(1).split())
        self.assertEqual(exposed, {port.rsplit(":", 1)[1] for port in SERVICES["tripline"]["ports"]})

    def test_what_is_waited_for_can_be_waited_for(self):
        for name, service in SERVICES.items():
            for other, wait in service.get("depends_on", {}).items():
                if wait["condition"] == "service_healthy":
                    self.assertIn("healthcheck", SERVICES[other], f"{name} waits for {other}")
                else:
                    self.assertEqual(wait["condition"], "service_completed_successfully", name)
                    self.assertNotIn("restart", SERVICES[other], other)

    def test_the_service_is_given_longer_to_stop_than_it_takes(self):
        grace = next(row[1] for row in table("docs/configuration.md", "All keys") if row[0] == "shutdown.grace")
        self.assertGreater(duration(SERVICES["tripline"]["stop_grace_period"]), duration(grace))
        self.assertIn("\nSTOPSIGNAL SIGTERM\n", DOCKERFILE)

    def test_the_image_is_built_with_the_libraries_that_setup_installs(self):
        setup = re.findall(r":(lib[\w.+-]+-dev)\b", (ROOT / "scripts/setup").read_text())
        self.assertEqual(re.findall(r"\blib[\w.+-]+-dev\b", DOCKERFILE), sorted(setup))

    def test_the_service_is_not_root_and_owns_its_state(self):
        self.assertRegex(DOCKERFILE, r"\nUSER 10001:10001\n")
        self.assertIn("--uid 10001", DOCKERFILE)
        store = next(row[1] for row in table("docs/configuration.md", "All keys") if row[0] == "checkpoint.store")
        self.assertIn(f"\nVOLUME {store.removeprefix('directory:')}\n", DOCKERFILE)

    def test_no_secret_stands_in_an_environment(self):
        files = {name: (ROOT / secret["file"]).read_text() for name, secret in COMPOSE["secrets"].items()}
        password = files["redis-password"].strip()
        for name, text in files.items():
            self.assertIn(password, text, f"{name}: one password, in every file that needs it")
        for file in ("docker-compose.yml", "deploy/compose/tripline.yaml"):
            self.assertNotIn(password, (ROOT / file).read_text())


class Local:
    """The compose file's services as processes of this machine: its commands, variables, files and health checks, with addresses and paths exchanged."""

    def __init__(self, home, postgres=None):
        self.postgres = postgres
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tripline-compose-"))
        self.processes = {}
        ports = {name: free_port() for name in ("kafka:19092", "kafka:9092", "kafka:9093", "redis:6379", "tripline:8080", "tripline:9464")}
        ports["postgres:5432"] = postgres.port if postgres else free_port()
        self.data, self.admin, self.broker = ports["tripline:8080"], ports["tripline:9464"], ports["kafka:19092"]
        self.exchanged = [(address, f"127.0.0.1:{port}") for address, port in ports.items()]
        self.exchanged += [(f"://:{address.split(':')[1]}", f"://127.0.0.1:{port}") for address, port in ports.items()]
        self.exchanged += [
            ("://127.0.0.1:9092", f"://127.0.0.1:{ports['kafka:9092']}"), ("0.0.0.0:8080", f"127.0.0.1:{self.data}"),
            ("0.0.0.0:9464", f"127.0.0.1:{self.admin}"), ("/opt/kafka/bin", f"{home}/bin"), ("/run/secrets", str(self.folder / "secrets")),
            ("/var/lib/kafka/data", str(self.folder / "kafka")), ("$$", "$")]
        (self.folder / "secrets").mkdir()
        for name, secret in COMPOSE["secrets"].items():
            (self.folder / "secrets" / name).write_text(self.local((ROOT / secret["file"]).read_text()))
        with open(self.folder / "secrets/redis.conf", "a", encoding="utf-8") as file:
            file.write(f"port {ports['redis:6379']}\nbind 127.0.0.1\ndir {self.folder}\n")
        self.home = home

    def local(self, text):
        for there, here in self.exchanged:
            text = text.replace(there, here)
        return text

    def mounted(self, service, text):
        """A path in the container as the file that is mounted there."""
        for volume in SERVICES[service].get("volumes", []):
            source, target = volume.split(":")[:2]
            if source.startswith(".") and text == target:
                return str(ROOT / source)
        return text

    def environment(self, service):
        values = SERVICES[service].get("environment", {})
        here = {"KAFKA_BIN": f"{self.home}/bin", "KAFKA_HEAP_OPTS": "-Xmx384m", "LOG_DIR": str(self.folder), "SECRETS": str(self.folder / "secrets"),
                "MIGRATIONS": str(ROOT / "migrations")}
        if self.postgres:
            here |= {"PGHOST": "127.0.0.1", "PGPORT": str(self.postgres.port), "PGUSER": "admin", "PGPASSWORD": "secret"}
        return {**ENVIRONMENT, **here,
                **{key: self.local(str(value)) for key, value in values.items() if not key.startswith("KAFKA_")}}

    def command(self, service):
        return [self.mounted(service, self.local(word)) for word in SERVICES[service]["command"]]

    def start(self, service, command, **options):
        with open(self.folder / f"{service}.log", "wb") as log:
            self.processes[service] = subprocess.Popen(
                command, env=self.environment(service), stdout=log, stderr=log, start_new_session=True, **options)

    def run(self, service, command=None):
        done = subprocess.run(command or self.command(service), env=self.environment(service), capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise AssertionError(f"{service} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def prepare_postgres(self):
        """What the image does with POSTGRES_DB and the folder of its init scripts, then the services that follow."""
        self.postgres.sql("CREATE DATABASE " + SERVICES["postgres"]["environment"]["POSTGRES_DB"])
        for volume in SERVICES["postgres"]["volumes"]:
            if "/docker-entrypoint-initdb.d/" in volume:
                self.run("postgres", ["bash", ROOT / volume.split(":")[0]])
        self.run("migrate", [BINARY, *self.command("migrate"), "--config", ROOT / "deploy/tripline.yaml"])
        self.run("rights")

    def is_healthy(self, service):
        if self.processes[service].poll() is not None:
            raise AssertionError(f"{service} ended:\n{self.log(service)[-3000:]}")
        kind, *words = SERVICES[service]["healthcheck"]["test"]
        words = [self.local(word).replace("tripline-health", str(ROOT / "deploy/healthcheck")) for word in words]
        command = ["sh", "-c", words[0]] if kind == "CMD-SHELL" else words
        environment = dict(self.environment(service), TRIPLINE_ADMIN_LISTEN=f"127.0.0.1:{self.admin}")
        if service == "redis":
            command[-1] = command[-1].replace("redis-cli", "redis-cli -p " + dict(self.exchanged)["redis:6379"].split(":")[1])
        return subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60).returncode == 0

    def wait_healthy(self, service):
        wait_until(lambda: self.is_healthy(service), f"{service} is healthy")

    def start_kafka(self):
        """The image makes a property of each variable: `KAFKA_LOG_DIRS` is `log.dirs`."""
        values = SERVICES["kafka"]["environment"]
        properties = self.folder / "server.properties"
        properties.write_text("".join(
            f"{key.removeprefix('KAFKA_').lower().replace('_', '.')}={self.local(str(value))}\n" for key, value in values.items() if key != "CLUSTER_ID"))
        subprocess.run([f"{self.home}/bin/kafka-storage.sh", "format", "-t", values["CLUSTER_ID"], "-c", properties], check=True,
                       stdout=subprocess.DEVNULL, env=self.environment("kafka"))
        self.start("kafka", [f"{self.home}/bin/kafka-server-start.sh", properties])

    def settings(self):
        """The mounted settings, and the folders of the image as folders here."""
        path = self.folder / "tripline.yaml"
        path.write_text(self.local(pathlib.Path(self.mounted("tripline", f"{IMAGE_FOLDER}/tripline.yaml")).read_text()))
        return ["--config", str(path), "--set", "rules.directory=" + self.mounted("tripline", f"{IMAGE_FOLDER}/rules")]

    def log(self, service):
        return (self.folder / f"{service}.log").read_text(errors="replace")

    def stop(self):
        for service in reversed(list(self.processes)):
            process = self.processes[service]
            if service in ("payments", "alerts") and process.poll() is None:
                # A shell with children, as the engine ends a whole container.
                os.killpg(process.pid, 15)
            end(process)
        shutil.rmtree(self.folder, ignore_errors=True)


class Started(unittest.TestCase):
    """What the files start."""

    def printed(self, *extra):
        local = Local("/nowhere")
        self.addCleanup(local.stop)
        return subprocess.run([BINARY, "config", "print", "-o", "json", *local.settings(), *extra], env=local.environment("tripline"),
                              capture_output=True, text=True, timeout=60)

    def test_every_setting_is_known(self):
        done = self.printed()
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_setting_that_is_not_known_is_noticed(self):
        self.assertEqual(self.printed("--set", "redis.adress=x").returncode, 2)

    def test_the_settings_of_the_image_are_known(self):
        done = subprocess.run([BINARY, "config", "print", "--config", ROOT / "deploy/tripline.yaml"], env=ENVIRONMENT, cwd=ROOT, capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_all_together_reach_the_first_alert(self):
        if shutil.which("redis-server") is None:
            self.skipTest("redis-server is not installed: apt-get install redis-server")
        home = kafka_home()
        postgres = Postgres()
        self.addCleanup(postgres.stop)
        local = Local(home, postgres)
        self.addCleanup(local.stop)
        local.prepare_postgres()
        local.start_kafka()
        local.start("redis", local.command("redis"))
        local.wait_healthy("kafka")
        local.run("topics")
        self.check_topics(local)
        local.run("topics")  # again: `up` after `up`
        local.start("alerts", local.command("alerts"))
        local.wait_healthy("redis")
        self.check_doctor(local)
        local.start("tripline", [BINARY, "serve", *local.settings()])
        local.wait_healthy("tripline")
        local.start("payments", local.command("payments"))
        seen = set()

        def all_rules():
            seen.update(json.loads(line)["rule_id"] for line in local.log("alerts").splitlines() if line.startswith("{"))
            return {"high_velocity", "card_testing", "high_sum", "listed_country"} <= seen
        wait_until(all_rules, "an alert of each kind of burst", 120)
        alert = next(json.loads(line) for line in local.log("alerts").splitlines() if line.startswith("{"))
        with urllib.request.urlopen(f"http://127.0.0.1:{local.data}/v1/accounts/{alert['account_id']}/risk", timeout=5) as answer:
            self.assertTrue(json.loads(answer.read())["known"])
        self.assertEqual(end(local.processes["tripline"]), 0, local.log("tripline")[-3000:])

    def check_doctor(self, local):
        """One broker is what the doctor minds, and nothing else."""
        done = subprocess.run([BINARY, "doctor", *local.settings()], env=local.environment("tripline"), capture_output=True, text=True, timeout=60)
        found = done.stdout.splitlines()
        self.assertEqual([line for line in found if not line.startswith("ok ") and "replication factor" not in line], [], done.stderr)
        self.assertEqual(done.returncode, 1, done.stdout)

    def check_topics(self, local):
        described = subprocess.run(
            [f"{local.home}/bin/kafka-topics.sh", "--bootstrap-server", f"127.0.0.1:{local.broker}", "--describe"], capture_output=True, text=True,
            check=True, env=local.environment("topics")).stdout
        found = dict(re.findall(r"^Topic: (\S+)\s.*Configs: (\S*)", described, re.MULTILINE))
        documented = {row[0]: set(row[2].replace("`", "").split()) for row in table("docs/deployment.md", "Topics")}
        # Kafka 4.1 and newer write this one down by themselves.
        ours = {topic: set(settings.split(",")) - {"min.insync.replicas=1"} for topic, settings in found.items() if not topic.startswith("__")}
        self.assertEqual(ours, documented)
