"""A machine for the tests of tuning: its clock goes on by what a call is said to take, and by nothing else."""

from lstm_ref.through_time import tuning


class Machine:
    """Calls of plans take `seconds(plan)`; `calls` are the plans in the order in which they were called."""

    def __init__(self, seconds):
        self.seconds, self.now, self.calls = seconds, 0.0, []

    def clock(self):
        return self.now

    def prepare(self, plan):
        def run():
            self.now += self.seconds(plan)
            self.calls.append(plan)

        return run

    def choose(self, sizes, dtype="float32", seconds=0.0):
        """What `tuning.choose` finds on this machine."""
        real, tuning.clock = tuning.clock, self.clock
        try:
            return tuning.choose(sizes, dtype, self.prepare, seconds)
        finally:
            tuning.clock = real


def candidates(sizes, dtype):
    """Every plan that is tried for these sizes, where none is faster than another."""
    machine = Machine(lambda plan: 1.0)
    machine.choose(sizes, dtype)
    return list(dict.fromkeys(machine.calls))
