"""Run by `make test-wheel`, which installs the wheel into an environment of its own."""

import pytest


def pytest_addoption(parser):
    parser.addoption("--wheel-python", help="the interpreter that has only the wheel")


@pytest.fixture
def wheel_python(request):
    return request.config.getoption("--wheel-python")
