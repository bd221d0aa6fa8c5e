"""The page at `/` is one file, and its headers let a browser load and run nothing else."""

import base64
import hashlib
import re


def test_the_page_is_html_that_names_no_other_server(request_to):
    answer = request_to("/")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert not re.search(rb"""(src|href)=(?!"data:,")|@import|url\(|https?:""", answer.body)


def test_its_policy_allows_exactly_the_script_and_the_style_that_are_in_it(request_to):
    answer = request_to("/")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    for element, directive in ((b"script", "script-src"), (b"style", "style-src")):
        (content,) = re.findall(rb"<%s>(.*?)</%s>" % (element, element), answer.body, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        assert policy[directive] == f"'sha256-{digest}'"
    assert b" style=" not in answer.body
    assert not re.search(rb"<[^>]* on\w+=", answer.body)


def test_a_browser_asks_again_for_a_page_that_it_has(request_to):
    """Otherwise it would show the page of an old version."""
    headers = request_to("/").headers
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-cache", "nosniff")
