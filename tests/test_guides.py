"""The ready files of the guides do what the guides say: they are run, as CI and a timer would, on local repositories.

The workflow's shell steps run in order in a checkout, with an environment of their own, without a network where the
machine lets us take it away, and with stand-ins for what belongs to the CI host (`pipx`, `gh`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
FILES = ROOT / "docs" / "guides" / "files"
QUICKSTART = ROOT / "sample-catalogs" / "quickstart"
WORKFLOW = yaml.load((FILES / "catalog.yml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
JOBS = WORKFLOW["jobs"]
AS_OF = "2026-01-05"

DEARER = (
    ("catalog.yaml", "month: {USD: 19, EUR: 18}", "month: {USD: 24, EUR: 18}"),
    ("examples.yaml", "bill: 19.00", "bill: 24.00"),
    ("examples.yaml", "bill: 21.00", "bill: 26.00"),
    ("examples.yaml", "bill: 25.00", "bill: 30.00"),
)
NOTE = "title: Starter costs 24 USD\nwhy: it has cost the same for years\naccept: [price-increase plans.starter]\n"

GH = """
import json, sys
from pathlib import Path
kept = Path(__file__).with_name("comments.json")
comments = json.loads(kept.read_text()) if kept.exists() else []
words = sys.argv[1:]
if "--jq" in words:
    print("\\n".join(str(one["id"]) for one in comments if one["body"].startswith("<!-- planctl:")))
else:
    field = words[words.index("--field") + 1]
    body = Path(field.removeprefix("body=@")).read_text()
    path = next(word for word in words if word.startswith("repos/"))
    if "PATCH" in words:
        comments = [{**one, "body": body} if path.endswith(f"/{one['id']}") else one for one in comments]
    else:
        comments.append({"id": len(comments) + 1, "body": body, "path": path})
    kept.write_text(json.dumps(comments))
"""


def unplugged() -> list[str]:
    """What to put before a command so that it has no network; nothing where the machine does not allow it."""
    command = ["unshare", "--user", "--map-root-user", "--net"]
    try:
        allowed = subprocess.run([*command, "true"], capture_output=True).returncode == 0
    except OSError:
        allowed = False
    return command if allowed else []


UNPLUGGED = unplugged()


def git(folder: Path, *words: str) -> str:
    """What git answers in a repository, with a person's name and without that person's settings."""
    named = ("-c", "user.name=ann", "-c", "user.email=ann@acme.example", "-c", "init.defaultBranch=main")
    return subprocess.run(
        ["git", *named, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@dataclass
class Host:
    """A Git host with a repository, a store, and a place for the programs that a job finds on its PATH."""

    folder: Path
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    summary: str = ""

    @property
    def origin(self) -> Path:
        """The bare repository."""
        return self.folder / "origin.git"

    @property
    def work(self) -> Path:
        """A person's clone."""
        return self.folder / "work"

    @property
    def store(self) -> Path:
        """The store of the seller."""
        return self.folder / "prod.db"

    @property
    def comments(self) -> list[dict[str, Any]]:
        """The comments of the pull request."""
        kept = self.folder / "bin" / "comments.json"
        return json.loads(kept.read_text()) if kept.exists() else []

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """Nothing of the machine's own but where programs are."""
        return {"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "HOME": str(self.folder / "home"), **more}

    def planctl(self, *words: str) -> str:
        """What the program answers in the clone, on the seller's store."""
        done = subprocess.run(
            [str(self.folder / "bin" / "planctl"), *words],
            cwd=self.work, env=self.environment({"PLANCTL_STORE": str(self.store)}), capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def edit(self, *replacements: tuple[str, str, str]) -> None:
        """Replace words in the clone's catalog."""
        for name, old, new in replacements:
            path = self.work / "catalog" / name
            path.write_text(path.read_text().replace(old, new))

    def push(self, message: str) -> None:
        """Commit everything in the clone to main, and push it."""
        git(self.work, "add", "--all")
        git(self.work, "commit", "--quiet", "-m", message)
        git(self.work, "push", "--quiet", "origin", "HEAD:main")


def with_programs(folder: Path) -> Host:
    """A host in an empty directory, with the programs of a job and no repository yet."""
    for name in ("bin", "home"):
        (folder / name).mkdir()
    programs = {
        "planctl": f'PYTHONPATH="{ROOT}" exec "{sys.executable}" -m planctl "$@"',
        "python": 'test "$1 $2 $3" = "-I -m planctl" && shift 3 && exec planctl "$@"',
        "pipx": 'test "$1 $2" = "install planctl-billing==1.2.3"',
        "gh": f'test -n "$GH_TOKEN" && exec "{sys.executable}" "{folder}/bin/gh.py" "$@"',
    }
    (folder / "bin" / "gh.py").write_text(GH)
    for name, line in programs.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / "bin" / name).chmod(0o755)
    return Host(folder)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """A repository whose main branch is applied to a store with one customer, and the store's snapshot beside it."""
    made = with_programs(tmp_path_factory.mktemp("host"))
    git(made.folder, "init", "--quiet", "--bare", str(made.origin))
    git(made.folder, "clone", "--quiet", str(made.origin), "work")
    shutil.copytree(QUICKSTART, made.work / "catalog")
    made.push("the catalog")
    made.planctl("init", "--test", "--quiet", str(made.folder / "home"))
    made.planctl("catalog", "apply", "--yes", "--quiet", "--as-of", "2026-01-01")
    made.planctl("customer", "add", "rosa", "--currency", "USD", "--quiet", "--as-of", "2026-01-01")
    made.planctl(
        "subscribe", "rosa", "starter", "--pay", "month", "--yes", "--quiet", "--as-of", "2026-01-01"
    )
    git(made.work, "switch", "--quiet", "--orphan", "catalog-snapshot")
    made.planctl("catalog", "snapshot", "--out", "catalog.snapshot.json", "--quiet", "--as-of", AS_OF)
    git(made.work, "add", "catalog.snapshot.json")
    git(made.work, "commit", "--quiet", "-m", "The store's snapshot")
    git(made.work, "push", "--quiet", "origin", "catalog-snapshot")
    git(made.work, "switch", "--quiet", "main")
    return made


@pytest.fixture
def host(template: Host, tmp_path: Path) -> Host:
    """A copy of the template, for one test."""
    made = with_programs(tmp_path)
    shutil.copytree(template.origin, made.origin)
    shutil.copytree(template.work, made.work)
    shutil.copy(template.store, made.store)
    git(made.work, "remote", "set-url", "origin", str(made.origin))
    return made


# --- the workflow


@dataclass
class Run:
    """One run of the workflow: the event, and what came of each job."""

    host: Host
    event: str
    commit: str
    fork: bool = False
    said: str = ""
    done: list[str] = field(default_factory=list)
    results: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def value(self, expression: str, steps: Mapping[str, Mapping[str, str]]) -> str:
        """What an expression of the workflow stands for."""
        parts = expression.split(".")
        if parts[0] == "steps":
            return steps[parts[1]].get(parts[3], "")
        if parts[0] == "needs":
            return self.results[parts[1]].get(parts[3], "")
        known = {
            "github.event_name": self.event,
            "github.repository": "acme/shop",
            "github.event.pull_request.head.repo.full_name": "stranger/shop" if self.fork else "acme/shop",
            "github.event.pull_request.number": "7",
            "github.token": "a-token",
            "vars.PLANCTL_VERSION": "1.2.3",
            "secrets.PLANCTL_STORE": str(self.host.store),
        }
        return known[expression]

    def filled(self, text: str, steps: Mapping[str, Mapping[str, str]]) -> str:
        """A text of the workflow with its expressions worked out."""
        return re.sub(r"\$\{\{ *([\w.]+) *\}\}", lambda found: self.value(found[1], steps), text)

    def holds(self, condition: str, steps: Mapping[str, Mapping[str, str]]) -> bool:
        """Whether a condition such as `a.b == 'c'` or `a.b == d.e` holds; without one, it does."""
        if not condition:
            return True
        left, sign, right = condition.split()
        wanted = right.strip("'") if right.startswith("'") else self.value(right, steps)
        return (self.value(left, steps) == wanted) is (sign == "==")

    def job(self, name: str, *, plugged: bool = False) -> int:
        """Run a job; the exit code of the step that failed, 0 where none did, -1 where the job was not to run."""
        job = JOBS[name]
        if not self.holds(job.get("if", ""), {}):
            return -1
        workspace = self.host.folder / f"{name}-{len(list(self.host.folder.iterdir()))}"
        steps: dict[str, Mapping[str, str]] = {}
        code = 0
        for step in job["steps"]:
            if not self.holds(step.get("if", ""), steps):
                continue
            if "uses" in step:
                self.check_out(workspace, step, steps)
                continue
            code, steps[step.get("id", step["name"])] = self.step(step, workspace, steps, plugged=plugged)
            if code:
                break
            self.done.append(step["name"])
        self.results[name] = {key: self.filled(text, steps) for key, text in job.get("outputs", {}).items()}
        return code

    def check_out(
        self, workspace: Path, step: Mapping[str, Any], steps: Mapping[str, Mapping[str, str]]
    ) -> None:
        """What actions/checkout does, on the local repository."""
        assert step["uses"].startswith("actions/checkout@v")
        options = step.get("with", {})
        target = workspace / options.get("path", ".")
        git(self.host.folder, "clone", "--quiet", str(self.host.origin), str(target))
        ref = self.filled(options["ref"], steps) if "ref" in options else self.commit
        git(target, "checkout", "--quiet", "--detach", ref if len(ref) == 40 else f"origin/{ref}")

    def step(
        self,
        step: Mapping[str, Any],
        workspace: Path,
        steps: Mapping[str, Mapping[str, str]],
        *,
        plugged: bool,
    ) -> tuple[int, dict[str, str]]:
        """Run a shell step as the CI host does: its exit code and its outputs."""
        scratch = self.host.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        output, summary = scratch / "output", scratch / "summary"
        output.write_text("")
        summary.write_text("")
        own = {**WORKFLOW.get("env", {}), **step.get("env", {})}
        given = {
            "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_SHA": self.commit,
            "GITHUB_REPOSITORY": "acme/shop", "RUNNER_TEMP": str(scratch),
        }  # fmt: skip
        done = subprocess.run(
            [*([] if plugged else UNPLUGGED), "bash", "-e", "-c", step["run"]],
            cwd=workspace,
            env=self.host.environment(given | {key: self.filled(text, steps) for key, text in own.items()}),
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.said += done.stdout + done.stderr
        self.host.summary = summary.read_text() or self.host.summary
        return done.returncode, dict(re.findall(r"^(\w+)=(.*)$", output.read_text(), re.MULTILINE))


def pull_request(host: Host, *, fork: bool = False) -> Run:
    """A run for the pull request that the clone's last commit is; main stays what it was."""
    git(host.work, "add", "--all")
    git(host.work, "commit", "--quiet", "--allow-empty", "-m", "a change")
    git(host.work, "push", "--quiet", "--force", "origin", "HEAD:refs/pull/7/merge")
    git(host.work, "push", "--quiet", "--force", "origin", "HEAD:refs/heads/pr")
    return Run(host, "pull_request", git(host.work, "rev-parse", "HEAD"), fork)


def merge(host: Host, message: str) -> Run:
    """A run for a push to main."""
    host.push(message)
    return Run(host, "push", git(host.work, "rev-parse", "HEAD"))


def test_a_pull_request_that_apply_would_refuse_fails_after_saying_why(host: Host) -> None:
    host.edit(*DEARER)
    run = pull_request(host)
    assert run.job("review") == 1
    assert run.done[-1] == "Comment"
    (comment,) = host.comments
    assert comment["path"] == "repos/acme/shop/issues/7/comments"
    assert comment["body"].startswith("<!-- planctl:quickstart:")
    assert "19.00 USD → 24.00 USD" in comment["body"]  # one subscription at 19, if it were moved
    assert host.summary == comment["body"]
    assert "::error file=catalog/catalog.yaml,line=" in run.said
    assert "rosa" not in comment["body"] + run.said


def test_the_next_push_updates_the_one_comment_and_a_note_lets_it_pass(host: Host) -> None:
    host.edit(*DEARER)
    assert pull_request(host).job("review") == 1
    (host.work / "catalog" / "changes").mkdir()
    (host.work / "catalog" / "changes" / "2026-01.yaml").write_text(NOTE)
    run = pull_request(host)
    assert run.job("review") == 0
    assert run.done[-1] == "Stop what apply would refuse"
    (comment,) = host.comments
    assert "not accepted" not in comment["body"]


def test_a_catalog_with_errors_fails_at_once_with_the_place(host: Host) -> None:
    host.edit(("catalog.yaml", "USD: 19,", "UDS: 19,"))
    run = pull_request(host)
    assert run.job("review") == 3
    assert run.done == ["Install planctl"]
    assert re.search(r'^catalog\.yaml:\d+:\d+: error: unknown currency "UDS"', run.said, re.MULTILINE)


def test_a_pull_request_from_a_fork_is_checked_without_a_comment(host: Host) -> None:
    run = pull_request(host, fork=True)
    assert run.job("review") == 0
    assert "Comment" not in run.done
    assert host.comments == []
    assert "no changes" in host.summary


def test_a_merge_applies_exactly_what_the_plan_showed_and_renews_the_snapshot(host: Host) -> None:
    host.edit(*DEARER)
    (host.work / "catalog" / "changes").mkdir()
    (host.work / "catalog" / "changes" / "2026-01.yaml").write_text(NOTE)
    run = merge(host, "Starter is dearer")
    assert run.job("review") == -1
    assert run.job("plan") == 0
    assert run.job("apply", plugged=True) == 0, run.said
    assert "revision 2: 5 changes applied" in run.said
    assert f"commit {run.commit}" in host.planctl("catalog", "show", "-f", "json")
    again = Run(host, "push", run.commit)
    assert again.job("plan") == 0
    assert again.results["plan"]["changes"] == "0"
    assert again.job("apply", plugged=True) == -1


def test_what_moved_since_the_snapshot_was_shown_is_not_applied(host: Host) -> None:
    host.edit(("catalog.yaml", "name: Starter", "name: Beginner"))
    run = merge(host, "Another name")
    assert run.job("plan") == 0
    host.planctl("plan", "edit", "starter", "--name", "Start", "--outside", "--yes", "--quiet")
    assert run.job("apply", plugged=True) == 5
    assert "plans.starter" in run.said


def test_the_workflow_asks_for_no_more_than_it_needs() -> None:
    assert WORKFLOW["permissions"] == {}
    assert {name: dict(job["permissions"]) for name, job in JOBS.items()} == {
        "review": {"contents": "read", "pull-requests": "write"},
        "plan": {"contents": "read"},
        "apply": {"contents": "write"},
    }
    assert "pull_request_target" not in WORKFLOW["on"]
    assert [name for name, job in JOBS.items() if "secrets." in json.dumps(job)] == ["apply"]
    assert [name for name, job in JOBS.items() if job.get("environment")] == ["apply"]
    used = {step["uses"] for job in JOBS.values() for step in job["steps"] if "uses" in step}
    assert all(re.fullmatch(r"actions/checkout@v\d+\.\d+\.\d+", name) for name in used)


def test_no_step_pastes_an_expression_into_its_shell() -> None:
    """A branch or a title may hold shell code; a value that comes by the environment is only a value."""
    assert [
        step["name"] for job in JOBS.values() for step in job["steps"] if "${{" in step.get("run", "")
    ] == []


# --- any other CI


def checked(host: Host, *words: str) -> subprocess.CompletedProcess[str]:
    """What check-catalog.sh answers in the clone, without store, network or secret."""
    return subprocess.run(
        [*UNPLUGGED, "sh", str(FILES / "check-catalog.sh"), *words],
        cwd=host.work, env=host.environment({}), capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("base", ["snapshot/catalog.snapshot.json", "git:origin/main"])
def test_the_generic_check_needs_a_checkout_alone(host: Host, base: str) -> None:
    git(host.work, "worktree", "add", "--quiet", "snapshot", "origin/catalog-snapshot")
    assert checked(host, "catalog", base).returncode == 0
    host.edit(*DEARER)
    refused = checked(host, "catalog", base)
    assert refused.returncode == 4
    assert "19.00" in refused.stdout
    assert (host.work / "diff.md").read_text() == refused.stdout.partition("<!--")[
        1
    ] + refused.stdout.partition("<!--")[2]
    host.edit(("catalog.yaml", "USD: 24,", "USD: 1e3,"))
    assert checked(host, "catalog", base).returncode == 3


# --- the billing host pulls


@dataclass
class Puller:
    """The billing host: its clone, the keys it trusts, its state."""

    host: Host

    @property
    def state(self) -> Path:
        """The script's own directory."""
        return self.host.folder / "state"

    def pull(self) -> subprocess.CompletedProcess[str]:
        """Run pull-catalog.sh as the timer does."""
        paths = [self.host.folder / "clone", self.host.folder / "signers", self.state]
        return subprocess.run(
            ["sh", str(FILES / "pull-catalog.sh"), *map(str, paths)],
            env=self.host.environment({"PLANCTL_STORE": str(self.host.store)}), capture_output=True, text=True,
        )  # fmt: skip

    def release(self, name: str, message: str, *, key: str = "key") -> None:
        """Sign a tag and push it."""
        sign = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={self.host.folder / key}")
        git(self.host.work, *sign, "tag", "--sign", name, "-m", message)
        git(self.host.work, "push", "--quiet", "origin", name)

    @property
    def digest(self) -> str:
        """The digest of the clone's catalog, as a diff shows it."""
        found = json.loads(self.host.planctl("catalog", "diff", "-f", "json"))["digest"]
        assert isinstance(found, str)
        return found

    @property
    def revision(self) -> int:
        """The store's revision."""
        found = json.loads(self.host.planctl("catalog", "show", "-f", "json"))["revision"]
        assert isinstance(found, int)
        return found


@pytest.fixture
def puller(host: Host) -> Puller:
    """A billing host that trusts ann's key; skipped where ssh-keygen or flock is not installed."""
    for tool in ("ssh-keygen", "flock"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    for key in ("key", "other"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key, "-f", str(host.folder / key)],
            check=True,
        )
    public = (host.folder / "key.pub").read_text()
    (host.folder / "signers").write_text(f"ann@acme.example {public}")
    (host.folder / "state").mkdir()
    git(host.folder, "clone", "--quiet", str(host.origin), "clone")
    host.edit(("catalog.yaml", "name: Starter", "name: Beginner"))
    host.push("Another name")
    return Puller(host)


def test_nothing_is_applied_before_somebody_signs_it(puller: Puller) -> None:
    assert puller.pull().returncode == 0
    assert puller.revision == 1


def test_a_signed_release_is_applied_once(puller: Puller) -> None:
    git(puller.state, "clone", "--quiet", "--branch", "catalog-snapshot", str(puller.host.origin), "snapshot")
    puller.release("catalog/2026-01", f"Another name\n\ndigest: {puller.digest}")
    done = puller.pull()
    assert (done.returncode, puller.revision) == (0, 2), done.stderr
    snapshot = git(puller.host.origin, "show", "catalog-snapshot:catalog.snapshot.json")
    assert '"Beginner"' in snapshot
    puller.host.planctl("plan", "edit", "starter", "--name", "Start", "--outside", "--yes", "--quiet")
    again = puller.pull()
    assert (again.returncode, again.stdout, puller.revision) == (0, "", 3)


def test_a_release_signed_by_other_means_is_refused_whatever_the_keyring_says(puller: Puller) -> None:
    # As gpg does with a key that this user's keyring knows: it makes a signature, and finds every one good.
    gpg = puller.host.folder / "gpg"
    gpg.write_text(
        "#!/bin/sh\n"
        "cat > /dev/null\n"
        'case "$*" in *--verify*)\n'
        '    echo; echo "[GNUPG:] GOODSIG 0 ann"; echo "[GNUPG:] TRUST_ULTIMATE 0"; exit 0;;\n'
        "esac\n"
        'echo "-----BEGIN PGP SIGNATURE-----"; echo; echo "-----END PGP SIGNATURE-----"\n'
        "echo; echo '[GNUPG:] SIG_CREATED ' >&2\n",
        encoding="utf-8",
    )
    gpg.chmod(0o755)
    known = ("-c", f"gpg.program={gpg}")
    work, clone = puller.host.work, puller.host.folder / "clone"
    git(work, *known, "tag", "--sign", "catalog/2026-01", "-m", f"digest: {puller.digest}")
    git(work, "push", "--quiet", "origin", "catalog/2026-01")
    git(clone, "config", "gpg.program", str(gpg))
    git(clone, "fetch", "--quiet", "--tags")
    git(clone, "verify-tag", "catalog/2026-01")
    assert puller.pull().returncode != 0
    assert puller.revision == 1


def test_a_release_of_another_catalog_than_the_reviewed_one_is_refused(puller: Puller) -> None:
    puller.release("catalog/2026-01", "digest: 000000000000")
    done = puller.pull()
    assert (done.returncode, puller.revision) == (5, 1)
    assert "[digest-moved]" in done.stderr


@pytest.mark.parametrize("message", ["no digest here", "the digest: 6613efaf52aa"])
def test_a_release_without_a_digest_is_refused(puller: Puller, message: str) -> None:
    puller.release("catalog/2026-01", message)
    assert (puller.pull().returncode, puller.revision) == (3, 1)


def test_a_release_that_nobody_trusted_signed_is_refused(puller: Puller) -> None:
    puller.release("catalog/2026-01", f"digest: {puller.digest}", key="other")
    assert puller.pull().returncode != 0
    git(puller.host.work, "tag", "--annotate", "catalog/2026-02", "-m", f"digest: {puller.digest}")
    git(puller.host.work, "push", "--quiet", "origin", "catalog/2026-02")
    assert puller.pull().returncode != 0
    assert puller.revision == 1


def test_a_signed_release_under_another_name_is_refused(puller: Puller) -> None:
    puller.release("catalog/2026-01", f"digest: {puller.digest}")
    git(puller.host.work, "push", "--quiet", "origin", "refs/tags/catalog/2026-01:refs/tags/catalog/2026-09")
    git(puller.host.work, "push", "--quiet", "origin", ":refs/tags/catalog/2026-01")
    assert (puller.pull().returncode, puller.revision) == (3, 1)


def test_two_pulls_at_once_are_one(puller: Puller) -> None:
    puller.release("catalog/2026-01", f"digest: {puller.digest}")
    lock = puller.state / "lock"
    with subprocess.Popen(["flock", str(lock), "sh", "-c", "echo held; read line"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as holder:  # fmt: skip
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert puller.pull().returncode == 75
        holder.communicate("\n")
    assert puller.pull().returncode == 0


@pytest.mark.parametrize("name", ["check-catalog.sh", "pull-catalog.sh"])
def test_a_script_is_plain_shell_and_may_be_run(name: str) -> None:
    assert subprocess.run(["sh", "-n", str(FILES / name)]).returncode == 0
    assert os.access(FILES / name, os.X_OK)
