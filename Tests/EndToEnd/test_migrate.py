"""`tripline migrate` against a real PostgreSQL: output, exit codes, and messages that say what to do."""
import json

from harness import EndToEnd, Group, free_port, rule, tripline, write_rules


class Migrate(EndToEnd):
    needs = ("postgres",)

    def setUp(self):
        super().setUp()
        self.database = f"db_{self.random.randrange(1 << 30):x}"
        self.postgres.create(self.database)

    def migrate(self, *words, code=0, user="tripline_migrate", password="secret"):
        return tripline("migrate", *words, "--set", "postgres.url=" + self.postgres.url(user, self.database, password), code=code)

    def test_a_schema_from_nothing_to_up_to_date(self):
        out, err = self.migrate("status", code=1)
        self.assertIn("1  create_schema            pending\n", out)
        self.assertIn("2 pending; run: tripline migrate up", err)
        self.assertEqual(self.migrate("up", "--dry-run")[0], "would apply 1 create_schema\nwould apply 2 add_checkpoint_instance\n")
        self.assertEqual(json.loads(self.migrate("up", "--dry-run", "-o", "json")[0]), {"pending": [1, 2], "version": 0})
        self.assertEqual(self.postgres.sql("SELECT 1 FROM pg_namespace WHERE nspname = 'tripline'", self.database), [])
        self.assertEqual(json.loads(self.migrate("up", "-o", "json")[0]), {"applied": [1, 2], "version": 2})
        self.assertEqual(self.migrate("up")[0], "the schema is up to date (version 2)\n")
        status = json.loads(self.migrate("status", "-o", "json")[0])
        self.assertEqual([(one["version"], one["name"], one["state"]) for one in status["migrations"]],
                         [(1, "create_schema", "applied"), (2, "add_checkpoint_instance", "applied")])

    def test_up_in_text_names_what_it_applied(self):
        self.assertEqual(self.migrate("up")[0], "applied 1 create_schema\napplied 2 add_checkpoint_instance\n")
        time = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"
        self.assertRegex(self.migrate("status")[0], rf"^1  create_schema            applied  {time}\n2  add_checkpoint_instance  applied  ")

    def test_changed_and_newer_schemas_are_refused(self):
        self.migrate("up")
        self.postgres.sql("UPDATE tripline.schema_migration SET checksum = sha256('x') WHERE version = 1", self.database, "tripline_migrate")
        for words in (("up",), ("up", "--dry-run"), ("status",)):
            _, err = self.migrate(*words, code=3)
            self.assertIn("migrations/000001_create_schema.up.sql is not the file that was applied", err)
        foreign = "INSERT INTO tripline.schema_migration SELECT n, 'x', sha256('x') FROM generate_series(3, 9) n"
        self.postgres.sql(f"DELETE FROM tripline.schema_migration; {foreign}", self.database, "tripline_migrate")
        self.assertIn("was left out", self.migrate("up", code=3)[1])

    def test_who_may_not_and_what_is_not_there(self):
        self.assertIn("permission denied", self.migrate("up", code=3, user="tripline_read")[1])
        out, err = self.migrate("up", code=3, password="not-this-one")
        self.assertIn("refused the credentials", err)
        self.assertNotIn("not-this-one", out + err)
        _, err = tripline("migrate", "up", "--set", f"postgres.url=postgresql://u:not-this-one@127.0.0.1:{free_port()}/db", code=4)
        self.assertIn("PostgreSQL is unreachable", err)
        self.assertIn("check postgres.url", err)
        self.assertNotIn("not-this-one", err)
        _, err = tripline("migrate", "up", "--set", "postgres.url=" + self.postgres.url("admin", "nowhere"), code=3)
        self.assertIn('database "nowhere" does not exist', err)
        self.assertIn("postgres.url is not set", tripline("migrate", "status", code=2)[1])


class Serve(EndToEnd):
    needs = ("postgres", "kafka")

    def test_a_service_refuses_a_schema_that_is_behind_and_leaves_it_alone(self):
        self.postgres.create("behind")
        rules = write_rules(self.folder / "rules", rule("always", "account.count_5m >= 1"))
        self.kafka.create("behind")
        group = Group(self.kafka, "behind", self.folder, rules, topic="behind",
                      settings={"postgres": {"url": self.postgres.url("tripline_service", "behind")}}).create_outputs()
        for arguments in ((), ("--check",)):
            code, err = group.service("a").run(*arguments)
            self.assertEqual(code, 3, err)
            self.assertIn("tripline migrate up", err)
        self.assertEqual(self.postgres.sql("SELECT 1 FROM pg_namespace WHERE nspname = 'tripline'", "behind"), [])
        self.postgres.migrate("behind")
        code, err = group.service("a").run("--check")
        self.assertEqual(code, 0, err)
        service, = self.start(group.service("a"))
        self.assertEqual(service.terminate(), 0)
        group.settings["postgres"] = {"url": f"postgresql://127.0.0.1:{free_port()}/x"}
        code, err = group.service("a").run("--check")
        self.assertEqual(code, 4, err)
        self.assertIn("PostgreSQL is unreachable", err)
