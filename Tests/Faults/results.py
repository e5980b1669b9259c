"""The results file, one JSON object a line, and the table that is made from it."""
import json
import pathlib

RELIABILITY = pathlib.Path(__file__).resolve().parents[2] / "RELIABILITY.md"
BEGIN, END = "<!-- fault matrix: written by Tests/Faults/run.py --table -->", "<!-- end of the fault matrix -->"


class Results:
    def __init__(self, path=None):
        self.path = path
        self.rows, self.new = [], []
        if path and path.exists():
            lines = path.read_text(encoding="utf-8").splitlines()
            self.rows = [json.loads(line) for line in lines if line.endswith("}")]
            if lines and not lines[-1].endswith("}"):
                # Half written, where a run was killed.
                path.write_text("".join(line + "\n" for line in lines[:-1]), encoding="utf-8")

    def count(self, name, client):
        return sum(ran(row, name) and row["client"] == client and row["verdict"] != "skip" for row in self.rows)

    def append(self, row):
        self.rows.append(row)
        self.new.append(row)
        if self.path:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


def ran(row, name):
    """Whether the fault was in that run, if only begun. What went wrong in a run of several counts against each of these."""
    return name in row["fault"].split(", ")[:len(row["faults"]) + 1]


def table(rows, faults):
    """One table for each Kafka client the service ran with."""
    parts = []
    for client in sorted({row["client"] for row in rows}):
        judged = [row for row in rows if row["client"] == client and row["verdict"] != "skip"]
        builds = len({row["binary"] for row in judged})
        lines = [f"With {client}: {len(judged):,} runs of {builds} build{'' if builds == 1 else 's'}, {sum(row['expected'] for row in judged):,} rows.", "",
                 "| fault | runs | rows | lost | duplicated | different | stalled or failed | longest pause | of at most | recovered within | of at most |",
                 "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
        for name, one in faults.items():
            own = [row for row in rows if ran(row, name) and row["client"] == client]
            runs = [row for row in own if row["verdict"] != "skip"]
            if not runs:
                if own:
                    lines.append(f"| {one.description} (`{name}`) | skipped | | | | | | | | | |")
                continue
            sums = [f"{sum(row[column] for row in runs):,}" for column in ("expected", "lost", "duplicated", "different")]
            wrong = sum(row["verdict"] != "pass" for row in runs)
            longest = [max((row["faults"][name][column] for row in runs if name in row["faults"]), default=None) for column in ("pause", "recovered")]
            pause, recovered = (f"{seconds} s" if seconds is not None else "" for seconds in longest)
            cells = [f"{one.description} (`{name}`)", str(len(runs)), *sums, str(wrong), pause, f"{one.longest} s", recovered, f"{one.bound} s"]
            lines.append("| " + " | ".join(cells) + " |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def write_table(rows, faults, file=RELIABILITY):
    text = file.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    file.write_text(f"{before}{BEGIN}\n{table(rows, faults)}\n{END}{after}", encoding="utf-8")
