"""Downloads by a real pip: what is fetched twice, and what goes through a proxy."""

import hashlib
import http.server
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest

import builder
import conda_channel
from polaris_parsl.env import network
from polaris_parsl.env.installer import wheelhouse, wheels
from polaris_parsl.env.installer.conda_archives import fetch_archives
from polaris_parsl.env.locks.files import CondaPackage
from polaris_parsl.errors import LockError
from polaris_parsl.facts.polaris import Proxy, polaris
from polaris_parsl.files import digest

NAMES = ("first", "second", "third")


@dataclass
class Server:
    """An index, a channel or a proxy on loopback.

    Attributes:
        files: content by path.
        asked: paths that it was asked for, in order, as far as they end in a file.
        broken: ends of names whose files break off in the middle.
    """

    files: dict[str, bytes]
    port: int = 0
    asked: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Let a server answer, also as a proxy for any host of http."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            content = server.files.get(path)
            if Path(path).suffix:
                server.asked.append(path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Type", "text/html")
            if Path(path).suffix:
                # as an index does for files that never change
                self.send_header("Cache-Control", "max-age=365000000, immutable, public")
            self.end_headers()
            is_broken = any(path.endswith(end) for end in server.broken)
            self.wfile.write(content[: len(content) // 2] if is_broken else content)
            if is_broken:
                self.close_connection = True

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            """Keep the output of the tests clean."""

    with conda_channel.listening(Handler) as server.port:
        yield server


def wheel(folder: Path, name: str) -> Path:
    """A wheel with nothing in it but its metadata."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        info = f"{name}-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Server]:
    """An index with three wheels; a lock of them lies in `tmp_path / "lock"`."""
    files: dict[str, Any] = {}
    lines = []
    for name in NAMES:
        path = wheel(tmp_path, name)
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        link = f'<a href="/files/{path.name}#sha256={digest}">{path.name}</a>'
        files |= {f"/simple/{name}/": link.encode(), f"/files/{path.name}": content}
        lines.append(f"{name}==1.0 --hash=sha256:{digest}\n")
    (tmp_path / "lock").write_text("".join(lines))
    with serving(Server(files)) as server:
        yield server


def settings(address: str, **more: str) -> dict[str, str]:
    """Environment of a pip that knows one index, which it may cache, and tries once."""
    own = {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": f"{address}/simple", "PIP_RETRIES": "0"}
    trusted = {
        "PIP_TRUSTED_HOST": urlsplit(address).netloc,
        "PIP_RESUME_RETRIES": "0",
        "PIP_TIMEOUT": "120",
    }
    return {"PATH": "/usr/bin:/bin", **own, **trusted, **more}


def download(tmp_path: Path, env: Mapping[str, str]) -> list[str]:
    """Download the wheels of the lock; gives the names of what came."""
    target = tmp_path / "target"
    target.mkdir(exist_ok=True)
    options = ["--cache-dir", str(tmp_path / "cache")]
    wheels.download(tmp_path / "lock", target, python=builder.PYTHON, options=options, env=env)
    return sorted(path.name.partition("-")[0] for path in target.iterdir())


@pytest.fixture
def bootstrap() -> ModuleType:
    """scripts/bootstrap.py."""
    return builder.load_bootstrap()


@pytest.mark.parametrize("by", ["install", "bootstrap.py"])
def test_what_has_arrived_before_a_break_is_not_fetched_again(
    by: str, index: Server, bootstrap: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # also for whoever has switched pip's cache off
    env = settings(index.address, PIP_NO_CACHE_DIR="1")
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    def fetch() -> None:
        if by == "install":
            download(tmp_path, env)
        else:
            folder = tmp_path / "polaris-parsl/wheels/.staging-1"
            folder.mkdir(parents=True, exist_ok=True)
            bootstrap.fetch(str(builder.PYTHON), tmp_path / "lock", folder, None)

    index.broken = {"third-1.0-py3-none-any.whl"}
    with pytest.raises((LockError, bootstrap.RefusalError)):
        fetch()
    index.broken = set()
    before = len(index.asked)
    fetch()
    assert {Path(path).name.partition("-")[0] for path in index.asked[:before]} == set(NAMES)
    assert index.asked[before:] == ["/files/third-1.0-py3-none-any.whl"]


def test_a_wheelhouse_takes_what_an_install_has_kept_and_fetches_what_none_has(
    index: Server, tmp_path: Path
) -> None:
    lock = tmp_path / "lock"
    # pip keeps nothing, so that what is not taken must be asked for
    own = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PIP_NO_CACHE_DIR": "1"}
    env = settings(index.address, **own)
    kept = tmp_path / "cache/polaris-parsl/wheels" / f"cpython-312-{digest(lock)[:16]}"

    def collect(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        index.asked.clear()
        wheelhouse._fetch_wheels(lock, "3.12", folder, env=env)
        assert {path.name.partition("-")[0] for path in folder.iterdir()} == set(NAMES)
        return folder

    shutil.copytree(collect("fetched"), kept)
    assert len(index.asked) == 3
    collect("taken")
    assert index.asked == []
    next(kept.glob("third-*")).write_bytes(b"damaged meanwhile")
    collect("fetched again")
    assert len(index.asked) == 3


def test_a_conda_archive_that_has_arrived_is_not_fetched_again(tmp_path: Path) -> None:
    packages = []
    server = Server({f"/{name}": name.encode() * 9 for name in NAMES})
    with serving(server):
        for path, content in server.files.items():
            md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
            url = f"{server.address}{path}"
            packages.append(
                CondaPackage(path[1:], "1", url, md5, hashlib.sha256(content).hexdigest())
            )
        lacking = server.files.pop("/second")
        with pytest.raises(LockError, match="404"):
            fetch_archives(packages, tmp_path / "archives", env={})
        server.files["/second"] = lacking
        (tmp_path / "archives/first").write_bytes(b"damaged meanwhile")
        server.asked.clear()
        for _ in range(2):
            fetched = fetch_archives(packages, tmp_path / "archives", env={})
    assert [path.read_bytes() for path in fetched] == [server.files[f"/{name}"] for name in NAMES]


@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
def test_what_lies_on_this_machine_is_not_asked_for_through_a_proxy(
    variable: str, index: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # nobody listens there
    env = settings(index.address, **{variable: "http://127.0.0.1:9"})
    assert download(tmp_path, env) == sorted(NAMES)
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with network.open_url(index.address + "/simple/first/", env=env, timeout_seconds=120) as answer:
        assert b"first-1.0" in answer.read()


@pytest.fixture
def site(index: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server as the site's proxy, through which alone a host can be reached."""
    known = replace(polaris(), proxy=Proxy(index.address, "*.alcf.example"))
    monkeypatch.setattr(network, "polaris", lambda: known)
    return index


# no name server knows it
AWAY = "http://index.invalid"


def test_the_sites_proxy_is_taken_where_a_direct_connection_fails_and_that_is_printed(
    site: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    env = settings(AWAY)
    assert download(tmp_path, env) == sorted(NAMES)
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        f"direct connection failed; using the site proxy {site.address}"
    ]
    with network.open_url(f"{AWAY}/simple/first/", env=env, timeout_seconds=120) as answer:
        assert b"first-1.0" in answer.read()


def test_the_sites_proxy_is_not_taken_where_a_direct_connection_works(
    site: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert download(tmp_path, settings(site.address)) == sorted(NAMES)
    assert caplog.records == []


def test_a_users_own_proxy_is_taken_alone(site: Server, tmp_path: Path) -> None:
    with pytest.raises(LockError, match="proxy"):
        download(tmp_path, settings(AWAY, http_proxy="http://127.0.0.1:9"))
    assert site.asked == []
