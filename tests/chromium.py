"""A real Chromium without a window, spoken to through a pipe: no port, no network."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Self

import pytest

# the pipe's ends are descriptors 3 and 4 of the browser
_START = 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"'
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--window-size=1200,900",
)  # fmt: skip


def chromium() -> str:
    """The program; the test is skipped on a laptop that has none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        if "chromium" in os.environ.get("POLARIS_PARSL_REQUIRE", ""):
            pytest.fail("chromium is missing: scripts/test.sh installs it")
        pytest.skip("chromium is missing")
    return found


class Browser:
    """A browser with one page; what goes wrong in the page is in `errors`, what it asks for in `requests`.

    Args:
        profile: directory for what the browser keeps.
    """

    def __init__(self, profile: Path) -> None:
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        command = [chromium(), *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", _START, "browser", str(theirs_in), str(theirs_out), *command],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(profile)},
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._numbers = itertools.count(1)
        self._buffer = b""
        self._session = ""
        self.errors: list[str] = []
        self.requests: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self._out)
        os.close(self._in)
        self._process.terminate()
        self._process.wait()

    def call(self, method: str, **params: Any) -> Any:
        """Give a command of the DevTools protocol; its result."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def open(self, path: Path) -> None:
        """Open a file, and wait until all its figures are drawn, or one has failed."""
        self.call("Page.navigate", url=path.as_uri())
        drawn = ""
        while not drawn:
            time.sleep(0.05)
            drawn = self.run("document.documentElement?.dataset.drawn || ''")
        assert drawn == "all", (drawn, self.errors)

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        done = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def click(self, selector: str) -> None:
        """Click into the middle of the first element of a selector."""
        place = self.run(
            f"""(() => {{ const each = document.querySelector({json.dumps(selector)});
            each.scrollIntoView({{block: "center"}}); const box = each.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2]; }})()"""
        )
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent",
                type=kind, x=place[0], y=place[1], button="left", clickCount=1,
            )  # fmt: skip

    def press(self, key: str) -> None:
        """Press a key."""
        code = {"Tab": 9, "ArrowDown": 40}[key]
        for kind in ("rawKeyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind, key=key, code=key, windowsVirtualKeyCode=code,
            )  # fmt: skip

    def settle(self) -> None:
        """Wait until what was asked of the figures is drawn."""
        frame = "new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)))"
        for _ in range(3):
            self.run(frame)

    def show(self, path: Path, *, scheme: str = "light", media: str = "", height: int = 0) -> None:
        """Write what the page looks like: all of it, or as much from its top as is asked for."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)
        clip = {"x": 0, "y": 0, "width": 1200, "height": height, "scale": 1}
        part = {"clip": clip} if height else {}
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png", **part)
        path.write_bytes(base64.b64decode(shot["data"]))
        self.call("Emulation.setEmulatedMedia", media="", features=[])

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            part = os.read(self._in, 1 << 20)
            assert part, "the browser has ended"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(
                f"{details['text']} {details.get('exception', {}).get('description')}"
            )
        elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])
        elif event.get("method") == "Runtime.consoleAPICalled" and params["type"] in {
            "error",
            "warning",
        }:
            self.errors.append(str([each.get("value") for each in params["args"]]))
        elif event.get("method") == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
