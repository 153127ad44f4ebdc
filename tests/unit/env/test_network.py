"""What is said of a server that a download does not reach."""

import socket

import pytest

from polaris_parsl.env.network import open_url


def test_a_server_that_is_not_reached_is_named_with_the_limit_and_the_reason() -> None:
    with socket.socket() as taken:
        # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match="no connection") as caught:
            open_url(f"http://{place}/channel", env={}, timeout_seconds=5)
    assert str(caught.value) == f"no connection to {place} within 5 s: Connection refused"


def test_the_proxy_is_named_that_a_request_went_through() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        proxy = f"127.0.0.1:{taken.getsockname()[1]}"
        env = {"http_proxy": f"http://me:secret@{proxy}"}
        with pytest.raises(OSError, match="no connection") as caught:
            open_url("http://channel.example/", env=env, timeout_seconds=5)
    assert "no connection to channel.example through http://" in str(caught.value)
    assert proxy in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_not_there_has_no_server() -> None:
    with pytest.raises(OSError, match="No such file or directory") as caught:
        open_url("file:///nowhere/at/all", env={}, timeout_seconds=5)
    assert "connection" not in str(caught.value)
