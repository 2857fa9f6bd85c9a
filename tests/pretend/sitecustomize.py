"""Python imports this before anything else, wherever this folder is in PYTHONPATH."""

import os

if os.environ.get("PRETEND") == "windows":
    import windows  # noqa: F401
elif os.environ.get("PRETEND") == "macos":
    import macos  # noqa: F401
