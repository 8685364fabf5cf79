"""How others get to a service."""

import subprocess
import sys

from drawn import STROKES, draw
from playwright.sync_api import expect

from inkdigits.server import share_link


def test_a_service_on_this_machine_alone_has_no_address_for_others():
    assert share_link.addresses("127.0.0.1") == share_link.addresses("::1") == []
    assert share_link.addresses("192.168.7.9") == ["192.168.7.9"]


def test_one_on_all_networks_has_each_of_the_machines_addresses_once(monkeypatch):
    monkeypatch.setattr(share_link, "_outward", lambda: "10.0.0.7")
    named = [(None, None, None, "", (one, 0)) for one in ("127.0.1.1", "10.0.0.7", "10.0.0.8")]
    monkeypatch.setattr(share_link.socket, "getaddrinfo", lambda *_: named)
    assert share_link.addresses("0.0.0.0") == ["10.0.0.7", "10.0.0.8"]


def test_the_link_holds_the_token_where_no_server_sees_it():
    assert share_link.link("10.0.0.7", 80, "a b/c#") == "http://10.0.0.7:80/#token=a%20b%2Fc%23"
    assert share_link.link("::1", 8000, None) == "http://[::1]:8000/"


def test_the_qr_code_is_made_of_blocks_that_fit_a_terminal():
    lines = share_link.qr_code("http://192.168.178.20:8000/#token=secret").splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines) <= 24
    assert set("".join(lines)) <= set(" \u2580\u2584\u2588")


def test_the_addresses_for_others_are_said():
    command = [sys.executable, "-m", "inkdigits", "serve", "--host", "0.0.0.0", "--port", "0"]
    with subprocess.Popen([*command, "--token", "secret"], stderr=subprocess.PIPE, text=True) as p:
        said = [p.stderr.readline() for _ in range(3)]
        p.terminate()
    assert "others open http://" in said[2]
    assert said[2].rstrip().endswith("/#token=secret")


def test_the_links_token_opens_every_tab_and_leaves_the_address(guarded, browser):
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{guarded.address}/#token=secret")
    expect(page.locator("#model")).to_contain_text("Model")
    assert page.url == f"{guarded.address}/"
    other = context.new_page()
    other.goto(guarded.address)
    draw(other, STROKES[3])
    expect(other.locator("#result")).to_have_attribute("data-text", "3")
    (cookie,) = context.cookies()
    assert (cookie["value"], cookie["sameSite"], cookie["domain"]) == (
        "secret", "Strict", "127.0.0.1",
    )  # fmt: skip


def test_a_link_that_no_qr_code_holds_has_none():
    """The largest holds 2,953 bytes. Source: ISO/IEC 18004."""
    assert share_link.qr_code("x" * 2953)
    assert share_link.qr_code("x" * 2954) == ""
