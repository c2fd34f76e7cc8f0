"""The recurrences, one file each: parameters, forward equations, backward equations. `CELLS` lists them by name."""

from lstm_ref.cells import original
from lstm_ref.cells.cell import Cell, Cotangents, Tape
from lstm_ref.cells.clipped import cell_clipped, pre_clipped
from lstm_ref.cells.conv_lstm import conv_lstm_1d, conv_lstm_1d_peephole, conv_lstm_2d, conv_lstm_2d_peephole
from lstm_ref.cells.coupled import coupled_forget, coupled_input
from lstm_ref.cells.dropconnect import dropconnect
from lstm_ref.cells.forget_bias import lstm_forget_bias
from lstm_ref.cells.full_gate_recurrence import full_gate_recurrence
from lstm_ref.cells.greff import cifg, nfg, niaf, nig, no_output_tanh, noaf, nog, np_
from lstm_ref.cells.gru import gru
from lstm_ref.cells.gru_before import gru_before, gru_before_swapped
from lstm_ref.cells.indrnn import indrnn
from lstm_ref.cells.layer_norm import layer_norm, layer_norm_carried
from lstm_ref.cells.lstm import lstm
from lstm_ref.cells.mgu import mgu, mgu_keeps
from lstm_ref.cells.min_gru import min_gru
from lstm_ref.cells.min_lstm import min_lstm
from lstm_ref.cells.mlstm import mlstm, mlstm_scaled_query
from lstm_ref.cells.multiplicative import multiplicative
from lstm_ref.cells.peephole import peephole
from lstm_ref.cells.projected import lstmp, lstmp_peephole
from lstm_ref.cells.qrnn import qrnn_f, qrnn_fo, qrnn_ifo
from lstm_ref.cells.residual import residual_lstm
from lstm_ref.cells.rnn import rnn_relu, rnn_tanh
from lstm_ref.cells.slstm import slstm, slstm_exp
from lstm_ref.cells.sru import sru
from lstm_ref.cells.stacked import stacked_lstm
from lstm_ref.cells.tanh_carried import tanh_carried
from lstm_ref.cells.update_gate import update_gate, update_gate_swapped
from lstm_ref.cells.variational import variational
from lstm_ref.cells.zoneout import zoneout

CELLS: dict[str, Cell] = {
    cell.name: cell
    for cell in (
        *(rnn_tanh, rnn_relu),
        *(lstm, original.original, peephole, coupled_input, coupled_forget),
        *(nig, nfg, nog, niaf, noaf, np_, cifg, full_gate_recurrence),
        *(lstmp, lstmp_peephole, layer_norm, layer_norm_carried, multiplicative),
        *(no_output_tanh, tanh_carried, cell_clipped, pre_clipped),
        *(gru, gru_before, gru_before_swapped, mgu, mgu_keeps, update_gate, update_gate_swapped),
        *(lstm_forget_bias, zoneout, variational, dropconnect, stacked_lstm, residual_lstm),
        *(slstm, slstm_exp, mlstm, mlstm_scaled_query),
        *(conv_lstm_1d, conv_lstm_1d_peephole, conv_lstm_2d, conv_lstm_2d_peephole),
        *(indrnn, sru, qrnn_f, qrnn_fo, qrnn_ifo, min_gru, min_lstm),
    )
}
"""Every cell by its name."""

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
