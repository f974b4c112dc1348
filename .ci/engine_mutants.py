#!/usr/bin/env python3
"""Every mutant of the engine's text, in one program.

cargo-mutants says which mutants there are; here all of them are compiled into one copy of the tree, each behind a number,
so that a mutant costs a run of the tests and no build. Needs `cargo install cargo-mutants` and
`pip install tree-sitter tree-sitter-rust`.

    python3 .ci/engine_mutants.py DIR            list, rewrite and build in DIR, then ask for all; goes on where it stopped
    python3 .ci/engine_mutants.py DIR --again    ask for the survivors again, with the tests as they are now
    python3 .ci/engine_mutants.py DIR --report   what came of it, as Markdown

DIR/clean is the engine whose mutants these are, DIR/tree the one that has them all, DIR/mutants.json the list, and
DIR/verdicts.jsonl a line for each mutant that was tried.
"""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time

import tree_sitter
import tree_sitter_rust

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))
SWITCH = """
/// Which mutant is alive.
#[doc(hidden)]
pub mod mutant {
    use std::sync::OnceLock;
    static ALIVE: OnceLock<u32> = OnceLock::new();
    #[inline]
    pub fn get() -> u32 {
        *ALIVE.get_or_init(|| std::env::var("CUTLINE_MUTANT").ok().and_then(|n| n.parse().ok()).unwrap_or(0))
    }
}
"""
SWEEP = ["--progress", "none", "--jobs", "1", "--no-shrink", "--fail-fast", "--no-regressions"]
# Who is asked, the quickest first; the first who says no has caught it.
JUDGES = [
    ("gate", 20, ["{gate}"]),
    ("coordinator", 20, ["{coordinator}"]),
    ("operators", 20, ["{operators}"]),
    ("sinks", 20, ["{sinks}"]),
    ("encoding", 20, ["{encoding}"]),
    ("digests", 20, ["{digests}"]),
    ("sweep of 10 seeds", 30, ["{bin}", "run", "--seeds", "10", *SWEEP]),
    ("determinism", 60, ["{determinism}"]),
    ("storage", 60, ["{storage}"]),
    ("scenarios", 30, ["{scenarios}"]),
    ("menu", 60, ["{menu}"]),
    ("protocols", 60, ["{protocols}"]),
    ("check_small", 60, ["{check_small}", "small_scenarios"]),
    ("sweep of 30 seeds", 60, ["{bin}", "run", "--seeds", "30", *SWEEP]),
]


def byte(lines, line, column):
    """The offset of a place that is counted from 1, in characters."""
    return sum(len(l) for l in lines[: line - 1]) + len(lines[line - 1].decode()[: column - 1].encode())


def walk(node):
    yield node
    for child in node.children:
        yield from walk(child)


class Source:
    """A file, and what is to become of its nodes."""

    def __init__(self, clean, path, mutants):
        self.text = open(os.path.join(clean, path), "rb").read()
        self.tree = PARSER.parse(self.text)
        self.at = {}  # node id -> mutants
        self.missed = []
        lines = self.text.splitlines(keepends=True)
        for mutant in mutants:
            span = mutant["span"]
            start = byte(lines, span["start"]["line"], span["start"]["column"])
            found = self.find(mutant["genre"], start)
            opaque = mutant["genre"] == "FnValue" and mutant["function"]["return_type"].startswith("-> impl")
            if opaque and "iter::empty" not in mutant["replacement"]:
                found = None  # two types behind one `impl`
            if found is None:
                self.missed.append(mutant["n"])
            else:
                self.at.setdefault(found.id, []).append(mutant)

    def find(self, genre, start):
        """The node that a mutant is about."""
        for node in walk(self.tree.root_node):
            if genre == "FnValue" and node.type == "block" and node.parent.type == "function_item":
                if self.begins(node, start):
                    return node
            if genre == "BinaryOperator" and node.type in ("binary_expression", "compound_assignment_expr"):
                if node.child_by_field_name("operator").start_byte == start:
                    return node
            if genre == "UnaryOperator" and node.type == "unary_expression" and node.start_byte == start:
                return node
            if genre == "MatchArm" and node.type == "match_arm" and node.start_byte == start:
                return node
            if genre == "MatchArmGuard" and node.type == "match_pattern":
                guard = node.child_by_field_name("condition")
                if guard is not None and guard.start_byte == start:
                    return guard
        return None

    def begins(self, block, start):
        """Is this the body whose first statement begins there?"""
        notes = ("line_comment", "block_comment", "attribute_item", "inner_attribute_item")
        inner = [child for child in block.named_children if child.type not in notes]
        return bool(inner) and inner[0].start_byte == start

    def raw(self, node):
        return self.text[node.start_byte : node.end_byte].decode()

    def plain(self, node):
        """The node with what becomes of its children."""
        out, at = "", node.start_byte
        for child in node.children:
            out += self.text[at : child.start_byte].decode() + self.render(child)
            at = child.end_byte
        return out + self.text[at : node.end_byte].decode()

    def render(self, node, done=()):
        mutants = [m for m in self.at.get(node.id, []) if m["n"] not in self.dropped and m["genre"] not in done]
        if node.type == "match_arm":
            return self.arm(node, mutants)
        if not mutants:
            return self.plain(node)
        mark = lambda ns, text: f"/*<{','.join(str(n) for n in ns)}>*/{text}/*<>*/"
        # A guard may itself be an operator.
        genre = "MatchArmGuard" if any(m["genre"] == "MatchArmGuard" for m in mutants) else mutants[0]["genre"]
        mutants = [m for m in mutants if m["genre"] == genre]
        ns = [m["n"] for m in mutants]
        if genre == "FnValue" and mutants[0]["function"]["return_type"].startswith("-> impl"):
            alive = f"crate::mutant::get() != {ns[0]}"
            return mark(ns, "{ (" + self.plain(node) + ").into_iter().filter(|_| " + alive + ") }")
        if genre == "FnValue":
            ways = "".join(
                f"{m['n']} => {{ {mark([m['n']], 'return ' + self.value(m['replacement']))} }} " for m in mutants
            )
            return "{ match crate::mutant::get() { " + ways + "_ => {} }\n" + self.plain(node)[1:]
        if genre == "BinaryOperator":
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            ways = "".join(
                f"{m['n']} => {mark([m['n']], '(' + self.raw(left) + ' ' + m['replacement'] + ' ' + self.raw(right) + ')')}, "
                for m in mutants
            )
            return mark(ns, f"(match crate::mutant::get() {{ {ways} _ => ({self.plain(node)}) }})")
        if genre == "UnaryOperator":
            inner = self.raw(node.children[-1])
            return mark(ns, f"(if crate::mutant::get() == {ns[0]} {{ {inner} }} else {{ {self.plain(node)} }})")
        if genre == "MatchArmGuard":
            guard = f"({self.render(node, ('MatchArmGuard',))})"
            for m in mutants:
                alive = f"crate::mutant::get() == {m['n']}"
                guard = f"({alive} || {guard})" if m["replacement"] == "true" else f"(!({alive}) && {guard})"
            return mark(ns, guard)
        raise ValueError(genre)

    def value(self, replacement):
        return "" if replacement == "()" else replacement

    def arm(self, node, mutants):
        if not mutants:
            return self.plain(node)
        n = mutants[0]["n"]
        pattern = node.child_by_field_name("pattern")
        guard = pattern.child_by_field_name("condition")
        rest_at = pattern.end_byte
        before = self.text[node.start_byte : pattern.start_byte].decode()
        out, at = "", rest_at
        for child in node.children[node.children.index(pattern) + 1 :]:
            out += self.text[at : child.start_byte].decode() + self.render(child)
            at = child.end_byte
        out += self.text[at : node.end_byte].decode()
        alive = f"/*<{n}>*/crate::mutant::get() != {n}/*<>*/"
        if guard is None:
            head = self.raw(pattern) + " if " + alive
        else:
            head = self.text[pattern.start_byte : guard.start_byte].decode() + f"{alive} && ({self.render(guard)})"
        return before + head + " " + out

    def whole(self, dropped):
        self.dropped = dropped
        return self.render(self.tree.root_node)


def listed(place):
    """All mutants there are, numbered from 1; 0 is none."""
    path, clean = os.path.join(place, "mutants.json"), os.path.join(place, "clean")
    if not os.path.exists(path):
        subprocess.run(["git", "clone", "-q", ROOT, clean], check=True)
        words = ["cargo", "mutants", "--list", "--json", "-f", "src/engine/**"]
        found = json.loads(subprocess.run(words, cwd=clean, check=True, capture_output=True, text=True).stdout)
        for n, mutant in enumerate(found):
            mutant["n"] = n + 1
        json.dump(found, open(path, "w"), indent=1)
    return json.load(open(path))


def culprits(text, spans):
    """The innermost marks around what an error points at."""
    for span in spans:
        stack = []
        data = text.encode()
        for m in re.finditer(rb"/\*<([\d,]*)>\*/", data):
            if m.start() > span["byte_start"]:
                break
            if m[1]:
                stack.append([int(n) for n in m[1].split(b",")])
            else:
                stack.pop()
        if stack:
            return stack[-1]
    return []


def build(place, mutants):
    """Rewrites a copy of the tree until it compiles; which mutants can't be built, which can't be expressed."""
    tree, clean = os.path.join(place, "tree"), os.path.join(place, "clean")
    if not os.path.exists(tree):
        subprocess.run(["git", "clone", "-q", clean, tree], check=True)
        with open(os.path.join(tree, "src/lib.rs"), "a") as lib:
            lib.write(SWITCH)
    by_file = {}
    for mutant in mutants:
        by_file.setdefault(mutant["file"], []).append(mutant)
    sources = {path: Source(clean, path, some) for path, some in by_file.items()}
    missed = [n for source in sources.values() for n in source.missed]
    known = os.path.join(place, "unbuildable.json")
    dropped = set(json.load(open(known))) if os.path.exists(known) else set()
    env = dict(os.environ, RUSTFLAGS="-Awarnings")
    while True:
        texts = {path: source.whole(dropped) for path, source in sources.items()}
        for path, text in texts.items():
            open(os.path.join(tree, path), "w").write(text)
        check = subprocess.run(
            ["cargo", "check", "--locked", "--lib", "--message-format=json"],
            cwd=tree,
            env=env,
            capture_output=True,
            text=True,
        )
        if check.returncode == 0:
            break
        found, strange = set(), []
        for line in check.stdout.splitlines():
            message = json.loads(line).get("message") if line.startswith("{") else None
            if not isinstance(message, dict) or message.get("level") != "error" or not message["spans"]:
                continue
            spans = sorted(message["spans"], key=lambda s: not s["is_primary"])
            spans = [s for s in spans if s["file_name"] in texts]
            ns = culprits(texts[spans[0]["file_name"]], spans) if spans else []
            found.update(ns)
            if not ns:
                strange.append(message["rendered"])
        print(f"{len(found)} can't be built: {sorted(found)[:20]}", flush=True)
        if not found - dropped:
            print("".join(strange[:9]) or check.stderr[-3000:])
            sys.exit("what doesn't compile belongs to no mutant")
        dropped |= found
        json.dump(sorted(dropped), open(known, "w"))
    return tree, dropped, set(missed)


def binaries(tree):
    """The judges, built, with the tests as they are now."""
    shutil.rmtree(os.path.join(tree, "tests"))
    shutil.copytree(os.path.join(ROOT, "tests"), os.path.join(tree, "tests"))
    env = dict(os.environ, RUSTFLAGS="-Awarnings")
    words = ["cargo", "test", "--locked", "--no-run", "--message-format=json"]
    tests = sorted({word[0][1:-1] for _, _, word in JUDGES} - {"bin"})
    for test in tests:
        words += ["--test", test]
    out = subprocess.run(
        words + ["--bin", "cutline"], cwd=tree, env=env, check=True, capture_output=True, text=True
    ).stdout
    found = {}
    for line in out.splitlines():
        artifact = json.loads(line)
        if artifact.get("reason") == "compiler-artifact" and artifact.get("executable"):
            if artifact["profile"]["test"]:
                found[artifact["target"]["name"]] = artifact["executable"]
            else:
                found["bin"] = artifact["executable"]
    return found


def bounded():
    """A mutant may never stop to allocate."""
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))


def ask(tree, found, n, desk):
    """Who catches it, and how: (judge, how, seconds)."""
    began = time.monotonic()
    env = dict(os.environ, CUTLINE_MUTANT=str(n), INSTA_UPDATE="no", NO_COLOR="1")
    where = os.path.join(os.path.dirname(tree), f"desk{desk}")
    os.makedirs(where, exist_ok=True)
    if not os.path.exists(where + "/scenarios"):
        os.symlink(os.path.join(tree, "scenarios"), where + "/scenarios")
    for judge, seconds, words in JUDGES:
        words = [found[word[1:-1]] if word.startswith("{") else word for word in words]
        try:
            cwd = where if words[0] == found["bin"] else tree
            with subprocess.Popen(
                words,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=bounded,
            ) as asked:
                try:
                    code = asked.wait(seconds)
                finally:
                    try:
                        os.killpg(asked.pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
            how = None if code == 0 else f"exit {code}"
        except subprocess.TimeoutExpired:
            how = "no end"
        if how:
            return judge, how, time.monotonic() - began
    return None, None, time.monotonic() - began


def report(place, mutants):
    """Who was caught by whom, and who wasn't."""
    lines = [json.loads(line) for line in open(os.path.join(place, "verdicts.jsonl"))]
    unbuildable = len(json.load(open(os.path.join(place, "unbuildable.json"))))
    missed = set(json.load(open(os.path.join(place, "missed.json"))))
    survivors = [line for line in lines if not line["caught"]]
    print(
        f"{len(mutants)} mutants: {unbuildable} can't be built, {len(missed)} can't be told apart while the program runs,"
    )
    print(f"{len(lines)} were tried: {len(lines) - len(survivors)} are caught, {len(survivors)} survive.\n")
    judges = [judge for judge, _, _ in JUDGES]
    for judge in judges + sorted({line["caught"] for line in lines if line["caught"]} - set(judges)):
        print(f"- {judge}: {sum(line['caught'] == judge for line in lines)}")
    print("\nSurvivors:\n")
    for line in sorted(survivors, key=lambda line: line["n"]):
        print(f"- `{line['name'].removeprefix('src/engine/')}`")
    print("\nNot tried:\n")
    for mutant in mutants:
        if mutant["n"] in missed:
            print(f"- `{mutant['name'].removeprefix('src/engine/')}`")


def main():
    place = os.path.abspath(sys.argv[1])
    os.makedirs(place, exist_ok=True)
    mutants = listed(place)
    verdicts = os.path.join(place, "verdicts.jsonl")
    if "--report" in sys.argv:
        return report(place, mutants)
    tree, dropped, missed = build(place, mutants)
    print(f"{len(mutants)} mutants: {len(dropped)} can't be built, {len(missed)} aren't expressed", flush=True)
    json.dump(sorted(missed), open(os.path.join(place, "missed.json"), "w"))
    found = binaries(tree)
    judge, how, seconds = ask(tree, found, 0, 0)
    if judge:
        sys.exit(f"without a mutant, {judge}: {how}")
    print(f"without a mutant: {seconds:.0f} s", flush=True)
    lines = [json.loads(line) for line in open(verdicts)] if os.path.exists(verdicts) else []
    if "--again" in sys.argv:
        lines = [line for line in lines if line["caught"]]
        with open(verdicts, "w") as out:
            out.writelines(json.dumps(line) + "\n" for line in lines)
    done = {line["n"] for line in lines}
    # Digests last: who asks for them is asked late.
    waiting = [m for m in mutants if m["n"] not in dropped | missed | done]
    waiting = iter(sorted(waiting, key=lambda m: "digest" in m["name"]))
    lock = threading.Lock()

    def work(desk):
        while True:
            with lock:
                mutant = next(waiting, None)
            if mutant is None:
                return
            judge, how, seconds = ask(tree, found, mutant["n"], desk)
            with lock, open(verdicts, "a") as out:
                line = {"n": mutant["n"], "name": mutant["name"], "caught": judge, "how": how, "s": round(seconds, 1)}
                out.write(json.dumps(line) + "\n")

    threads = [threading.Thread(target=work, args=[desk]) for desk in range(os.cpu_count())]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]


if __name__ == "__main__":
    main()
