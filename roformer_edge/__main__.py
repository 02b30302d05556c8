"""``python -m roformer_edge`` is ``roformer-edge``."""

import sys

from roformer_edge.cli.main import main

sys.exit(main())
