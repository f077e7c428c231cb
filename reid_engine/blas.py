"""How many threads matrix products take."""


def keep_to_one_thread() -> None:
    """Keep BLAS to one thread in this process from now on; for one that does nothing but check scans.

    BLAS shares even the smallest product between its threads, which stay awake for some 20 ms afterwards and take
    the processors from the network's: a check then takes a quarter longer. Call it in the main thread: threadpoolctl
    lets the first thread alone decide.
    """
    import scipy.linalg  # noqa: F401 - brings a BLAS beside numpy's; what is not loaded yet would not be found
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="blas")
