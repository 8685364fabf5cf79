import socket

import pytest

pytest.importorskip("ray", reason="needs ray: pip install 'inkdigits[scale]'")

from inkdigits.errors import ScaleError
from inkdigits.scale.cluster import ray_for


def test_nothing_at_an_address_is_an_error_and_no_wait_without_end():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and listens to nobody
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ScaleError, match=f"nothing answers at {address}"), ray_for(address, 1):
            pass
