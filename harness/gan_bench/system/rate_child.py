"""The child process that measures the machine's rate whenever it is asked.

It exists so that a study of speed needs no new process, which takes longer, for each measurement.
"""

from gan_bench.system.calibration import measure
from gan_bench.system.child import serve

if __name__ == "__main__":
    serve(lambda request: (measure(), lambda asked: measure()))
