"""Every download follows pip's settings: an index and a channel by https, of a private authority."""

import ast
import functools
import hashlib
import http.server
import json
import ssl
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

import builder
import conda_channel
from polaris_parsl.env.installer import wheels
from polaris_parsl.env.installer.conda_archives import fetch_archives
from polaris_parsl.env.locks.conda import reach_channels
from polaris_parsl.env.locks.files import CondaPackage
from polaris_parsl.env.locks.python import Origin, lock_python
from polaris_parsl.env.network import chosen_proxies, open_url
from polaris_parsl.env.pip_settings import pip_settings, set_up_like_pip, shell_lines
from polaris_parsl.env.tools import uv_program
from polaris_parsl.errors import LockError

WHEEL = "first-1.0-py3-none-any.whl"


@dataclass
class Lab:
    """A network of a laboratory: its server, and pip.conf as its people have it."""

    address: str
    authority: Path
    folder: Path

    @property
    def user(self) -> dict[str, str]:
        """Environment of a user who has set up pip, and nothing else."""
        env = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "UV_NO_CACHE": "1"}
        return {**env, "PIP_CONFIG_FILE": str(self.folder / "pip.conf")}

    def settles(self, *lines: str) -> None:
        """Write pip.conf."""
        text = "\n".join(["[global]", f"index-url = {self.address}/simple", *lines])
        (self.folder / "pip.conf").write_text(f"{text}\n")


def openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a private authority, and the certificate that it gave to localhost."""
    folder = tmp_path_factory.mktemp("authority")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n"
    (folder / "names").write_text(names)
    own = ("-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=A lab's authority")
    openssl(folder, "req", "-x509", *key, *own, "-days", "2")
    openssl(folder, "req", *key, "-keyout", "key", "-out", "request", "-subj", "/CN=localhost")
    by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
    openssl(folder, "x509", "-req", "-in", "request", "-out", "pem", "-days", "2", *by)
    return folder


@pytest.fixture
def lab(certificate: Path, tmp_path: Path) -> Iterator[Lab]:
    """An index with one wheel, and a channel with one package; a lock names the wheel."""
    served = tmp_path / "served"
    (served / "simple/first").mkdir(parents=True)
    info = "first-1.0.dist-info"
    with zipfile.ZipFile(served / WHEEL, "w") as archive:
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: first\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    digest = hashlib.sha256((served / WHEEL).read_bytes()).hexdigest()
    link = f'<a href="/{WHEEL}#sha256={digest}">{WHEEL}</a>'
    (served / "simple/first/index.html").write_text(link)
    (tmp_path / "lock").write_text(f"first==1.0 --hash=sha256:{digest}\n")
    record = {"name": "x", "version": "1.0", "build": "0", "build_number": 0, "depends": []}
    record |= {"subdir": "noarch", "md5": "0" * 32, "sha256": "0" * 64, "size": 1}
    for subdir, packages in (("linux-64", {}), ("noarch", {"x-1.0-0.conda": record})):
        (served / "channel" / subdir).mkdir(parents=True)
        data = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": packages}
        (served / "channel" / subdir / "repodata.json").write_text(json.dumps(data))

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Keep the output of the tests clean."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "pem", certificate / "key")
    handler = functools.partial(Handler, directory=str(served))
    with conda_channel.listening(handler, https=context) as port:
        found = Lab(f"https://localhost:{port}", certificate / "ca.pem", tmp_path)
        found.settles(f"cert = {found.authority}")
        yield found


def test_pip_and_uv_take_index_and_authority_from_pip_conf(lab: Lab) -> None:
    env = set_up_like_pip(lab.user)
    target = lab.folder / "wheels"
    target.mkdir()
    wheels.download(lab.folder / "lock", target, python=builder.PYTHON, env=env)
    assert [path.name for path in target.iterdir()] == [WHEEL]
    solved = lab.folder / "solved"
    solved.mkdir()
    lock_python(solved, {"some.lock": Origin(("first",))}, env=env)
    assert "first==1.0" in (solved / "some.lock").read_text()


def test_uv_alone_does_not_know_the_authority_that_pip_knows(lab: Lab) -> None:
    (lab.folder / "solved").mkdir()
    env = {**lab.user, "UV_DEFAULT_INDEX": f"{lab.address}/simple"}
    with pytest.raises(LockError, match="UnknownIssuer"):
        lock_python(lab.folder / "solved", {"some.lock": Origin(("first",))}, env=env)


def test_conda_channels_and_archives_are_read_with_the_same_authority(lab: Lab) -> None:
    env = set_up_like_pip(lab.user)
    environment = lab.folder / "environment.yml"
    environment.write_text(yaml.safe_dump({"channels": [f"{lab.address}/channel"]}))
    reach_channels(environment, env=env)
    with pytest.raises(LockError, match="CERTIFICATE_VERIFY_FAILED"):
        reach_channels(environment, env=lab.user)
    content = (lab.folder / "served" / WHEEL).read_bytes()
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    sha256 = hashlib.sha256(content).hexdigest()
    package = CondaPackage("first", "1.0", f"{lab.address}/{WHEEL}", md5, sha256)
    (archive,) = fetch_archives([package], lab.folder / "archives", env=env)
    assert archive.read_bytes() == content
    shim = Path(wheels.__file__).parents[1] / "locks/conda_shim.py"
    words = ("create", "--dry-run", "--json", "--channel", f"{lab.address}/channel", "x")
    done = builder.run(sys.executable, "-P", shim, *words, env=env)
    assert '"fn": "x-1.0-0.conda"' in done.stdout, done.stdout


def test_the_tests_own_environment_is_made_with_the_same_settings(lab: Lab) -> None:
    target = lab.folder / "installed"
    uv = f"{uv_program()} pip install --quiet --target {target} --python {sys.executable} first"
    done = builder.run("sh", "-c", f"{shell_lines(lab.user)}exec {uv}", env=lab.user)
    assert done.returncode == 0, done.stderr
    assert (target / "first-1.0.dist-info").is_dir()


def test_a_proxy_of_pip_conf_is_that_of_every_download(lab: Lab) -> None:
    # nobody listens there
    lab.settles("proxy = http://127.0.0.1:9")
    env = set_up_like_pip(lab.user)
    assert chosen_proxies(env)["https_proxy"] == "http://127.0.0.1:9"
    for host, way in (("elsewhere.invalid", "refused"), ("spared.invalid", "Name or service")):
        with pytest.raises(OSError, match=way):
            open_url(
                f"https://{host}/", env={**env, "no_proxy": "spared.invalid"}, timeout_seconds=120
            )
    (lab.folder / "solved").mkdir()
    away = {**env, "UV_DEFAULT_INDEX": "https://elsewhere.invalid/simple"}
    with pytest.raises(LockError, match=r"tunnel|proxy|127\.0\.0\.1:9|refused"):
        lock_python(lab.folder / "solved", {"some.lock": Origin(("first",))}, env=away)


def test_what_is_read_is_what_pip_says(lab: Lab) -> None:
    lab.settles("timeout = 7", "no_cache_dir = true", "[list]", "format = json")
    for place, timeout in ((".pip", 1), (".config/pip", 2), ("xdg/pip", 3)):
        (lab.folder / place).mkdir(parents=True)
        (lab.folder / place / "pip.conf").write_text(f"[download]\ntimeout = {timeout}\n")
    variables = {"PIP_INDEX_URL": "https://mine/", "XDG_CONFIG_DIRS": str(lab.folder / "xdg")}
    alone = {**lab.user, **variables}
    for env in (alone, {**alone, "PIP_CONFIG_FILE": str(lab.folder / "none")}):
        done = builder.run(builder.PYTHON, "-I", "-m", "pip", "config", "list", env=env)
        said = dict(line.split("=", 1) for line in done.stdout.splitlines())
        expected: dict[str, str] = {}
        for section in ("global", "download", ":env:"):
            names = [name for name in said if name.startswith(f"{section}.")]
            expected |= {name.rpartition(".")[2]: ast.literal_eval(said[name]) for name in names}
        assert expected["index-url"] == "https://mine/"
        found = pip_settings(env)
        assert {name: found[name] for name in expected} == expected
    assert pip_settings({**alone, "PIP_CONFIG_FILE": "/dev/null"}).keys() == {
        "config-file",
        "index-url",
    }


def test_variables_and_the_section_of_download_come_before_the_rest(lab: Lab) -> None:
    lab.settles(
        "timeout = 7", "[download]", "timeout = 8", "extra-index-url = https://a/ https://b/"
    )
    assert pip_settings(lab.user)["timeout"] == "8"
    given = {**lab.user, "PIP_TIMEOUT": "9", "UV_DEFAULT_INDEX": "https://mine/"}
    assert pip_settings(given)["timeout"] == "9"
    env = set_up_like_pip(given)
    assert (env["UV_DEFAULT_INDEX"], env["UV_INDEX"]) == ("https://mine/", "https://a/ https://b/")
