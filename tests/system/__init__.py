import pytest

pytest.register_assert_rewrite("tests.system.faceit_truth")
