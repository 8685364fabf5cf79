"""Names and sites that the service answers to, and its token."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from inkdigits.cli import cli

from .serving import TOKEN, running

SERVE = [sys.executable, "-m", "inkdigits", "serve", "--port", "0"]


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("localhost:1234", None, 200),
        ("127.0.0.1", None, 200),
        ("[::1]:80", None, 200),
        ("192.0.2.7:8000", None, 200),  # digits point nowhere else
        ("a.localhost", None, 200),
        ("Digits.Example.:443", None, 200),
        ("rebound.example", None, 421),
        ("localhost.rebound.example", None, 421),
        ("localhost", "http://localhost", 200),
        ("localhost", "https://digits.example", 200),  # a proxy that gives its own address
        ("localhost", "http://localhost:9999", 403),
        ("localhost", "http://rebound.example", 403),
        ("localhost", "null", 403),
    ],
)
def test_it_answers_to_its_own_names_and_no_other_sites_pages(service, host, origin, status):
    headers = {"Host": host} | ({"Origin": origin} if origin else {})
    for path in ("/", "/v1/model"):
        assert service.client.get(path, headers=headers).status_code == status


def test_a_refused_name_says_what_to_do(service):
    answer = service.client.get("/v1/model", headers={"Host": "rebound.example"})
    assert answer.json() == {
        "error": "this server knows no name 'rebound.example'; --allow-host NAME tells it one",
        "status": 421,
    }


def test_a_token_with_spaces_around_it_is_the_token():
    with running("--token", " secret\n") as service:
        assert service.client.get("/v1/model", headers=TOKEN).status_code == 200
        assert service.client.get("/v1/model").status_code == 401


@pytest.mark.parametrize("given", ["", "  ", "geheimnisvoll\u00fc"])
def test_an_empty_token_serves_nobody_openly(given):
    variables = {"INKDIGITS_TOKEN": given, "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        SERVE, env=variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "is empty or not ASCII" in done.stderr


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--allow-origin", "other.example", "a site such as https://example.org, without a path"),
        ("--allow-origin", "https://other.example/a", "a site such as https://example.org"),
        ("--allow-host", "https://other.example", "a name such as digits.example.org"),
        ("--allow-host", "other.example:80", "a name such as digits.example.org"),
    ],
)
def test_what_no_browser_sends_is_not_let_in_without_a_word(option, value, expected):
    done = CliRunner().invoke(cli, ["serve", "--port", "0", option, value])
    assert done.exit_code == 2
    assert f"{option} {value!r}: expected {expected}" in done.output


def test_a_site_is_let_in_however_it_is_written():
    with running("--allow-origin", "https://Other.Example/") as service:
        headers = {"Host": "localhost", "Origin": "https://other.example"}
        assert service.client.get("/v1/model", headers=headers).status_code == 200
