"""`make faults`: applies each fault to a running service under load, counts lost and doubled comments, and
writes the table of docs/reliability.md when all faults were tried. `make faults ROUNDS=1 FAULTS="kill-service …"`
tries only those named. Ends with status 1 when anything was lost or doubled, or did not come back."""

import argparse
import os
import subprocess
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from commentsvc import worker
from tests.faults.counting import Found, count_comments, count_mails, not_shown, recount
from tests.faults.kinds import FAULTS
from tests.faults.load import Load
from tests.faults.setups import Machine, NotHere, Setup
from tests.support import report
from tests.support.http import eventually
from tests.support.service import ask

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- faults -->", "<!-- end of faults -->"
FIRST = 40  # comments acknowledged before the fault
AFTER_S = 1.0  # the load goes on after all is well
HEALTHY_MAX_S = 120.0
MAILS_AT_ONCE = next(queue.threads_max for queue in worker.QUEUES if queue.name == "mail")
MAIL_PAUSE_S = 0.4  # each comment is two jobs
# 409: the comment is there by an earlier try, or lost a race and said so.
EXPECTED = {201, 202, 409, 429, 503, "no answer"}


class Round:
    """One round of a fault. `expected` are words that must be found besides the acknowledged comments."""

    def __init__(self, number, setup):
        self.number, self.setup, self.expected = number, setup, set()
        is_mail = setup.inbox is not None
        self.load = Load(setup.service, f"/round-{number}", is_mail, MAIL_PAUSE_S if is_mail else 0.05)

    def pause(self):
        return self.load.paused()

    def run(self, fault):
        """Seconds from when the damage begins to be undone, or was done where nothing is, until all is well."""
        with self.load:
            eventually(lambda: len(self.load.acknowledged) >= FIRST, "comments are taken", HEALTHY_MAX_S)
            with fault.strike(self.setup, self):
                time.sleep(fault.lasts_s)
                began = time.monotonic()
            self._wait_until_healthy()
            healthy_s = time.monotonic() - began
            time.sleep(AFTER_S)
        return healthy_s

    def _wait_until_healthy(self):
        probe = Load(self.setup.service, f"/probe-{self.number}")

        def is_well():
            return ask(self.setup.service.url + "/readyz").status == 200 and probe.is_taken()

        eventually(is_well, "it is ready and takes a comment", HEALTHY_MAX_S)


def try_fault(machine, name, rounds) -> Found:
    fault, found = FAULTS[name], Found()
    acknowledged, expected, asked_mail = set(), set(), set()
    with Setup(machine, name, *fault.options, **fault.setup) as setup:
        setup.start(**(fault.environment(setup) if fault.environment else {}))
        for number in range(1, rounds + 1):
            round_ = Round(number, setup)
            try:
                found.healthy_s = max(found.healthy_s, round_.run(fault))
            except AssertionError as error:
                found.troubles.append(f"{error}; its log ends: {setup.last_lines('serve.log')}")
            load = round_.load
            found.rounds += 1
            found.refused += load.statuses[503] + load.statuses[429]
            found.reads_refused += load.reads_refused
            found.longest_s = max(found.longest_s, load.longest_s)
            strange = {status: count for status, count in load.statuses.items() if status not in EXPECTED}
            if strange:
                found.troubles.append(f"answers to posts: {strange}")
            acknowledged |= set(load.acknowledged)
            asked_mail |= set(load.asked_mail)
            expected |= round_.expected
            if found.troubles:
                break
            found.lost += len(not_shown(setup, load))
        count_comments(setup, found, acknowledged | expected)
        found.acknowledged = len(acknowledged)
        if setup.inbox is not None:
            count_mails(setup, found, asked_mail)
        recount(setup, found)
    if found.lost or found.doubled or found.differences or found.mails_lost:
        found.troubles.append("something was lost, doubled or miscounted")
    if found.mails_doubled and (not fault.may_double_mail or found.mails_doubled > found.rounds * MAILS_AT_ONCE):
        found.troubles.append("a mail was sent twice")
    return found


def row(name, found):
    return {
        "fault": FAULTS[name].title,
        "rounds": found.rounds,
        "acknowledged": found.acknowledged,
        "lost": found.lost,
        "doubled": found.doubled,
        "recount differences": found.differences,
        "writes refused": found.refused,
        "reads refused": found.reads_refused,
        "longest unanswered request (s)": round(found.longest_s, 1),
        "healthy again after (s)": round(found.healthy_s, 1),
        "mails": found.mails,
        "mails lost": found.mails_lost,
        "mails doubled": found.mails_doubled,
    }


def head():
    """Date, machine and version of the run, read before it begins."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC at commit {commit.strip() or 'unknown'} on "
        f"{os.cpu_count()} cores with {memory_gb:.0f} GB of memory; "
        f"load average {os.getloadavg()[0]:.1f} before the run."
    )


def write_page(begun, rows, absent, troubles):
    said = [begun, report.table(rows)]
    said += [f"Not tried: {FAULTS[name].title}, since {reason}." for name, reason in absent.items()]
    said += [f"**Failed: {FAULTS[name].title}.**" for name in troubles]
    before, found, rest = PAGE.read_text().partition(BEGIN)
    if not found or END not in rest:
        raise SystemExit(f"{PAGE} has no place for the table: {BEGIN} … {END}")
    PAGE.write_text(f"{before}{BEGIN}\n" + "\n\n".join(said) + f"\n{END}{rest.partition(END)[2]}")


def main():
    options = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    options.add_argument("faults", nargs="*", metavar="FAULT", help=f"of: {', '.join(FAULTS)}; all by default")
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    if unknown := set(asked.faults) - set(FAULTS):
        options.error(f"there is no {', '.join(sorted(unknown))}; there are: {', '.join(FAULTS)}")
    begun, rows, absent, troubles = head(), [], {}, {}
    with Machine() as machine:
        for name in asked.faults or FAULTS:
            began = time.monotonic()
            try:
                found = try_fault(machine, name, asked.rounds)
            except NotHere as error:
                absent[name] = str(error)
                print(f"{name}: not tried, since {error}", flush=True)
                continue
            except Exception as error:
                traceback.print_exc()
                found = Found(troubles=[f"{type(error).__name__}: {error}"])
            rows.append(row(name, found))
            if found.troubles:
                troubles[name] = found.troubles
            said = ", ".join(f"{title} {value}" for title, value in list(rows[-1].items())[1:] if value is not None)
            print(f"{name}: {said} ({time.monotonic() - began:.0f} s)", flush=True)
            for trouble in found.troubles:
                print(f"  FAILED: {trouble}", flush=True)
    if not asked.faults:
        write_page(begun, rows, absent, troubles)
    sys.exit(1 if troubles else 0)


if __name__ == "__main__":
    main()
