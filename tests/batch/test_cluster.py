import socket

import pytest

pytest.importorskip("ray", reason="needs ray: pip install 'inkdigits[batch]'")

from inkdigits.batch.cluster import ray_for
from inkdigits.errors import BatchError


def test_nothing_at_an_address_is_an_error_and_no_wait_without_end():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and listens to nobody
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(BatchError, match=f"nothing answers at {address}"), ray_for(address, 1):
            pass
