"""Tests of `gwms_async.cli`, skipped where its extra is not installed."""

import pytest

pytest.importorskip("rich", reason="the command line is an extra")
