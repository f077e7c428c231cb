"""A process that only checks keeps its matrix products to one thread."""

import subprocess
import sys

CODE = """
from threading import Thread
from threadpoolctl import threadpool_info
from reid_engine.blas import keep_to_one_thread
def told():
    print(sorted({one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}))
keep_to_one_thread()
told()
later = Thread(target=told)
later.start()
later.join()
"""


def test_products_are_kept_to_one_thread_in_every_thread():
    done = subprocess.run(
        [sys.executable, "-c", CODE], env={"OPENBLAS_NUM_THREADS": "2"}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n") == ["[1]", "[1]", ""]
