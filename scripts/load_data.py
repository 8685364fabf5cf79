"""The original project's data script: MNIST as PNG files.

python scripts/load_data.py mnist-png/
"""

import sys

from inkdigits.__main__ import main

sys.argv[1:1] = ["data", "export-png"]
main()
