"""The recurrences: one file each, parameters, forward equations, backward equations. Registered here by name."""

from lstm_ref.cells.cell import Cell, Cotangents, Tape
from lstm_ref.cells.coupled import coupled_forget, coupled_input
from lstm_ref.cells.gru import gru
from lstm_ref.cells.lstm import lstm
from lstm_ref.cells.peephole import peephole
from lstm_ref.cells.rnn import rnn_relu, rnn_tanh

CELLS: dict[str, Cell] = {
    cell.name: cell for cell in (rnn_tanh, rnn_relu, lstm, peephole, coupled_input, coupled_forget, gru)
}

__all__ = [
    "CELLS",
    "Cell",
    "Cotangents",
    "Tape",
    "coupled_forget",
    "coupled_input",
    "gru",
    "lstm",
    "peephole",
    "rnn_relu",
    "rnn_tanh",
]
