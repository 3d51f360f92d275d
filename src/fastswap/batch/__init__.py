"""Many renders from one file of jobs: checked together, kept in a ledger, retried, and only done when needed.

`jobs` reads a job file, `check` finds what is wrong with it before anything is rendered, `ledger` remembers what was
done, `run` does it.
"""

from fastswap.batch.jobs import Job, read_jobs
from fastswap.batch.run import BatchReport, run

__all__ = ["BatchReport", "Job", "read_jobs", "run"]
