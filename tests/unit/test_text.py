"""What others wrote reaches no terminal raw, and no password of an address is shown."""

from pathlib import Path
from urllib.request import getproxies

import pytest

from polaris_parsl.doctor.here import Here
from polaris_parsl.doctor.site import look_at_proxy
from polaris_parsl.env.network import chosen_proxies, open_url
from polaris_parsl.errors import OptionError, PolarisParslWarning, warn
from polaris_parsl.text import in_line, printable, shown_url, without_passwords

SCREEN_CLEARED = "\x1b[2J\x9b31m\u202egood\r\x07\udc80"


def test_what_moves_the_cursor_or_hides_words_is_written_out() -> None:
    shown = printable(SCREEN_CLEARED)
    assert shown == r"\x1b[2J\x9b31m\u202egood\r\x07\udc80"
    assert printable("Zürich\n\tπ") == "Zürich\n\tπ"


def test_a_name_within_a_line_begins_no_line_of_its_own() -> None:
    assert in_line(Path("a\n  fix: rm\t\x1b")) == r"a\n  fix: rm\t\x1b"


def test_no_error_or_warning_of_ours_holds_escapes() -> None:
    error = OptionError(SCREEN_CLEARED, remedy=SCREEN_CLEARED)
    assert "\x1b" not in f"{error}{error.args}{error.problem}{error.remedy}"
    with pytest.warns(PolarisParslWarning) as caught:
        warn(SCREEN_CLEARED)
    assert str(caught[0].message).isprintable()


@pytest.mark.parametrize(
    "address",
    [
        "http://me:secret@127.0.0.1:9",
        "http://me:se/cret@127.0.0.1:9",
        "http://me:se?cret@127.0.0.1:9",
        "http://me:se#cret@127.0.0.1:9",
        "http://me:se@cret@127.0.0.1:9",
        "http://me:se cret@127.0.0.1:9",
        "http://me:se://cret@127.0.0.1:9",
        " \thttp://me:secret@127.0.0.1:9\n",
        "me:secret@127.0.0.1:9",
        "http://me:se\x1b[2Jcret@127.0.0.1:9",
    ],
)
def test_an_address_is_shown_without_its_password(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = "http://127.0.0.1:9" if "://" in address else "127.0.0.1:9"
    assert shown_url(address) == bare
    assert chosen_proxies({"https_proxy": address}) == {"https_proxy": bare}
    here = Here({"http_proxy": address, "no_proxy": "x"}, tmp_path, None, {})
    said = " ".join(f"{each.text} {each.remedy}" for each in look_at_proxy(here))
    assert "se" not in said.replace("user", "").replace("these", "").replace("set", "")
    for name in getproxies():
        monkeypatch.delenv(f"{name}_proxy", raising=False)
    monkeypatch.setenv("http_proxy", address)
    with pytest.raises(OSError, match=r".") as refused:
        open_url("http://host.invalid/", env={"http_proxy": address}, timeout_seconds=1)
    assert "cret" not in str(refused.value)


def test_the_words_of_a_program_hold_no_password() -> None:
    words = "Failed to parse: http://me:se/cr?e#t@proxy:3128, see https://host/page"
    bare = "Failed to parse: http://proxy:3128, see https://host/page"
    assert without_passwords(words) == bare
