#!/usr/bin/env python3
"""Sends the same requests to a fresh Go server and a fresh hello-apiserver, and compares.

    compare.py --scenarios FOLDER            scenario files, or recorded transcripts
    compare.py --cases                       the hand-written requests of cases.py
    compare.py --random N [--seed S]         N made-up sequences; the same for the same seed
    options: --only I (of the random ones, or a part of a file's name), --keep FOLDER (failing
             sequences as scenario files), --go PROGRAM (etcd is beside it), --ours PROGRAM, --jobs J

A scenario is {"name", "about", "steps": [{"id", "method", "path", "headers"?, "body"?}]};
"${ID:.a.b[0]}" takes a value from the answer to an earlier step of the same run, "@ns@" is a
namespace of the run's own. A failing random sequence is shrunk: steps are dropped while the
difference stays. differences.txt beside this file lists the deliberate differences.
Only the standard library is used.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import re
import signal
import sys
import threading
import time

import cases
import generate
from normal import Normal, Row, difference, is_loose, parse, wordless
from servers import LAST_NAME, Pair
import writes

HERE = os.path.dirname(os.path.abspath(__file__))
NAMESPACE = "@ns@"
MISSING = "missing"
WHOLE = "WHOLE "
# A pair of servers is replaced after this, before the Go server compacts its etcd.
PAIR_SECONDS = 240
SHRUNK_KINDS = 200
SENT = ("method", "path", "headers", "body")
WATCH = re.compile(r"[?&]watch=(1|t|T|true|TRUE|True)?(&|$)|/watch/")
WATCHES_AT_ONCE = 24
INITIAL_EVENTS_END = "k8s.io/initial-events-end"
ROWS_SHOWN = 8
# A line says how far it is, so often; a sequence that takes longer than this is named.
PROGRESS_SECONDS = 15
SLOW_SECONDS = 120
# A sequence that takes long each time is shown as far as it has been shrunk.
SHRINK_SECONDS = 180


class Deliberate:
    """The differences that are meant: METHOD and path, row, and a reason, each a line.

    A rule that begins with "WHOLE " is for the whole answer, if any row is as it says.
    """

    def __init__(self, path):
        self.rules = []
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                line = line.strip()
                if not line or line.startswith("#"):
                    continue
                parts = [part.strip() for part in line.split(" :: ")]
                if len(parts) != 3 or not parts[2]:
                    sys.exit(f"{path}:{number}: want STEP :: ROW :: REASON")
                row = parts[1].removeprefix(WHOLE)
                self.rules.append((re.compile(parts[0]), re.compile(row), row != parts[1]))

    def left(self, step, rows):
        """The rows that no rule covers."""
        request = f"{step['method']} {step['path']} {json.dumps(step.get('headers') or {})}"
        covers = [(row, whole) for place, row, whole in self.rules if place.search(request)]
        if any(whole and rule.search(row) for rule, whole in covers for row in rows):
            return []
        return [row for row in rows if not any(rule.search(row) for rule, _ in covers)]


def dig(value, path):
    for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path):
        value = value[name] if name else value[int(index)]
    return value


def fill(value, seen):
    """Puts values of earlier answers in; what an answer did not have is a fixed word."""
    def take(match):
        try:
            body, headers = seen[match.group(1)]
            path = match.group(2)
            return headers[path[1:]] if path.startswith("@") else str(dig(body, path))
        except (KeyError, IndexError, TypeError):
            return MISSING
    if isinstance(value, str):
        return re.sub(r"\$\{([\w-]+):([^}]+)\}", take, value)
    if isinstance(value, dict) and "$answer" in value:
        return changed(seen.get(value["$answer"], ({}, {}))[0], fill(value["set"], seen))
    if isinstance(value, dict):
        return {fill(key, seen): fill(item, seen) for key, item in value.items()}
    return [fill(item, seen) for item in value] if isinstance(value, list) else value


def changed(answer, changes):
    """The body of an answer with other values at some places; `None` takes away what is there."""
    body = json.loads(json.dumps(answer)) if isinstance(answer, dict) else {}
    for pointer, value in changes.items():
        *parents, last = pointer.split("/")[1:]
        holder = body
        for name in parents:
            holder = holder.setdefault(name, {}) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder[last] = value
            if value is None:
                del holder[last]
    return body


def named(steps, namespace):
    return json.loads(json.dumps(steps).replace(NAMESPACE, namespace))


def answers(server, steps):
    """What a server says to each step: status, headers and body."""
    seen, live, out = {}, {}, {}

    def take(step, answer):
        status, headers, raw = answer
        body = parse(raw, headers.get("content-type", ""))
        if step.get("live"):
            body = events_of(body)
        seen[step["id"]] = body, headers
        out[step["id"]] = status, headers, seen[step["id"]][0]

    for group in together(steps):
        filled = [fill({key: step[key] for key in SENT if key in step}, seen) for step in group]
        if group[0].get("live"):
            live[group[0]["id"]] = group[0], server.follow(filled[0])
        elif len(group) == 1:
            take(group[0], server.send(filled[0]))
        else:
            with concurrent.futures.ThreadPoolExecutor(WATCHES_AT_ONCE) as pool:
                for step, answer in zip(group, pool.map(server.send_alone, filled)):
                    take(step, answer)
    if live:
        server.send(last_words(steps))
        for step, follower in live.values():
            take(step, follower.end())
    return [out[step["id"]] for step in steps]


def events_of(body):
    """The events of a watch, without the bookmarks that Go sends at times of its own."""
    body = [body] if isinstance(body, dict) and "object" in body else body
    if not isinstance(body, list):
        return body
    return [event for event in body if event.get("type") != "BOOKMARK" or INITIAL_EVENTS_END in json.dumps(event)]


def together(steps):
    """The steps one by one, but watches that follow one another at once: each takes its whole time."""
    group = []
    for step in steps:
        watches = WATCH.search(step["path"]) and step["method"] == "GET" and not step.get("live")
        if group and not (watches and WATCH.search(group[-1]["path"]) and not refers(step, group)):
            yield group
            group = []
        group.append(step)
        if not watches:
            yield group
            group = []
    if group:
        yield group


def refers(step, group):
    return any("${%s:" % other["id"] in json.dumps(step) for other in group)


def last_words(steps):
    """The creation of the object that ends the watches that are open: it is in all their selections."""
    path = next(step["path"] for step in steps if step.get("live")).split("?")[0]
    version = path.split("/")[3]
    spec = {"msg": "end"} if version == "v1" else {"image": "end", "config": {"msg": "end"}}
    metadata = {"name": LAST_NAME, "labels": {"app": "web", "tier": "front"}}
    return {"method": "POST", "path": path, "body": {
        "apiVersion": f"{generate.GROUP}/{version}", "kind": "Foo", "metadata": metadata, "spec": spec}}


class Comparison:
    def __init__(self, pair, deliberate):
        self.pair, self.deliberate = pair, deliberate
        self.sides = concurrent.futures.ThreadPoolExecutor(2)
        self.runs = 0

    def run(self, steps):
        """(step, rows, answer of Go, answer of ours) for each step that differs."""
        self.runs += 1
        steps = named(steps, f"c{self.runs}")
        ours = self.sides.submit(answers, self.pair.ours, steps)
        both = zip(steps, answers(self.pair.go, steps), ours.result())
        want_side, got_side, found = Normal(), Normal(), []
        for step, want, got in both:
            differing = rows_of(step, want, got, want_side, got_side)
            if differing:
                # What is numbered from here on is not to differ for that reason again.
                want_side, got_side = Normal(), Normal()
            rows = self.deliberate.left(step, differing)
            if rows:
                found.append((step, rows))
        return found

    def shrunk(self, steps, kind):
        """The sequence without the steps that the first difference does not need."""
        index, until = len(steps) - 1, time.monotonic() + SHRINK_SECONDS
        while index >= 0 and time.monotonic() < until:
            fewer = steps[:index] + steps[index + 1:]
            if fewer and kind in (kind_of(*found) for found in self.run(fewer)):
                steps = fewer
            index -= 1
        return steps


def rows_of(step, want, got, want_side, got_side):
    rows = []
    if want[0] != got[0]:
        rows.append(Row("status", want[0], got[0]))
    for name in sorted(set(want[1]) | set(got[1])):
        one, other = want_side.header(name, want[1].get(name)), got_side.header(name, got[1].get(name))
        if name not in step.get("ignoreHeaders", ()) and one != other:
            rows.append(Row(f"header {name}", one, other))
    want_body, got_body = want_side.body(want[2]), got_side.body(got[2])
    if is_loose(want[2]):
        want_body, got_body = wordless(want_body), wordless(got_body)
    return rows if step.get("ignoreBody") else rows + difference(want_body, got_body)


def kind_of(step, rows):
    """What a difference is like, for counting: the request's shape and the first row's."""
    path = re.sub(r"/namespaces/[^/?]+", "", step["path"].split("?")[0])
    path = re.sub(r"/foos/[^/]+", "/foos/X", path.replace("/v1/", "/v/").replace("/v2/", "/v/"))
    row = rows[0].short
    row = row if row.startswith("status") else re.sub(r"[0-9]+", "N", row)
    return f"{step['method']} {path} {row[:160]}"


def scenarios(folder, only):
    for name in sorted(os.listdir(folder)):
        if name.endswith(".json") and (only is None or only in name):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                yield name.removesuffix(".json"), json.load(file)["steps"], False


def random_sequences(count, seed, only):
    for index in range(count) if only is None else [int(only)]:
        yield f"{seed}-{index}", generate.sequence(f"{seed}:{index}"), True


class Report:
    def __init__(self, keep):
        self.keep, self.lock = keep, threading.Lock()
        self.kinds = collections.Counter()
        self.passed = self.failed = self.steps = 0
        self.running = {}

    def add(self, comparison, name, steps, shrink):
        with self.lock:
            self.running[name] = time.monotonic()
        try:
            self.compare(comparison, name, steps, shrink)
        finally:
            del self.running[name]

    def progress(self, stop):
        """Says how far it is, until it is to stop."""
        since = time.monotonic()
        while not stop.wait(PROGRESS_SECONDS):
            now = time.monotonic()
            slow = [f"{name} for {now - at:.0f} s" for name, at in list(self.running.items()) if now - at > SLOW_SECONDS]
            print(f"after {now - since:.0f} s: {self.passed} sequences agree, {self.failed} differ, {self.steps} steps"
                  + (", still at " + ", ".join(slow) if slow else ""), file=sys.stderr, flush=True)

    def compare(self, comparison, name, steps, shrink):
        found = comparison.run(steps)
        with self.lock:
            self.steps += len(steps)
            if not found:
                self.passed += 1
                return
            self.failed += 1
            kind = kind_of(*found[0])
            self.kinds[kind] += 1
            known = self.kinds[kind] > 1 or len(self.kinds) > SHRUNK_KINDS
        if shrink and known:
            return
        if shrink:
            steps = comparison.shrunk(steps, kind)
            found = comparison.run(steps) or found
        with self.lock:
            self.show(name, steps, found, shrink)

    def show(self, name, steps, found, shrink):
        for step, rows in found:
            print(f"DIFF {name} / {step['id']}   {step['method']} {step['path']}")
            for row in rows[:ROWS_SHOWN]:
                print("     " + row.short)
        if shrink:
            steps = named(steps, f"c-{name}")
            scenario = {"name": name, "about": "found by compare.py", "steps": steps}
            for step in steps:
                print("     " + json.dumps(step, ensure_ascii=False))
            if self.keep:
                os.makedirs(self.keep, exist_ok=True)
                with open(os.path.join(self.keep, name + ".json"), "w", encoding="utf-8") as file:
                    json.dump(scenario, file, indent=1, ensure_ascii=False)
                    file.write("\n")
        sys.stdout.flush()

    def end(self):
        for kind, count in self.kinds.most_common():
            print(f"{count:5} x {kind}")
        print(f"{self.passed} sequences agree, {self.failed} differ, {self.steps} steps")


def work(options, sequences, lock, deliberate, report, stop):
    """Takes sequences until there are none, on pairs of servers of its own."""
    while not stop.is_set():
        with Pair(options.go, options.ours) as pair:
            comparison, since = Comparison(pair, deliberate), time.monotonic()
            while not stop.is_set() and time.monotonic() - since < PAIR_SECONDS:
                with lock:
                    sequence = next(sequences, None)
                if sequence is None:
                    return
                report.add(comparison, *sequence)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenarios")
    parser.add_argument("--cases", action="store_true")
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--only")
    parser.add_argument("--keep")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--go", default=os.path.join(HERE, "../bin/reference-0.36"))
    parser.add_argument("--ours", default=os.path.join(HERE, "../../target/debug/hello-apiserver"))
    options = parser.parse_args()
    if [bool(options.scenarios), options.cases, bool(options.random)].count(True) != 1:
        parser.error("give one of --scenarios, --cases and --random")
    return options


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    deliberate = Deliberate(os.path.join(HERE, "differences.txt"))
    report, stop = Report(options.keep), threading.Event()
    if options.scenarios:
        sequences = scenarios(options.scenarios, options.only)
    elif options.cases:
        sequences = cases.scenarios(options.only, cases.AREAS + writes.AREAS)
    else:
        print(f"seed {options.seed}", flush=True)
        sequences = random_sequences(options.random, options.seed, options.only)
    lock, done = threading.Lock(), threading.Event()
    threading.Thread(target=report.progress, args=(done,), daemon=True).start()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        jobs = [pool.submit(work, options, sequences, lock, deliberate, report, stop)
                for _ in range(options.jobs)]
        try:
            for job in jobs:
                job.result()
        except BaseException:
            stop.set()
            raise
        finally:
            done.set()
            report.end()
    sys.exit(1 if report.failed else 0)


if __name__ == "__main__":
    main()
