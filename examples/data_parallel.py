"""Three steps of gradient descent on an LSTM whose batch is split over devices of one process, or over processes.

    python examples/data_parallel.py --devices 2

    python examples/data_parallel.py --process 0 --of 2 --coordinator 127.0.0.1:9876 &
    python examples/data_parallel.py --process 1 --of 2 --coordinator 127.0.0.1:9876

Each process has its own rows, and all print the same losses. Here the devices are threads of the CPU. On a machine with
GPUs, remove the two lines that set this up; their comments mention the CPU.
"""

import argparse

import jax
import numpy as np
from jax.sharding import Mesh

from lstm_ref.cells import lstm
from lstm_ref.cells.lstm import State
from lstm_ref.through_time import data_parallel

T, B, D, H = 20, 16, 8, 32


def rows(rng):
    """B sequences, their lengths, and the targets: at every step, the mean of the inputs so far."""
    xs = rng.standard_normal((T, B, D))
    means = xs.cumsum(0) / np.arange(1, T + 1)[:, None, None]
    return np.float32(xs), rng.integers(1, T + 1, B), np.float32(means)


def train(mesh, xs, lengths, means):
    """Parameters after three steps. The arguments hold the rows of this process."""
    zeros = np.zeros((len(lengths), H), np.float32)
    params = jax.tree.map(np.float32, lstm.initial_parameters(np.random.default_rng(0), D, H))
    params = data_parallel.copied(mesh, params)
    initial, lengths = data_parallel.split(mesh, (State(h=zeros, c=zeros), lengths), axis=0)
    xs, means = data_parallel.split(mesh, (xs, means), axis=1)
    recurrence = data_parallel.bptt(mesh)

    def loss(params, initial, xs, lengths, means):
        hs = recurrence(lstm, params, initial, xs, lengths).hs
        real = (np.arange(T)[:, None] < lengths)[:, :, None]
        return (real * (hs[..., :D] - means) ** 2).sum() / (D * lengths.sum())  # over all rows of all processes

    @jax.jit
    def step(params, *read):
        value, gradient = jax.value_and_grad(loss)(params, *read)
        return value, jax.tree.map(lambda v, v_bar: v - 0.5 * v_bar, params, gradient)

    for _ in range(3):
        value, params = step(params, initial, xs, lengths, means)
        print(f"loss {value:.9g}")
    return params


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--devices", type=int, default=1, help="Devices of this process.")
    options.add_argument("--process", type=int, default=0, help="Which of the processes this is.")
    options.add_argument("--of", type=int, default=1, help="How many processes there are.")
    options.add_argument("--coordinator", help="host:port of process 0.")
    options.add_argument("--save", help="Write the parameters to this file.")
    asked = options.parse_args()

    jax.config.update("jax_num_cpu_devices", asked.devices)  # devices that are threads of the CPU
    if asked.of > 1:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")  # processes that compute on the CPU
        jax.distributed.initialize(asked.coordinator, asked.of, asked.process)

    xs, lengths, means = rows(np.random.default_rng(1))  # a real program reads only its own part
    own = slice(asked.process * B // asked.of, (asked.process + 1) * B // asked.of)
    mesh = Mesh(np.array(jax.devices()), ("rows",))
    params = train(mesh, xs[:, own], lengths[own], means[:, own])
    if asked.save and asked.process == 0:
        np.savez(asked.save, **{k: np.asarray(v) for k, v in params._asdict().items()})
