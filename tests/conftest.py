"""Of all tests: what collecting them leaves behind is not looked through again at each garbage collection."""

import gc


def pytest_collection_finish():
    # 15,000 tests and their parameters are millions of objects; a full collection would take half a second.
    gc.collect()
    gc.freeze()
